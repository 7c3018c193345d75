"""Whose place in a full lane is taken: by address, by /48, and of whoever has not sent its body yet."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.endpoints.lanes import LONGEST, NEWEST, Lane, Queue, State, Ticket, Weights
from idp.rates import LINE_TIMES, Rates, wide_of
from idp.settings import Limits
from policies.errors import Overloaded

RATES = Rates(Limits())
HOME, AWAY = RATES.address("93.184.216.34"), RATES.address("93.184.216.35")


def _inside(number: int, wide: str = "2001:db8:1") -> str:
    """An address in one network of a /48."""
    return RATES.address(f"{wide}:{number:x}::1")


def _enter_all(queue: Queue, addresses: list[str], *, whole: bool = False, lane: Lane = Lane.NEW) -> list[Ticket]:
    tickets = [queue.enter(lane, address, whole=whole) for address in addresses]
    for ticket in tickets if whole else []:
        queue.wants(ticket)
    return tickets


def _busy(waiting: int) -> Queue:
    """Nobody new has a place at work."""
    queue = Queue(at_work=2, waiting=waiting, clock=lambda: 0.0)
    _enter_all(queue, ["busy"], whole=True)
    return queue


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("lane", list(Lane))
def test_one_48_that_fills_a_lane_from_many_networks_gives_way_to_everybody_else(lane: Lane, *, whole: bool) -> None:
    queue = Queue(at_work=2, waiting=256, clock=lambda: 0.0)
    _enter_all(queue, ["busy"] * (1 + (lane is Lane.BEGUN)), whole=True, lane=lane)
    flood = _enter_all(queue, [_inside(number) for number in range(256)], whole=whole, lane=lane)
    assert not queue.refuses(lane, HOME)
    others = _enter_all(queue, [RATES.address(f"198.51.100.{number}") for number in range(200)], lane=lane)
    assert sum(ticket.evicted for ticket in flood) == 200
    assert not any(ticket.evicted for ticket in others)
    with pytest.raises(Overloaded):
        queue.enter(lane, _inside(999))


def test_a_48_weighs_as_one_address_with_a_quarter_as_many() -> None:
    """A carrier's customers are not one person."""
    queue = _busy(40)
    _enter_all(queue, [HOME] * 8, whole=True)
    carrier = _enter_all(queue, [_inside(number) for number in range(32)], whole=True)
    for address in (HOME, _inside(99)):
        with pytest.raises(Overloaded):
            queue.enter(Lane.NEW, address, whole=True)
    queue.enter(Lane.NEW, AWAY, whole=True)
    assert sum(ticket.evicted for ticket in carrier) == 0, "eight of one address and 32 of one /48 weigh the same"
    queue.enter(Lane.NEW, AWAY, whole=True)
    assert sum(ticket.evicted for ticket in carrier) == 1


def test_inside_one_48_the_network_with_most_gives_way() -> None:
    queue = _busy(64)
    flood = _enter_all(queue, [_inside(number % 4) for number in range(64)], whole=True)
    _enter_all(queue, [_inside(number) for number in range(100, 120)], whole=True)
    assert [sum(ticket.evicted for ticket in flood[network::4]) for network in range(4)] == [5] * 4


def test_a_whole_request_takes_the_place_of_one_whose_body_is_still_to_come() -> None:
    queue = _busy(50)
    drips = _enter_all(queue, [RATES.address(f"198.51.100.{number}") for number in range(50)])
    with pytest.raises(Overloaded):
        queue.enter(Lane.NEW, HOME)
    assert not queue.refuses(Lane.NEW, HOME)
    quick = _enter_all(queue, [HOME], whole=True)
    assert [ticket.evicted for ticket in drips] == [True] + [False] * 49, "who has dripped for longest"
    _enter_all(queue, [RATES.address(f"198.51.101.{number}") for number in range(49)], whole=True)
    assert not any(ticket.evicted for ticket in quick)
    assert queue.refuses(Lane.NEW, AWAY)
    with pytest.raises(Overloaded):
        queue.enter(Lane.NEW, AWAY, whole=True)


@pytest.mark.parametrize("lane", list(Lane))
def test_one_address_holds_a_quarter_of_a_lane_with_bodies_that_are_still_to_come(lane: Lane) -> None:
    queue = Queue(at_work=2, waiting=256, clock=lambda: 0.0)
    drips = _enter_all(queue, [HOME] * 100, lane=lane)
    others = _enter_all(queue, [AWAY] * 64, lane=lane)
    assert [ticket.evicted for ticket in drips] == [True] * 36 + [False] * 64, "who has dripped for longest"
    assert not any(ticket.evicted for ticket in others)
    whole = _enter_all(queue, [HOME] * 100, whole=True, lane=lane)
    assert not any(ticket.evicted for ticket in [*drips[36:], *whole]), "whoever sent all is not of these"


def test_nor_more_where_another_address_fills_the_lane() -> None:
    queue = Queue(at_work=2, waiting=256, clock=lambda: 0.0)
    honest = _enter_all(queue, [HOME] * 200, whole=True)
    drips = _enter_all(queue, [AWAY] * 150)
    assert sum(not ticket.evicted for ticket in drips) == 64
    assert sum(ticket.evicted for ticket in honest) <= 8, "64 where there was room for 56"


def test_of_nobodys_address_as_many_drip_as_there_is_room_for() -> None:
    """A proxy that does not say for whom it asks."""
    queue = _busy(50)
    assert not any(ticket.evicted for ticket in _enter_all(queue, [""] * 50))


def test_who_drips_inside_a_48_does_not_shut_out_the_rest_of_it() -> None:
    queue = _busy(64)
    drips = _enter_all(queue, [_inside(number) for number in range(64)])
    _enter_all(queue, [_inside(number) for number in range(100, 120)], whole=True)
    assert sum(ticket.evicted for ticket in drips) == 20


@pytest.mark.parametrize("flood", [[HOME] * 60, [_inside(number) for number in range(60)]])
def test_a_slow_sender_keeps_the_place_where_there_is_room_and_against_whoever_has_more(flood: list[str]) -> None:
    queue = _busy(50)
    slow = queue.enter(Lane.NEW, AWAY)
    came = 0
    for address in flood:
        try:
            _enter_all(queue, [address], whole=True)
            came += 1
        except Overloaded:
            pass
    assert (came, slow.evicted) == (49, False)
    assert not queue.wants(slow)
    assert queue.lines[Lane.NEW].ready == 50


def test_where_those_who_are_ready_wait_too_long_no_place_is_taken_from_one_who_is_not() -> None:
    now = [0.0]
    queue = Queue(at_work=2, waiting=50, clock=lambda: now[0])
    _enter_all(queue, ["busy", "waits"], whole=True)
    drips = _enter_all(queue, [HOME])
    now[0] += LONGEST[Lane.NEW] + 0.1
    assert queue.refuses(Lane.NEW, AWAY)
    with pytest.raises(Overloaded):
        queue.enter(Lane.NEW, AWAY, whole=True)
    assert not drips[0].evicted


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c/1", "d/1", "e/2", "f/2"]), st.booleans()), max_size=80))
def test_the_heaviest_is_known_without_looking_at_each(steps: list[tuple[str, bool]]) -> None:
    weights, held = Weights(), Counter[str]()
    for address, more in steps:
        if not more and not held[address]:
            continue
        held[address] += 1 if more else -1
        weights.change(address, 1 if more else -1)
        together = Counter[str]()
        for name, count in held.items():
            together[wide_of(name)] += count
        weigh = {
            name: max(count, -(-together[wide_of(name)] // LINE_TIMES) if wide_of(name) else 0)
            for name, count in held.items()
            if count
        }
        most = max(weigh.values(), default=0)
        assert weights.most == most
        heaviest = weights.above(max(most - 1, 0), 0, "a")
        assert heaviest is None if not weigh else weigh[str(heaviest)] == most
        assert weights.above(most, 100, "c/1") is None


class _EveryTime(Queue):
    """Looks at its pace and for who is next whenever somebody leaves, and lets every address have had its turn."""

    def leave(self, ticket: Ticket) -> None:
        if not ticket.working:
            super().leave(ticket)
            return
        ticket.state = State.GONE
        now = self._clock()
        if self._ready:
            self._pace += NEWEST * (now - self._left - self._pace)
        self._left = now
        self.at_work -= 1
        self._new_at_work -= ticket.lane is Lane.NEW
        self._fill()

    def at_once(self, lane: Lane, address: str) -> Ticket | None:
        ticket = super().at_once(lane, address)
        if ticket is not None and not self.lines[lane].size:
            self.lines[lane].had_turn(address)
        return ticket


STEP = st.tuples(st.sampled_from(["enter", "wants", "at_once", "leave"]), st.integers(0, 30), st.floats(0, 3))


@given(st.lists(STEP, max_size=60))
def test_where_nobody_is_ready_there_is_nothing_to_pace(steps: list[tuple[str, int, float]]) -> None:
    now = 0.0
    queues = [kind(4, 3, clock=lambda: now) for kind in (Queue, _EveryTime)]
    tickets: list[list[Ticket]] = [[], []]
    for act, number, seconds in steps:
        now += seconds
        lane, address = list(Lane)[number % 2], "abcd"[number // 2 % 4]
        for queue, own in zip(queues, tickets, strict=True):
            if act == "at_once" and (ticket := queue.at_once(lane, address)):
                own.append(ticket)
            elif act == "enter" and not queue.refuses(lane, address):
                own.append(queue.enter(lane, address, whole=True))
            elif own and act == "leave":
                queue.leave(own[number % len(own)])
            elif own and act == "wants" and own[number % len(own)].state is State.COMING:
                queue.wants(own[number % len(own)])
        one, two = ([(each.lane, each.address, each.state) for each in own] for own in tickets)
        assert one == two
        assert [[queue.full(lane), queue.refuses(lane, address)] for lane in Lane for queue in queues[:1]] == [
            [queue.full(lane), queue.refuses(lane, address)] for lane in Lane for queue in queues[1:]
        ]
        assert queues[0].standing() == queues[1].standing()
