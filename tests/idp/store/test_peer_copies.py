"""Copies of other nodes' metadata: they survive, several processes share them, and nobody without our keys adds to them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.formats.eidas.metadata import PeerFacts
from connectors.metadata.peers import PeerCopies
from idp.audit.verify import verify_ledger
from idp.ledger.ledger_keys import ledger_keys
from idp.ports import Unit
from idp.store.engine import open_engine
from idp.store.peer_copies import RecordedCopies, StoredCopies
from idp.store.store import Store
from policies.errors import StoreUnavailable
from policies.parties import EntityId, Tenant
from tests.idp.memory import MemoryCopies, MemoryStore
from tests.idp.neighbour import DAY, NOW, Metadata, Neighbour, peers_of
from tests.idp.store.units import KEYS, TENANT, opened

NODE = EntityId("https://nl.example/eidas/metadata")
OTHER = EntityId("https://lv.example/eidas/metadata")
METADATA = Metadata(NODE)
LONGER = Metadata(NODE, signing=("messages", "second"), valid_until=METADATA.valid_until + DAY)


def copies_of(folder: Path, tenant: Tenant = TENANT) -> StoredCopies:
    return StoredCopies(engine=open_engine(f"sqlite:///{folder / 'ciconia.db'}"), tenant=tenant, keys=KEYS)


@pytest.fixture
def stored(folder: Path) -> StoredCopies:
    return copies_of(folder)


@pytest.fixture(params=["memory", "sqlite"])
def copies(request: pytest.FixtureRequest, folder: Path) -> PeerCopies:
    return MemoryCopies() if request.param == "memory" else copies_of(folder)


def approved_of(copies: PeerCopies) -> PeerFacts | None:
    held = copies.held(NODE)
    assert held is not None
    return held.approved


# -- what every PeerCopies does


@pytest.mark.parametrize("approved", [True, False])
def test_a_copy_comes_back_as_it_was_kept(copies: PeerCopies, *, approved: bool) -> None:
    held = METADATA.held(approved=approved)
    copies.keep(held)
    assert copies.held(NODE) == held
    assert copies.held(OTHER) is None


# -- a restart, and several processes


@pytest.mark.spec("eidas.md §6 the last good copy is kept")
def test_a_copy_survives_a_restart(folder: Path) -> None:
    held = METADATA.held(approved=True)
    copies_of(folder).keep(held)
    assert copies_of(folder).held(NODE) == held


def test_another_tenants_copies_are_not_ours(folder: Path, stored: StoredCopies) -> None:
    ours = METADATA.held(approved=True)
    stored.keep(ours)
    other = copies_of(folder, Tenant("other.example"))
    assert other.held(NODE) is None
    other.keep(METADATA.held())
    assert stored.held(NODE) == ours


def test_a_fetch_does_not_undo_what_another_process_approved_meanwhile(folder: Path, stored: StoredCopies) -> None:
    stored.keep(METADATA.held())
    server, command = copies_of(folder), copies_of(folder)
    before = server.held(NODE)
    assert before is not None
    command.held(NODE)
    command.keep(METADATA.held(approved=True))
    server.keep(replace(LONGER.held(fetched=NOW + 30), approved=before.approved))
    found = stored.held(NODE)
    assert found is not None
    assert found.facts == LONGER.facts()
    assert found.approved == METADATA.facts()


def test_an_approval_does_not_undo_what_another_process_fetched_meanwhile(folder: Path, stored: StoredCopies) -> None:
    stored.keep(METADATA.held())
    server, command = copies_of(folder), copies_of(folder)
    before = command.held(NODE)
    assert before is not None
    server.held(NODE)
    server.keep(LONGER.held(fetched=NOW + 30))
    command.keep(replace(before, approved=before.facts))
    found = stored.held(NODE)
    assert found is not None
    assert (found.facts, found.fetched) == (LONGER.facts(), NOW + 30)
    assert found.approved == METADATA.facts()


@pytest.mark.parametrize("seen", [True, False])
def test_a_copy_that_was_judged_bad_gives_way_and_what_came_since_does_not(stored: StoredCopies, *, seen: bool) -> None:
    bad = LONGER.held()
    stored.keep(bad)
    judged = stored.held(NODE)
    if not seen:
        stored.keep(replace(bad, octets=b"another"))
    good = METADATA.held()
    stored.keep(good, instead=judged)
    found = stored.held(NODE)
    assert found is not None
    assert found.octets == (good.octets if seen else b"another")


def test_what_was_forgotten_is_nothing_and_no_process_brings_it_back(folder: Path, stored: StoredCopies) -> None:
    stored.keep(LONGER.held(approved=True))
    server = copies_of(folder)
    before = server.held(NODE)
    assert before is not None
    stored.forget(NODE, NOW + 9)
    stored.forget(OTHER, NOW + 9)  # nothing is held of it
    found = stored.held(NODE)
    assert found is not None
    assert (found.forgotten, found.octets, found.approved, found.fetched, found.generation) == (True, b"", None, NOW + 9, 1)
    server.keep(before)
    assert stored.held(NODE) == found
    sooner = replace(METADATA.held(), generation=1)
    server.keep(sooner)
    assert copies_of(folder).held(NODE) == sooner
    assert stored.held(OTHER) is None


# -- whoever writes to the database


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE peers SET approved = facts",
        "UPDATE peers SET facts = replace(facts, 'https://node.example/', 'https://evil.example/')",
        "UPDATE peers SET octets = CAST(octets || x'20' AS BLOB)",
        "UPDATE peers SET fetched = fetched + 1",
        "UPDATE peers SET seal = zeroblob(32)",
        "UPDATE peers SET named = ''",
        "UPDATE peers SET generation = 0",
        "UPDATE peers SET named = '', generation = 0",
        "UPDATE peers SET entity_id = 'https://lv.example/eidas/metadata'",
        "UPDATE peers SET tenant = 'other.example'",
    ],
)
def test_a_row_that_somebody_else_changed_counts_as_none(folder: Path, stored: StoredCopies, statement: str) -> None:
    stored.keep(replace(METADATA.held(), named="d1", generation=2))
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        assert connection.execute(statement).rowcount == 1
        connection.commit()
    for tenant in (TENANT, Tenant("other.example")):
        assert copies_of(folder, tenant).held(NODE) is None
        assert copies_of(folder, tenant).held(OTHER) is None


def test_a_row_under_the_keys_of_another_broker_counts_as_none(folder: Path, stored: StoredCopies) -> None:
    stored.keep(METADATA.held(approved=True))
    keys = ledger_keys(KEYS.origin, KEYS.log.at(0).signer, b"o" * 32)
    engine = open_engine(f"sqlite:///{folder / 'ciconia.db'}")
    assert StoredCopies(engine=engine, tenant=TENANT, keys=keys).held(NODE) is None


# -- an approval is recorded


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    found = Neighbour()
    yield found
    found.close()


class Refusing(MemoryStore):
    """A store that takes nothing."""

    def commit(self, _unit: Unit) -> None:
        raise StoreUnavailable("SQLITE_FULL")


@pytest.mark.spec("decisions.md 30")
def test_an_approval_is_in_the_ledger_and_a_running_server_sees_it_at_its_next_look(
    folder: Path, neighbour: Neighbour
) -> None:
    server = peers_of(copies_of(folder), neighbour.peer())
    server.refresh(neighbour.entity_id, NOW)
    assert not server.available(neighbour.entity_id, NOW)
    digest = neighbour.metadata.facts().digest

    store = opened(folder)
    recorded = RecordedCopies(copies_of(folder), commits=store, tenant=TENANT)
    peers_of(recorded, neighbour.peer()).approve(neighbour.entity_id, digest, NOW + 5)
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    store.close()
    assert (report.records, report.staged, report.findings) == (1, 1, ())

    server.refresh(neighbour.entity_id, NOW + 30)
    assert server.available(neighbour.entity_id, NOW + 30)
    assert server.pending(NOW + 30) == ()


def test_nothing_is_approved_where_the_ledger_takes_no_record(folder: Path, neighbour: Neighbour) -> None:
    peers_of(copies_of(folder), neighbour.peer()).refresh(neighbour.entity_id, NOW)
    recorded = RecordedCopies(copies_of(folder), commits=Refusing(tenant=TENANT, ledger_keys=KEYS), tenant=TENANT)
    with pytest.raises(StoreUnavailable):
        peers_of(recorded, neighbour.peer()).approve(neighbour.entity_id, neighbour.metadata.facts().digest, NOW)
    held = copies_of(folder).held(neighbour.entity_id)
    assert held is not None
    assert held.approved is None


def test_a_digest_in_the_registration_is_recorded_when_it_approves(
    folder: Path, neighbour: Neighbour, store: Store, stored: StoredCopies
) -> None:
    digest = neighbour.metadata.facts().digest
    server = peers_of(RecordedCopies(stored, commits=store, tenant=TENANT), neighbour.peer(digest))
    for now in (NOW, NOW + 30):
        server.refresh(neighbour.entity_id, now)
        assert server.available(neighbour.entity_id, now)
    assert verify_ledger(store.engine, tenant=TENANT, keys=KEYS).records == 1
    held = copies_of(folder).held(neighbour.entity_id)
    assert held is not None
    assert held.named == digest


def test_forgetting_is_in_the_ledger_before_anything_is_dropped(store: Store, stored: StoredCopies) -> None:
    recorded = RecordedCopies(stored, commits=store, tenant=TENANT)
    assert not recorded.forget(NODE, NOW), "nothing is held"
    recorded.keep(METADATA.held(approved=True))
    refusing = RecordedCopies(stored, commits=Refusing(tenant=TENANT, ledger_keys=KEYS), tenant=TENANT)
    with pytest.raises(StoreUnavailable):
        refusing.forget(NODE, NOW)
    assert approved_of(stored) == METADATA.facts()
    assert recorded.forget(NODE, NOW)
    assert approved_of(stored) is None
    assert not recorded.forget(NODE, NOW)
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    assert (report.records, report.findings) == (1, ())
