"""How long a batch waits for others after a large one."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, event

from idp.store.store import Store
from idp.store.writer import SIBLINGS
from tests.idp.serving.crew import until
from tests.idp.store.units import unit

STALL = 2.0


def test_one_unit_after_a_stall_waits_for_nobody_else(store: Store) -> None:
    """A disk that stood still says nothing of when others come."""
    standing, together, begun = threading.Event(), threading.Event(), iter((0.0, STALL))

    @event.listens_for(store.engine, "commit")
    def stand_still(_connection: Connection) -> None:
        standing.set()
        assert together.wait(10)
        threading.Event().wait(next(begun, 0.0))

    with ThreadPoolExecutor(1 + SIBLINGS) as pool:
        told = [pool.submit(store.commit, unit())]
        # Not sooner: until it has its batch, others would be of it
        assert standing.wait(10)
        told += [pool.submit(store.commit, unit()) for _ in range(SIBLINGS)]
        until(lambda: store._writer._queue.qsize() == SIBLINGS)
        together.set()
        for one in told:
            one.result(timeout=10)
    assert next(begun, None) is None, "the others were one batch, and it stood still"
    began = time.monotonic()
    store.commit(unit())
    assert time.monotonic() - began < STALL / 4
