"""The receipt of what a person did on their page: a proof of that record, which `ciconia audit proof` checks offline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from idp.citizen.history import HistoryEntry
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import leaf_hash
from idp.ports import Log, Opening
from idp.receipts.inclusion_proof import Placed
from idp.receipts.issue import placed_in
from policies.errors import StoreUnavailable
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class ActReceipts:
    """One tenant's. `proof` is `idp.audit.record_proof.proof_of_record`."""

    tenant: Tenant
    keys: LedgerKeys
    log: Log
    proof: Callable[[str, bytes, Mapping[str, Opening], Placed], bytes]

    def issue(self, entry: HistoryEntry, now: int) -> bytes:
        """The file. Raises `StoreUnavailable` until the next checkpoint, which comes within seconds."""
        placed = placed_in(self.log, self.tenant, leaf_hash(entry.leaf), self.keys.log.published(now))
        if placed is None:
            raise StoreUnavailable("the record has no place in the log yet")
        return self.proof(self.keys.origin, entry.leaf, entry.openings, placed)
