"""Erasures: who may ask and withdraw, what is on record, and what is done when they are due."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from idp.audit.verify import verify_ledger
from idp.citizen import erasing as module
from idp.citizen.erasing import EraseDue, Erasing, Uses
from idp.citizen.erasures import DELAY, Erasures, SignIn, due_of
from idp.citizen.expiring import Retentions
from idp.keys.backup_files import FOLDER, backups_end, destroy_old, key_of_day, read_key
from idp.ledger.leaf import open_opening
from idp.ledger.ledger_keys import DAY
from idp.ledger.person_records import ASKED, DONE, ERASURE, REFUSED, WITHDRAWN
from idp.login.ended_persons import person_ended
from idp.login.states import Grant
from idp.store import tables
from idp.store.engine import is_postgres, writing
from idp.store.store import Store
from policies.assurance import LevelOfAssurance
from policies.authentication import Origin
from policies.errors import ErasureRefused, StoreUnavailable
from policies.parties import ProviderId, PurposeId, ServiceId
from tests.idp.store.units import KEYS, NOW, TENANT, opened_at, release, unit

MARI, NAMESAKE = b"mari".ljust(32, b"."), b"another mari of the same name...".ljust(32, b".")
HIGH, SUBSTANTIAL, LOW = LevelOfAssurance.HIGH, LevelOfAssurance.SUBSTANTIAL, LevelOfAssurance.LOW
OFFICERS = ("juhan", "liis")


@dataclass
class Live:
    """A running broker's sessions and approvals."""

    ended: list[tuple[bytes, int]] = field(default_factory=list)
    asked: list[Uses] = field(default_factory=list)

    def end_sessions(self, subject: bytes, now: int) -> None:
        self.ended.append((subject, now))

    def linked(self, subject: bytes, now: int) -> Sequence[bytes]:  # noqa: ARG002 - nobody is linked
        return ()

    def end_linked(self, linked: Sequence[bytes], now: int) -> None:  # noqa: ARG002 - nobody is linked
        assert not linked

    def approvals(self, subject: bytes, uses: Uses) -> Iterable[bytes]:
        self.asked.append(uses)
        return [subject[::-1]]


@pytest.fixture
def opened(url: str) -> Iterator[Store]:
    found = opened_at(url)
    for subject in (MARI, NAMESAKE, MARI):
        found.commit(unit(record=release(subject, sub=f"sub of {subject[:5].decode()}")))
    yield found
    found.close()


@pytest.fixture
def erasures(opened: Store) -> Erasures:
    return Erasures(engine=opened.engine, tenant=TENANT, keys=KEYS)


@pytest.fixture
def live() -> Live:
    return Live()


@pytest.fixture
def due(opened: Store, live: Live) -> EraseDue:
    return EraseDue(engine=opened.engine, tenant=TENANT, keys=KEYS, beside=live)


def sign_in(subject: bytes = MARI, loa: LevelOfAssurance = SUBSTANTIAL, at: int = NOW) -> SignIn:
    return SignIn(subject, loa, at)


def told(store: Store) -> list[dict[str, object]]:
    """The ledger's records of erasures."""
    found = []
    with store.engine.connect() as connection:
        for row in connection.execute(select(tables.records)):
            opening = open_opening(KEYS.period_key(TENANT, row.time), TENANT, row.record, "decision", row.decision_opening)
            facts = json.loads(opening.content)
            if facts["kind"] == ERASURE:
                found.append(facts)
    return found


def acts(store: Store) -> list[str]:
    return sorted(str(one["act"]) for one in told(store))


def a_grant(sub: str) -> Grant:
    return Grant(
        origin=Origin("openid", ServiceId("parking"), "parking"),
        purpose_id=PurposeId("resident-parking"),
        provider_id=ProviderId("ee"),
        sub=sub,
        loa=HIGH,
        context="",
        authenticated_at=NOW,
        attributes=(),
    )


def held(store: Store, subject: bytes) -> int:
    """How many records a person has."""
    with store.engine.connect() as connection:
        return len(connection.execute(select(tables.records).where(tables.records.c.subject == subject)).all())


def whole(store: Store) -> bool:
    return verify_ledger(store.engine, tenant=TENANT, keys=KEYS, role="city").holds


def test_it_waits_for_fourteen_days_and_until_three_in_the_morning() -> None:
    midnight = NOW // DAY * DAY
    for asked in (NOW, midnight, midnight + 3 * 3600, midnight + DAY - 1):
        assert asked + DELAY <= due_of(asked) <= asked + DELAY + DAY + 3 * 3600
        assert due_of(asked) % DAY == 3 * 3600


@pytest.mark.spec("decisions.md 21")
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
def test_no_backup_from_before_somebody_asked_can_be_read_when_they_are_erased(tmp_path: Path, hour: int) -> None:
    asked = NOW // DAY * DAY + hour * 3600 + 1
    key_of_day(tmp_path / FOLDER, asked // DAY)
    assert destroy_old(tmp_path / FOLDER, asked + DELAY - 2) == []
    assert read_key(tmp_path / FOLDER, asked // DAY) is not None, "it can be read for fourteen days"
    assert destroy_old(tmp_path / FOLDER, due_of(asked)) == []
    assert read_key(tmp_path / FOLDER, asked // DAY) is None


@pytest.mark.spec("decisions.md 21")
def test_every_worker_destroys_the_keys_of_old_backups_before_it_serves_and_then_by_itself(
    due: EraseDue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, folder = NOW, tmp_path / FOLDER
    for day in (-15, -14, 0):
        key_of_day(folder, NOW // DAY + day)
    looking = Erasing(due, TENANT, elsewhere=lambda: True, backup_keys=folder, clock=lambda: now)
    looking.begin()
    assert len(list(folder.iterdir())) == 2
    now += DAY
    looking.step()
    assert [path.name for path in folder.iterdir()] == ["2026-09-21.key"]
    # One that cannot be destroyed is told, and nobody is kept from being erased
    now += 20 * DAY
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(Path, "unlink", lambda _path: Path("/nowhere/" * 1000).stat())
        looking.step()
    assert [(one["event"], one["detail"]) for one in logs] == [("erasure_failed", "keys/backups/ still has 2026-09-21.key")]
    looking.step()
    assert list(folder.iterdir()) == []


@pytest.mark.spec("decisions.md 21")
def test_a_person_is_erased_when_it_is_due_and_nobody_else(
    opened: Store, erasures: Erasures, due: EraseDue, live: Live
) -> None:
    asked = erasures.ask(sign_in(), NOW)
    assert due.run(asked.due - 1).erasures == 0
    assert held(opened, MARI) == 2
    done = due.run(asked.due)
    assert (done.erasures, done.leaves, done.scrubbed) == (1, 2, True)
    assert (held(opened, MARI), held(opened, NAMESAKE)) == (0, 1)
    assert live.ended == [(MARI, asked.due)] * 2, "once more, for a sign-in that came between"
    assert live.asked == [frozenset({("parking", "resident-parking")})]
    assert acts(opened) == [ASKED, DONE]
    last = next(one for one in told(opened) if one["act"] == DONE)
    assert (last["leaves"], last["who"], last["backups"]) == (2, ["person"], backups_end(asked.due))
    assert erasures.listed() == ()
    assert whole(opened)
    assert due.run(asked.due + DAY).erasures == 0, "it is done once"
    with opened.engine.connect() as connection:
        assert connection.execute(select(tables.erasures)).all() == []


def test_what_was_issued_about_the_person_has_ended_and_what_comes_later_has_not(
    opened: Store, erasures: Erasures, due: EraseDue
) -> None:
    end = erasures.ask(sign_in(), NOW).due
    grants = {
        (sub, decided): replace(a_grant(f"sub of {sub}"), decided=decided)
        for sub in ("mari.", "anoth")
        for decided in (0, NOW, end + 5)
    }
    assert not any(person_ended(opened, TENANT, grant, end) for grant in grants.values())
    due.run(end)
    ended = {key for key, grant in grants.items() if person_ended(opened, TENANT, grant, end + 10)}
    assert ended == {("mari.", 0), ("mari.", NOW)}
    # They come back, and are erased once more
    opened.commit(unit(record=release(MARI, sub="sub of mari.")))
    again = erasures.ask(sign_in(at=end + DAY), end + DAY)
    due.run(again.due)
    assert person_ended(opened, TENANT, grants["mari.", end + 5], again.due + 1)
    assert whole(opened)


def test_what_was_decided_while_others_were_erased_has_ended_too(
    opened: Store, erasures: Erasures, due: EraseDue, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = erasures.ask(sign_in(), NOW).due
    late = replace(a_grant("sub of mari."), decided=end + 40)

    def signs_in(_subject: bytes, now: int) -> None:
        if now == end and held(opened, MARI) == 2:
            opened.commit(unit(record=release(MARI, end + 40, sub="sub of mari.")))

    monkeypatch.setattr(live, "end_sessions", signs_in)
    assert due.run(end).leaves == 3
    assert person_ended(opened, TENANT, late, end + 50)


def test_an_erasure_that_fails_is_told_and_keeps_nobody_elses_from_being_done(
    opened: Store, erasures: Erasures, due: EraseDue, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers = erasures.ask(sign_in(at=NOW - DAY), NOW - DAY)
    asked = erasures.ask(sign_in(NAMESAKE), NOW)
    assert hers.due < asked.due

    def fail(subject: bytes, _now: int) -> None:
        if subject == MARI:
            raise KeyError(subject)

    with monkeypatch.context() as patched:
        patched.setattr(live, "end_sessions", fail)
        with pytest.raises(StoreUnavailable) as failed:
            due.run(asked.due)
        assert failed.value.detail == f"erasures were not done: {hers.erasure.hex()} (KeyError)"
        assert (held(opened, MARI), held(opened, NAMESAKE)) == (2, 0)
        with opened.engine.connect() as connection:
            assert connection.execute(select(tables.erasures.c.subject)).scalars().all() == [MARI], (
                "files were looked after"
            )
        with pytest.raises(StoreUnavailable):
            Erasing(due, TENANT, elsewhere=lambda: False, clock=lambda: asked.due).begin()
    assert due.run(asked.due + 60).leaves == 2


def test_a_retention_that_fails_keeps_nobody_from_being_erased(opened: Store, erasures: Erasures, due: EraseDue) -> None:
    asked = erasures.ask(sign_in(), NOW)

    class Failing(Retentions):
        def run(self, now: int) -> int:
            raise OverflowError(now)

    now = NOW
    failing = Failing(engine=opened.engine, tenant=TENANT, keys=KEYS, retention=lambda _policy: "", backups_end=backups_end)
    looking = Erasing(due, TENANT, elsewhere=lambda: False, expiring=failing, clock=lambda: now)
    now = asked.due
    with capture_logs() as logs:
        looking.step()
        looking.step()
    assert held(opened, MARI) == 0
    assert [(one["event"], one["detail"]) for one in logs] == [("erasure_failed", "OverflowError")]


# -- who may


@pytest.mark.spec("decisions.md 21")
def test_a_sign_in_below_the_highest_level_on_record_is_refused_and_on_record(opened: Store, erasures: Erasures) -> None:
    with pytest.raises(ErasureRefused, match="level"):
        erasures.ask(sign_in(loa=LOW), NOW)
    assert erasures.pending(MARI) is None
    (one,) = told(opened)
    assert (one["act"], one["leaves"]) == (REFUSED, 0)
    assert "level" in str(one["reason"])
    for at, records in ((NOW, 1), (NOW + DAY, 2), (NOW + DAY, 2)):
        with pytest.raises(ErasureRefused, match="level"):
            erasures.ask(sign_in(loa=LOW, at=at), at)
        assert acts(opened) == [REFUSED] * records, "once a day"
    assert whole(opened)


def test_whoever_stops_it_signed_in_as_high_as_whoever_asked(opened: Store, erasures: Erasures) -> None:
    asked = erasures.ask(sign_in(), NOW)
    for low in (sign_in(loa=LOW), sign_in(at=NOW - 601)):
        with pytest.raises(ErasureRefused):
            erasures.stop(low, NOW)
    assert erasures.pending(MARI) == asked
    erasures.stop(sign_in(), NOW)
    with pytest.raises(ErasureRefused, match="today"):
        erasures.ask(sign_in(), NOW)
    assert erasures.ask(sign_in(at=NOW + DAY), NOW + DAY)
    assert acts(opened) == sorted([ASKED, REFUSED, WITHDRAWN, ASKED])


@pytest.mark.parametrize("at", [NOW - 601, NOW + 1])
def test_a_sign_in_that_is_not_fresh_is_refused(opened: Store, erasures: Erasures, at: int) -> None:
    with pytest.raises(ErasureRefused, match="ten minutes"):
        erasures.ask(sign_in(at=at), NOW)
    assert told(opened) == []


def test_a_record_that_does_not_open_counts_as_high(opened: Store, erasures: Erasures) -> None:
    table = tables.records
    with writing(opened.engine).begin() as connection:
        connection.execute(
            update(table).where(table.c.subject == MARI, table.c.position == 1).values(sent_opening=b"x" * 1100)
        )
    with pytest.raises(ErasureRefused, match="level"):
        erasures.ask(sign_in(), NOW)
    assert erasures.ask(sign_in(loa=HIGH), NOW)


def test_another_person_of_the_same_name_reaches_their_own_records_alone(
    opened: Store, erasures: Erasures, due: EraseDue
) -> None:
    """No name is anywhere: a person is their identifier, and somebody with another one is somebody else."""
    hers = erasures.ask(sign_in(MARI), NOW)
    with pytest.raises(ErasureRefused, match="somebody else's"):
        erasures.withdraw(hers.erasure, "person", NOW, subject=NAMESAKE)
    own = erasures.ask(sign_in(NAMESAKE), NOW + 60)
    erasures.withdraw(hers.erasure, "person", NOW + 120, subject=MARI)
    due.run(own.due)
    assert (held(opened, MARI), held(opened, NAMESAKE)) == (2, 0)


def test_asking_twice_changes_nothing(opened: Store, erasures: Erasures) -> None:
    first = erasures.ask(sign_in(), NOW)
    assert erasures.ask(sign_in(at=NOW + DAY), NOW + DAY) == first
    assert acts(opened) == [ASKED]


@pytest.mark.spec("decisions.md 21")
def test_it_can_be_withdrawn_on_the_thirteenth_day_and_not_after_it_was_done(
    opened: Store, erasures: Erasures, due: EraseDue
) -> None:
    first = erasures.ask(sign_in(), NOW)
    erasures.withdraw(first.erasure, "person", NOW + 13 * DAY, subject=MARI)
    assert due.run(first.due).erasures == 0
    assert held(opened, MARI) == 2
    assert acts(opened) == [ASKED, WITHDRAWN]
    with pytest.raises(ErasureRefused, match="was withdrawn"):
        erasures.withdraw(first.erasure, "person", NOW + 13 * DAY, subject=MARI)
    later = NOW + 20 * DAY
    again = erasures.ask(sign_in(at=later), later)
    due.run(again.due)
    with pytest.raises(ErasureRefused, match="it is done"):
        erasures.withdraw(again.erasure, "person", again.due, subject=MARI)
    assert whole(opened)


def test_two_officers_erase_the_person_of_a_record_and_one_of_them_twice_does_not(
    opened: Store, erasures: Erasures, due: EraseDue
) -> None:
    with opened.engine.connect() as connection:
        record = connection.scalar(select(tables.records.c.record).where(tables.records.c.subject == NAMESAKE))
    assert record is not None
    for one in (("juhan",), ("juhan", "juhan"), ()):
        with pytest.raises(ErasureRefused, match="two officers"):
            erasures.ask_for(record, one, NOW)
    with pytest.raises(ErasureRefused, match="about nobody"):
        erasures.ask_for(b"?" * 16, OFFICERS, NOW)
    asked = erasures.ask_for(record, OFFICERS, NOW)
    assert erasures.pending(NAMESAKE) == asked
    due.run(asked.due)
    assert (held(opened, MARI), held(opened, NAMESAKE)) == (2, 0)
    assert {tuple(one["who"]) for one in told(opened)} == {OFFICERS}  # type: ignore[arg-type] # a list of names
    with pytest.raises(ErasureRefused, match="about nobody"):
        erasures.ask_for(record, OFFICERS, NOW)


def test_an_officer_withdraws_what_officers_began_and_not_what_the_person_wants(opened: Store, erasures: Erasures) -> None:
    mine = erasures.ask(sign_in(), NOW)
    with pytest.raises(ErasureRefused):
        erasures.withdraw(mine.erasure, "juhan", NOW)
    with opened.engine.connect() as connection:
        record = connection.scalar(select(tables.records.c.record).where(tables.records.c.subject == NAMESAKE))
    theirs = erasures.ask_for(record or b"", OFFICERS, NOW)
    erasures.withdraw(theirs.erasure, "liis", NOW)
    assert erasures.listed() == (mine,)


# -- somebody who writes to the database, and faults


@pytest.mark.parametrize("column", ["subject", "asked", "due", "officers", "erasure"])
def test_a_row_that_somebody_else_wrote_erases_nobody_and_is_named(
    opened: Store, erasures: Erasures, due: EraseDue, column: str
) -> None:
    asked = erasures.ask(sign_in(), NOW)
    changed = {"subject": NAMESAKE, "asked": 1, "due": 1, "officers": '["a","b"]', "erasure": b"o" * 16}
    with writing(opened.engine).begin() as connection:
        connection.execute(update(tables.erasures).values({column: changed[column]}))
    assert due.run(asked.due).erasures == 0
    assert held(opened, MARI) + held(opened, NAMESAKE) == 3
    findings = verify_ledger(opened.engine, tenant=TENANT, keys=KEYS).findings
    assert [one.table for one in findings] == ["erasures"]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["end_sessions", "clear_person", "scrub", "after"])
def test_whichever_step_it_dies_at_the_next_process_completes_it(
    opened: Store, erasures: Erasures, live: Live, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    asked = erasures.ask(sign_in(), NOW)

    def die(*_given: object, **_named: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if step == "end_sessions":
            patched.setattr(live, step, die)
        elif step != "after":
            patched.setattr(module, step, die)
        else:
            patched.setattr(module, "one_turn", die)
        with pytest.raises(Killed):
            EraseDue(engine=opened.engine, tenant=TENANT, keys=KEYS, beside=live).run(asked.due)
    assert held(opened, MARI) in (0, 2), "all of it, or nothing"
    assert whole(opened)
    assert EraseDue(engine=opened.engine, tenant=TENANT, keys=KEYS, beside=live).run(asked.due).scrubbed
    assert held(opened, MARI) == 0
    assert acts(opened) == [ASKED, DONE]
    assert whole(opened)
    with opened.engine.connect() as connection:
        assert connection.execute(select(tables.erasures)).all() == []


def test_tables_that_others_still_read_are_rewritten_once_a_night(
    opened: Store, erasures: Erasures, due: EraseDue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rewrite of PostgreSQL closes the tables to sign-ins; SQLite's log is asked again, which takes a moment."""
    asked = erasures.ask(sign_in(), NOW)
    tries: list[object] = []

    def held_up(*_: object) -> bool:
        tries.append(None)
        return False

    monkeypatch.setattr("idp.citizen.erasing.scrub", held_up)
    for later in (0, 60, 120, DAY):
        assert not due.run(asked.due + later).scrubbed
    assert len(tries) == (2 if is_postgres(opened.engine) else 4)


def test_a_worker_leaves_it_to_the_holder_and_the_first_look_comes_before_anybody_is_served(
    opened: Store, erasures: Erasures, due: EraseDue
) -> None:
    asked = erasures.ask(sign_in(), NOW)
    other = Erasing(due, TENANT, elsewhere=lambda: True, clock=lambda: asked.due)
    other.step()
    assert held(opened, MARI) == 2
    other.begin()
    assert held(opened, MARI) == 0
    holder = Erasing(due, TENANT, elsewhere=lambda: False, clock=lambda: asked.due)
    holder.step()
    with opened.engine.connect() as connection:
        assert connection.execute(select(tables.erasures)).all() == []
