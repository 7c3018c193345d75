"""Where a stream of events goes: syslog over TLS (RFC 5425) with messages of RFC 5424, or JSON lines.

    <109>1 2026-11-25T21:00:00Z login.city.example ciconia - switch.off - BOM{"index":4711,...}

Syslog has no answer. So a batch is a connection of its own, and counts only if the receiver ends it in order: a receiver
that dies with unread octets resets the connection instead.
"""

import json
import os
import socket
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from idp.audit.events.event_types import Event
from idp.receipts.receipt_record import time_text

# RFC 5424 table 1: log audit
FACILITY = 13
# RFC 5425 §4.3.1: a receiver should take so much
MOST_OCTETS = 8192
SECONDS = 10.0
_BOM = b"\xef\xbb\xbf"


class Sink(Protocol):
    """A receiver of events."""

    def send(self, events: Sequence[Event]) -> None:
        """Hand all of them on, in order. OSError where that is not certain: they come again."""


@dataclass(frozen=True, slots=True)
class StdoutSink:
    """JSON lines on standard output."""

    def send(self, events: Sequence[Event]) -> None:
        """`Sink`'s method."""
        sys.stdout.write("".join(f"{json.dumps(event.as_json())}\n" for event in events))
        sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class FileSink:
    """JSON lines at the end of a file, which a program of the operator may rotate."""

    path: Path

    def send(self, events: Sequence[Event]) -> None:
        """`Sink`'s method."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(b"".join(json.dumps(event.as_json()).encode() + b"\n" for event in events))
            file.flush()
            os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class SyslogSink:
    """Syslog over TLS. `sender` is the host that messages name; `ca`, `certificate` and `key` are files of PEM, or None."""

    host: str
    port: int
    sender: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def send(self, events: Sequence[Event]) -> None:
        """`Sink`'s method."""
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        messages = [syslog_message(event, self.sender) for event in events]
        with (
            socket.create_connection((self.host, self.port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=self.host) as secured,
        ):
            secured.sendall(b"".join(b"%d %s" % (len(one), one) for one in messages))
            try:
                secured.unwrap()
            except ssl.SSLEOFError:
                # Some receivers end the connection without ending TLS. A reset is another error
                return


def syslog_message(event: Event, sender: str) -> bytes:
    """The message of an event (RFC 5424 §6). One that is too long names its leaf in place of its facts."""
    head = f"<{FACILITY * 8 + event.severity}>1 {time_text(event.time)} {sender} ciconia - {event.type} - ".encode()
    said = event.as_json()
    whole = head + _BOM + json.dumps(said, ensure_ascii=False).encode()
    if len(whole) <= MOST_OCTETS:
        return whole
    return head + _BOM + json.dumps({**said, "facts": {"leaf": event.index}}, ensure_ascii=False).encode()
