"""Which key counts when: by the clock and the files alone, and by what an operator revoked."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.signatures.key_ring import KeyState, Ring, Scheduled
from idp.keys.kinds import KINDS, kind_of
from policies.errors import AllRevoked, StoreUnavailable

HOUR = 3600
OVERLAP = 2 * HOUR
NOW = 1_795_600_020


@dataclass(frozen=True)
class Key:
    key_id: str


@dataclass
class Case:
    """A first key, one that took over at `NOW`, and one that is to come."""

    revoked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        named = [("first", 0), ("second", NOW), ("third", NOW + 24 * HOUR)]
        keys = [Scheduled(begins, Key(name), f"{name}.pem") for name, begins in named]
        self.ring = Ring(keys, OVERLAP, revoked=self.revoked.__contains__)

    def at(self, now: int) -> str:
        return self.ring.at(now).key_id

    def published(self, now: int) -> list[str]:
        return [key.key_id for key in self.ring.published(now)]

    def states(self, now: int) -> dict[str, KeyState]:
        return {each.key.key_id: self.ring.state(each, now) for each in self.ring.scheduled}


def test_a_key_signs_from_its_moment_on_until_the_next_one_does() -> None:
    case = Case()
    assert [case.at(NOW + after) for after in (-1, 0, 24 * HOUR - 1, 24 * HOUR)] == ["first", "second", "second", "third"]


@pytest.mark.spec("OpenID Connect Core §10.1.1")
def test_the_next_key_is_published_before_it_signs_and_the_last_one_for_its_overlap() -> None:
    case = Case()
    assert case.published(NOW - 1) == ["first", "third", "second"]
    assert case.published(NOW) == ["second", "third", "first"]
    assert case.published(NOW + OVERLAP - 1) == ["second", "third", "first"]
    assert case.published(NOW + OVERLAP) == ["second", "third"]


def test_the_state_of_each_key_is_told() -> None:
    case = Case()
    assert case.states(NOW) == {"first": KeyState.PUBLISHED, "second": KeyState.SIGNS, "third": KeyState.NEXT}
    assert case.states(NOW + OVERLAP)["first"] is KeyState.OVER
    case.revoked.add("second")
    assert case.states(NOW) == {"first": KeyState.SIGNS, "second": KeyState.REVOKED, "third": KeyState.NEXT}


@given(now=st.integers(NOW - 3 * HOUR, NOW + 30 * HOUR), revoked=st.sets(st.sampled_from(["first", "second", "third"])))
def test_whatever_signs_is_published_and_nothing_that_is_revoked_is_either(now: int, revoked: set[str]) -> None:
    case = Case(revoked)
    if len(revoked) == 3:
        assert case.published(now) == []
        with pytest.raises(AllRevoked, match="revoked"):
            case.at(now)
    else:
        assert case.published(now)[0] == case.at(now)
        assert revoked.isdisjoint(case.published(now))


def test_where_nobody_can_say_what_is_revoked_no_set_of_keys_is_published() -> None:
    def asked(_key_id: str) -> bool:
        raise StoreUnavailable("no database")

    case = Case()
    case.ring.obey(asked)
    for ask in (case.published, case.at, case.states):
        with pytest.raises(StoreUnavailable, match="no database"):
            ask(NOW)


@given(signed=st.integers(NOW - 3 * HOUR, NOW + 30 * HOUR), later=st.integers(0, OVERLAP - 1))
def test_what_was_signed_is_verified_for_the_whole_overlap(signed: int, later: int) -> None:
    case = Case()
    assert case.at(signed) in case.published(signed + later)


def test_where_the_key_that_signs_is_revoked_the_one_before_it_takes_over() -> None:
    case = Case({"second"})
    assert case.at(NOW + OVERLAP + 1) == "first", "nobody succeeded it, so it is not over"
    assert case.published(NOW + OVERLAP + 1) == ["first", "third"]


@pytest.mark.parametrize(("since", "goes_on"), [(NOW - 1, True), (NOW + OVERLAP - 1, True), (NOW + OVERLAP, False)])
def test_what_was_over_when_its_successor_was_revoked_is_over(since: int, *, goes_on: bool) -> None:
    """It was taken out of use, may be deleted, and lie in whoever's hands: it neither signs nor opens again."""
    case = Case()
    case.ring.obey({"second": since}.get)  # type: ignore[arg-type] # None is as good as 0 here
    later = NOW + 10 * HOUR
    assert case.at(later) == ("first" if goes_on else "third")
    assert case.published(later) == (["first", "third"] if goes_on else ["third"])
    assert case.states(later)["first"] is (KeyState.SIGNS if goes_on else KeyState.OVER)
    case.ring.replace(case.ring.scheduled[1:])
    if goes_on:
        assert case.at(later) == "first"
    else:
        with pytest.raises(AllRevoked):
            case.at(later)
        assert case.published(later) == []


def test_a_key_that_is_over_is_over_whichever_of_its_successors_is_revoked() -> None:
    case = Case()
    later = NOW + 400 * 24 * HOUR
    case.ring.obey(lambda name: later if name == "second" else 0)
    assert case.published(later) == ["third"]
    assert case.states(later) == {"first": KeyState.OVER, "second": KeyState.REVOKED, "third": KeyState.SIGNS}


def test_an_early_revocation_that_a_restore_lost_is_not_early_again_while_the_file_lies_there() -> None:
    """Nobody can tell it from a key that served for long: the one before it was over, and comes back without its file."""
    case, later = Case({"second"}), NOW + 10 * HOUR
    case.ring.replace(case.ring.scheduled[1:])
    assert case.at(later) == "first"
    case.revoked.clear()
    assert (case.at(later), case.states(later)["first"]) == ("second", KeyState.OVER), "a backup of before was restored"
    without = Ring([each for each in case.ring.scheduled if each.key.key_id != "second"], OVERLAP)
    case.ring.obey(lambda name: later if name == "second" else 0)
    with pytest.raises(AllRevoked):
        case.ring.at(later)
    without.obey(lambda name: later if name == "second" else 0)
    assert without.at(later).key_id == "first"


def test_where_every_key_that_began_is_revoked_the_next_one_takes_over_early() -> None:
    assert Case({"first", "second"}).at(NOW) == "third"
    assert Case({"first"}).at(NOW - 1) == "second", "of two that are to come, the one that comes first"


def test_others_may_begin_to_use_a_key_that_has_begun_and_is_known_for_long_enough() -> None:
    def lasting(case: Case, now: int, seconds: int = HOUR) -> list[str]:
        return [key.key_id for key in case.ring.lasting(now, seconds)]

    assert lasting(Case(), NOW - 1) == ["first"]
    assert lasting(Case(), NOW) == lasting(Case(), NOW + OVERLAP - HOUR - 1) == ["second", "first"]
    assert lasting(Case(), NOW + OVERLAP - HOUR) == ["second"]
    assert lasting(Case({"second"}), NOW) == ["first"], "a key that is revoked is used by nobody"
    assert lasting(Case({"first"}), NOW) == ["second"]
    assert lasting(Case({"first", "second"}), NOW) == ["third"], "what counts before its time is all that is left"


def test_a_files_name_says_its_kind_and_its_moment() -> None:
    for file, kind, begins in [
        ("es256.pem", "es256", 0),
        ("es256-20261125T2100Z.pem", "es256", 1_795_640_400),
        ("saml.pem", "saml", 0),
        ("saml-encryption.pem", "saml-encryption", 0),
        ("saml-encryption-20261125T2100Z.pem", "saml-encryption", 1_795_640_400),
        ("node-metadata-20261125T2100Z.pem", "node-metadata", 1_795_640_400),
        ("sealing-20261125T2100Z.key", "sealing", 1_795_640_400),
    ]:
        found = kind_of(file)
        assert found is not None
        assert (found.name, found.begins(file)) == (kind, begins)
        assert file in (found.file, found.file_from(begins))


def test_a_file_of_another_name_is_no_key_that_changes() -> None:
    for file in [
        "es256-20261325T2100Z.pem",
        "es256-20261125T2100.pem",
        "es256-20261125T2100Z.pem.bak",
        "es256-20261125T2100Z.key",
        "es256-.pem",
        "es256-20261125T2100Z-20261125T2100Z.pem",
        ".es256-20261125T2100Z.pem",
        "index.key",
        "log.vkey",
        "pairwise-20261125T2100Z.key",
    ]:
        assert kind_of(file) is None


def test_a_key_is_known_for_at_least_as_long_as_what_it_signed_is_kept() -> None:
    for name in list(KINDS):
        kind = KINDS[name]
        kept: dict[str, int] = {"saml": 14 * 24 * HOUR, "node": 24 * HOUR, "es256": HOUR + 300, "rs256": HOUR + 300}
        assert kind.overlap >= kept.get(name, HOUR)
        assert kind.lead >= kept.get(name, HOUR) - 300
        assert kind.breaks.endswith(".")
