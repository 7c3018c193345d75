"""Limits by address and party: moving windows that are bounded, keys that name nobody, and what a limit never hits."""

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.config.setting_types import Limits
from idp.server.rate_limits import CLIENT_TIMES, LINE_TIMES, Limit, Rates, Windows
from policies.errors import TooManyRequests

HOME, AWAY = "93.184.216.34", "93.184.216.35"
PARTY = "parking"


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _rates(clock: Clock | None = None, **limits: int) -> Rates:
    clock = clock or Clock()
    return Rates(Limits(**limits), windows=Windows(clock=clock), pages=Windows(clock=clock))


def test_a_window_moves_so_that_no_minute_holds_more_than_its_limit() -> None:
    clock = Clock()
    rates = _rates(clock, begin_address=3)
    for _ in range(3):
        rates.begin(HOME, PARTY)
        clock.now += 15
    with pytest.raises(TooManyRequests):
        rates.begin(HOME, PARTY)
    clock.now += 15.1
    rates.begin(HOME, PARTY)
    with pytest.raises(TooManyRequests, match="begin_address"):
        rates.begin(HOME, PARTY)


def test_costly_steps_of_logins_are_counted_apart_from_their_beginnings_and_from_each_other() -> None:
    rates = _rates(begin_address=2)
    for step in ("ask", "speak"):
        for _ in range(2):
            rates.go_on(HOME, step)
        with pytest.raises(TooManyRequests, match="begin_address"):
            rates.go_on(HOME, step)
        rates.go_on(AWAY, step)
    rates.begin(HOME, PARTY)


@given(st.lists(st.floats(min_value=0, max_value=40), min_size=1, max_size=60), st.integers(1, 5))
@settings(max_examples=60)
def test_whatever_the_times_are_no_minute_has_more_than_the_limit(gaps: list[float], limit: int) -> None:
    clock, taken = Clock(), list[float]()
    rates = _rates(clock, begin_address=limit)
    for gap in gaps:
        clock.now += gap
        try:
            rates.begin(HOME, PARTY)
            taken.append(clock.now)
        except TooManyRequests:
            assert sum(one > clock.now - 65 for one in taken) >= limit, "nobody is refused much longer"
    for moment in taken:
        assert sum(moment - 60 < one <= moment for one in taken) <= limit


def test_what_a_party_has_no_room_for_is_none_of_the_address() -> None:
    rates = _rates(begin_address=2, begin_party=1)
    rates.begin(AWAY, PARTY)
    for _ in range(5):
        with pytest.raises(TooManyRequests) as caught:
            rates.begin(HOME, PARTY)
        assert (caught.value.limit, caught.value.seconds) == ("begin_party", 60)
    for party in ("fares", "library"):
        rates.begin(HOME, party)
    with pytest.raises(TooManyRequests, match="begin_address"):
        rates.begin(HOME, "another")
    rates.begin(AWAY, "another")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:93.184.216.34", HOME, True),
        ("64:ff9b::93.184.216.34", HOME, True),
        ("64:ff9b::93.184.216.34", "64:ff9b::93.184.216.35", False),
        ("64:ff9b::127.0.0.1", "127.0.0.1", False),
        (HOME, AWAY, False),
    ],
)
def test_an_ipv6_address_is_counted_by_its_64_bits(one: str, other: str, *, same: bool) -> None:
    rates = _rates()
    assert (rates.address(one) == rates.address(other)) is same


def _networks(count: int, line: str = "2001:db8:1") -> list[str]:
    """An address in each of so many networks of one line."""
    return [f"{line}:{number:x}::1" for number in range(count)]


def _begun(rates: Rates, clients: Iterable[str]) -> int:
    """How many of these could begin."""
    return _passed(clients, lambda client: rates.begin(client, PARTY))


def _asked(rates: Rates, clients: Iterable[str]) -> int:
    """How many of these got a page."""
    return _passed(clients, lambda client: rates.page(rates.address(client)))


def _passed(clients: Iterable[str], act: Callable[[str], None]) -> int:
    passed = 0
    for client in clients:
        with suppress(TooManyRequests):
            act(client)
            passed += 1
    return passed


@pytest.mark.parametrize("count", [_begun, _asked])
def test_all_networks_of_one_line_come_four_times_as_often_as_one(count: Callable[[Rates, Iterable[str]], int]) -> None:
    rates = _rates(begin_address=3, pages=3)
    assert count(rates, _networks(256)) == 12
    assert count(rates, _networks(256, "2001:db8:2")) == 12
    assert count(rates, [f"93.184.216.{number}" for number in range(256)]) == 256, "an IPv4 address is its own line"
    # A network that is refused uses up nothing of its line
    assert count(rates, _networks(1, "2001:db8:3") * 50) == 3
    assert count(rates, _networks(4, "2001:db8:3") * 3) == 9


def test_one_line_fills_no_relying_party() -> None:
    rates = _rates(begin_address=2, begin_party=10)
    assert _begun(rates, _networks(256) * 2) == 8
    assert _begun(rates, [HOME]) == 1, "what was refused by address is none of the party's"


def test_networks_of_a_line_that_is_refused_make_no_keys() -> None:
    windows, pages = Windows(), Windows()
    rates = Rates(Limits(begin_address=3, pages=3, failures=3), windows=windows, pages=pages)
    _asked(rates, _networks(256))
    assert len(pages) == 12 + 1
    _begun(rates, _networks(256))
    assert len(windows) == 12 + 1 + 1, "and the party's"
    for client in _networks(256):
        rates.failed(rates.address(client))
    assert len(windows) == 12 + 1 + 1 + 12 + 1


def test_a_flood_of_pages_has_no_other_limit_forgotten() -> None:
    rates = Rates(Limits(begin_address=2, failures=2), windows=Windows(max_keys=100), pages=Windows(max_keys=100))
    home = rates.address(HOME)
    for _ in range(2):
        rates.failed(home)
        rates.begin(HOME, PARTY)
    for number in range(1000):
        rates.page(f"{number:024x}")
    with pytest.raises(TooManyRequests, match="failures"):
        rates.check_failures(home)
    with pytest.raises(TooManyRequests, match="begin_address"):
        rates.begin(HOME, PARTY)


@pytest.mark.parametrize(("place", "client"), [("", None), ("/token", None), ("/token", "parking")])
def test_all_networks_of_one_line_fail_four_times_as_often_as_one(place: str, client: str | None) -> None:
    rates = _rates(failures=3)
    for network in _networks(12):
        rates.check_failures(rates.address(network), place, client)
        rates.failed(rates.address(network), place, client)
    for network in _networks(20)[10:]:
        with pytest.raises(TooManyRequests, match="failures"):
            rates.check_failures(rates.address(network), place, client)
    rates.check_failures(rates.address("2001:db8:2::1"), place, client)
    rates.check_failures(rates.address("2001:db8:1::1"), "elsewhere", client)
    rates.check_failures(rates.address("2001:db8:1:ffff::1"), place, "permits")


@pytest.mark.parametrize("clients", [[HOME], ["2001:db8:1::1"], _networks(12)])
def test_clients_fail_apart_and_together_four_times_as_often(clients: list[str]) -> None:
    rates = _rates(failures=3)
    room = 3 * CLIENT_TIMES * min(len(clients), LINE_TIMES)
    for number in range(room):
        address = rates.address(clients[number % len(clients)])
        rates.check_failures(address, "/token", f"{number // len(clients) % 6}")
        rates.failed(address, "/token", f"{number // len(clients) % 6}")
    with pytest.raises(TooManyRequests, match="failures"):
        rates.check_failures(rates.address(clients[0]), "/token", "another")
    rates.check_failures(rates.address(AWAY), "/token", "another")


def test_what_neighbours_failed_is_not_an_addresss_own() -> None:
    rates = _rates(failures=3)
    for client in _networks(3 * LINE_TIMES):
        rates.failed(rates.address(client), "/token", "parking")
    fresh, guessing = rates.address("2001:db8:1:ffff::1"), rates.address(HOME)
    rates.check_failures(fresh, "/token", "parking", own=True)
    for _ in range(3):
        rates.check_failures(guessing, "/token", "parking", own=True)
        rates.failed(guessing, "/token", "parking")
    with pytest.raises(TooManyRequests, match="failures"):
        rates.check_failures(guessing, "/token", "parking", own=True)
    rates.check_failures(guessing, "/token", "permits", own=True)
    rates.check_failures("", "/token", "parking", own=True)
    rates.failed("", "/token", "parking")


def test_a_network_whose_failures_are_refused_shuts_out_no_other_of_its_line() -> None:
    rates = _rates(failures=3)
    one, other = (rates.address(client) for client in _networks(2))
    for _ in range(50):
        rates.failed(one)
    with pytest.raises(TooManyRequests):
        rates.check_failures(one)
    rates.check_failures(other)


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.7", "", "unix", "a' OR 1"])
def test_this_machine_and_a_proxy_that_does_not_say_for_whom_are_nobodys_address(client: str) -> None:
    rates = Rates(Limits(begin_address=1, pages=1, failures=1), exempt=["10.0.0.0/24"])
    address = rates.address(client)
    assert address == ""
    for _ in range(5):
        rates.begin(client, PARTY)
        rates.page(address)
        rates.failed(address)
        rates.check_failures(address)


@pytest.mark.spec("decisions.md I")
def test_a_key_tells_no_address_and_no_two_processes_have_the_same() -> None:
    windows, pages = Windows(), Windows()
    rates = Rates(Limits(), windows=windows, pages=pages)
    rates.begin(HOME, PARTY)
    rates.page(rates.address(HOME))
    rates.failed(rates.address(HOME), "/token")
    held = repr([*windows._windows, *pages._windows])
    assert (len(windows), len(pages)) == (3, 1)
    assert not any(text in held for text in (HOME, "93.184", PARTY))
    assert rates.address(HOME) != Rates(Limits()).address(HOME)


def test_failures_are_counted_by_address_for_each_place_and_what_succeeds_is_none() -> None:
    rates = _rates(failures=2)
    home, away = rates.address(HOME), rates.address(AWAY)
    for _ in range(2):
        for _ in range(5):
            rates.check_failures(home, "/token")
        rates.failed(home, "/token")
    with pytest.raises(TooManyRequests, match="failures"):
        rates.check_failures(home, "/token")
    rates.check_failures(away, "/token")
    rates.check_failures(home)


def test_a_flood_of_addresses_takes_a_bounded_memory_and_forgets_who_came_longest_ago() -> None:
    windows = Windows(max_keys=100)
    rates = Rates(Limits(pages=1), pages=windows)
    for number in range(1000):
        rates.page(f"{number:024x}")
    assert len(windows) == 100
    with pytest.raises(TooManyRequests):
        rates.page(f"{999:024x}")
    rates.page(f"{0:024x}")


def test_what_an_address_takes_does_not_grow_with_how_often_it_comes() -> None:
    windows, flood = Windows(clock=(clock := Clock())), Limit("flood", 12_000, ())
    for _ in range(12_000):
        clock.now += 0.01
        assert not windows.count(flood)
    assert windows.counted(flood) < 6_600
    assert sys.getsizeof(next(iter(windows._windows.values()))) < 500


def test_whoever_came_before_the_window_is_forgotten_when_the_next_one_comes() -> None:
    windows = Windows(clock=(clock := Clock()))
    for number in range(1000):
        clock.now += 0.1
        windows.count(Limit(f"k{number}", 5, ()))
    assert len(windows) <= 601
    # Whoever is asked about and did not come does not keep the rest
    windows.counted(Limit("k400", 5, ()))
    clock.now += 86_400
    windows.count(Limit("someone", 5, ()))
    assert len(windows) == 1


def test_each_refusal_is_told_by_the_name_of_its_limit() -> None:
    told: list[str] = []
    rates = Rates(Limits(pages=1, failures=1), windows=Windows(), refused=told.append)
    home = rates.address(HOME)
    rates.page(home)
    rates.failed(home)
    for act in (rates.page, rates.check_failures):
        with pytest.raises(TooManyRequests):
            act(home)
    assert told == ["pages", "failures"]


def test_two_limits_of_one_address_are_two_windows_each_full_by_itself() -> None:
    windows, one, other = Windows(clock=(clock := Clock())), Limit("k", 3, ()), Limit("other", 2, ())
    assert windows.counted(one) == len(windows) == 0
    for _ in range(2):
        assert windows.count(one, other) is None
    clock.now += 1
    assert windows.count(one, other) is other
    assert windows.count(one) is None
    assert windows.count(one, other) is one
    assert (windows.counted(one), windows.counted(other)) == (3, 2)
    clock.now += 60
    assert (windows.counted(one), windows.counted(other)) == (0, 0)


def test_all_limits_of_a_request_together_take_few_calls() -> None:
    """Counted, and not timed: a busy machine makes no more of them."""
    rates, calls = Rates(Limits(begin_address=10**7, begin_party=10**7, pages=10**7)), 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    for _ in range(2):  # the first of an address makes its windows
        calls = 0
        sys.setprofile(counted)
        try:
            address = rates.address("2001:db8:1:2::1")
            rates.page(address)
            rates.check_failures(address)
        finally:
            sys.setprofile(None)
    assert calls < 200
