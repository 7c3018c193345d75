"""The watch over other countries' nodes: each one's metadata is fetched again and again, in a thread of its own.

So a slow or dead node delays no other node, and no login: those look at what is held in memory. It is a breaker, too: a
second failure in a row opens it, and citizens are told that the country cannot be reached; from then on each fetch is a
probe, and one that is good closes it. A node that fails is asked again after one second, two, four and so on, up to the
usual pause: one that started again is offered again about as soon as it is up. A line of the log says when something
changed, once; it names the node, a check and who can mend it, never a piece of what came.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import SystemRandom
from typing import Generic, Protocol, TypeVar

from connectors.addresses import FetchError
from idp.system.logs import log_of
from policies.errors import PeerUnavailable, StoreUnavailable
from policies.parties import Tenant

# Each wait is up to so much shorter or longer: nodes that were started together need not be asked together for ever
JITTER = 0.1
RANDOM = SystemRandom()
# How long `stop` waits for threads that are in the middle of a fetch: they are left behind, and end with the process
STOP_SECONDS = 0.5
# After a first failure, which may be an accident: the next look says. After each further one twice as long
SECOND_LOOK = 1.0
FAULT = "This is a fault of the program."
DATABASE = "The database does not answer: see that it runs, and that its disk has room. What is held counts on."


K = TypeVar("K", bound=str)
K_contra = TypeVar("K_contra", bound=str, contravariant=True)


class Said(Protocol):
    """A peer's metadata."""

    @property
    def digest(self) -> str:
        """The same where it says the same."""

    @property
    def deviations(self) -> Sequence[str]:
        """The named deviations that it used."""


class ToApprove(Protocol):
    """Metadata that waits for an operator."""

    @property
    def digest(self) -> str:
        """Its content's digest."""


class WatchedSources(Protocol[K_contra]):
    """Sources of metadata by their names: `connectors.metadata.peers.Peers`, and those of federations."""

    def refresh(self, source: K_contra, now: int, /) -> None:
        """Fetch, where it is time. Raises `FetchError`."""

    def pending(self, now: int, source: K_contra, /) -> Sequence[ToApprove]:
        """The metadata that waits for an operator."""

    def in_use(self, source: K_contra, now: int, /) -> Said:
        """The metadata that counts now. Raises `PeerUnavailable`."""

    def available(self, source: K_contra, now: int, /) -> bool:
        """Whether it may be used, and answered lately."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last log line about a node."""

    refused: str = ""  # the check that its metadata failed, "" where the last fetch was good
    available: bool | None = None  # None before the first fetch
    pending: str = ""  # the digest that waits for an operator
    in_use: str = ""  # the digest of the facts that count
    deviations: tuple[str, ...] = ()  # the named deviations that its metadata used


class Watch(Generic[K]):
    """Refreshes the metadata of the sources `ids`: at once when it starts, then about every `seconds`."""

    def __init__(
        self,
        peers: WatchedSources[K],
        ids: Iterable[K],
        *,
        tenant: Tenant,
        clock: Callable[[], int],
        seconds: float,
        spread: Callable[[float, float], float] = RANDOM.uniform,
    ) -> None:
        self._log = log_of(tenant)
        self._peers, self._clock, self._seconds, self._spread = peers, clock, seconds, spread
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(entity_id,), name=f"watch {entity_id}", daemon=True)
            for entity_id in ids
        ]

    def start(self) -> None:
        """Begin to fetch, each node in its thread."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End within `STOP_SECONDS`, whatever hangs."""
        self._stopping.set()
        end = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))

    def _run(self, entity_id: K) -> None:
        seen, soon = Seen(), SECOND_LOOK
        while not self._stopping.is_set():
            try:
                seen = self._look(entity_id, seen)
            except Exception as error:  # noqa: BLE001  a thread that died would never fetch again, and nobody would know
                self._say_fault(entity_id, error)
            pause = self._seconds
            if seen.refused:
                pause = min(soon, pause)
                soon = 2 * pause
            else:
                soon = SECOND_LOOK
            self._stopping.wait(pause * self._spread(1 - JITTER, 1 + JITTER))

    def _look(self, entity_id: K, before: Seen) -> Seen:
        """Fetch once, and say what is not as it was."""
        log = self._log.bind(peer=entity_id)
        now = self._clock()
        refused, mend = "", ""
        try:
            self._peers.refresh(entity_id, now)
        except FetchError as error:
            refused, mend = error.check, error.mend
        except Exception as error:  # noqa: BLE001  what failed is said as any refusal is, and the held copy counts on
            refused, mend = _failed(error)
        if self._stopping.is_set():
            return before
        waiting, facts = self._peers.pending(now, entity_id), self._in_use(entity_id, now)
        seen = Seen(
            refused=refused,
            available=self._peers.available(entity_id, now),
            pending=waiting[0].digest if waiting else "",
            in_use=facts.digest if facts is not None else "",
            deviations=tuple(facts.deviations) if facts is not None else (),
        )
        if seen.refused and seen.refused != before.refused:
            log.warning("peer_refused", check=seen.refused, fix=mend)
        if seen.pending and seen.pending != before.pending:
            log.warning("peer_pending", digest=seen.pending, fix="ciconia metadata pending")
        if seen.in_use and seen.in_use != before.in_use:
            log.info(
                "peer_in_use", digest=seen.in_use, **({"deviations": list(seen.deviations)} if seen.deviations else {})
            )
        if seen.available != before.available:
            (log.info if seen.available else log.warning)("peer_available" if seen.available else "peer_unavailable")
        return seen

    def _say_fault(self, entity_id: K, error: Exception) -> None:
        """Say the kind of error. Where the log itself fails (a full disk), there is nobody to tell."""
        check, mend = _failed(error)
        with suppress(Exception):
            self._log.error("watch_failed", peer=entity_id, check=check, fix=mend)

    def _in_use(self, entity_id: K, now: int) -> Said | None:
        """The facts that count, whether a registration named their digest in advance or an operator approved them."""
        try:
            return self._peers.in_use(entity_id, now)
        except PeerUnavailable:
            return None


def _failed(error: Exception) -> tuple[str, str]:
    """The words about a failure that is not the node's, and about who mends it."""
    if isinstance(error, StoreUnavailable):
        return error.code, DATABASE
    return type(error).__name__, FAULT
