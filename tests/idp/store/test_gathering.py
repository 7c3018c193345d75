"""How long a batch waits for others after a large one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, event

from idp.store import writer
from idp.store.store import Store
from idp.store.writer import SIBLINGS
from tests.idp.serving.crew import until
from tests.idp.store.units import unit

STALL = 2.0


class Steady:
    """The steady clock of the writer: it goes on where somebody waits by it, and no busy machine moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_one_unit_after_a_stall_waits_for_nobody_else(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that stood still says nothing of when others come."""
    steady = Steady()
    monkeypatch.setattr(writer, "time", steady)
    standing, together, begun = threading.Event(), threading.Event(), iter((0.0, STALL))

    @event.listens_for(store.engine, "commit")
    def stand_still(_connection: Connection) -> None:
        standing.set()
        assert together.wait(60)
        steady.now += next(begun, 0.0)

    with ThreadPoolExecutor(1 + SIBLINGS) as pool:
        told = [pool.submit(store.commit, unit())]
        # Not sooner: until it has its batch, others would be of it
        assert standing.wait(60)
        told += [pool.submit(store.commit, unit()) for _ in range(SIBLINGS)]
        until(lambda: store._writer._queue.qsize() == SIBLINGS)
        together.set()
        for one in told:
            one.result(timeout=10)
    assert next(begun, None) is None, "the others were one batch, and it stood still"
    began = steady.now
    store.commit(unit())
    assert 0 < steady.now - began < STALL / 4
