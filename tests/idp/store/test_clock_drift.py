"""This machine's clock against the database's: which way it is off, and by how much, however long the answer takes."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, event

from connectors.profiles import EIDAS
from idp.login.states import CODE_LIFE
from idp.store.clock_drift import ALLOWED, clock_drift
from idp.store.engine import open_engine
from idp.system.clock import system_clock


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = open_engine(url)
    yield made
    made.dispose()


def _apart(engine: Engine, clock: Callable[[], int]) -> int | None:
    with engine.connect() as connection:
        return clock_drift(connection, clock)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("ahead", [3600, -3600, 30, -30])
def test_it_is_told_by_how_many_seconds_our_clock_is_off_and_which_way(engine: Engine, ahead: int) -> None:
    found = _apart(engine, lambda: system_clock() + ahead)
    assert found is not None
    assert abs(found - ahead) <= 1, "seconds are whole"


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_right_clock_is_not_apart_although_the_answer_takes_long(engine: Engine) -> None:
    readings = iter([system_clock() - 40, system_clock() + 40])
    assert _apart(engine, lambda: next(readings)) == 0


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_it_is_read_as_it_is_and_not_as_it_was_when_the_transaction_began(engine: Engine) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *of: asked.append(of[2]))
    assert _apart(engine, system_clock) == 0
    assert len(asked) == 1
    assert "clock_timestamp()" in asked[0]


def test_two_machines_at_opposite_edges_leave_a_code_time_to_be_redeemed() -> None:
    assert min(CODE_LIFE, EIDAS.skew) - 2 * ALLOWED >= 20
