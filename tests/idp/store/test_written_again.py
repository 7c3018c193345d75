"""A batch whose answer was lost, row by row: what its second try writes once more, and what it leaves as it was."""

import socket
from types import NoneType

import pytest

from idp.ledger.leaf import prepare
from idp.ports import Unit
from idp.store.batch import Waiting
from idp.store.store import Store
from policies.errors import StoreUnavailable
from tests.idp.store.proxy import Proxy, end
from tests.idp.store.units import KEYS, TENANT, marks, release, unit
from tests.postgres import server

MARKS = "SELECT 'marks', tenant, kind, digest, unit, ends, xmin::text FROM marks"
RECORDS = "SELECT 'records', tenant, record, leaf_hash, time, xmin::text FROM records"

Row = tuple[object, ...]


def rows(store: Store) -> dict[Row, int]:
    """Each mark and each record, with the transaction that wrote it last."""
    with store.engine.connect() as connection:
        found = [tuple(row) for query in (MARKS, RECORDS) for row in connection.exec_driver_sql(query)]
    return {row[:-1]: int(str(row[-1])) for row in found}


def waiting(*units: Unit) -> list[Waiting]:
    return [Waiting(one, prepare(one.record, TENANT, KEYS) if one.record else None) for one in units]


@pytest.mark.spec("security.md §3 I1")
def test_units_of_a_lost_batch_that_are_tried_one_by_one_are_still_known_again(
    proxied: tuple[Store, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that keeps one unit from being asked for makes no conflict of another that was written."""
    monkeypatch.setattr("idp.store.attempt.OUTCOME_SECONDS", 0.3)
    store, proxy = proxied
    name = str(store.engine.url.database)

    def lose_the_reply_and_the_records(client: socket.socket, upstream: socket.socket, octets: bytes) -> None:
        proxy.delay = 60  # the reply waits here while it is committed
        upstream.sendall(octets)
        server().execute("ALTER TABLE records RENAME TO moved", name)
        proxy.delay = 0
        end(client)

    batch = waiting(unit(*marks("a")), Unit(tenant=TENANT, record=release()), unit(*marks("b")))
    proxy.on_commit = lose_the_reply_and_the_records
    store._writer.write(batch)
    assert proxy.struck == 1
    assert [type(one.error) for one in batch] == [NoneType, StoreUnavailable, NoneType]
    server().execute("ALTER TABLE moved RENAME TO records", name)
    assert len([row for row in rows(store) if row[0] == "records"]) == 2, "of the store's first unit, and of this batch"
