"""The base of the stages of a city and of a node: a clock that tests turn, what is written, and the lines of the log."""

import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar  # Any: structlog's own type of an event

import pytest
import structlog
from sqlalchemy import func, select
from structlog.testing import capture_logs

from idp.application.app import Application
from idp.server.http import Server
from idp.store import tables

Lines = list[MutableMapping[str, Any]]
# A login's steps have their own tests, and a worker says at any moment whether it is ready
APART = frozenset({"login", "ready", "not_ready"})
COUNTED = {"records": tables.records, "marks": tables.marks, "parked": tables.parked, "decisions": tables.decisions}


class Clock:
    """The broker's clock: the machine's, and as many seconds more as a test says.

    It stands still for a test that asks what is true to the second: on a busy machine one passes in the middle of it.
    """

    def __init__(self) -> None:
        self.ahead = 0
        self._stopped: int | None = None

    def __call__(self) -> int:
        return (int(time.time()) if self._stopped is None else self._stopped) + self.ahead

    def stand(self) -> None:
        """Stand still until `reset`; a test moves it by `ahead`."""
        self._stopped = int(time.time())

    def reset(self) -> None:
        self.ahead, self._stopped = 0, None


class LiveStage:
    """A broker that serves, with the clock that it goes by."""

    application: Application
    clock: Clock
    issuer: str

    def open(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def written(self) -> dict[str, int]:
        """How many rows there are of what a login writes."""
        with self.application.store.engine.connect() as connection:
            return {
                name: connection.scalar(select(func.count()).select_from(table)) or 0 for name, table in COUNTED.items()
            }

    @property
    def records(self) -> int:
        """How many records the release ledger has."""
        return self.written()["records"]


StageT = TypeVar("StageT", bound=LiveStage)


@contextmanager
def opened(stage: StageT) -> Iterator[StageT]:
    """A stage that serves for as long as this lasts."""
    stage.open()
    try:
        yield stage
    finally:
        stage.close()


def fresh(stage: StageT) -> Iterator[StageT]:
    """The stage at the machine's time, whatever a test does to the clock, in a minute in which nothing was refused yet."""
    stage.application.watched.refusals._causes.clear()
    stage.clock.reset()
    yield stage
    stage.clock.reset()


@contextmanager
def serving(server: Server) -> Iterator[None]:
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join(10)


def without_steps(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog that drops the lines of steps."""
    if event["event"] in APART:
        raise structlog.DropEvent
    return event


@pytest.fixture
def logs() -> Iterator[Lines]:
    """The lines of the log beside the steps of logins."""
    with capture_logs(processors=[without_steps]) as lines:
        yield lines
