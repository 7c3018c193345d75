"""Who waits, and whose turn it is: two lanes of bounded queues, and turns by address in each.

Sign-ins that have begun go before new ones. What tells them is cheap, and anybody can pretend it: an address of ours that
comes later in a sign-in, with a cookie of that name, not verified. So a flood that pretends must gain nothing by it:

- one in `TURN_FOR_NEW` turns is for the new, and half of the places are never for them: no lane starves the other;
- inside a lane addresses take turns, and when it is full, the address with most in it gives way to one with fewer: whoever
  floods from few addresses waits behind themselves. All of one /48 weigh as one address with a quarter as many;
- a request that is whole takes the place of one whose body is still to come, of an address with no fewer;
- of those whose body is still to come one address has no more than a quarter of a lane, however much room there is: each
  also holds a connection of the proxy to this worker. One more takes the place of its own that drips for longest.

From more addresses than the queue has places, with whole requests, a flood would hold.

A lane is full when it has no more places, or when the newest would wait too long behind those who are ready, as fast as
they were served lately: a short queue behind a slow database is full sooner than a long one behind a quick one.
"""

import asyncio
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from enum import Enum, StrEnum, auto

from starlette.types import Scope

from idp.rates import LINE_TIMES, wide_of
from policies.errors import Overloaded

# The cookies that `idp.endpoints.logins` sets; what programs of relying parties send has none
COOKIES = re.compile(rb"__Host-[la]-")
STEPS = ("/saml/acs", "/eidas/acs")
PROGRAMS = ("/token", "/userinfo", "/userinfo/receipt")
# What a browser says where a page of another site asks
FOREIGN = (b"sec-fetch-site", b"cross-site"), (b"sec-fetch-site", b"same-site")
# What `embedded` requests are counted as
EMBEDDED = "embedded"
TURN_FOR_NEW = 8
# Of a lane, what one address may hold with bodies that are still to come: generous, since it may be thousands of citizens'
HALF_SENT = 4
# How much of the pace is what the last one took
NEWEST = 0.1


class Lane(StrEnum):
    """Which of the two queues."""

    BEGUN = "begun"
    NEW = "new"


# The longest that anybody is let wait, in seconds, by what can be told when they come
LONGEST = {Lane.BEGUN: 4.0, Lane.NEW: 1.0}


def lane_of(scope: Scope) -> Lane:
    """Whether it looks like a sign-in that has begun."""
    path = scope["path"]
    if path in PROGRAMS:
        return Lane.BEGUN
    if path in STEPS or path.startswith("/login/"):
        for name, value in scope["headers"]:
            if name == b"cookie" and COOKIES.search(value):
                return Lane.BEGUN
    return Lane.NEW


def embedded(scope: Scope) -> bool:
    """Whether a browser says that a page of another site asks, and not for a window: nobody's sign-in does.

    No page can make its reader's browser say otherwise of what it embeds or fetches (Fetch Metadata Request Headers, §3).
    """
    headers = scope["headers"]
    if FOREIGN[0] not in headers and FOREIGN[1] not in headers:
        return False
    return any(name == b"sec-fetch-dest" and value != b"document" for name, value in headers)


class State(Enum):
    """Where a ticket is: in its lane's line (the first two), at work, or out for good (the last two)."""

    COMING = auto()  # its body is still to come
    READY = auto()
    WORKING = auto()
    EVICTED = auto()  # it gave way to another
    GONE = auto()


class Ticket:
    """One request that waits, or is at work."""

    __slots__ = ("address", "lane", "state", "timeout", "turn")

    def __init__(self, lane: Lane, address: str, state: State = State.COMING) -> None:
        self.lane, self.address, self.state = lane, address, state
        self.turn: asyncio.Future[None] | None = None
        self.timeout: asyncio.Timeout | None = None

    @property
    def ready(self) -> bool:
        """Whether nothing of it is still to come."""
        return self.state is not State.COMING

    @property
    def working(self) -> bool:
        """Whether it has a place."""
        return self.state is State.WORKING

    @property
    def evicted(self) -> bool:
        """Whether it gave way to another."""
        return self.state is State.EVICTED


class Crowd:
    """How many tickets each name has, and who has most: a flood of names must not make us look at each of them."""

    __slots__ = ("_counts", "_names", "most")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        # By how many they have, those first that have had so many for longest
        self._names: dict[int, OrderedDict[str, None]] = {}
        self.most = 0

    def count(self, name: str) -> int:
        """How many a name has."""
        return self._counts.get(name, 0)

    def heaviest(self) -> str:
        """Who has most. Only where somebody has any."""
        return next(iter(self._names[self.most]))

    def change(self, name: str, by: int) -> None:
        """One more, or one less."""
        had = self._counts.pop(name, 0)
        if had:
            names = self._names[had]
            del names[name]
            if not names:
                del self._names[had]
        if now := had + by:
            self._counts[name] = now
            self._names.setdefault(now, OrderedDict())[name] = None
        if now > self.most or self.most not in self._names:
            self.most = now


class Weights:
    """How heavy addresses are: by what each has, and all of one /48 by a part of what they have together."""

    def __init__(self) -> None:
        self._addresses, self._wide = Crowd(), Crowd()
        # The addresses of each /48
        self._inside: dict[str, Crowd] = {}

    @property
    def most(self) -> int:
        """The weight of the heaviest."""
        return max(self._addresses.most, _part(self._wide.most))

    def count(self, address: str) -> int:
        """How many tickets an address has."""
        return self._addresses.count(address)

    def with_one_more(self, address: str) -> int:
        """The weight that one more would give an address."""
        wide = wide_of(address)
        return max(self.count(address) + 1, _part(self._wide.count(wide) + 1) if wide else 0)

    def above(self, weight: int, count: int, address: str) -> str | None:
        """An address that is heavier than that, or one in the /48 of `address` that has more than so many tickets."""
        most = self.most
        if most > weight:
            heavy = self._addresses if self._addresses.most == most else self._inside[self._wide.heaviest()]
            return heavy.heaviest()
        beside = self._inside.get(wide_of(address))
        return beside.heaviest() if beside is not None and beside.most > count else None

    def change(self, address: str, by: int) -> None:
        """One ticket more, or one less."""
        self._addresses.change(address, by)
        if wide := wide_of(address):
            self._wide.change(wide, by)
            beside = self._inside.setdefault(wide, Crowd())
            beside.change(address, by)
            if not beside.most:
                del self._inside[wide]


class Line:
    """The tickets of one lane, by address, in the order in which addresses have their turn."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[str, deque[Ticket]] = OrderedDict()
        # Of all, and of those whose body is still to come
        self._weights, self._half_sent = Weights(), Weights()
        self.size = self.ready = 0

    @property
    def most(self) -> int:
        """The weight of the heaviest address."""
        return self._weights.most

    def gives_way(self, address: str, *, half_sent: bool) -> Ticket | None:
        """Which ticket gives way to one more of an address: the newest of a heavier one.

        Or, where `half_sent`, one whose body is still to come, of an address that has as many of those.
        """
        weight, count = self._weights.with_one_more(address), self._weights.count(address)
        heavier = self._weights.above(weight, count + 1, address)
        if heavier is not None:
            return self._tickets[heavier][-1]
        drips = self._half_sent.above(weight - 1, count, address) if half_sent else None
        return None if drips is None else self._drips_longest(drips)

    def gives_way_of_its_own(self, address: str, most: int) -> Ticket | None:
        """Which one of an address gives way, where it has so many whose body is still to come; none of nobody's address."""
        return self._drips_longest(address) if address and self._half_sent.count(address) >= most else None

    def _drips_longest(self, address: str) -> Ticket:
        return next(ticket for ticket in self._tickets[address] if not ticket.ready)

    def add(self, ticket: Ticket) -> None:
        """At the end of its address's turn. Its body is still to come."""
        self._tickets.setdefault(ticket.address, deque()).append(ticket)
        self._weights.change(ticket.address, 1)
        self._half_sent.change(ticket.address, 1)
        self.size += 1

    def is_ready(self, ticket: Ticket) -> None:
        """It is whole."""
        ticket.state = State.READY
        self._half_sent.change(ticket.address, -1)
        self.ready += 1

    def remove(self, ticket: Ticket) -> None:
        """It has its place, or has gone."""
        tickets = self._tickets[ticket.address]
        tickets.remove(ticket)
        if not tickets:
            del self._tickets[ticket.address]
        self._weights.change(ticket.address, -1)
        self.size -= 1
        if ticket.ready:
            self.ready -= 1
        else:
            self._half_sent.change(ticket.address, -1)

    def had_turn(self, address: str) -> None:
        """An address got a place without coming here: where tickets are, those of others go before its own."""
        if address in self._tickets:
            self._tickets.move_to_end(address)
        for weights in (self._weights, self._half_sent):
            weights.change(address, 1)
            weights.change(address, -1)

    def take(self) -> Ticket:
        """The first ready ticket of the address whose turn it is. Only where one is ready."""
        for address, tickets in self._tickets.items():
            for ticket in tickets:
                if ticket.ready:
                    self._tickets.move_to_end(address)
                    self.remove(ticket)
                    return ticket
        raise LookupError("nobody is ready")


class Queue:
    """Who is at work and who waits, in one event loop."""

    def __init__(self, at_work: int, waiting: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places, self._waiting, self._clock = at_work, waiting, clock
        self._places_for_new = at_work // 2
        self.lines = {lane: Line() for lane in Lane}
        self.at_work = self._new_at_work = self._turns = 0
        # Seconds from one answer to the next while somebody waits, and when the last one was, or their wait began
        self._pace = self._left = 0.0

    def standing(self) -> tuple[int, dict[str, int]]:
        """How many are at work, and how many wait in each lane."""
        return self.at_work, {lane.value: line.size for lane, line in self.lines.items()}

    def full(self, lane: Lane) -> bool:
        """Whether there is no place in a lane, or whoever came now would wait too long."""
        return self.lines[lane].size >= self._waiting or self._slow(lane)

    def refuses(self, lane: Lane, address: str) -> bool:
        """Whether a lane is full, and nobody in it gives way to a whole request of this address."""
        return self.full(lane) and self._gives_way(lane, address, whole=True) is None

    def enter(self, lane: Lane, address: str, *, whole: bool = False) -> Ticket:
        """Come to the end of a lane, with a whole request or one whose body is to come. Raises `Overloaded` where full."""
        if not whole and (own := self.lines[lane].gives_way_of_its_own(address, -(-self._waiting // HALF_SENT))):
            self._evict(own)
        elif self.full(lane):
            other = self._gives_way(lane, address, whole=whole)
            if other is None:
                raise Overloaded(f"the lane {lane} is full")
            self._evict(other)
        ticket = Ticket(lane, address)
        self.lines[lane].add(ticket)
        return ticket

    def at_once(self, lane: Lane, address: str) -> Ticket | None:
        """A place at work for one that is ready, where nobody is before it; as `enter` and `wants` would give it one."""
        free = self.at_work < self._places and (lane is Lane.BEGUN or self._new_at_work < self._places_for_new)
        if not free or self._ready or self.lines[lane].size >= self._waiting:
            return None
        ticket = Ticket(lane, address, State.WORKING)
        if self.lines[lane].size:
            self.lines[lane].had_turn(address)
        self.at_work += 1
        self._new_at_work += lane is Lane.NEW
        return ticket

    def wants(self, ticket: Ticket) -> bool:
        """It is ready for a place; whether it has one at once."""
        self.lines[ticket.lane].is_ready(ticket)
        self._fill()
        if not ticket.working and self._ready == 1:
            self._left = self._clock()  # from here on somebody waits
        return ticket.working

    def leave(self, ticket: Ticket) -> None:
        """It is answered, or has gone: the next have their turn. Once more is nothing."""
        if ticket.state is State.WORKING:
            ticket.state = State.GONE
            self.at_work -= 1
            self._new_at_work -= ticket.lane is Lane.NEW
            if self._ready:
                self._paced()
                self._fill()
        elif ticket.state in (State.COMING, State.READY):
            self.lines[ticket.lane].remove(ticket)
            ticket.state = State.GONE

    @property
    def _ready(self) -> int:
        return self.lines[Lane.BEGUN].ready + self.lines[Lane.NEW].ready

    def _slow(self, lane: Lane) -> bool:
        before = self.lines[lane].ready if lane is Lane.BEGUN else self._ready
        return before > 0 and max(before * self._pace, self._clock() - self._left) > LONGEST[lane]

    def _gives_way(self, lane: Lane, address: str, *, whole: bool) -> Ticket | None:
        # Whoever would wait too long behind those who are ready gains nothing by the place of one who is not
        return self.lines[lane].gives_way(address, half_sent=whole and not self._slow(lane))

    def _paced(self) -> None:
        now = self._clock()
        self._pace += NEWEST * (now - self._left - self._pace)
        self._left = now

    def _evict(self, ticket: Ticket) -> None:
        self.lines[ticket.lane].remove(ticket)
        ticket.state = State.EVICTED
        if ticket.timeout is not None and not ticket.timeout.expired():
            ticket.timeout.reschedule(0.0)

    def _fill(self) -> None:
        while self.at_work < self._places and (lane := self._next()) is not None:
            ticket = self.lines[lane].take()
            ticket.state = State.WORKING
            self.at_work += 1
            self._new_at_work += lane is Lane.NEW
            if ticket.turn is not None and not ticket.turn.done():
                ticket.turn.set_result(None)

    def _next(self) -> Lane | None:
        new = self.lines[Lane.NEW].ready and self._new_at_work < self._places_for_new
        if not self.lines[Lane.BEGUN].ready:
            return Lane.NEW if new else None
        if new:
            self._turns += 1
            if self._turns % TURN_FOR_NEW == 0:
                return Lane.NEW
        return Lane.BEGUN


def _part(tickets: int) -> int:
    """What so many tickets of one /48 weigh."""
    return -(-tickets // LINE_TIMES)
