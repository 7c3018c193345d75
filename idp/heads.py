"""The head of a request: what one may take of time and of memory, before anybody knows whose it is.

Whoever sends a head without an end costs the sender nothing and a worker all that it has, so both are bounded here, beneath
whatever else a worker asks of a request. So is how many heads a connection may send ahead of the answers.
"""

import asyncio

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

# From a connection's first moment, or a further request's first octet, to the end of the headers
HEADERS_SECONDS = 15.0
# Of one request's head, or of what stands between two pieces of its body, or behind it. Twice what docs/haproxy.cfg and
# docs/nginx.conf take, whose 32 KiB are for the cookies of logins under way
MOST_HEAD = 64 * 1024
# A browser sends about twenty and HAProxy takes 101; each costs more memory than its octets
MOST_FIELDS = 200
# Requests of a connection behind the one at work. Browsers and proxies wait for the answer first; each costs a worker some
# two kilobytes, and a quarter of a megabyte, which is one read of the event loop, has room for ten thousand
MOST_WAITING = 8
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for which a head has an end: uvicorn's own has no bound, and its time begins with an answer.

    The parser keeps one endless field for itself, so octets are counted before it has them, and forgotten when it says that
    a head is whole or that some of a body came.
    """

    most_connections: int
    _late: asyncio.TimerHandle | None = None
    _counted = 0
    _refused = False
    _at_work: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Time runs from here."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._late = self.loop.call_later(HEADERS_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more: uvicorn tells the newest request alone, and another one at work would write to nobody."""
        self._arrived()
        super().connection_lost(exc)
        self.pipeline.clear()
        if self._at_work is not None and not self._at_work.response_complete:
            self._at_work.disconnected = True
            self._at_work.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Count, and let the parser have it."""
        if self._late is None and (self.cycle is None or self.cycle.response_complete):
            self._late = self.loop.call_later(HEADERS_SECONDS, self.transport.abort)
        if self._counted + len(data) < MOST_HEAD:
            self._feed(data)
            return

        # No more at a time than a head may have left: what follows a whole one within is no part of it
        while data and not self.transport.is_closing():
            left = MOST_HEAD - self._counted
            self._feed(data[:left])
            data = data[left:]
            if self._counted >= MOST_HEAD:
                self._too_large()

    def _feed(self, data: bytes) -> None:
        self._counted += len(data)
        super().data_received(data)
        # Falsy as soon as a head is whole
        if self.headers and len(self.headers) > MOST_FIELDS:
            self._too_large()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        # RFC 9112 §9.6: nothing is served behind the request that ended the connection
        over = self.transport.is_closing()
        if over or len(self.headers) > MOST_FIELDS or len(self.pipeline) >= MOST_WAITING:
            self._refused = True
            raise ValueError("no more")  # the one way to stop the parser; it ends in send_400_response
        self._arrived()
        self._counted = 0
        super().on_headers_complete()
        if self.parser.should_upgrade():
            # Whoever asks for another protocol stays with this one, and the parser takes their body for what comes next
            self.cycle.keep_alive = False
        # What comes behind a body must not join what the application reads as the head (RFC 9110 §6.5.1)
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """What bounds a body is its reader's."""
        self._counted = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Whatever stopped the parser ends here, with 400 where it cannot be taken for the answer to an earlier request."""
        if self._refused:
            self._too_large()
        elif self.transport.is_closing():
            return
        elif self._in_order():
            super().send_400_response(msg)
        elif self._in_its_body():
            # What the application still says comes behind an answer
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._at_work = cycle
        super()._start_asgi_task(cycle, app)

    def _too_large(self) -> None:
        """Say so where it cannot be taken for the answer to an earlier request, and close."""
        if self.transport.is_closing():
            return
        if self._in_order():
            self.transport.write(TOO_LARGE)
            self.transport.close()
        else:
            self.transport.abort()

    def _in_order(self) -> bool:
        """Whether all that was asked before is answered, and whoever asked reads."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _in_its_body(self) -> bool:
        """Whether what the parser reads is the body of the request at work, which nobody has begun to answer."""
        cycle = self.cycle
        at_work = cycle is self._at_work and not self.flow.write_paused
        return at_work and cycle.more_body and not cycle.response_started

    def _arrived(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
