"""Who is turned away, and what they are told: octets that are there already.

A refusal must cost a small part of a page, or a flood is served by refusing it. So the whole answer is made once a minute,
for each language, and the server writes it before it makes anything of the request (`idp.server`).
"""

import secrets
import time
from collections.abc import Callable, Collection
from http import HTTPStatus

from starlette.types import Scope

from idp.endpoints.at_once import PROGRAMS
from idp.endpoints.lanes import Lane, Queue, lane_of
from idp.logs import log_of
from idp.rates import Rates
from idp.server import has_body
from policies.errors import BrokerError, Overloaded, TooManyRequests

# A file of ours from memory, and the question whether we are here
CHEAP = frozenset({"/style.css", "/mark.svg", "/healthz"})
RETRY_SECONDS = "5"
REFERENCE_SECONDS = 60
# Answers that are kept, of the newest reference: headers of strangers choose among them
MAX_KEPT = 64

Page = Callable[[Scope, BrokerError, str], tuple[int, dict[str, str], bytes]]
Headers = list[tuple[bytes, bytes]]


class Gate:
    """One tenant's. `page` gives status, headers and body of a refusal; `told` gets the lane of each such request."""

    def __init__(
        self,
        *,
        tenant: str,
        queue: Queue,
        rates: Rates,
        page: Page,
        told: Callable[[str], None] = lambda _lane: None,
        cheap: Collection[str] = CHEAP,
    ) -> None:
        self.queue, self.rates, self.cheap = queue, rates, cheap
        self._tenant, self._page, self._told = tenant, page, told
        self._references: dict[str, tuple[float, str]] = {}
        self._octets: dict[tuple[bool, bytes], bytes] = {}
        self._octets_until = 0.0

    def at_once(self, scope: Scope, client: Callable[[], str]) -> bytes:
        """A whole answer for a request without a body that a full lane refuses; empty octets for everybody else.

        `client` says whose address it is; asked only where that matters.
        """
        if scope["method"] != "GET" or scope["path"] in self.cheap:
            return b""
        lane = lane_of(scope)
        if not self.queue.full(lane) or has_body(scope):
            return b""
        if not self.queue.refuses(lane, self.rates.address(client())):
            return b""
        self._told(lane)
        return self._made(scope, lane)

    def turned_away(self, scope: Scope, error: Overloaded | TooManyRequests, lane: Lane) -> tuple[int, Headers, bytes]:
        """Status, headers and body for one that is turned away."""
        if isinstance(error, Overloaded):
            self._told(lane)
        return self._answer(scope, error)

    def _made(self, scope: Scope, lane: Lane) -> bytes:
        now = time.monotonic()
        if now > self._octets_until or len(self._octets) >= MAX_KEPT:
            self._octets.clear()
            self._octets_until = now + REFERENCE_SECONDS
        accept = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
        key = scope["path"].startswith(PROGRAMS), accept
        found = self._octets.get(key)
        if found is None:
            status, headers, body = self._answer(scope, lane_full(lane))
            lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
            lines += [name + b": " + value for name, value in headers]
            found = self._octets[key] = b"\r\n".join((*lines, b"", body))
        return found

    def _answer(self, scope: Scope, error: Overloaded | TooManyRequests) -> tuple[int, Headers, bytes]:
        status, headers, body = self._page(scope, error, self._reference(error))
        wait = str(error.seconds) if isinstance(error, TooManyRequests) else RETRY_SECONDS
        listed = [(name.lower().encode(), value.encode()) for name, value in {**headers, "retry-after": wait}.items()]
        listed.append((b"content-length", str(len(body)).encode()))
        return status, listed, body

    def _reference(self, error: Overloaded | TooManyRequests) -> str:
        """One reference, and one line of the log, a minute and cause: a flood must not become a flood of lines."""
        cause = error.detail
        until, reference = self._references.get(cause, (0.0, ""))
        if until < time.monotonic():
            reference = secrets.token_hex(5)
            self._references[cause] = (time.monotonic() + REFERENCE_SECONDS, reference)
            log_of(self._tenant).warning("turned_away", code=error.code, detail=cause, reference=reference)
        return reference


def lane_full(lane: Lane) -> Overloaded:
    """What is wrong where a lane refuses."""
    return Overloaded(f"the lane {lane} is full")
