"""Limits on the head of a request: its time and its octets, and one request of a connection at a time.

uvicorn bounds none of them. A client that sends heads without an end would take all memory of a worker.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From a connection's first moment, or a further request's first octet, to the end of the headers
HEADERS_SECONDS = 15.0
# Octets of one head, or of what stands between two pieces of a body, or behind it. Twice what docs/haproxy.cfg and
# docs/nginx.conf take, whose 32 KiB are for the cookies of logins under way
MOST_HEAD = 64 * 1024
# A browser sends about twenty and HAProxy takes 101; each costs more memory than its octets
MOST_FIELDS = 200
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the head. Only callbacks of asyncio and of the parser are changed."""

    seconds = HEADERS_SECONDS
    _late: asyncio.TimerHandle | None = None
    _octets = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin the time of the first head."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.seconds, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the time of the head."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count octets until the parser says that a head is whole or that some of a body came."""
        if self._late is None and self._answered():
            self._late = self.loop.call_later(self.seconds, self.transport.abort)
        self._octets += len(data)
        super().data_received(data)
        if self._octets >= MOST_HEAD or len(self.headers or ()) > MOST_FIELDS:
            self._refuse()

    def on_headers_complete(self) -> None:
        """End the time of this head. One behind a request at work is refused: browsers and proxies wait for the answer."""
        if self.transport.is_closing() or not self._answered():
            raise ValueError("one request at a time")  # stops the parser, which leads to send_400_response
        # A whole head may come at once, before `data_received` can look at its size
        octets = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if octets > MOST_HEAD or len(self.headers) > MOST_FIELDS:
            self._refuse()
            raise ValueError("the head is too large")
        self._arrived()
        self._octets = 0
        super().on_headers_complete()
        # A field behind the body must not join the head that the application reads (RFC 9110 §6.5.1)
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Leave the limit on a body to the endpoint that reads it."""
        self._octets = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer where nobody can take it for the answer to an earlier request (RFC 9112 §9.3.2), and close."""
        if not self._answered():
            self.transport.abort()
        elif not self.transport.is_closing():
            super().send_400_response(msg)

    def _refuse(self) -> None:
        if self.transport.is_closing():
            return
        if self._answered():
            self.transport.write(TOO_LARGE)
            self.transport.close()
        else:
            self.transport.abort()

    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _arrived(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
