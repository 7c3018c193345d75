"""The day of the last sign-ins: never of fewer than ten, never before it is over, and no number is kept."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from idp.monitoring.successes import DAY, FEWEST, HOUR, SPREAD, Successes
from idp.store import tables
from idp.store.engine import disposed, open_engine
from idp.store.migrate import migrate
from idp.store.records.successes import StoredSuccesses
from policies.parties import Tenant

TODAY = 20_000
ENOUGH = FEWEST + SPREAD - 1


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'ciconia.db'}"
    migrate(url)
    with disposed(open_engine(url)) as found:
        yield found


class Worker:
    """A worker of a tenant, whose clock a test moves."""

    def __init__(self, engine: Engine, tenant: str = "city") -> None:
        self.now = TODAY * DAY
        self.successes = Successes(StoredSuccesses(engine=engine, tenant=Tenant(tenant)), lambda: self.now)
        self.successes.step()

    def signs_in(self, count: int, name: str = "ee") -> None:
        for _ in range(count):
            self.successes.signed_in(name)

    def later(self, seconds: int) -> int:
        self.now += seconds
        self.successes.step()
        return self.successes.days().get("ee", 0)

    def needed(self) -> int:
        """The number of sign-ins that today needs, if the next day tells it at the first look."""
        for count in range(1, ENOUGH + 1):
            self.signs_in(1)
            if self.successes._lacks["ee", self.now // DAY] == 0:
                return count
        raise AssertionError


def test_a_day_of_fewer_sign_ins_is_told_to_nobody_and_a_later_one_when_it_is_over(engine: Engine) -> None:
    worker = Worker(engine)
    worker.signs_in(FEWEST - 1)
    assert worker.later(DAY) == 0
    worker.signs_in(ENOUGH)
    # Whoever looks all day long does not see when there were enough
    for _ in range(23):
        assert worker.later(HOUR) == 0
    assert worker.later(HOUR) == TODAY + 1
    assert Worker(engine).successes.days() == {"ee": TODAY + 1}
    # What one day lacks another does not give it
    worker.signs_in(FEWEST - 1)
    worker.now += DAY
    worker.signs_in(1)
    assert worker.later(DAY) == TODAY + 1


def test_the_number_that_a_day_needs_is_drawn_anew_and_is_ten_at_least(engine: Engine) -> None:
    worker, needed = Worker(engine), set()
    for _ in range(40):
        needed.add(worker.needed())
        worker.now += DAY
    assert len(needed) > 1
    assert needed <= {*range(FEWEST, ENOUGH + 1)}


def test_an_earlier_day_of_another_worker_takes_nothing_back_and_tenants_are_apart(engine: Engine) -> None:
    early, late = Worker(engine), Worker(engine)
    early.signs_in(ENOUGH)
    late.now += DAY
    late.signs_in(ENOUGH)
    assert late.later(DAY) == TODAY + 1
    early.later(DAY)
    assert Worker(engine).successes.days() == {"ee": TODAY + 1}
    assert Worker(engine, "other").successes.days() == {}
    with engine.connect() as connection, closing(connection.execute(select(tables.successes))) as rows:
        assert [tuple(row) for row in rows] == [("city", "ee", TODAY + 1)]
