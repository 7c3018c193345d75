"""The thread that sends events to a SIEM, in the order of their leaves, and keeps how far the receiver has them.

The worker that holds the ledger's lease sends. The place moves only after the receiver has them: after a crash or an outage
some come twice, and none is left out.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from idp.audit.events.read_events import read_events, tree_size
from idp.audit.events.sinks import FileSink, Sink, StdoutSink, SyslogSink
from idp.config.settings import Settings
from idp.ledger.ledger_keys import LedgerKeys
from idp.store.engine import reading, snapshot
from idp.store.records.event_position import move_position, read_position
from idp.store.store import Store
from idp.system.logs import log_of
from idp.system.repeated import Repeated
from policies.errors import BrokerError

POLL_SECONDS = 2.0
STOP_SECONDS = 2.0
BATCH = 100
# Logins, which are no events, are not read again after so many
SKIPPED = 1000
# A receiver that is away is tried again after this time
AGAIN_SECONDS = 10.0
FIX = "Look at the receiver, and at [events] in ciconia.toml; nothing is lost meanwhile."


class EventSender(Repeated):
    """`start` runs it in a thread until `stop`; `step` is one look. `elsewhere` says whether another worker sends."""

    def __init__(
        self,
        store: Store,
        keys: LedgerKeys,
        sink: Sink,
        *,
        elsewhere: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("events", POLL_SECONDS, STOP_SECONDS)
        self._store, self._keys, self._sink = store, keys, sink
        self._elsewhere, self._monotonic = elsewhere, monotonic
        self._scanned = 0  # up to here there is no event that was not sent
        self._again = 0.0
        self._said = ""

    def step(self) -> None:
        """Send what is new. A failure is logged once, and tried again."""
        if self._monotonic() < self._again or self._elsewhere():
            return
        try:
            while self._send():
                pass
        except Exception as error:  # noqa: BLE001  a thread that died would send nothing again, and nobody would know
            self._again = self._monotonic() + AGAIN_SECONDS
            what = error.detail if isinstance(error, BrokerError) else str(error) or type(error).__name__
            if not self._said:
                with suppress(Exception):  # the log itself may fail (a full disk)
                    log_of(self._store.tenant).error("events_not_sent", detail=what, fix=FIX)
            self._said = what
            return
        if self._said:
            self._said = ""
            log_of(self._store.tenant).info("events_sent_again")

    def _send(self) -> bool:
        """Send one batch; returns whether there may be more."""
        engine, tenant = self._store.engine, self._store.tenant
        with reading(), snapshot(engine) as connection:
            position, size = read_position(connection, tenant), tree_size(connection, tenant)
            # After a restore the place is an earlier one
            first = position if self._scanned > size or position > self._scanned else self._scanned
            events = list(islice(read_events(connection, tenant, self._keys.openings, first), BATCH))
        if events:
            self._sink.send(events)
        following = events[-1].index + 1 if len(events) == BATCH else size
        if events or following - position >= SKIPPED:
            move_position(engine, tenant, position, following)
        self._scanned = following
        return len(events) == BATCH


def sender_of(settings: Settings, store: Store, keys: LedgerKeys, elsewhere: Callable[[], bool]) -> EventSender | None:
    """The sender of a tenant; None where no stream is set."""
    wanted = settings.events
    if wanted is None:
        return None
    sink: Sink = StdoutSink()
    place = urlsplit(wanted.to)
    if place.scheme == "file":
        sink = FileSink(Path(place.path))
    elif place.scheme:
        ca, certificate, key = (
            settings.folder / name if name else None for name in (wanted.ca, wanted.certificate, wanted.key)
        )
        sender = urlsplit(settings.issuer).hostname or "-"
        sink = SyslogSink(place.hostname or "", place.port or 0, sender, ca, certificate, key)
    return EventSender(store, keys, sink, elsewhere=elsewhere)
