"""Retention: records whose purpose's time is over are nobody's any more, and the rest stay."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any  # Any: a row, as the product hands it on

import pytest
from sqlalchemy import select, text

from idp.audit.verify import verify_ledger
from idp.citizen import erasures
from idp.citizen import expiring as module
from idp.citizen.expiring import NEVER, Retentions, ends
from idp.ledger.person_records import WITHDRAWAL, ActOn, draft_own_act
from idp.ledger.record_contents import new_record
from idp.store import tables
from idp.store.engine import single, writing
from idp.store.store import Store
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE
from tests.idp.store.units import KEYS, NOW, TENANT, opened_at, refusal, release, unit

MARI, LIIS = b"m" * 32, b"l" * 32
DAY = 86400


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("begun", "duration", "ended"),
    [
        ("2026-01-31T12:00:00", "P1M", "2026-02-28T12:00:00"),
        ("2024-02-29T00:00:00", "P1Y", "2025-02-28T00:00:00"),
        ("2026-11-30T00:00:00", "P1Y2M1W3D", "2028-02-09T00:00:00"),
        ("2026-12-01T00:00:00", "P30D", "2026-12-31T00:00:00"),
    ],
)
def test_a_duration_ends_in_the_calendar(begun: str, duration: str, ended: str) -> None:
    assert ends(at(begun), duration) == at(ended)


def test_a_duration_beyond_every_calendar_does_not_end() -> None:
    assert ends(NOW, "P999Y9999M") > 2**33
    assert ends(NOW, "P9999999D") == NEVER


@pytest.fixture
def opened(url: str) -> Iterator[Store]:
    found = opened_at(url)
    for subject, moment in ((MARI, NOW), (MARI, NOW + 20 * DAY), (LIIS, NOW)):
        found.commit(unit(record=release(subject, moment)))
    found.commit(unit(record=refusal()))
    yield found
    found.close()


def expiring(store: Store, retention: str | None) -> Retentions:
    return Retentions(
        engine=store.engine, tenant=TENANT, keys=KEYS, retention=lambda _policy: retention, backups_end=lambda _now: 0
    )


def persons(store: Store) -> dict[bytes, tuple[int, int]]:
    """The counter of each person, and how many are over."""
    with store.engine.connect() as connection:
        rows = connection.execute(select(tables.subjects)).all()
    return {row.subject: (row.counter, row.expired) for row in rows}


def whole(store: Store) -> tuple[str, ...]:
    return tuple(map(str, verify_ledger(store.engine, tenant=TENANT, keys=KEYS, role="city").findings))


@pytest.mark.spec("decisions.md 21")
def test_what_is_over_goes_and_the_key_with_the_last_record(opened: Store) -> None:
    found = expiring(opened, "P30D")
    assert found.run(NOW + 30 * DAY - 1) == 0
    assert found.run(NOW + 30 * DAY) == 2
    assert persons(opened) == {MARI: (2, 1)}, "liis had one record, and her key is gone"
    assert whole(opened) == ()
    opened.commit(unit(record=release(MARI, NOW + 31 * DAY)))
    assert persons(opened) == {MARI: (3, 1)}, "the next number, and no gap that is not accounted for"
    assert whole(opened) == ()
    assert found.run(NOW + 61 * DAY) == 2
    assert persons(opened) == {}
    assert whole(opened) == ()


def test_two_workers_at_once_count_each_record_once(postgres: str) -> None:
    store = opened_at(postgres)
    for subject in (MARI, LIIS, MARI):
        store.commit(unit(record=release(subject, NOW)))
    store.commit(unit(record=release(MARI, NOW + 20 * DAY)))
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    with ThreadPoolExecutor(2) as pool, single(store.engine).connect() as watching:
        with store.engine.begin() as connection:
            connection.execute(select(tables.subjects).with_for_update())
            both = [pool.submit(expiring(store, "P30D").run, NOW + 30 * DAY) for _ in range(2)]
            end = time.monotonic() + 20
            while watching.scalar(waiting) != 2:
                assert time.monotonic() < end, "they do not wait for the persons' rows"
                time.sleep(0.01)
        assert sorted(each.result(20) for each in both) == [0, 3]
    assert persons(store) == {MARI: (3, 2)}
    assert whole(store) == ()
    store.close()


def test_what_is_not_due_is_opened_once_and_not_each_night(opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def opening(row: Any, *given: Any) -> dict[str, object]:
        read.append(row.record)
        return erasures.opened(row, *given)

    monkeypatch.setattr(module, "opened", opening)
    found = expiring(opened, "P60D")
    nights = []
    for day in (31, 32, 51, 52, 59, 60, 61, 79, 80, 81):
        read.clear()
        nights.append((day, found.run(NOW + day * DAY), len(read)))
    # Two releases of one day, and one of twenty days later
    assert [night for night in nights if night[1:] != (0, 0)] == [(31, 0, 2), (51, 0, 1), (60, 2, 2), (80, 1, 1)]
    assert whole(opened) == ()


def test_no_record_goes_while_a_refresh_token_of_it_may_live(opened: Store) -> None:
    """An erasure finds by the record what it has to end."""
    found = expiring(opened, "P1D")
    assert found.run(NOW + LONGEST_REFRESH_LIFE - 1) == 0
    assert found.run(NOW + LONGEST_REFRESH_LIFE) == 2


def test_an_act_of_a_persons_own_goes_as_the_release_does_that_it_is_about(opened: Store) -> None:
    on = ActOn(about="0" * 32, client="parking", purpose="resident-parking", basis="consent", loa="high", policy="0" * 64)
    opened.commit(unit(record=draft_own_act(record=new_record(), time=NOW + DAY, kind=WITHDRAWAL, subject=LIIS, on=on)))
    found = expiring(opened, "P40D")
    assert found.run(NOW + 40 * DAY) == 2
    assert persons(opened) == {MARI: (2, 1), LIIS: (2, 1)}
    assert found.run(NOW + 41 * DAY) == 1
    assert persons(opened) == {MARI: (2, 1)}
    assert whole(opened) == ()


def test_a_record_of_no_time_keeps_nothing_from_going(opened: Store) -> None:
    """A writer to the database may set any time, and `ledger verify` names it."""
    with writing(opened.engine).begin() as connection:
        one = select(tables.records.c.record).where(tables.records.c.subject == LIIS)
        connection.execute(
            tables.records.update().where(tables.records.c.record == one.scalar_subquery()).values(time=-(2**62))
        )
    assert expiring(opened, "P30D").run(NOW + 30 * DAY) == 1


@pytest.mark.parametrize("retention", ["", None, "soon"])
def test_without_a_retention_or_a_known_file_nothing_goes(opened: Store, retention: str | None) -> None:
    assert expiring(opened, retention).run(NOW + 5000 * DAY) == 0
    assert len(persons(opened)) == 2


def test_somebody_who_raises_the_number_of_those_that_are_over_is_found(opened: Store) -> None:
    with opened.engine.begin() as connection:
        connection.execute(tables.subjects.update().where(tables.subjects.c.subject == MARI).values(expired=1))
    assert whole(opened)
