"""Copies of other nodes' metadata: they survive, several processes share them, and nobody without our keys adds to them."""

import hmac
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from connectors.formats.eidas.metadata import PeerFacts
from connectors.metadata.peers import PeerCopies
from idp.ports import Unit
from idp.store.engine import open_engine
from idp.store.peers import RecordedCopies, StoredCopies
from idp.store.store import Store
from idp.transparency.keys import framed, ledger_keys
from idp.transparency.verify import verify_ledger
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
    """What one more process has: its own connections to the same file."""
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


def test_before_the_first_copy_there_is_none(copies: PeerCopies) -> None:
    assert copies.held(NODE) is None


@pytest.mark.parametrize("approved", [True, False])
def test_a_copy_comes_back_as_it_was_kept(copies: PeerCopies, *, approved: bool) -> None:
    held = METADATA.held(approved=approved)
    copies.keep(held)
    assert copies.held(NODE) == held
    assert copies.held(OTHER) is None


def test_a_copy_takes_the_place_of_the_one_before(copies: PeerCopies) -> None:
    copies.keep(METADATA.held(approved=True))
    copies.held(NODE)
    later = replace(LONGER.held(fetched=NOW + 30), approved=METADATA.facts())
    copies.keep(later)
    assert copies.held(NODE) == later


def test_what_is_approved_can_become_less(copies: PeerCopies) -> None:
    copies.keep(METADATA.held(approved=True))
    copies.held(NODE)
    copies.keep(METADATA.held())
    assert approved_of(copies) is None


def test_copies_of_several_nodes_lie_beside_each_other(copies: PeerCopies) -> None:
    one, two = METADATA.held(approved=True), Metadata(OTHER, "LV").held()
    copies.keep(one)
    copies.keep(two)
    assert (copies.held(NODE), copies.held(OTHER)) == (one, two)


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


def test_what_one_thread_saw_says_nothing_of_what_another_saw(stored: StoredCopies, folder: Path) -> None:
    stored.keep(METADATA.held())
    stored.held(NODE)
    command = copies_of(folder)
    command.held(NODE)
    command.keep(METADATA.held(approved=True))

    thread = Thread(target=stored.held, args=(NODE,))  # it sees the approval, this thread did not
    thread.start()
    thread.join()
    stored.keep(METADATA.held())
    assert approved_of(stored) == METADATA.facts()


def test_a_locked_database_is_a_refusal_and_the_copy_stays(folder: Path, stored: StoredCopies) -> None:
    stored.keep(METADATA.held())
    quick = StoredCopies(
        engine=open_engine(f"sqlite:///{folder / 'ciconia.db'}", busy_milliseconds=1), tenant=TENANT, keys=KEYS
    )
    with closing(sqlite3.connect(folder / "ciconia.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            quick.keep(METADATA.held(approved=True))
    assert approved_of(stored) is None


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


def test_of_two_copies_with_one_end_the_first_stays(stored: StoredCopies) -> None:
    first, second = METADATA.held(), replace(LONGER, valid_until=METADATA.valid_until).held()
    stored.keep(first)
    stored.keep(second)
    assert stored.held(NODE) == first


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


def test_a_row_of_the_revision_before_still_counts(folder: Path, stored: StoredCopies) -> None:
    """Its seal knows neither `named` nor `generation`."""
    held = METADATA.held(approved=True)
    texts = (TENANT, NODE, held.facts.as_json, held.facts.as_json, str(held.fetched))
    seal = hmac.digest(KEYS.rows, framed(b"peer", held.octets, *(text.encode() for text in texts)), "sha256")
    row = (TENANT, NODE, held.octets, held.facts.as_json, held.facts.as_json, held.fetched, seal)
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        connection.execute("INSERT INTO peers VALUES (?, ?, ?, ?, ?, ?, ?, '', 0)", row)
        connection.commit()
    assert stored.held(NODE) == held


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


def test_a_row_of_a_version_that_had_other_facts_counts_as_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = json.loads(METADATA.facts().as_json)
    others: list[object] = [{**plain, "colour": "red"}, {key: plain[key] for key in plain if key != "sp_type"}, []]
    for changed in others:
        text = json.dumps(changed, sort_keys=True, separators=(",", ":"))
        with monkeypatch.context() as patched:
            patched.setattr(PeerFacts, "as_json", text)
            copies_of(folder).keep(METADATA.held(approved=True))
        assert copies_of(folder).held(NODE) is None
        good = METADATA.held()
        copies_of(folder).keep(good)
        assert copies_of(folder).held(NODE) == good


def test_a_good_copy_takes_the_place_of_a_changed_row(folder: Path, stored: StoredCopies) -> None:
    stored.keep(METADATA.held())
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection:
        connection.execute("UPDATE peers SET approved = facts")
        connection.commit()
    assert stored.held(NODE) is None
    stored.keep(METADATA.held())
    assert approved_of(stored) is None


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


def test_an_approval_counts_though_a_server_changed_what_is_approved_at_that_moment(
    folder: Path, store: Store, stored: StoredCopies
) -> None:
    before = replace(LONGER.held(), approved=METADATA.facts())
    stored.keep(before)
    server = copies_of(folder)

    class Between(MemoryStore):
        """A ledger whose record is written while a server fetches and finds that a key is gone."""

        def commit(self, unit: Unit) -> None:
            store.commit(unit)
            server.held(NODE)
            server.keep(replace(before, approved=replace(METADATA.facts(), signing=frozenset())))

    between = Between(tenant=TENANT, ledger_keys=KEYS)
    command = copies_of(folder)
    recorded = RecordedCopies(command, commits=between, tenant=TENANT)
    recorded.held(NODE)
    recorded.approve(LONGER.held(approved=True), NOW)
    assert approved_of(stored) == LONGER.facts()


def test_a_copy_of_which_something_waits_is_not_recorded_as_approved(store: Store, stored: StoredCopies) -> None:
    recorded = RecordedCopies(stored, commits=store, tenant=TENANT)
    with pytest.raises(ValueError, match="no approval"):
        recorded.approve(METADATA.held(), NOW)
    assert recorded.held(NODE) is None


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


def test_a_digest_in_the_registration_approves_nothing_that_the_ledger_does_not_take(
    folder: Path, neighbour: Neighbour
) -> None:
    recorded = RecordedCopies(copies_of(folder), commits=Refusing(tenant=TENANT, ledger_keys=KEYS), tenant=TENANT)
    server = peers_of(recorded, neighbour.peer(neighbour.metadata.facts().digest))
    with pytest.raises(StoreUnavailable):
        server.refresh(neighbour.entity_id, NOW)
    assert not server.available(neighbour.entity_id, NOW)


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
