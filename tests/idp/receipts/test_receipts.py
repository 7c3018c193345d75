"""Receipts out of a real ledger: before and after the sequencer, after a change of the configuration, after damage."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Delete, Update

from idp.receipts.issue import MERGE_SECONDS, Receipts
from idp.receipts.receipt import ReceiptHolder
from idp.receipts.receipt_verify import verify_receipt
from idp.sequencer.sequencer import Sequencer
from idp.store.records.release_record import Releases
from idp.store.store import Store
from idp.store.tables import nodes, records, subjects
from policies.errors import NotFound, StoreUnavailable
from policies.load import Configuration
from tests.idp.house import configuration
from tests.idp.store.conftest import folder, migrated, store
from tests.idp.store.units import KEYS, NOW, TENANT, decided, refusal, release, unit

__all__ = ["folder", "migrated", "store"]
CONFIGURED = configuration()
DIGEST = CONFIGURED.purposes[next(iter(CONFIGURED.purposes))].digest


class Desk:
    """A store with one release in it, and receipts of it."""

    def __init__(self, held: Store) -> None:
        self.store = held
        self.draft = release(decision=decided())
        self.sequencer = Sequencer(held, KEYS, checkpoint_seconds=0, clock=lambda: float(NOW))
        held.commit(unit(record=self.draft))

    def receipts(self, configured: Configuration = CONFIGURED, country: str = "NL") -> Receipts:
        return Receipts(
            tenant=TENANT,
            country=country,
            keys=KEYS,
            log=self.store,
            records=Releases(engine=self.store.engine, tenant=TENANT, keys=KEYS),
            configuration=configured,
            checkpoint_seconds=10.0,
        )

    def octets(
        self, holder: ReceiptHolder = ReceiptHolder.CITIZEN, now: int = NOW, configured: Configuration = CONFIGURED
    ) -> bytes:
        issued = self.receipts(configured).issue(holder, self.draft.record, self.draft.nonce("values"), now)
        assert issued.proved == (json.loads(issued.octets)["proof"] is not None)
        return issued.octets


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    made = Desk(store)
    yield made
    made.sequencer.stop()


@pytest.mark.spec("issue 4 item 1: handing out a receipt never delays a login")
def test_before_the_sequencer_a_receipt_is_a_promise_and_after_it_a_proof(desk: Desk) -> None:
    for holder in ReceiptHolder:
        promise = verify_receipt(desk.octets(holder), KEYS.log.known)
        assert (promise.index, promise.by) == (None, NOW + 10 + MERGE_SECONDS)
    desk.sequencer.step()
    for holder in ReceiptHolder:
        found = verify_receipt(desk.octets(holder), KEYS.log.known)
        assert (found.index, found.size, found.by) == (0, 1, None)
        assert found.leaf_hash == promise.leaf_hash


def test_a_leaf_in_its_place_that_no_checkpoint_covers_is_a_promise_still(desk: Desk) -> None:
    desk.sequencer.step()
    later = release()
    desk.store.commit(unit(record=later))
    slow = Sequencer(desk.store, KEYS, checkpoint_seconds=3600, clock=lambda: float(NOW + 1))
    desk.sequencer.stop()
    slow.step()
    slow.stop()
    assert desk.store.index_of(TENANT, desk.store.leaf_of(TENANT, later.record) or b"") == 1
    issued = desk.receipts().issue(ReceiptHolder.CITIZEN, later.record, later.nonce("values"), NOW)
    assert verify_receipt(issued.octets, KEYS.log.known).by is not None


def test_where_the_log_stands_still_nothing_is_promised_any_more(desk: Desk) -> None:
    by = NOW + 10 + MERGE_SECONDS
    assert verify_receipt(desk.octets(now=by), KEYS.log.known).by == by
    with pytest.raises(StoreUnavailable):
        desk.octets(now=by + 1)
    desk.sequencer.step()
    assert verify_receipt(desk.octets(now=by + 1), KEYS.log.known).index == 0


def test_a_record_that_is_not_there_or_is_no_release_has_no_receipt(desk: Desk) -> None:
    refused = refusal()
    desk.store.commit(unit(record=refused))
    for record in (refused.record, b"r" * 16, b""):
        with pytest.raises(NotFound):
            desk.receipts().issue(ReceiptHolder.CITIZEN, record, b"n" * 32, NOW)


def test_texts_of_a_purpose_are_said_only_while_it_is_the_one_that_was_shown(desk: Desk) -> None:
    # the draft's policy hash is a made-up one: the purpose of the configuration is another version of it
    processing = json.loads(desk.octets())["record"]["processing"]
    assert processing["pii_controllers"] == []
    assert processing["purposes"][0]["title"] == ""
    assert processing["jurisdiction"] == "NL"
    purposes = {name: replace(one, digest="0" * 64) for name, one in CONFIGURED.purposes.items()}
    same = replace(CONFIGURED, purposes=purposes)
    processing = json.loads(desk.octets(configured=same))["record"]["processing"]
    assert processing["pii_controllers"][0]["party_name"]
    assert processing["purposes"][0]["title"]
    assert DIGEST != "0" * 64


def test_a_relying_party_or_purpose_that_is_registered_no_more_still_has_its_receipts(desk: Desk) -> None:
    bare = replace(CONFIGURED, parties={}, purposes={})
    record = json.loads(desk.octets(configured=bare))["record"]
    assert record["processing"]["recipient_third_parties"] == [{"party_id": "parking", "party_name": ""}]
    assert verify_receipt(desk.octets(configured=bare), KEYS.log.known).client == "parking"


def test_a_row_that_somebody_changed_gives_no_receipt(desk: Desk) -> None:
    with desk.store.engine.begin() as connection:
        opening = connection.scalar(records.select().with_only_columns(records.c.sent_opening))
        changed = bytes([opening[0] ^ 1]) + opening[1:] if isinstance(opening, bytes) else b""
        connection.execute(records.update().values(sent_opening=changed))
    with pytest.raises(StoreUnavailable, match="not what was written"):
        desk.octets()


# A day later lies in the same month, whose key opens the record: what is promised would move with it
@pytest.mark.parametrize("time", [2**60, -(2**60), 0, NOW + 1, NOW + 86400])
def test_a_release_whose_time_somebody_changed_gives_no_receipt(desk: Desk, time: int) -> None:
    with desk.store.engine.begin() as connection:
        connection.execute(records.update().values(time=time))
    with pytest.raises(StoreUnavailable, match="not what was written"):
        desk.octets()


@pytest.mark.parametrize(
    "change",
    [
        nodes.update().values(hash=bytes(32)),
        nodes.delete(),
    ],
)
def test_what_proves_no_place_is_given_to_nobody_as_a_proof(desk: Desk, change: Update | Delete) -> None:
    for _ in range(9):
        desk.store.commit(unit(record=release()))
    desk.sequencer.step()
    with desk.store.engine.begin() as connection:
        connection.execute(change)
    with pytest.raises(StoreUnavailable, match="ledger verify"):
        desk.octets()


@pytest.mark.spec("decisions.md 21")
def test_an_erased_subject_has_no_receipt_any_more(desk: Desk) -> None:
    with desk.store.engine.begin() as connection:
        connection.execute(subjects.delete())
    with pytest.raises(NotFound):
        desk.octets()
