"""A batch whose answer was lost, row by row: what its second try writes once more, and what it leaves as it was."""

import socket
from collections import Counter
from types import NoneType

import pytest

from idp.ledger.leaf import prepare
from idp.ports import Unit
from idp.store.batch import Waiting
from idp.store.store import Store, open_store
from policies.errors import StoreUnavailable
from policies.parties import Tenant
from tests.idp.store.proxy import Proxy, end, lose_the_reply
from tests.idp.store.units import KEYS, NOW, TENANT, marks, release, unit
from tests.postgres import server

OTHER = Tenant("other.example")
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


def test_a_second_try_writes_a_row_of_each_of_its_units_once_more_and_no_other(
    postgres: str, proxied: tuple[Store, Proxy]
) -> None:
    """Each login takes a mark and adds a record: a try that wrote all of those anew would hold up everybody."""
    store, proxy = proxied
    # As near to theirs as there can be: of another kind, of another tenant, of another digest
    store.commit(unit(*marks("a", kind="response"), record=release()))
    other = open_store(postgres, tenant=OTHER, ledger_keys=KEYS)
    other.commit(Unit(tenant=OTHER, marks=marks("a", "b"), record=release()))
    other.close()
    store.commit(unit(*marks("c"), record=release()))
    before = rows(store)
    units = [unit(*marks("a", "b"), record=release()), Unit(tenant=TENANT, record=release()), unit(*marks("d"))]
    batch = waiting(*units)
    proxy.on_commit = lose_the_reply
    store._writer.write(batch)
    assert proxy.struck == 1
    assert [one.error for one in batch] == [None, None, None]
    after = rows(store)
    assert {row: after.get(row) for row in before} == before
    written = {row: transaction for row, transaction in after.items() if row not in before}
    # And as they were written the first time
    numbers = {batch[0].number: 2, batch[2].number: 1}
    assert Counter(row[4] for row in written if row[0] == "marks") == numbers
    assert [row[4] for row in written if row[0] == "records"] == [NOW, NOW]
    second = max(written.values())
    assert Counter(row[0] for row, transaction in written.items() if transaction == second) == {"marks": 2, "records": 1}
    assert len(set(written.values())) == 2, "what the first try wrote is not written whole again"


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
