"""An application that serves a database which was restored a short while ago."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete, insert

from idp.application.app import Application
from idp.store import tables
from idp.store.backup import CLOSED_SECONDS, RESTORED


@contextmanager
def lately_restored(application: Application) -> Iterator[None]:
    """Leave the mark that `restore` leaves, and let the watch look."""
    store, mark = application.store, tables.marks
    closed = {"tenant": store.tenant, "kind": RESTORED, "digest": bytes(32), "unit": bytes(16)}
    with store.engine.begin() as connection:
        connection.execute(insert(mark).values(**closed, ends=int(store._clock()) + CLOSED_SECONDS))
    store._looked = -1000.0  # half a second later
    assert "restored" in application.vitals.look()
    try:
        yield
    finally:
        with store.engine.begin() as connection:
            connection.execute(delete(mark).where(mark.c.kind == RESTORED))
        store._closed, store._seen = 0, 0
