"""A node's ledger before and after a login: one new record, with a proved place in the published tree."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from idp.config.settings import load_settings
from idp.demo.browser import WalkError
from idp.demo.loopback import client, send
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_note
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import includes
from idp.store import tables
from idp.store.store import Store, open_store

PROOF_SECONDS = 20.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ProvedLedger:
    """A node's ledger with a proved place of this login's record: size and root of the published tree."""

    size: int
    root: str


class ProvingLedger:
    """A node's ledger, before and after the login."""

    def __init__(self, store: Store, keys: LedgerKeys, issuer: str) -> None:
        self._store, self._keys, self._issuer = store, keys, issuer
        self._before = self._leaves()

    @property
    def keys(self) -> Sequence[VerifierKey]:
        """The log's public keys."""
        return self._keys.log.known

    @property
    def key_list(self) -> str:
        """The list of the log's keys, as `/log/vkey` shows it."""
        return self._keys.log.listed.text

    def proved(self) -> ProvedLedger:
        """Waits for the checkpoint over the one record since the last proof, and verifies note, path and root."""
        new, self._before = self._leaves() - self._before, self._leaves()
        if len(new) != 1:
            raise WalkError(f"one login left {len(new)} records at {self._issuer}")
        (hashed,) = new
        with client() as http:
            until = time.monotonic() + PROOF_SECONDS
            while time.monotonic() < until:
                index, newest = self._store.index_of(self._store.tenant, hashed), self._store.checkpoint(self._store.tenant)
                if index is not None and newest is not None and index < newest.size:
                    note = send(http, "GET", f"{self._issuer}/log/checkpoint").content
                    head = TreeHead.read(open_note(note, *self._keys.log.known))
                    path = self._store.inclusion(self._store.tenant, index, head.size)
                    if not includes(index, head.size, hashed, path, head.root):
                        raise WalkError("the record's path does not lead to the published root")
                    return ProvedLedger(head.size, head.root.hex())
                time.sleep(POLL_SECONDS)
        raise WalkError(f"no checkpoint over the record within {PROOF_SECONDS:.0f} seconds at {self._issuer}")

    def _leaves(self) -> frozenset[bytes]:
        """The leaf hashes of all records of the node."""
        table = tables.records.c
        with self._store.engine.connect() as connection:
            return frozenset(connection.scalars(select(table.leaf_hash).where(table.tenant == self._store.tenant)))


@contextmanager
def ledgers_of(folders: dict[str, Path]) -> Iterator[dict[str, ProvingLedger]]:
    """The ledgers of these nodes, read beside the running nodes."""
    stores: list[Store] = []
    found: dict[str, ProvingLedger] = {}
    try:
        for name, folder in folders.items():
            settings = load_settings(folder)
            keys = load_ledger_keys(settings.key_folder, settings.origin)
            stores.append(open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys))
            found[name] = ProvingLedger(stores[-1], keys, settings.issuer)
        yield found
    finally:
        for store in stores:
            store.close()
