"""A bounded number of requests at work, a bounded queue of others, and 503 with Retry-After at once for the rest.

Each tenant has a queue of its own, of two lanes: a sign-in that has begun goes before new ones. The lane is told by an
address and a cookie's name, which a flood can pretend, so a flood must gain nothing by it:

- one in `TURN_FOR_NEW` turns is for the new, and half of the places are never for them: no lane starves the other;
- inside a lane addresses take turns, and in a full one the address with most gives way to one with fewer. All of one /48
  weigh as one address with a quarter as many;
- a body is read before a place is taken, by a deadline. One address has at most a quarter of the bodies that are under way;
- a place is given back when the answer begins: a client that does not read holds none.

A flood of whole requests from more addresses than the queue has places would hold. Limits by address are wide, since any
web page can have its reader's browser ask for our addresses; it cannot know the id of a login. A browser's request that a
page of another site embeds or fetches counts apart from a person's own.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.server.http import has_body
from idp.server.rate_limits import LINE_TIMES, Rates, wide_of
from idp.web.early_pages import EarlyPages
from idp.web.requests import MAX_FORM_BODY, MAX_MESSAGE_BODY
from policies.errors import Overloaded, TooManyRequests

BODY_SECONDS = 15.0
# Who waited longer than this has closed the page
WAIT_SECONDS = 5.0
# Files of ours from memory, and the question whether we are here
CHEAP = frozenset({"/style.css", "/mark.svg", "/healthz"})
# Where messages of SAML are posted; every other body is a form
MESSAGES = frozenset({"/saml/acs", "/eidas/acs", "/eidas/sso"})
STEPS = ("/saml/acs", "/eidas/acs")
# The cookies that `idp.web.login_cookies` sets; programs of relying parties send none
COOKIES = re.compile(rb"__Host-[la]-")
# What a browser says where a page of another site asks
FOREIGN = frozenset({(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-site", b"same-site")})
EMBEDDED = "embedded"
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
    if path in ("/token", "/userinfo", "/userinfo/receipt"):
        return Lane.BEGUN
    step = path in STEPS or path.startswith("/login/")
    known = step and any(name == b"cookie" and COOKIES.search(value) for name, value in scope["headers"])
    return Lane.BEGUN if known else Lane.NEW


def embedded(scope: Scope) -> bool:
    """Whether a browser says that a page of another site asks, and not for a window: nobody's sign-in does.

    No page can make its reader's browser say otherwise of what it embeds or fetches (Fetch Metadata Request Headers, §3).
    """
    headers = scope["headers"]
    return not FOREIGN.isdisjoint(headers) and any(
        name == b"sec-fetch-dest" and value != b"document" for name, value in headers
    )


class Waiter:
    """A request that waits: for its turn, or for its own body. `timeout` ends the wait."""

    __slots__ = ("address", "timeout", "turn", "wide")

    def __init__(self, address: str) -> None:
        self.address = address
        # Its /48 among the weights; "" without one
        self.wide = f"/{wide}" if (wide := wide_of(address)) else ""
        self.timeout: asyncio.Timeout | None = None
        self.turn: asyncio.Future[None] | None = None

    def give_way(self) -> None:
        """Have it refused now."""
        if self.timeout is not None and not self.timeout.expired():
            self.timeout.reschedule(0.0)


class Line:
    """At most so many waiters, by address, in the order in which addresses have their turn."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiters: dict[str, deque[Waiter]] = {}
        # LINE_TIMES for each waiter of an address, and one for its /48
        self._weights: Counter[str] = Counter()
        self.size = 0

    def of(self, address: str) -> "deque[Waiter]":
        """The waiters of an address, the oldest first."""
        return self._waiters.get(address, deque())

    def gives_way(self, address: str) -> str | None:
        """The address that gives way to one more of `address`; None where there is room. Raises `Overloaded`."""
        if self.size < self._most:
            return None
        one, weights = Waiter(address), self._weights
        mine = max(weights[address] + LINE_TIMES, weights[one.wide] + 1 if one.wide else 0)
        heaviest = max(weights, key=weights.__getitem__)
        if weights[heaviest] > mine:
            inside = [each for each, own in self._waiters.items() if heaviest in (each, own[0].wide)]
        else:
            # Nobody is heavier: inside its own /48 the address with most gives way
            inside = [each for each, own in self._waiters.items() if one.wide and own[0].wide == one.wide]
            inside = [each for each in inside if weights[each] > weights[address] + LINE_TIMES]
        if not inside:
            raise Overloaded("the queue is full")
        return max(inside, key=weights.__getitem__)

    def gives_way_always(self, address: str) -> str | None:
        """As `gives_way`, and where nobody is heavier, the address whose turn is next: it has waited for long."""
        try:
            return self.gives_way(address)
        except Overloaded:
            return next(iter(self._waiters))

    def add(self, waiter: Waiter) -> None:
        """Put it at the end of its address's turns."""
        self._waiters.setdefault(waiter.address, deque()).append(waiter)
        self._weigh(waiter, 1)

    def remove(self, waiter: Waiter) -> None:
        """Take it out. Once more is nothing."""
        own = self._waiters.get(waiter.address, deque())
        with suppress(ValueError):
            own.remove(waiter)
            if not own:
                del self._waiters[waiter.address]
            self._weigh(waiter, -1)

    def take(self) -> Waiter:
        """Take the next one out. Its address has its next turn after all others."""
        address, own = next(iter(self._waiters.items()))
        waiter = own[0]
        self.remove(waiter)
        if own:
            self._waiters[address] = self._waiters.pop(address)
        return waiter

    def _weigh(self, waiter: Waiter, times: int) -> None:
        self.size += times
        weighed = {waiter.address: LINE_TIMES} | ({waiter.wide: 1} if waiter.wide else {})
        for name, weight in weighed.items():
            self._weights[name] += times * weight
            if not self._weights[name]:
                del self._weights[name]


class Queue:
    """The requests at work and those that wait, of one tenant in one event loop."""

    def __init__(self, at_work: int, waiting: int) -> None:
        self._places, self._places_for_new = at_work, at_work // 2
        self.lines = {lane: Line(waiting) for lane in Lane}
        self.bodies = Line(waiting)
        self._own_bodies = -(-waiting // HALF_SENT)
        self.at_work = self._new_at_work = self._turns = 0

    def standing(self) -> tuple[int, dict[str, int]]:
        """How many are at work, and how many wait in each lane."""
        return self.at_work, {lane.value: line.size for lane, line in self.lines.items()}

    def check(self, lane: Lane, address: str) -> None:
        """Raise `Overloaded` where one more of an address would not be let wait."""
        self.lines[lane].gives_way(address)

    async def enter(self, lane: Lane, address: str) -> None:
        """Wait for a place at work, which `leave` gives back. Raises `Overloaded`."""
        line = self.lines[lane]
        if not (self.lines[Lane.BEGUN].size or self.lines[Lane.NEW].size) and self._free(lane):
            self._take(lane)
            return
        if (heavier := line.gives_way(address)) is not None:
            newest = line.of(heavier)[-1]
            line.remove(newest)
            newest.give_way()
        waiter = Waiter(address)
        waiter.turn = asyncio.get_running_loop().create_future()
        line.add(waiter)
        self._fill()
        try:
            async with asyncio.timeout(WAIT_SECONDS) as waiter.timeout:
                await waiter.turn
        except BaseException as error:
            line.remove(waiter)
            if waiter.turn.done() and not waiter.turn.cancelled():
                self.leave(lane)  # its turn came in this moment
            if isinstance(error, TimeoutError):
                raise Overloaded("the queue is full") from None
            raise

    def leave(self, lane: Lane) -> None:
        """A place is free again: the next have their turn."""
        self.at_work -= 1
        self._new_at_work -= lane is Lane.NEW
        self._fill()

    async def read(self, receive: Receive, most: int, address: str) -> Receive:
        """Read a body of at most so many octets, by a deadline. Returns what gives it again. `Overloaded`: it drips."""
        waiter, line = Waiter(address), self.bodies
        # Its own oldest first: whoever drips holds no more than a share
        crowded = bool(address) and len(line.of(address)) >= self._own_bodies
        # A body that is here already leaves the line at once, so however many drip, it gets in
        heavier = address if crowded else line.gives_way_always(address)
        if heavier is not None:
            oldest = line.of(heavier)[0]
            line.remove(oldest)
            oldest.give_way()
        line.add(waiter)
        messages: deque[Message] = deque()
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS) as waiter.timeout:
                while size <= most:
                    message = await receive()
                    messages.append(message)
                    size += len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body"):
                        break
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
        while (lane := self._next()) is not None:
            waiter = self.lines[lane].take()
            if waiter.turn is not None and not waiter.turn.done():
                self._take(lane)
                waiter.turn.set_result(None)

    def _next(self) -> Lane | None:
        """The lane whose turn it is; None where no place is free, or nobody waits for one."""
        begun, new = (bool(self.lines[lane].size) and self._free(lane) for lane in Lane)
        if begun and new:
            self._turns += 1
            return Lane.BEGUN if self._turns % TURN_FOR_NEW else Lane.NEW
        return Lane.BEGUN if begun else Lane.NEW if new else None


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
                most = MAX_MESSAGE_BODY if scope["path"] in MESSAGES else MAX_FORM_BODY
                receive = await self._queue.read(receive, most, address)
            await self._queue.enter(lane, address)
        except Overloaded:
            self._told(lane)
            await self._pages.turn_away(scope, send, Overloaded(f"the lane {lane} is full"))
            return
        except TooManyRequests as error:
            await self._pages.turn_away(scope, send, error)
            return
        works = True

        async def sending(message: Message) -> None:
            nonlocal works
            if works and message["type"] == "http.response.start":
                works = False
                self._queue.leave(lane)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            if works:
                self._queue.leave(lane)
