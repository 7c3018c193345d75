"""A bounded number of requests at work, a bounded queue of others, and 503 with Retry-After at once for the rest.

Each tenant has a queue of its own, of two lanes: a sign-in that has begun goes before new ones. The lane is told by an
address and a cookie's name, which a flood can pretend, so a flood must gain nothing by it:

- one in `TURN_FOR_NEW` turns is for the new, and half of the places are never for them: no lane starves the other;
- inside a lane addresses take turns, and in a full one the address with most gives way to one with fewer. All of one /48
  weigh as one address with a quarter as many;
- a body is read before a place is taken, by a deadline. One address has at most a quarter of the bodies that are under way;
- a place is given back when the answer begins: a client that does not read holds none. Nor does a request that waits for
  an OpenID provider (`step_aside`): how many of those wait, the provider's own line bounds.

A flood of whole requests from more addresses than the queue has places would hold. Limits by address are wide, since any
web page can have its reader's browser ask for our addresses; it cannot know the id of a login. A browser's request that a
page of another site embeds or fetches counts apart from a person's own.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.server.http import has_body
from idp.server.rate_limits import LINE_TIMES, Rates, line_of
from idp.web.early_pages import EarlyPages
from idp.web.requests import MAX_FORM_BODY, MAX_MESSAGE_BODY
from policies.errors import Overloaded, TooManyRequests

BODY_SECONDS = 15.0
# A citizen who waited longer than this has closed the page
WAIT_SECONDS = 5.0
# Files of ours from memory, and the question whether we are here
CHEAP = frozenset({"/style.css", "/mark.svg", "/logo.svg", "/logo.png", "/healthz"})
# Messages of SAML are posted here; every other body is a form
MESSAGES = ("/saml/", "/eidas/acs", "/eidas/sso", "/stork/")
PROGRAMS = frozenset({"/device/ended", "/device_authorization", "/introspect", "/par", "/revoke", "/token"}) | frozenset(
    ("/userinfo", "/userinfo/receipt", "/saml/artifact", "/saml/ecp", "/why")
)
STEPS = (
    "/saml/acs",
    "/saml/discovered",
    "/eidas/acs",
    "/stork/acs",
    "/oidc/callback/",
    "/login/",
    "/logout/",
    "/saml/idp/logout",
)
# The cookies that `idp.web.login_cookies` sets; programs of relying parties send none
COOKIES = re.compile(rb"__Host-(?:[la]-|logout=)")
# A browser says so if a page of another site asks
FOREIGN = frozenset({(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-site", b"same-site")})
EMBEDDED = "embedded"
# Where the scope of a request has what gives its place back before its answer
ASIDE = "ciconia.aside"
TURN_FOR_NEW = 8
# The share of all bodies under way that one address may have: generous, since it may be thousands of citizens'
HALF_SENT = 4


class Lane(StrEnum):
    """One of the two queues."""

    BEGUN = "begun"
    NEW = "new"


def lane_of(scope: Scope) -> Lane:
    """Whether it looks like a sign-in that has begun."""
    path = scope["path"]
    known = path in PROGRAMS or (
        path.startswith(STEPS) and any(name == b"cookie" and COOKIES.search(value) for name, value in scope["headers"])
    )
    return Lane.BEGUN if known else Lane.NEW


def embedded(scope: Scope) -> bool:
    """Whether a browser says that a page of another site asks, and not for a window: nobody's sign-in does.

    No page can make its reader's browser say otherwise of what it embeds or fetches (Fetch Metadata Request Headers, §3).
    """
    headers = scope["headers"]
    return not FOREIGN.isdisjoint(headers) and any(
        name == b"sec-fetch-dest" and value != b"document" for name, value in headers
    )


@dataclass(slots=True, eq=False)
class Waiter:
    """A request that waits for its `turn`, or for its own body. `timeout` ends the wait."""

    address: str
    timeout: asyncio.Timeout
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class WaitingLine:
    """At most so many waiters, the oldest first. Addresses take turns: each has one waiter in a round."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.waiters: dict[Waiter, None] = {}
        # Those of each address, the one whose turn is next first; and how many wait of each /48
        self._own, self._lines = dict[str, list[Waiter]](), Counter[str]()

    def of(self, address: str) -> list[Waiter]:
        """The waiters of an address, the oldest first."""
        return self._own.get(address, [])

    def gives_way(self, address: str) -> str | None:
        """The address that gives way to one more of `address`; None where there is room. Raises `Overloaded`."""
        if len(self.waiters) < self._most:
            return None
        own, line = len(self.of(address)) + 1, line_of(address)
        mine = max(LINE_TIMES * own, self._lines[line] + 1 if line else 0)
        most, widest = max(map(len, self._own.values())), max(self._lines.values(), default=0)
        found: list[tuple[int, int, str]] = []
        # A flood comes here often, and looks at each address only where somebody gives way
        if LINE_TIMES * most > mine or widest > mine or (line and most > own):
            for each, waiters in self._own.items():
                count = len(waiters)
                load = max(LINE_TIMES * count, self._lines[line_of(each)])
                # Inside its own /48, whose weight they share, the address with most gives way
                if load > mine or (line and line_of(each) == line and count > own):
                    found.append((load, count, each))
        if not found:
            raise Overloaded("the queue is full")
        return max(found)[2]

    def add(self, waiter: Waiter) -> None:
        """Put it behind those of its address."""
        self.waiters[waiter] = None
        self._own.setdefault(waiter.address, []).append(waiter)
        if line := line_of(waiter.address):
            self._lines[line] += 1

    def remove(self, waiter: Waiter) -> None:
        """Take it out before its turn; the later ones of its address move up. Once more is nothing."""
        if waiter not in self.waiters:
            return
        del self.waiters[waiter]
        self._own[waiter.address].remove(waiter)
        if not self._own[waiter.address]:
            del self._own[waiter.address]
        if line := line_of(waiter.address):
            self._lines[line] -= 1
            if not self._lines[line]:
                del self._lines[line]

    def refuse(self, waiter: Waiter) -> None:
        """Take it out, and end its wait now."""
        self.remove(waiter)
        if not waiter.timeout.expired():
            waiter.timeout.reschedule(0.0)

    def take(self) -> Waiter:
        """Take the next one out. The others of its address come after one of each other address."""
        address, own = next(iter(self._own.items()))
        self._own[address] = self._own.pop(address)
        waiter = own[0]
        self.remove(waiter)
        return waiter


class Queue:
    """The requests at work and those that wait, of one tenant in one event loop."""

    def __init__(self, at_work: int, waiting: int) -> None:
        self._places, self._places_for_new = at_work, at_work // 2
        self.lines = {lane: WaitingLine(waiting) for lane in Lane}
        self.bodies, self._own_bodies = WaitingLine(waiting), -(-waiting // HALF_SENT)
        self.at_work = self._new_at_work = self._turns = 0

    def standing(self) -> tuple[int, dict[str, int]]:
        """How many are at work, and how many wait in each lane."""
        return self.at_work, {lane.value: len(line.waiters) for lane, line in self.lines.items()}

    def check(self, lane: Lane, address: str) -> None:
        """Raise `Overloaded` where one more of an address would not be let wait."""
        self.lines[lane].gives_way(address)

    async def enter(self, lane: Lane, address: str) -> None:
        """Wait for a place at work, which `leave` gives back. Raises `Overloaded`."""
        line = self.lines[lane]
        if self._free(lane) and not any(each.waiters for each in self.lines.values()):
            self._take(lane)
            return
        if (heavier := line.gives_way(address)) is not None:
            line.refuse(line.of(heavier)[-1])
        waiter = Waiter(address, asyncio.timeout(WAIT_SECONDS))
        line.add(waiter)
        self._fill()
        try:
            async with waiter.timeout:
                await waiter.turn
        except BaseException as error:
            line.remove(waiter)
            if waiter.turn.done() and not waiter.turn.cancelled():
                self.leave(lane)  # its turn came in this moment
            if isinstance(error, TimeoutError):
                raise Overloaded("the queue is full") from None
            raise

    def leave(self, lane: Lane) -> None:
        """Give a place back: the next have their turn."""
        self.at_work -= 1
        self._new_at_work -= lane is Lane.NEW
        self._fill()

    async def read(self, receive: Receive, most: int, address: str) -> Receive:
        """Read a body of at most so many octets, by a deadline. Returns what gives it again. `Overloaded`: it drips."""
        line = self.bodies
        own = line.of(address) if address else []
        if len(own) >= self._own_bodies:
            line.refuse(own[0])
        else:
            try:
                heavier = line.gives_way(address)
                late = line.of(heavier) if heavier is not None else []
            except Overloaded:
                # A body that is here already leaves the line at once, so however many drip, it gets in
                late = list(line.waiters)
            if late:
                line.refuse(late[0])
        waiter = Waiter(address, asyncio.timeout(BODY_SECONDS))
        line.add(waiter)
        messages: deque[Message] = deque()
        size, more = 0, True
        try:
            async with waiter.timeout:
                while more and size <= most:
                    message = await receive()
                    messages.append(message)
                    size += len(message.get("body", b""))
                    more = message["type"] == "http.request" and bool(message.get("more_body"))
        except TimeoutError:
            raise Overloaded("the queue is full") from None
        finally:
            line.remove(waiter)

        async def again() -> Message:
            return messages.popleft() if messages else await receive()

        return again

    def _free(self, lane: Lane) -> bool:
        return self.at_work < self._places and (lane is Lane.BEGUN or self._new_at_work < self._places_for_new)

    def _take(self, lane: Lane) -> None:
        self.at_work += 1
        self._new_at_work += lane is Lane.NEW

    def _fill(self) -> None:
        while lanes := [lane for lane in Lane if self.lines[lane].waiters and self._free(lane)]:
            self._turns += len(lanes) > 1
            lane = lanes[0] if self._turns % TURN_FOR_NEW else lanes[-1]
            turn = self.lines[lane].take().turn
            if not turn.done():
                self._take(lane)
                turn.set_result(None)


def step_aside(request: Request) -> None:
    """Give the place of a request back: from here on it waits for somebody else's server. From any thread."""
    aside: Callable[[], object] | None = request.scope.get(ASIDE)
    if aside is not None:
        aside()


class Overload:
    """Wraps what is to be protected, inside the edge. `told` gets the lane of each request that finds no place."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        queue: Queue,
        rates: Rates,
        pages: EarlyPages,
        told: Callable[[str], None] = lambda _lane: None,
    ) -> None:
        self._app, self._queue, self._rates, self._pages, self._told = app, queue, rates, pages, told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: served, kept waiting, or turned away at once."""
        if scope["type"] != "http" or (scope["method"] == "GET" and scope["path"] in CHEAP):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        address = self._rates.address(client[0]) if client else ""
        lane = lane_of(scope)
        try:
            self._rates.page(address, EMBEDDED if embedded(scope) else "")
            self._queue.check(lane, address)
            if has_body(scope):
                most = MAX_MESSAGE_BODY if scope["path"].startswith(MESSAGES) else MAX_FORM_BODY
                receive = await self._queue.read(receive, most, address)
            await self._queue.enter(lane, address)
        except Overloaded:
            self._told(lane)
            await self._pages.turned_away(scope, Overloaded(f"the lane {lane} is full"))(scope, receive, send)
            return
        except TooManyRequests as error:
            await self._pages.turned_away(scope, error)(scope, receive, send)
            return
        works = True

        def leave() -> None:
            nonlocal works
            if works:
                works = False
                self._queue.leave(lane)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                leave()
            await send(message)

        scope[ASIDE] = partial(asyncio.get_running_loop().call_soon_threadsafe, leave)

        try:
            await self._app(scope, receive, sending)
        finally:
            leave()
