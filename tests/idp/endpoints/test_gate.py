"""What is written for whoever a full lane refuses, before the server makes anything of their request."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.types import Receive, Scope, Send

from idp.endpoints.gate import Gate
from idp.endpoints.lanes import LONGEST, Lane, Queue
from idp.heads import MOST_WAITING
from idp.rates import Rates
from idp.server import Server, bind
from idp.settings import Limits
from policies.errors import BrokerError

HOME, AWAY, PROXY = "93.184.216.34", "93.184.216.35", "127.0.0.1"
GET = "GET /authorize?a=b HTTP/1.1\r\nHost: login.example\r\n"
LOGIN = "Cookie: __Host-l-AAAAAAAAAAAAAAAAAAAAAA=a123\r\n"


def _page(scope: Scope, error: BrokerError, reference: str) -> tuple[int, dict[str, str], bytes]:
    return 503, {"content-type": "text/plain"}, f"{scope['path']} {error.code} {reference}".encode()


def _gate(*waiting: str, told: Callable[[str], None] = lambda _lane: None) -> Gate:
    """Two at work and three places to wait, in each lane; `waiting` are the addresses of who waits for a first page."""
    queue = Queue(at_work=2, waiting=3)
    rates = Rates(Limits())
    for address in (*("busy",) * (1 if waiting else 0), *waiting):
        queue.wants(queue.enter(Lane.NEW, rates.address(address)))
    return Gate(tenant="login.example", queue=queue, rates=rates, page=_page, told=told)


def _scope(path: str = "/authorize", method: str = "GET", **headers: bytes) -> Scope:
    listed = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": listed}


@pytest.mark.spec("issue: 503 with Retry-After within 50 ms when full")
def test_a_full_lane_answers_with_octets_that_are_made_once() -> None:
    told = list[str]()
    gate = _gate(HOME, AWAY, "198.51.101.1", told=told.append)
    first = gate.at_once(_scope(), lambda: "198.51.101.2")
    head, _, body = first.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 503 Service Unavailable"
    assert {b"retry-after: 5", b"content-length: %d" % len(body)} < set(lines)
    assert gate.at_once(_scope(), lambda: "198.51.101.2") is first
    assert told == ["new", "new"]


@pytest.mark.parametrize(
    "scope",
    [
        _scope("/style.css"),
        _scope("/healthz"),
        _scope(method="POST"),
        _scope(method="HEAD"),
        _scope(content_length=b"5"),
        _scope(transfer_encoding=b"chunked"),
        _scope("/login/x/countries", cookie=b"__Host-l-AAAAAAAAAAAAAAAAAAAAAA=a123"),
    ],
)
def test_what_has_a_body_is_cheap_or_has_begun_goes_the_long_way(scope: Scope) -> None:
    gate = _gate(HOME, AWAY, "198.51.101.1")
    assert gate.at_once(scope, lambda: "198.51.101.2") == b""


def test_an_address_with_fewer_goes_the_long_way_where_another_gives_way() -> None:
    gate = _gate(HOME, HOME, HOME)
    assert gate.at_once(_scope(), lambda: HOME)
    assert gate.at_once(_scope(), lambda: AWAY) == b""


def test_whose_address_it_is_is_not_asked_where_there_is_room() -> None:
    def asked() -> str:
        raise AssertionError("nobody needs it")

    assert _gate().at_once(_scope(), asked) == b""


def test_whoever_would_wait_too_long_is_refused_before_the_lane_has_no_more_places() -> None:
    now = [0.0]
    queue = Queue(at_work=2, waiting=1000, clock=lambda: now[0])
    working = queue.enter(Lane.NEW, "busy")
    assert queue.wants(working)
    waiting = [queue.enter(Lane.NEW, str(number)) for number in range(100)]
    for ticket in waiting:
        queue.wants(ticket)
    assert not queue.full(Lane.NEW)
    for ticket in (working, *waiting[:30]):
        now[0] += 0.1
        queue.leave(ticket)
    assert queue.full(Lane.NEW), "seventy wait, and ten are served in a second"
    assert not queue.full(Lane.BEGUN)
    for ticket in waiting[30:98]:
        now[0] += 0.1
        queue.leave(ticket)
    assert not queue.full(Lane.NEW)


def test_while_nobody_is_served_nobody_more_waits_and_idle_hours_do_not_count() -> None:
    now = [3600.0]
    queue = Queue(at_work=2, waiting=1000, clock=lambda: now[0])
    for name in ("busy", "waits"):
        queue.wants(queue.enter(Lane.NEW, name))
    assert not queue.full(Lane.NEW)
    now[0] += LONGEST[Lane.NEW] + 0.1
    assert queue.full(Lane.NEW)


def test_the_most_of_an_address_is_known_without_looking_at_each() -> None:
    queue = Queue(at_work=2, waiting=1000)
    line = queue.lines[Lane.NEW]
    tickets = [queue.enter(Lane.NEW, address) for address in ("a", "a", "b", "a", "c")]
    assert line.most == 3
    for ticket, most in zip(tickets, (2, 1, 1, 1, 0), strict=True):
        queue.leave(ticket)
        assert line.most == most


class Long:
    """The long way: says that a request came here."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"long"})


@contextmanager
def _served(gate: Gate, *, draining: bool = False) -> Iterator[socket.socket]:
    listening = bind("127.0.0.1", 0)
    server = Server(Long(), listening, trusted=[PROXY], draining=lambda: draining, refused=gate.at_once)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with socket.create_connection(listening.getsockname()) as client:
            client.settimeout(10)
            yield client
    finally:
        server.stop()
        thread.join(10)


def _answers(client: socket.socket, count: int) -> list[int]:
    """The statuses of so many answers on one connection."""
    found, read = list[int](), b""

    def more() -> bytes:
        octets = client.recv(65536)
        assert octets, f"the connection ended after {len(found)} answers"
        return octets

    while len(found) < count:
        while b"\r\n\r\n" not in read:
            read += more()
        head, _, rest = read.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
        while len(rest) < length:
            rest += more()
        found.append(int(head[9:12]))
        read = rest[length:]
    assert not read
    return found


def _full() -> Gate:
    return _gate(HOME, AWAY, "198.51.101.1")


def test_the_server_keeps_the_connection_and_answers_each_in_order() -> None:
    with _served(_full()) as client:
        for request, status in ((GET, 503), (GET + LOGIN.replace("l-A", "x-A"), 503), (GET, 503)):
            client.sendall((request + "\r\n").encode())
            assert _answers(client, 1) == [status]
        client.sendall(
            (GET + "\r\n").encode() * 3 + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + (GET + "\r\n").encode() * 3
        )
        assert _answers(client, 7)[:4] == [503, 503, 503, 200]


def test_as_many_requests_in_one_packet_as_may_wait_are_answered_in_order() -> None:
    with _served(_full()) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + (GET + "\r\n").encode() * MOST_WAITING)
        found = _answers(client, 1 + MOST_WAITING)
    assert found[0] == 200
    assert set(found[1:]) <= {200, 503}


def test_the_address_is_what_a_trusted_proxy_says() -> None:
    with _served(_gate(HOME, HOME, HOME)) as client:
        for address, status in ((HOME, 503), (AWAY, 200), (f"{AWAY}, {HOME}", 503)):
            client.sendall(f"{GET}X-Forwarded-For: {address}\r\n\r\n".encode())
            assert _answers(client, 1) == [status]


def test_a_connection_that_is_not_kept_is_closed_behind_the_refusal() -> None:
    with _served(_full()) as client:
        client.sendall((GET + "Connection: close\r\n\r\n").encode())
        assert _answers(client, 1) == [503]
        assert client.recv(1) == b""


def test_a_server_that_leaves_answers_the_long_way_which_closes_the_connection() -> None:
    with _served(_full(), draining=True) as client:
        client.sendall((GET + "\r\n").encode())
        assert _answers(client, 1) == [200]
        assert client.recv(1) == b""


def test_a_refusal_costs_little() -> None:
    gate, best = _full(), float("inf")
    scope = _scope(accept_language=b"de")
    for _ in range(7):
        begun = time.thread_time()
        for _ in range(500):
            gate.at_once(scope, lambda: "198.51.101.2")
        best = min(best, (time.thread_time() - begun) / 500)
    assert best < 25e-6, f"{best * 1e6:.1f} microseconds"
