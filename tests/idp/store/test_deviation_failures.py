"""Failures of a deviation: counted by all workers together, within an hour, and anew after an operator's act."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from idp.store import tables
from idp.store.deviation_failures import MOST_FAILURES, WITHIN_SECONDS, DeviationFailures
from idp.store.store import Store
from idp.store.switches.switch import DEVIATION
from idp.store.switches.switchboard import Switchboard
from idp.store.switches.switches import Switches
from tests.idp.store.units import KEYS, TENANT, opened_at

NOW = 1_795_600_000
NAME = "llng/aes_cbc"


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "postgres":
        found = opened_at(request.getfixturevalue("postgres"))
    else:
        found = opened_at(f"sqlite:///{request.getfixturevalue('folder') / 'ciconia.db'}")
    yield found
    found.close()


def worker(store: Store) -> DeviationFailures:
    switches = Switches(engine=store.engine, tenant=TENANT, keys=KEYS, hold=60.0)
    return DeviationFailures(engine=store.engine, tenant=TENANT, switches=switches)


def rows(store: Store) -> int:
    with store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.marks)) or 0


def test_each_counts_for_an_hour_and_no_more_rows_are_written_than_ten_need(store: Store) -> None:
    one, two = worker(store), worker(store)
    found = [(one, two)[number % 2].add(NAME, f"_{number}", NOW + number) for number in range(MOST_FAILURES + 5)]
    assert found == [*range(1, MOST_FAILURES + 1), *[MOST_FAILURES] * 5]
    assert rows(store) == 2 * MOST_FAILURES
    assert one.add("other/aes_cbc", "_0", NOW) == 1
    # The first has ended, the others have not; nobody deleted it yet
    assert two.add(NAME, "_later", NOW + WITHIN_SECONDS) == MOST_FAILURES
    assert two.add(NAME, "_last", NOW + 3 * WITHIN_SECONDS) == 1
    assert rows(store) == 2 * MOST_FAILURES + 4


def test_nine_within_an_hour_and_one_after_it_are_not_ten(store: Store) -> None:
    counting = worker(store)
    for number in range(MOST_FAILURES - 1):
        counting.add(NAME, f"_{number}", NOW + number)
    assert counting.add(NAME, "_later", NOW + WITHIN_SECONDS) == MOST_FAILURES - 1


def test_after_an_act_of_an_operator_the_count_begins_anew(store: Store) -> None:
    for number in range(3):
        worker(store).add(NAME, f"_{number}", NOW)
    board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)
    board.set_switch(DEVIATION, NAME, off=False, reason="It was the other key", now=NOW)
    assert worker(store).add(NAME, "_0", NOW) == 1


def test_ten_at_once_are_ten(store: Store) -> None:
    workers = [worker(store) for _ in range(MOST_FAILURES)]
    with ThreadPoolExecutor(MOST_FAILURES) as pool:
        found = list(pool.map(lambda number: workers[number].add(NAME, f"_{number}", NOW), range(MOST_FAILURES)))
    assert max(found) == MOST_FAILURES
    assert rows(store) == 2 * MOST_FAILURES


def test_the_answer_to_one_question_counts_once_however_often_it_is_posted(store: Store) -> None:
    one, two = worker(store), worker(store)
    assert [each.add(NAME, "_same", NOW) for each in (one, two) * MOST_FAILURES] == [1] * 2 * MOST_FAILURES
    assert two.add(NAME, "_other", NOW) == 2
