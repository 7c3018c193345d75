"""No value of a citizen lies in the database or its log: only commitments, and openings that are encrypted."""

import base64
import hashlib
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.ledger.leaf import subject_index
from idp.login.sealing import LoginId, Sealer
from idp.ports import ParkedRow
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from policies.attributes import Address
from policies.errors import Conflict, StoreUnavailable
from tests.idp.store.units import KEYS, NOW, TENANT, decided, marks, refusal, release, unit
from tests.sealing import fixed_keys

STREET = "Quxwortzlane 4711-Canary"
BIRTH = "1887-03-09"
IDENTIFIER = "XQ/XQ/CANARY-88700309-0042"
SUB = "PAIRWISECANARYSUBJECT234567"
SECRETS = (STREET, BIRTH, IDENTIFIER, SUB)


def spellings(value: str) -> Iterator[bytes]:
    """The spellings of decision 15: plain, hex, percent, base64 in three alignments, deflated."""
    plain = value.encode()
    yield from (plain, plain.hex().encode(), plain.hex().upper().encode(), value.encode("utf-16-le"))
    yield b"".join(b"%%%02X" % byte for byte in plain)
    for alignment in range(3):
        encoded = base64.b64encode(b"\0" * alignment + plain)
        yield encoded[4 if alignment else 0 : len(encoded) - 4]
        yield encoded[4 if alignment else 0 : len(encoded) - 4].replace(b"+", b"-").replace(b"/", b"_")
    yield zlib.compress(plain, 6)[2:-4]


def found_in(folder: Path) -> list[tuple[str, str]]:
    return [
        (path.name, value)
        for path in folder.iterdir()
        for value in SECRETS
        for spelling in spellings(value)
        if spelling in path.read_bytes()
    ]


def fill(store: Store) -> None:
    """Successful, refused and failing units about one person."""
    subject = subject_index(b"index key", TENANT, "demo/XQ", IDENTIFIER)
    decision = decided(Address(street=STREET, postal_code=BIRTH))
    sealer = Sealer(tenant=TENANT, keys=fixed_keys(b"k" * 32))
    handle = secrets.token_bytes(32)
    grant = sealer.park("code", handle, f"{STREET}{BIRTH}{SUB}".encode(), NOW + 60)
    record = release(subject, decision=decision, sub=SUB)
    response = hashlib.sha256(IDENTIFIER.encode()).hexdigest()
    store.commit(unit(*marks(response[:32]), record=record, parked=[grant]))
    store.commit(unit(record=refusal()))
    with pytest.raises(Conflict):
        store.commit(unit(*marks(response[:32]), record=release(subject, decision=decision, sub=SUB)))
    with pytest.raises(StoreUnavailable):
        store.commit(unit(record=record, parked=[grant]))
    sealer.seal("decided", LoginId("l"), NOW + 300, STREET.encode())
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
    sequencer.step()
    sequencer.stop()


@pytest.mark.spec("decisions.md 15")
def test_no_value_is_in_the_database_or_its_log(store: Store, folder: Path) -> None:
    fill(store)
    assert {path.name for path in folder.iterdir()} >= {"ciconia.db", "ciconia.db-wal"}
    assert found_in(folder) == []
    store.close()
    assert found_in(folder) == []


def test_the_search_finds_what_was_stored_in_clear(store: Store, folder: Path) -> None:
    """The control: a canary that does lie there is found, in each spelling."""
    for number, value in enumerate(SECRETS):
        for place, spelling in enumerate(spellings(value)):
            digest = hashlib.sha256(f"{number}/{place}".encode()).digest()
            store.commit(unit(parked=[ParkedRow("code", digest, b".." + spelling + b"..", NOW)]))
    assert {value for _, value in found_in(folder)} == set(SECRETS)


@pytest.mark.spec("design §5")
def test_two_logins_of_one_person_share_nothing_but_the_keyed_index(store: Store, folder: Path) -> None:
    subject = subject_index(b"index key", TENANT, "demo/XQ", IDENTIFIER)
    other = subject_index(b"another index key", TENANT, "demo/XQ", IDENTIFIER)
    assert subject != other
    store.commit(unit(record=release(subject)))
    store.close()
    data = (folder / "ciconia.db").read_bytes()
    assert subject in data
    assert hashlib.sha256(IDENTIFIER.encode()).digest() not in data
