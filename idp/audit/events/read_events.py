"""Reads events from the ledger, in the order of their leaves."""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from idp.audit.events.event_types import Event, event_of
from idp.audit.questions.opened import open_impersonal
from idp.store import tables

CHUNK = 1000


def read_events(connection: Connection, tenant: str, openings: bytes, first: int = 0) -> Iterator[Event]:
    """Every event whose leaf stands at `first` or later. `openings` is the master of openings.

    A record that is not what its leaf commits to is no event: `ciconia ledger verify` names it.
    """
    # No event is a person's release: those are nearly all, and are not even opened
    while chunk := list(open_impersonal(connection, tenant, openings, first, CHUNK)):
        yield from (event for _, opened in chunk if opened and (event := event_of(opened)) is not None)
        first = chunk[-1][0] + 1


def tree_size(connection: Connection, tenant: str) -> int:
    """The number of leaves that have their place."""
    leaves = tables.leaves.c
    last = connection.scalar(select(func.max(leaves.leaf_index)).where(leaves.tenant == tenant))
    return 0 if last is None else last + 1
