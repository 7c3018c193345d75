"""Who is served when more come than can be: a bounded number at work, a bounded queue, two lanes; the rest at once not.

The lanes are told in `idp.endpoints.lanes`, and what the rest are told in `idp.endpoints.gate`. A pretended login is
refused before anything is verified, for the price of one opened cookie (decision 0000.1). A wrong answer to a live one
counts against that login first (`idp.tries`).

Neither counts against the address here. Less would let any web page lock out the network of its reader: it can have a
browser ask for our addresses by any method, frame or window, with whatever cookies the browser has; it cannot know the id
of a login. So whatever a page can cause is refused before an answer is read, and counts as a page alone; and what a browser
says that a page of another site embeds or fetches, apart from all that is somebody's own way.

A place is for work, so the body is read before one is taken, by a deadline: whoever drips holds a place in the queue, which
somebody with fewer takes from them, and a request that is whole where it has as many. And it is given back when the answer
begins: whoever does not read it holds none. No body is read of what is turned away.
"""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.endpoints.gate import Gate, lane_full
from idp.endpoints.http import MAX_FORM_BODY, MAX_MESSAGE_BODY
from idp.endpoints.lanes import EMBEDDED, Lane, Ticket, embedded, lane_of
from idp.server import BODY, has_body
from policies.errors import Overloaded, TooManyRequests

BODY_SECONDS = 15.0
# Who waited longer than this has closed the page
WAIT_SECONDS = 5.0
# Where messages of SAML are posted; whatever comes to anywhere else is a form
MESSAGES = frozenset({"/saml/acs", "/eidas/acs", "/eidas/sso"})


class Admission:
    """Wraps what is to be protected, inside the edge."""

    def __init__(self, app: ASGIApp, *, gate: Gate) -> None:
        self._app, self.gate = app, gate
        self._queue, self._rates = gate.queue, gate.rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: served, kept waiting, or turned away at once."""
        if scope["type"] != "http" or (scope["method"] == "GET" and scope["path"] in self.gate.cheap):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        address = self._rates.address(client[0]) if client else ""
        lane = lane_of(scope)
        try:
            self._rates.page(address, EMBEDDED if embedded(scope) else "")
            here = BODY in scope or not has_body(scope)
            ticket = (self._queue.at_once(lane, address) if here else None) or self._queue.enter(lane, address, whole=here)
        except (Overloaded, TooManyRequests) as error:
            await self._turn_away(scope, send, error, lane)
            return
        try:
            if not ticket.working:
                receive = await self._admitted(ticket, scope, receive, here=here)
            await self._app(scope, receive, self._watched(send, ticket))
        except _Waited:
            self._queue.leave(ticket)
            await self._turn_away(scope, send, lane_full(lane), lane)
        finally:
            self._queue.leave(ticket)

    async def _admitted(self, ticket: Ticket, scope: Scope, receive: Receive, *, here: bool) -> Receive:
        """Read the body unless it is here, then wait for a place.

        Raises `_Waited` where it took too long, or somebody else needed it.
        """
        if here and self._queue.wants(ticket):
            return receive
        try:
            async with asyncio.timeout(BODY_SECONDS) as ticket.timeout:
                if not ticket.ready:
                    receive = await _read(receive, MAX_MESSAGE_BODY if scope["path"] in MESSAGES else MAX_FORM_BODY)
                    if ticket.evicted:
                        raise _Waited
                    if self._queue.wants(ticket):
                        return receive
                ticket.timeout.reschedule(asyncio.get_running_loop().time() + WAIT_SECONDS)
                ticket.turn = asyncio.get_running_loop().create_future()
                await ticket.turn
        except TimeoutError:
            raise _Waited from None
        finally:
            ticket.timeout = None
        return receive

    def _watched(self, send: Send, ticket: Ticket) -> Send:
        """Leave when the answer begins, before it is sent."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._queue.leave(ticket)
            await send(message)

        return sending

    async def _turn_away(self, scope: Scope, send: Send, error: Overloaded | TooManyRequests, lane: Lane) -> None:
        status, headers, body = self.gate.turned_away(scope, error, lane)
        if has_body(scope):
            # Nobody reads what else comes on this connection
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Waited(Exception):
    pass


async def _read(receive: Receive, most: int) -> Receive:
    """Read a body of at most what its endpoint takes; what gives it again, and then whatever follows."""
    messages: deque[Message] = deque()
    size = 0
    while size <= most:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            break

    async def again() -> Message:
        return messages.popleft() if messages else await receive()

    return again
