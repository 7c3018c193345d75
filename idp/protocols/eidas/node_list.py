"""The held list of all nodes of one tenant: fetched by one worker of a machine at a time, kept in a folder, approved.

The file is sealed with a key of ours: who can write into the folder takes away, and adds nothing. A process that holds a
newer list does not take an older file. The list's end bounds what an old file brings back after a restart.
"""

import hmac
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.formats.eidas.metadata import Role
from connectors.metadata.listed import (
    HeldList,
    WaitingList,
    approved_with,
    check_list_newer,
    check_listed,
    listed_keys,
    still_approved,
    waiting_of,
)
from connectors.metadata.service_list import end_of, judged_list, list_keys
from connectors.signatures.parse import MAX_METADATA
from connectors.signatures.pinned_keys import PinnedKey
from idp.config.settings import Settings
from idp.ledger.ledger_keys import LedgerKeys, framed
from idp.protocols.eidas.receiving_node import known_peers
from idp.protocols.saml.federation_sources import LastFetch, alone_in, note_fetch, tried
from idp.system.files import read_regular
from policies.errors import RequestRefused
from policies.load import Configuration
from policies.node_list import NAME, NodeList
from policies.parties import Peer

# No id of a federation, whose folders lie beside it, begins so
FOLDER, FILE = "~service-list", "list"
TIMEOUT = 30.0


class HeldNodeList:
    """Implements `connectors.metadata.listed.NodeList`. `peers` are the registered nodes, all of one `role`."""

    def __init__(
        self, registered: NodeList, peers: Collection[Peer], *, role: Role, folder: Path, keys: LedgerKeys, fetcher: Fetcher
    ) -> None:
        self.registered, self.role, self.folder = registered, role, folder / FOLDER
        self._peers, self._keys, self._fetcher = tuple(peers), keys, fetcher
        self._held: HeldList | None = None
        self._seen: tuple[int, int] | None = None
        self.look()

    def look(self) -> HeldList | None:
        """The list in force, after a look at what another process wrote. A file that is none of ours changes nothing."""
        try:
            found = (self.folder / FILE).stat()
            mark = found.st_mtime_ns, found.st_ino
            if mark == self._seen:
                return self._held
            kept = self._read()
        except (OSError, ValueError, FetchError):
            return self._held
        self._seen = mark
        if self._held is None or kept.found.issued >= self._held.found.issued:
            self._held = kept
        return self._held

    def trouble(self, now: int) -> FetchError | None:
        """Fetch where it is time. Why the last fetch was refused."""
        try:
            self.refresh(now)
        except FetchError as error:
            return error
        return None

    def refresh(self, now: int, *, due: bool = False) -> None:
        """Fetch where it is time, or `due`. Raises `FetchError`, again until a fetch is good: the held list stays."""
        held, last = self.look(), tried(self.folder)
        usable = held is not None and end_of(held.found) > now
        if last is not None and not due and now < last.due(self.registered.refresh_seconds, usable=usable):
            if last.failures:
                raise FetchError(last.check, last.detail, last.mend)
            return
        with alone_in(self.folder) as alone:
            if alone:
                self._fetch(last, now)

    def keys(self, peer: Peer, now: int) -> tuple[PinnedKey, ...]:
        """The keys that may sign the metadata of a node now. Raises `FetchError` where there is none."""
        return listed_keys(self.look(), peer, self.role, now)

    def check(self, peer: Peer, now: int, signer: str) -> None:
        """Raises `PeerUnavailable` where the list does not let a node's copy count now, which the key `signer` signed."""
        check_listed(self.look(), peer, self.role, now, signer)

    def pending(self, now: int) -> WaitingList | None:
        """The changes that wait for an operator."""
        return waiting_of(self.look(), self._peers, self.role, now)

    def approve(self, digest: str, now: int) -> None:
        """Approve what waits, if it is what `digest` names. Raises `RequestRefused`."""
        with alone_in(self.folder) as alone:
            held, waiting = self.look(), self.pending(now)
            detail = "" if alone else "another process fetches the list now: try it again."
            if held is None or waiting is None or waiting.digest != digest:
                detail = f"nothing of {NAME} that waits has this digest: look at it again."
            if detail or held is None:
                raise RequestRefused(detail, code="approval_refused", public="This approval is refused. " + detail)
            self._keep(replace(held, approved=approved_with(held, self._peers, self.role, now)))

    def _fetch(self, last: LastFetch | None, now: int) -> None:
        held = self.look()
        try:
            registered = self.registered
            octets = self._fetcher.get(registered.url, networks=registered.networks, limit=MAX_METADATA, timeout=TIMEOUT)
            found = judged_list(octets, list_keys(registered.signers, now), now)
            if held is not None:
                check_list_newer(found, held.found)
        except FetchError as error:
            failures = (last.failures if last is not None else 0) + 1
            note_fetch(self.folder, LastFetch(now, failures, error.check, error.detail, error.mend))
            raise
        approved = still_approved(held.approved, found) if held is not None else frozenset()
        self._keep(HeldList(found, octets, now, approved))
        note_fetch(self.folder, LastFetch(now))

    def _keep(self, held: HeldList) -> None:
        """Use a list, then write it: what it takes away counts at once, even where nothing can be written."""
        self._held = held
        head = {"origin": self.registered.origin, "fetched": held.fetched, "approved": sorted(held.approved)}
        octets = json.dumps(head).encode() + b"\n" + held.octets
        new = self.folder / f".{FILE}.new"
        try:
            new.write_bytes(self._seal(octets).hex().encode() + b"\n" + octets)
            new.replace(self.folder / FILE)
        except OSError as error:
            raise FetchError("metadata_unwritable", f"the list cannot be written ({error.strerror}).") from error

    def _read(self) -> HeldList:
        """The list that is kept, judged again by the signers of now. ValueError, OSError and `FetchError`."""
        mac, _, octets = read_regular(self.folder / FILE, 4 * MAX_METADATA).partition(b"\n")
        if not hmac.compare_digest(mac, self._seal(octets).hex().encode()):
            raise ValueError("a file that somebody else wrote")
        head, _, text = octets.partition(b"\n")
        told = json.loads(head)
        if told["origin"] != self.registered.origin:
            raise ValueError("a list of another address or signer")
        found = judged_list(text, list_keys(self.registered.signers, told["fetched"]), told["fetched"])
        return HeldList(found, text, told["fetched"], frozenset((role, name, der) for role, name, der in told["approved"]))

    def _seal(self, octets: bytes) -> bytes:
        return hmac.digest(self._keys.rows, framed(b"service_list", octets), "sha256")


def node_list_of(settings: Settings, configuration: Configuration, keys: LedgerKeys) -> HeldNodeList | None:
    """The held list of a configuration, None where it has none. Nothing is fetched."""
    if configuration.node_list is None:
        return None
    return HeldNodeList(
        configuration.node_list,
        known_peers(configuration).values(),
        role="proxy" if settings.role == "city" else "connector",
        folder=settings.copies_folder,
        keys=keys,
        fetcher=Fetcher(demo=settings.demo),
    )
