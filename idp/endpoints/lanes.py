"""Who waits, and whose turn it is: two lanes of bounded queues, and turns by address in each.

Sign-ins that have begun go before new ones. What tells them is cheap, and anybody can pretend it: an address of ours that
comes later in a sign-in, with a cookie of that name, not verified. So a flood that pretends must gain nothing by it:

- one in `TURN_FOR_NEW` turns is for the new, and half of the places are never for them: no lane starves the other;
- inside a lane addresses take turns, and when it is full, the address with most in it gives way to one with fewer: whoever
  floods from few addresses waits behind themselves. From more addresses than the queue has places, it would hold.

A lane is full when it has no more places, or when the newest would wait too long behind those who are ready, as fast as
they were served lately: a short queue behind a slow database is full sooner than a long one behind a quick one.
"""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from enum import StrEnum

from starlette.types import Scope

from policies.errors import Overloaded

# The cookies that `idp.endpoints.logins` sets; what programs of relying parties send has none
COOKIES = (b"__Host-l-", b"__Host-a-")
STEPS = ("/saml/acs", "/eidas/acs")
# Where a step leaves that the browser brought the cookie of the very login that its answer names
BROUGHT = "ciconia.brought"
PROGRAMS = ("/token", "/userinfo", "/userinfo/receipt")
TURN_FOR_NEW = 8
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
            if name == b"cookie" and any(cookie in value for cookie in COOKIES):
                return Lane.BEGUN
    return Lane.NEW


class Ticket:
    """One request that waits, or is at work."""

    __slots__ = ("address", "evicted", "gone", "lane", "ready", "timeout", "turn", "working")

    def __init__(self, lane: Lane, address: str) -> None:
        self.lane, self.address = lane, address
        self.ready = self.working = self.evicted = self.gone = False
        self.turn: asyncio.Future[None] | None = None
        self.timeout: asyncio.Timeout | None = None


class Line:
    """The tickets of one lane, by address, in the order in which addresses have their turn."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[str, deque[Ticket]] = OrderedDict()
        # How many addresses have so many tickets: a flood of addresses must not make us look at each of them
        self._counts: Counter[int] = Counter()
        self.size = self.ready = self.most = 0

    def count(self, address: str) -> int:
        """How many tickets an address has here."""
        return len(self._tickets.get(address, ()))

    def heaviest(self) -> Ticket:
        """The newest ticket of the address with most."""
        return max(self._tickets.values(), key=len)[-1]

    def add(self, ticket: Ticket) -> None:
        """At the end of its address's turn."""
        tickets = self._tickets.setdefault(ticket.address, deque())
        tickets.append(ticket)
        self._counts[len(tickets) - 1] -= 1
        self._counts[len(tickets)] += 1
        self.most = max(self.most, len(tickets))
        self.size += 1

    def remove(self, ticket: Ticket) -> None:
        """It has its place, or has gone."""
        tickets = self._tickets[ticket.address]
        self._counts[len(tickets)] -= 1
        self._counts[len(tickets) - 1] += 1
        tickets.remove(ticket)
        if not self._counts[self.most]:
            self.most -= 1
        if not tickets:
            del self._tickets[ticket.address]
        self.size -= 1
        self.ready -= ticket.ready

    def had_turn(self, address: str) -> None:
        """An address got a place without coming here: of its tickets that are here others are before."""
        if address in self._tickets:
            self._tickets.move_to_end(address)

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
        # Seconds from one answer to the next while somebody waits, and when the last one was
        self._pace = self._left = 0.0

    def standing(self) -> tuple[int, dict[str, int]]:
        """How many are at work, and how many wait in each lane."""
        return self.at_work, {lane.value: line.size for lane, line in self.lines.items()}

    def full(self, lane: Lane) -> bool:
        """Whether there is no place in a lane, or whoever came now would wait too long."""
        line = self.lines[lane]
        if line.size >= self._waiting:
            return True
        before = line.ready if lane is Lane.BEGUN else self._ready
        return before > 0 and max(before * self._pace, self._clock() - self._left) > LONGEST[lane]

    def refuses(self, lane: Lane, address: str) -> bool:
        """Whether a lane is full of others with no more tickets than this address would have."""
        line = self.lines[lane]
        return self.full(lane) and line.most <= line.count(address) + 1

    def enter(self, lane: Lane, address: str) -> Ticket:
        """Come to the end of a lane. Raises `Overloaded` where it refuses."""
        line = self.lines[lane]
        if self.full(lane):
            if self.refuses(lane, address):
                raise Overloaded(f"the lane {lane} is full")
            self._evict(line.heaviest())
        ticket = Ticket(lane, address)
        line.add(ticket)
        return ticket

    def at_once(self, lane: Lane, address: str) -> Ticket | None:
        """A place at work for one that is ready, where nobody is before it; as `enter` and `wants` would give it one."""
        free = self.at_work < self._places and (lane is Lane.BEGUN or self._new_at_work < self._places_for_new)
        if not free or self._ready or self.lines[lane].size >= self._waiting:
            return None
        ticket = Ticket(lane, address)
        ticket.ready = ticket.working = True
        self.lines[lane].had_turn(address)
        self.at_work += 1
        self._new_at_work += lane is Lane.NEW
        return ticket

    def wants(self, ticket: Ticket) -> bool:
        """It is ready for a place; whether it has one at once."""
        ticket.ready = True
        self.lines[ticket.lane].ready += 1
        self._fill()
        if not ticket.working and self._ready == 1:
            self._left = self._clock()  # from here on somebody waits
        return ticket.working

    def leave(self, ticket: Ticket) -> None:
        """It is answered, or has gone: the next have their turn. Once more is nothing."""
        if ticket.gone:
            return
        ticket.gone = True
        if ticket.working:
            ticket.working = False
            self._paced()
            self.at_work -= 1
            self._new_at_work -= ticket.lane is Lane.NEW
            self._fill()
        elif not ticket.evicted:
            self.lines[ticket.lane].remove(ticket)

    @property
    def _ready(self) -> int:
        return self.lines[Lane.BEGUN].ready + self.lines[Lane.NEW].ready

    def _paced(self) -> None:
        now = self._clock()
        if self._ready:
            self._pace += NEWEST * (now - self._left - self._pace)
        self._left = now

    def _evict(self, ticket: Ticket) -> None:
        ticket.evicted = True
        self.lines[ticket.lane].remove(ticket)
        if ticket.timeout is not None and not ticket.timeout.expired():
            ticket.timeout.reschedule(0.0)

    def _fill(self) -> None:
        while self.at_work < self._places and (lane := self._next()) is not None:
            ticket = self.lines[lane].take()
            ticket.working = True
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
