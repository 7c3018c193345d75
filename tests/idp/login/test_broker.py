"""The steps of a login without HTTP, over the store in memory: their order, their marks, and races between them."""

import base64
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from idp.ledger.record_contents import UNSENT
from idp.login.finish import SKEW, Choice
from idp.login.states import (
    ANSWER_LIFE,
    CODE_LIFE,
    DECIDED,
    DECIDED_LIFE,
    LOGIN_LIFE,
    ONWARD,
    ONWARD_LIFE,
    RECEIPT_LIFE,
    Decided,
    Refused,
    Released,
)
from idp.ports import DecisionRow
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.authentication import Offered
from policies.errors import (
    AssuranceTooLow,
    Conflict,
    ReleaseDenied,
    Replayed,
    RequestRefused,
    StoreUnavailable,
    Suspended,
)
from policies.parties import EntityId, PurposeId, SubjectNamespace
from tests.idp.house import (
    ADDRESS,
    ANSWER,
    APPROVE,
    BIRTHDATE,
    CANCEL,
    COUNTRY,
    EMAIL,
    FAMILY,
    NOW,
    REFUSE,
    REQUEST,
    SECRET,
    House,
    assertion,
    gone_on,
    origin,
)
from tests.idp.switched import Interrupted, off_and_on


@pytest.fixture
def house() -> House:
    return House()


def _released(ended: Released | Refused) -> Released:
    assert isinstance(ended, Released)
    return ended


def _code(house: House, decided: Decided, secret: bytes) -> str:
    return house.code(_released(house.ends(decided, APPROVE, secret)))


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": origin("nobody")},
        {"purpose_id": PurposeId("nothing")},
        {"purpose_id": PurposeId("participatory-budget")},
        {"origin": origin(redirect_uri="https://city.example/parking/callback/")},
    ],
    ids=repr,
)
def test_what_is_registered_no_more_stops_every_step(house: House, changes: Mapping[str, object]) -> None:
    good = house.decided()
    request = replace(REQUEST, **changes)  # type: ignore[arg-type] # whichever fields a test names
    begun, asked = replace(house.broker.begin(REQUEST, NOW), request=request), replace(house.asked(), request=request)
    for step in (
        lambda: house.broker.ask(begun, COUNTRY, NOW),
        lambda: house.broker.handle_response(asked, ANSWER, "en", NOW),
        lambda: house.broker.decide(replace(good, request=request), APPROVE, SECRET, NOW),
        lambda: house.broker.decide(replace(good, request=request), REFUSE, SECRET, NOW),
        lambda: house.broker.cancel(begun, NOW),
    ):
        with pytest.raises(RequestRefused):
            step()
    assert house.store.units == []


def test_the_question_carries_the_higher_of_both_levels_and_what_was_forced(house: House) -> None:
    house.asked(minimum_assurance=LevelOfAssurance.HIGH, force_authentication=True, max_age=60)
    house.asked(minimum_assurance=LevelOfAssurance.LOW)
    first, second = house.country.asks
    assert (first.minimum_assurance, first.force_authentication, first.max_age) == (LevelOfAssurance.HIGH, True, 60)
    assert second.minimum_assurance is LevelOfAssurance.SUBSTANTIAL, "the purpose's own minimum"
    assert first.relay_state != second.relay_state


@pytest.mark.spec("issue 1: a sealed state is remembered fact, no permission")
def test_a_purpose_that_has_come_to_need_more_is_not_met_by_what_was_asked_before(house: House) -> None:
    asked = house.asked()
    house.country.says = replace(assertion(), offered=replace(assertion().offered, loa=LevelOfAssurance.LOW))
    with pytest.raises(AssuranceTooLow) as caught:
        house.broker.handle_response(asked, ANSWER, "en", NOW)
    assert caught.value.check == "authn_context_too_low"
    assert house.store.units == []


def test_hearing_writes_nothing_and_keeps_only_what_may_go(house: House) -> None:
    decided = house.decided()
    assert house.store.units == []
    assert {ruling.name: str(ruling.released.form) for ruling in decided.decision.rulings if ruling.released} == {
        ADDRESS: "resident_of(Storkhaven)",
        BIRTHDATE: "age_over(18)",
        EMAIL: "exact",
    }
    sealed = DECIDED.dump(decided)
    assert b"mari@post.example" in sealed, "the control: it is searched where values lie"
    for value in (b"Maasikas", b"1990", b"Canal Street", b"49002280001"):
        assert value not in sealed


@pytest.mark.spec("decisions.md 2")
@pytest.mark.parametrize(
    ("began", "until", "end", "marks_end"),
    [
        (NOW, NOW + 300, NOW + DECIDED_LIFE, NOW + LOGIN_LIFE + SKEW),
        (NOW - 800, NOW + 300, NOW + 100, NOW + 300 + SKEW),
        (NOW, NOW + 5_000, NOW + DECIDED_LIFE, NOW + 5_000 + SKEW),
    ],
)
def test_ends_are_those_of_the_design(house: House, began: int, until: int, end: int, marks_end: int) -> None:
    house.country.says = assertion(not_on_or_after=until)
    decided = house.decided(began=began)
    assert (decided.end, decided.marks_end) == (end, marks_end)
    house.broker.decide(decided, APPROVE, SECRET, NOW)
    assert {mark.end for mark in house.store.units[0].marks} == {marks_end}


@pytest.mark.spec("decisions.md 11: durable first, then released")
def test_an_approval_is_one_unit_with_marks_record_answer_and_grant(house: House) -> None:
    decided = house.decided()
    released = _released(house.ends(decided, Choice("approve", frozenset({EMAIL}))))
    unit, went = house.store.units
    assert {mark.kind for mark in unit.marks} == {"login", "response", "assertion"}
    assert unit.record is not None
    assert (unit.record.kind, unit.record.subject) == ("release", decided.judged.subject)
    assert unit.decision is not None
    assert unit.decision.end == NOW + ONWARD_LIFE
    waits = {(kind, NOW + ONWARD_LIFE) for kind in ("onward", "phone")}
    assert {(row.kind, row.end) for row in unit.parked} == {*waits, ("receipt", NOW + RECEIPT_LIFE)}
    assert went.decision is not None
    assert (went.record, went.decision.end) == (None, NOW + ANSWER_LIFE)
    assert [(row.kind, row.end) for row in went.parked] == [("code", NOW + CODE_LIFE)]
    grant = house.grant(released)
    assert grant.record == unit.record.record.hex()
    assert base64.b64decode(grant.values_nonce) == unit.record.nonce("values")
    assert [attribute.name for attribute in grant.attributes] == [ADDRESS, BIRTHDATE, EMAIL]
    assert (grant.sub, grant.loa, grant.origin) == (decided.judged.sub, LevelOfAssurance.HIGH, REQUEST.origin)


@pytest.mark.parametrize(("choice", "kind"), [(REFUSE, "refusal"), (CANCEL, "cancellation")])
def test_a_refusal_is_one_unit_without_subject_and_grant(house: House, choice: Choice, kind: str) -> None:
    decided = house.decided()
    ended = house.broker.decide(decided, choice, SECRET, NOW)
    (unit,) = house.store.units
    assert isinstance(gone_on(house.broker, ended, NOW), Refused)
    assert {mark.kind for mark in unit.marks} == {"login", "response", "assertion"}
    assert unit.record is not None
    assert (unit.record.kind, unit.record.subject) == (kind, None)
    assert [row.kind for row in unit.parked] == ["onward"]
    kept = ONWARD.dump(house.broker.answers.kept(decided.login, SECRET, NOW)).decode()
    assert not any(str(each.released.value) in kept for each in decided.decision.rulings if each.released)


def test_leaving_before_any_country_answered_takes_the_logins_mark_alone(house: House) -> None:
    asked = house.asked()
    house.broker.cancel(asked, NOW)
    (unit,) = house.store.units
    assert [mark.kind for mark in unit.marks] == ["login"]
    assert (unit.record, [row.kind for row in unit.parked]) == (None, ["onward"])
    decided = house.broker.handle_response(asked, ANSWER, "en", NOW)
    for choice in (APPROVE, REFUSE, CANCEL):
        with pytest.raises(Replayed):
            house.broker.decide(decided, choice, SECRET, NOW)


@pytest.mark.spec("decisions.md 8")
def test_the_same_login_secret_and_choice_give_the_same_code_and_nothing_else_does(house: House) -> None:
    decided = house.decided()
    first = _released(house.ends(decided, APPROVE))
    assert house.code(_released(house.ends(decided, APPROVE, SECRET, NOW + 59))) == house.code(first)
    assert len(house.store.units) == 2
    with pytest.raises(Replayed) as late:
        house.ends(decided, APPROVE, SECRET, NOW + ANSWER_LIFE)
    assert late.value.check == "decided"
    for choice, secret, now in (
        (REFUSE, SECRET, NOW),
        (CANCEL, SECRET, NOW),
        (Choice("approve", frozenset({EMAIL})), SECRET, NOW),
        (APPROVE, b"t" * 32, NOW),
        (APPROVE, SECRET, NOW + ONWARD_LIFE),
    ):
        with pytest.raises(Replayed) as refused:
            house.broker.decide(decided, choice, secret, now)
        assert refused.value.check == "decided"
    assert len(house.store.units) == 2


@pytest.mark.spec("decisions.md 1: (issuer, response id) and (issuer, assertion id)")
@pytest.mark.parametrize("again", [{"response_id": "_r2"}, {"assertion_id": "_a2"}, {}], ids=repr)
def test_a_response_or_assertion_that_was_decided_in_another_login_is_refused(
    house: House, again: dict[str, object]
) -> None:
    house.broker.decide(house.decided(), APPROVE, SECRET, NOW)
    house.country.says = assertion(**again)
    second = house.decided()
    with pytest.raises(Replayed):
        house.broker.decide(second, APPROVE, SECRET, NOW)
    assert len(house.store.units) == 1


def test_the_same_ids_of_another_issuer_are_others(house: House) -> None:
    house.broker.decide(house.decided(), APPROVE, SECRET, NOW)
    house.country.says = assertion(issuer=EntityId("https://latvia.example/metadata"))
    house.broker.decide(house.decided(), APPROVE, SECRET, NOW)
    house.country.says = assertion(response_id="_r2", assertion_id="_a2")
    house.broker.decide(house.decided(), APPROVE, SECRET, NOW)
    assert len(house.store.units) == 3


def test_a_refused_commit_releases_nothing_and_leaves_the_login_alive(house: House) -> None:
    decided = house.decided()
    house.store.fails = True
    for choice in (APPROVE, REFUSE, CANCEL):
        with pytest.raises(StoreUnavailable):
            house.broker.decide(decided, choice, SECRET, NOW)
    with pytest.raises(StoreUnavailable):
        house.broker.cancel(house.asked(), NOW)
    house.store.fails = False
    assert house.grant(_released(house.ends(decided, APPROVE)))


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        (Choice("approve", frozenset({FAMILY})), RequestRefused),
        (Choice("approve", frozenset({BIRTHDATE})), RequestRefused),
        (Choice("approve", frozenset({AttributeName("shoe_size")})), RequestRefused),
        (Choice("refuse", frozenset({EMAIL})), RequestRefused),
        (Choice("Approve"), RequestRefused),
        (Choice(""), RequestRefused),
    ],
    ids=repr,
)
def test_a_choice_that_the_page_does_not_have_is_refused(house: House, choice: Choice, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        house.broker.decide(house.decided(), choice, SECRET, NOW)
    assert house.store.units == []


def test_a_blocked_decision_is_never_approved(house: House) -> None:
    offered = Offered({BIRTHDATE: "1990-02-28"}, LevelOfAssurance.HIGH)
    house.country.says = assertion(offered=offered)
    decided = house.decided()
    assert decided.decision.blocked == (ADDRESS,)
    with pytest.raises(ReleaseDenied):
        house.broker.decide(decided, APPROVE, SECRET, NOW)
    assert house.store.units == []


@pytest.mark.parametrize(
    ("edit", "allowed"),
    [
        (('birthdate = "age_over(18)"', 'birthdate = "exact"'), True),
        (('birthdate = "age_over(18)"\n', ""), False),
        (('email = "exact"', ""), False),
    ],
    ids=repr,
)
def test_a_registration_that_was_narrowed_lets_nothing_more_go(
    house: House, edit: tuple[str, str], *, allowed: bool
) -> None:
    decided = house.decided()
    changed = House(house.store, parking=edit)
    if allowed:
        assert changed.broker.decide(decided, APPROVE, SECRET, NOW)
        return
    with pytest.raises(Replayed) as refused:
        changed.broker.decide(decided, APPROVE, SECRET, NOW)
    assert refused.value.check == "policy_changed"


@pytest.mark.spec("decisions.md 27")
def test_sub_is_of_person_namespace_and_sector(house: House) -> None:
    first = house.decided().judged.sub
    assert house.decided().judged.sub == first
    budget = house.decided(
        origin=origin("budget", redirect_uri="https://city.example/budget/callback"),
        purpose_id=PurposeId("participatory-budget"),
    )
    subs = {first, budget.judged.sub}
    for changes in ({"subject": "EE-49002280002"}, {"namespace": SubjectNamespace("demo/LV")}):
        house.country.says = assertion(**changes)
        subs.add(house.decided().judged.sub)
    assert len(subs) == 4
    assert not any("49002280" in sub for sub in subs)


def test_of_many_different_choices_at_once_one_stands(house: House) -> None:
    decided = house.decided()
    choices = [APPROVE, REFUSE, CANCEL, Choice("approve", frozenset({EMAIL}))] * 2
    barrier = threading.Barrier(len(choices))

    def press(choice: Choice) -> Choice | None:
        barrier.wait()
        try:
            house.broker.decide(decided, choice, SECRET, NOW)
        except Replayed:
            return None
        return choice

    with ThreadPoolExecutor(len(choices)) as threads:
        stood = [choice for choice in threads.map(press, choices) if choice is not None]
    assert len(house.store.units) == 1
    assert len(set(stood)) == 1
    assert len(stood) == 2, "the same choice, pressed twice, gets the same answer"


def test_a_conflict_that_no_decision_explains_is_a_replay(house: House) -> None:
    """The mark outlives the row of the decision: after five minutes nobody can tell what was chosen, and it is refused."""
    decided = house.decided()
    house.broker.decide(decided, APPROVE, SECRET, NOW)
    house.store.purge(NOW + ONWARD_LIFE)
    with pytest.raises(Replayed) as refused:
        house.broker.decide(decided, APPROVE, SECRET, NOW + ONWARD_LIFE)
    assert isinstance(refused.value.__cause__, Conflict)
    assert isinstance(house.store.units[0].decision, DecisionRow)


@pytest.mark.spec("decisions.md 8: HMACs over the login id and the Strict cookie's secret")
def test_whoever_knows_the_login_but_not_the_secret_cannot_tell_the_code(house: House) -> None:
    decided = house.decided()
    codes = {_code(House(), decided, secret) for secret in (SECRET, SECRET, b"t" * 32)}
    assert len(codes) == 2


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("off", [("party", REQUEST.origin.service), ("country", "EE"), ("provider", COUNTRY)])
def test_who_is_switched_off_while_the_commit_waits_gets_no_code(off: tuple[str, str]) -> None:
    house = House()
    decided = house.decided()
    house.store.meanwhile = lambda: house.switches.set_switch(*off, off=True)
    for _ in range(2):
        with pytest.raises(Suspended):
            house.broker.decide(decided, APPROVE, SECRET, NOW)
    release, event = (unit.record for unit in house.store.units)
    assert release is not None
    assert event is not None
    assert (event.kind, json.loads(event.openings[0].content)["about"]) == (UNSENT, release.record.hex())


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("off", [("party", REQUEST.origin.service), ("country", "EE"), ("provider", COUNTRY)])
def test_what_was_asked_or_heard_before_a_switch_is_of_no_use_after_it(off: tuple[str, str]) -> None:
    house = House()
    off_and_on(house.switches, *off)
    grant = house.grant(_released(house.ends(house.decided(), APPROVE)))
    house.country.says = assertion(response_id="_another", assertion_id="_another")
    asked, decided = house.asked(), house.decided()
    off_and_on(house.switches, "party", "budget")
    assert not house.role.ended(grant), "another thing's act"
    off_and_on(house.switches, *off)
    assert house.role.ended(grant)
    with pytest.raises(Replayed, match="switched off meanwhile"):
        house.broker.handle_response(asked, ANSWER, "en", NOW)
    with pytest.raises(Replayed, match="switched off meanwhile"):
        house.broker.decide(decided, APPROVE, SECRET, NOW)
    # Whoever goes back releases nothing, and whoever chooses again begins anew
    assert isinstance(house.ends(decided, CANCEL), Refused)
    again = house.broker.ask(asked, COUNTRY, NOW)[1]
    assert isinstance(house.broker.handle_response(again, ANSWER, "en", NOW), Decided)


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("looks", [1, 2, 3])
@pytest.mark.parametrize("off", [("party", REQUEST.origin.service), ("country", "EE"), ("provider", COUNTRY)])
def test_off_and_on_after_any_look_of_the_step_that_asks_ends_what_it_asked(off: tuple[str, str], looks: int) -> None:
    switches = Interrupted(off)
    house = House(switched=switches)
    begun = house.broker.begin(REQUEST, NOW)
    switches.left = looks
    asked = house.broker.ask(begun, COUNTRY, NOW)[1]
    assert switches.left == 0, "the control: the step looks as often"
    with pytest.raises(Replayed, match="switched off meanwhile"):
        house.broker.handle_response(asked, ANSWER, "en", NOW)
