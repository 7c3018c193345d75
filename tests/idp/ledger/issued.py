"""A small log in memory whose records are known, and receipts of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any  # JSON that a test takes apart

from idp.ledger.checkpoint import TreeHead, sign_note
from idp.ledger.leaf import complete, prepare
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import CompactRange, Position, inclusion_spans, leaf_hash, proof_hashes, tree_root
from idp.ledger.merkle_tree import positions as places
from idp.ports import Opening, RecordDraft
from idp.receipts.inclusion_proof import Placed
from idp.receipts.receipt import ReceiptHolder, make_receipt, signed_receipt
from idp.receipts.receipt_record import Stated
from policies.attributes import Address
from tests.idp.store.units import KEYS, TENANT, decided, release

STATED = Stated(
    title="Resident parking permit",
    law="Storkhaven Parking Ordinance 2021, section 4",
    controller="City of Storkhaven, Traffic Office",
    contact="privacy@storkhaven.example",
    recipient="Storkhaven resident parking",
    jurisdiction="NL",
    retention="P1Y",
    claims=("address", "age_over_18"),
)
PROMISED = 1_790_000_070
# the one value that was sent and is no predicate
LIVES = "Kanalwijk"


@dataclass
class SmallLog:
    """Leaves in their places, signed by `keys`."""

    keys: LedgerKeys = KEYS
    size: int = 7
    drafts: list[RecordDraft] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._hashes: dict[Position, bytes] = {}
        tree = CompactRange()
        for _ in range(self.size):
            draft = release(decision=decided(Address(locality=LIVES)))
            found = complete(prepare(draft, TENANT, self.keys), TENANT, b"k" * 32, len(self.drafts) + 1).leaf
            self._hashes[0, tree.size] = leaf_hash(found)
            self._hashes.update(tree.append(leaf_hash(found)))
            self.drafts.append(draft)
            self.leaves.append(found)

    def openings(self, index: int) -> dict[str, Opening]:
        return {opening.compartment: opening for opening in self.drafts[index].openings}

    def placed(self, index: int, size: int | None = None) -> Placed:
        size = size or self.size
        path = proof_hashes(inclusion_spans(index, size), self._hashes)
        return Placed(index, tuple(path), self.note(size))

    def note(self, size: int) -> str:
        root = tree_root(size, {at: self._hashes[at] for at in places([(0, size)])})
        return sign_note(TreeHead(self.keys.origin, size, root).text, self.keys.origin, self.keys.log.at(0).signer)

    def receipt(
        self,
        index: int = 3,
        holder: ReceiptHolder = ReceiptHolder.CITIZEN,
        standing: Placed | int | None = None,
        stated: Stated = STATED,
    ) -> bytes:
        """The receipt of one leaf: with its proof, unless a test says another standing."""
        openings = self.openings(index)
        return make_receipt(
            holder=holder,
            keys=self.keys,
            leaf=self.leaves[index],
            openings=openings,
            values_nonce=openings["values"].nonce,
            stated=stated,
            standing=self.placed(index) if standing is None else standing,
            now=0,
        )

    def resigned(self, octets: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
        """The receipt with a change that the log itself signed: so that the check under test is the one that refuses."""
        receipt = json.loads(octets)
        del receipt["signature"]
        change(receipt)
        return signed_receipt(receipt, self.keys.log.at(0).signer)
