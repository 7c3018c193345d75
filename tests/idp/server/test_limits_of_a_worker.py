"""Connections that bring nothing cost a worker little: a number and a time end them. An upgrade is no way around that."""

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from idp.server import head_limits as heads
from idp.server import http as module
from idp.server.http import Server, bind

FREE, LATE = 2, 1.0
HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


class Told:
    """What was asked, of every kind."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.kinds.append(scope["type"])
        await PlainTextResponse("here")(scope, receive, send)


@contextmanager
def serving(told: Told, *, most: int = 100) -> Iterator[int]:
    listening = bind("127.0.0.1", 0)
    try:
        with worker(told, listening, most):
            yield int(listening.getsockname()[1])
    finally:
        listening.close()


@contextmanager
def worker(told: Told, listening: socket.socket, most: int) -> Iterator[None]:
    server = Server(told.asgi, listening, most=most)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEADERS_SECONDS", LATE)


def connected(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.settimeout(60)
    return made


def closed(connection: socket.socket) -> bool:
    """Whether the other end closes it, without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def closed_meanwhile(connection: socket.socket, octets: Callable[[int], bytes]) -> bool:
    """Whether it is closed in the end, though something comes all the time."""
    connection.settimeout(LATE / 10)
    for number in range(200):
        try:
            connection.sendall(octets(number))
            if connection.recv(1) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_a_connection_that_sends_nothing_is_closed() -> None:
    with serving(Told()) as port, connected(port) as silent:
        assert closed(silent)


@pytest.mark.parametrize("octets", [b"x", b"\r\n"])
def test_one_that_never_comes_to_its_request_is_closed(octets: bytes) -> None:
    with serving(Told()) as port, connected(port) as slow:
        assert closed_meanwhile(slow, lambda number: octets if number or octets == b"\r\n" else HEAD + b"X-Slow: ")


def test_the_second_request_of_a_connection_has_as_long() -> None:
    told = Told()
    with serving(told) as port, connected(port) as kept:
        kept.sendall(HEAD + b"\r\n")
        assert b"200" in kept.recv(1000)
        time.sleep(2 * LATE)  # idle, which is its right
        kept.sendall(HEAD + b"\r\n")
        assert b"200" in kept.recv(1000)
        assert closed_meanwhile(kept, lambda number: b"x" if number else HEAD + b"X-Slow: ")
    assert told.kinds == ["http", "http"]


def test_more_connections_than_a_worker_takes_are_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEADERS_SECONDS", 600)
    with serving(Told(), most=FREE) as port, ExitStack() as held:
        kept = [held.enter_context(kept_open(port)) for _ in range(FREE)]
        for each in kept:
            each.request("GET", "/")
            each.getresponse().read()
        with connected(port) as more:
            more.settimeout(60)
            assert closed(more)
        kept[0].request("GET", "/")
        assert kept[0].getresponse().status == 200


def test_one_that_is_full_leaves_the_next_to_another_that_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 10)
    listening, told = bind("127.0.0.1", 0), Told()
    port = int(listening.getsockname()[1])

    def asked(held: ExitStack) -> int:
        one = held.enter_context(kept_open(port))
        one.request("GET", "/")
        return one.getresponse().status

    with worker(told, listening, FREE), ExitStack() as held:
        assert [asked(held) for _ in range(FREE)] == [200] * FREE
        with worker(told, listening.dup(), 100):
            assert [asked(held) for _ in range(20)] == [200] * 20


@contextmanager
def kept_open(port: int) -> Iterator[HTTPConnection]:
    made = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        yield made
    finally:
        made.close()


def test_an_upgrade_to_a_websocket_is_a_request_like_any_other() -> None:
    told = Told()
    asked = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    with serving(told) as port, connected(port) as upgrading:
        upgrading.sendall(HEAD + asked)
        assert upgrading.recv(1000).startswith(b"HTTP/1.1 200")
    assert told.kinds == ["http"]


def test_the_soft_limit_of_files_is_raised_to_the_hard_one() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    code = (
        "import resource; from idp.server.workers.supervisor import raise_limit\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))\n"
        "raise_limit()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert int(done.stdout) == hard


def test_a_worker_keeps_half_of_its_files_for_what_is_no_connection() -> None:
    listening = bind("127.0.0.1", 0)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert Server(Told().asgi, listening)._most == min(module.MOST_CONNECTIONS, soft // 2)
    listening.close()
