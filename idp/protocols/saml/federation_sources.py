"""The sources of federations: one worker of a machine at a time fetches, and all take up what came.

What is held counts until it ends, whatever a fetch brings. A refusal is written beside the copy, so that no worker tries
again before it is due, and `ciconia doctor` says it.
"""

import fcntl
import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.addresses import MACHINE, FetchError
from connectors.metadata.federation_index import CopyHead, Index
from connectors.metadata.federation_source import tidy
from connectors.metadata.federations import (
    INDEX,
    SUMMARIES,
    WAITING,
    FederationCopy,
    Federations,
    Seal,
    opened,
    put,
    put_sealed,
)
from idp.ledger.ledger_keys import LedgerKeys, framed
from idp.protocols.saml.federation_child import Job, Summaries, in_child, summaries_in_child
from policies.errors import PeerUnavailable, RequestRefused
from policies.federations import MDQ, Federation, FederationId

TRIED = "tried"
_FIRST_AGAIN, _MOST_DOUBLED = 30, 10


@dataclass(frozen=True, slots=True)
class LastFetch:
    """The last fetch of a federation on this machine: a refusal, or "" where it was good; `failures` in a row."""

    time: int
    failures: int = 0
    check: str = ""
    detail: str = ""
    mend: str = ""

    def due(self, pause: int, *, usable: bool) -> int:
        """When it is tried again: while something lacks after half a minute, one minute, two, up to the usual `pause`."""
        if self.failures or not usable:
            pause = min(pause, _FIRST_AGAIN << min(max(0, self.failures - 1), _MOST_DOUBLED))
        return self.time + pause


def seal_of(keys: LedgerKeys) -> Seal:
    """The seal of an index, under the key of rows in the database."""
    return lambda octets: hmac.digest(keys.rows, framed(b"federation", octets), "sha256")


def tried(folder: Path) -> LastFetch | None:
    """The last fetch, None before the first."""
    try:
        return LastFetch(**json.loads((folder / TRIED).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


class FederationSources:
    """Fetches what `federations` serve. `run` does the work, in a process of its own where nothing else is said."""

    def __init__(
        self, federations: Federations, seal: Seal, *, demo: bool, run: Callable[[Job], Index | None] = in_child
    ) -> None:
        self._federations, self._seal, self._demo, self._run = federations, seal, demo, run

    def refresh(self, federation_id: FederationId, now: int, *, due: bool = False) -> None:
        """Take up what another worker fetched, or fetch where it is time, or `due`. Raises `FetchError`: the copy stays."""
        self._federations.look()
        federation, folder = self._federations.registered[federation_id], self._federations.folder(federation_id)
        last = tried(folder)
        copy = self._federations.copy(federation_id)
        self._summarise(federation_id, folder)
        # Somebody new is registered: they need not wait for the next round
        usable = copy is not None and (federation.kind != MDQ or copy.has(federation.wanted))
        if last is not None and not due and now < last.due(federation.refresh_seconds, usable=usable):
            if last.failures:
                raise FetchError(last.check, last.detail, last.mend)
            return
        with alone_in(folder) as alone:
            if alone:
                self._fetch(federation, folder, last, now)
                self._summarise(federation_id, folder, alone=True)
            elif due:
                raise FetchError("metadata_busy", "another process of this machine fetches it now.", MACHINE)

    def _summarise(self, federation_id: FederationId, folder: Path, *, alone: bool = False) -> None:
        """Make the summaries of a copy that a family stands for, if they are not there. A login needs none of them."""
        if not self._federations.registered[federation_id].listed or self._federations.summarised(federation_id):
            return
        with nullcontext(alone) if alone else alone_in(folder) as free, suppress(OSError, ValueError, FetchError):
            if free:
                octets = summaries_in_child(Summaries(folder, opened(folder, self._seal, INDEX)))
                put_sealed(folder, octets, self._seal, name=SUMMARIES)
        self._federations.look()

    def pending(self, _now: int, federation_id: FederationId) -> Sequence[CopyHead]:
        """The copy that waits for an operator."""
        waiting = self._federations.waiting(federation_id)
        return [] if waiting is None else [waiting.head]

    def in_use(self, federation_id: FederationId, now: int) -> CopyHead:
        """The copy that counts now. Raises `PeerUnavailable`."""
        copy = self._federations.copy(federation_id)
        if copy is None or copy.head.valid_until <= now:
            raise PeerUnavailable(f"nothing that is held of {federation_id} counts now.")
        return copy.head

    def available(self, federation_id: FederationId, now: int) -> bool:
        """Whether something counts."""
        try:
            self.in_use(federation_id, now)
        except PeerUnavailable:
            return False
        return True

    def standing(self) -> Mapping[str, tuple[int, int]]:
        """When each federation ends, 0 where nothing is held, and how many fetches of it were refused in a row."""
        found = {}
        for federation_id in self._federations.registered:
            copy, last = self._federations.copy(federation_id), tried(self._federations.folder(federation_id))
            ends = copy.head.valid_until if copy is not None else 0
            found[str(federation_id)] = (ends, last.failures if last is not None else 0)
        return found

    def approve(self, federation_id: FederationId, digest: str) -> None:
        """Let the copy that waits count, if it is what `digest` names. Raises `RequestRefused`."""
        folder = self._federations.folder(federation_id)
        # Nobody else writes meanwhile: what counts then is what was looked at
        with alone_in(folder) as alone:
            waiting = self._federations.waiting(federation_id)
            if not alone:
                raise _refused(f"another process fetches {federation_id} now: try it again.")
            if waiting is None or waiting.head.digest != digest:
                raise _refused(f"nothing of {federation_id} that waits has this digest: look at it again.")
            put(folder, waiting, self._seal, name=INDEX)
            (folder / WAITING).unlink()
            tidy(folder, self._seal)
        self._federations.look()

    def _fetch(self, federation: Federation, folder: Path, last: LastFetch | None, now: int) -> None:
        former, held = self._opened(folder, INDEX), self._held(federation, folder)
        try:
            came = self._run(Job(federation, folder, held, now, self._demo))
        except FetchError as error:
            failures = (last.failures if last is not None else 0) + 1
            note_fetch(folder, LastFetch(now, failures, error.check, error.detail, error.mend))
            with suppress(OSError):
                # A process that was ended left what it had written
                tidy(folder, self._seal)
            raise
        if came is not None:
            same = former is not None and (former.head.registered, former.head.digest) == (
                federation.digest,
                came.head.digest,
            )
            waits = federation.approves and not same
            put(folder, came, self._seal, name=WAITING if waits else INDEX)
            if not waits:
                (folder / WAITING).unlink(missing_ok=True)
            tidy(folder, self._seal)
        self._federations.look()
        note_fetch(folder, LastFetch(now))

    def _held(self, federation: Federation, folder: Path) -> Index | None:
        """The copy than which a new one may not be older: the one that waits, else the one that counts."""
        for name in (WAITING, INDEX):
            index = self._opened(folder, name)
            if index is None or index.head.origin != federation.origin:
                continue
            head = index.head
            if head.registered != federation.digest:
                # Another filter: the same document says other things now, and ends when it did
                head = replace(head, etag="", valid_until=head.valid_until - 1)
            elif (name == WAITING and not federation.approves) or not self._intact(folder, name):
                # It has to come whole, though it may be the same
                head = replace(head, etag="")
            return Index(head, index.rows if federation.kind == MDQ else ())
        return None

    def _intact(self, folder: Path, name: str) -> bool:
        try:
            return FederationCopy(folder, self._seal, name=name).intact()
        except (OSError, ValueError):
            return False

    def _opened(self, folder: Path, name: str) -> Index | None:
        try:
            return opened(folder, self._seal, name)
        except (OSError, ValueError):
            return None


def _refused(detail: str) -> RequestRefused:
    return RequestRefused(detail, code="approval_refused", public="This approval is refused. " + detail)


def note_fetch(folder: Path, what: LastFetch) -> None:
    """Write how it went. Where nothing can be written, nothing is fetched either, and the log says so."""
    new = folder / f".{TRIED}.new"
    with suppress(OSError):
        new.write_text(json.dumps({name: getattr(what, name) for name in LastFetch.__slots__}), encoding="utf-8")
        new.replace(folder / TRIED)


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Whether no other process of this machine fetches for this folder."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        detail = f"{folder} cannot be written ({error.strerror})."
        raise FetchError("metadata_unwritable", detail, MACHINE) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)
