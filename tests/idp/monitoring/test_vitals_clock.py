"""A machine whose clock is not the database's is not ready, says so once, and is ready again when it is right."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from idp.monitoring.listener import ready
from idp.monitoring.measures import Measures
from idp.monitoring.vitals import Looks, Vitals
from idp.store.engine import open_engine
from idp.store.migrate import migrate
from idp.system.clock import system_clock
from tests.idp.monitoring.told import told
from tests.postgres import server

CITY = "login.city.example"


class Machine:
    """A worker of a machine whose clock is so many seconds ahead of the database's."""

    def __init__(self, engine: Engine) -> None:
        self.ahead = 0
        self.measures = Measures()
        self.vitals = Vitals(
            engine=engine,
            tenant=CITY,
            measures=self.measures,
            looks=Looks(),
            clock=lambda: system_clock() + self.ahead,
            pinned=1,
        )

    def look(self, ahead: int) -> tuple[str, ...]:
        self.ahead = ahead
        return self.vitals.look()

    @property
    def apart(self) -> float | None:
        return told(self.measures).get(("ciconia_clock_apart_seconds", CITY))


@pytest.fixture
def machine() -> Iterator[Machine]:
    url = server().fresh()
    migrate(url)
    engine = open_engine(url)
    yield Machine(engine)
    engine.dispose()


@pytest.mark.parametrize(("ahead", "way"), [(3600, "ahead of"), (-3600, "behind"), (22, "ahead of"), (-22, "behind")])
def test_a_machine_whose_clock_is_off_is_not_ready_until_it_is_right(machine: Machine, ahead: int, way: str) -> None:
    with capture_logs() as logs:
        assert machine.look(0) == ()
        assert machine.look(ahead) == machine.look(ahead) == ("clock",)
        assert not machine.vitals.fit
        assert ready(machine.measures).tenants == {CITY: False}
        assert machine.apart is not None
        assert abs(machine.apart - abs(ahead)) <= 1
        assert machine.look(0) == ()
        assert machine.vitals.fit
        assert machine.apart == 0
    begun, *changes = [line for line in logs if line["event"] != "ready"]
    assert [line["lacks"] for line in changes] == [["clock"]]
    assert (begun["event"], begun["log_level"], begun["tenant"]) == ("clock_apart", "error", CITY)
    assert abs(begun["seconds"] - ahead) <= 1
    assert f"seconds {way} the database's" in begun["detail"]
    assert begun["fix"] == "Set the clock of this machine, or the database's, by NTP."


@pytest.mark.parametrize("ahead", [20, -20])
def test_seconds_that_are_allowed_take_no_machine_out(machine: Machine, ahead: int) -> None:
    assert machine.look(ahead) == ()


@pytest.mark.parametrize("sign", [1, -1])
def test_at_the_edge_it_does_not_come_and_go(machine: Machine, sign: int) -> None:
    with capture_logs() as logs:
        seen = [machine.look(sign * seconds) for seconds in (20, 22, 20, 22, 18, 20)]
    assert seen == [(), ("clock",), ("clock",), ("clock",), (), ()]
    assert [line["event"] for line in logs].count("clock_apart") == 1


def test_a_database_that_does_not_answer_says_nothing_of_clocks() -> None:
    engine = open_engine("postgresql://ciconia@127.0.0.1:1/none")
    machine = Machine(engine)
    assert machine.look(3600) == ("database",)
    assert machine.apart is None
    engine.dispose()


def test_one_that_answers_for_a_moment_no_more_does_not_have_it_said_again(machine: Machine) -> None:
    right = machine.vitals._engine
    with capture_logs() as logs:
        assert machine.look(3600) == ("clock",)
        machine.vitals._engine = gone = open_engine("postgresql://ciconia@127.0.0.1:1/none")
        assert machine.look(3600) == ("database",)
        machine.vitals._engine = right
        assert machine.look(3600) == ("clock",)
    gone.dispose()
    assert [line["event"] for line in logs].count("clock_apart") == 1
