"""How long a batch waits for others after a large one."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, event

from idp.store.store import Store
from idp.store.writer import SIBLINGS
from tests.idp.store.units import unit

STALL = 2.0


def test_one_unit_after_a_stall_waits_for_nobody_else(store: Store) -> None:
    """A disk that stood still says nothing of when others come."""
    together, begun = threading.Event(), iter((0.0, STALL))

    @event.listens_for(store.engine, "commit")
    def stand_still(_connection: Connection) -> None:
        assert together.wait(10)
        threading.Event().wait(next(begun, 0.0))

    with ThreadPoolExecutor(1 + SIBLINGS) as pool:
        told = [pool.submit(store.commit, unit())]
        while store._writer._since == 0:
            time.sleep(0.001)
        told += [pool.submit(store.commit, unit()) for _ in range(SIBLINGS)]
        while store._writer._queue.qsize() < SIBLINGS:
            time.sleep(0.001)
        together.set()
        for one in told:
            one.result(timeout=10)
    assert next(begun, None) is None, "the others were one batch, and it stood still"
    began = time.monotonic()
    store.commit(unit())
    assert time.monotonic() - began < STALL / 4
