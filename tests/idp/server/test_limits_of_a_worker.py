"""The cost of a connection for a worker, and how a server ends: a number and a time bound what brings nothing."""

import asyncio
import http.client
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from idp.server import head_limits
from idp.server import http as module
from idp.server.http import Server, bind
from tests.idp.server.served import SECONDS, running, served

FREE, LATE, AN_HOUR = 2, 0.5, 3600.0
HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


class Here:
    """Says that it is here. `kinds` is what was asked."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.kinds.append(scope["type"])
        await PlainTextResponse("here")(scope, receive, send)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_limits.BoundedProtocol, "seconds", LATE)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def closed(connection: socket.socket, octets: Callable[[int], bytes] = lambda _: b"") -> bool:
    """Whether the other end closes it in the end without a word, though something comes all the time."""
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


@contextmanager
def asked(port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection that was answered and stays open."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as client:
        client.request("GET", "/")
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200
        yield client


# -- time and number


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("first", "piece"), [(b"", b""), (HEAD + b"X-Slow: ", b"x"), (b"", b"\r\n")])
def test_a_connection_that_never_comes_to_its_request_is_closed(first: bytes, piece: bytes) -> None:
    with served(Here().asgi) as port, connected(port) as slow:
        assert closed(slow, lambda number: piece if number else first)


@pytest.mark.usefixtures("soon")
def test_the_second_request_of_a_connection_has_as_long() -> None:
    here = Here()
    with served(here.asgi) as port, connected(port) as kept:
        kept.sendall(HEAD + b"\r\n")
        assert b"200" in kept.recv(1000)
        time.sleep(2 * LATE)  # idle, which is its right
        kept.sendall(HEAD + b"\r\n")
        assert b"200" in kept.recv(1000)
        assert closed(kept, lambda number: b"x" if number else HEAD + b"X-Slow: ")
    assert here.kinds == ["http", "http"]


def test_more_connections_than_a_worker_takes_are_closed_at_once() -> None:
    with served(Here().asgi, most=FREE) as port, ExitStack() as held:
        kept = [held.enter_context(asked(port)) for _ in range(FREE)]
        with connected(port) as more:
            assert closed(more)
        kept[0].request("GET", "/")
        assert kept[0].getresponse().status == 200


def test_one_that_is_full_leaves_the_next_to_another_that_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 10)
    with bind("127.0.0.1", 0) as listening, ExitStack() as held:
        port, second = int(listening.getsockname()[1]), listening.dup()
        held.enter_context(running(Server(Here().asgi, listening, most=FREE)))
        for _ in range(FREE):
            held.enter_context(asked(port))
        held.enter_context(running(Server(Here().asgi, second, most=100)))
        for _ in range(20):
            held.enter_context(asked(port))


def test_an_upgrade_to_a_websocket_is_a_request_like_any_other() -> None:
    here = Here()
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    with served(here.asgi) as port, connected(port) as upgrading:
        upgrading.sendall(HEAD + upgrade)
        assert upgrading.recv(1000).startswith(b"HTTP/1.1 200")
    assert here.kinds == ["http"]


def test_the_soft_limit_of_files_is_raised_to_the_hard_one_and_half_of_it_is_for_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    code = (
        "import resource; from idp.server.workers.supervisor import raise_limit\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))\n"
        "raise_limit()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == hard
    with bind("127.0.0.1", 0) as listening:
        assert Server(Here().asgi, listening)._most == min(module.MOST_CONNECTIONS, soft // 2)


# -- the end


@pytest.fixture
def idle() -> Iterator[tuple[Server, threading.Thread, int]]:
    """A server that nobody asks, its thread, and its port."""
    begun = threading.Event()
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        server = Server(Here().asgi, listening, ticked=begun.set)
        with running(server) as thread:
            assert begun.wait(SECONDS)
            yield server, thread, port


@pytest.mark.parametrize("end", [Server.stop, lambda server: server.leave(AN_HOUR)], ids=["stop", "leave"])
def test_a_server_that_nobody_asks_ends_when_it_is_told(
    idle: tuple[Server, threading.Thread, int], end: Callable[[Server], None]
) -> None:
    server, thread, port = idle
    with asked(port):
        pass
    end(server)
    thread.join(SECONDS)
    assert not thread.is_alive()
    end(server)  # once more is nothing


def test_who_leaves_ends_when_the_last_connection_does(idle: tuple[Server, threading.Thread, int]) -> None:
    server, thread, port = idle
    with asked(port):
        server.leave(AN_HOUR)
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_who_leaves_answers_on_a_connection_that_was_accepted_just_before(
    idle: tuple[Server, threading.Thread, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _, port = idle
    accepted, opened = threading.Event(), server._open

    async def late(connection: socket.socket) -> None:
        accepted.set()
        await asyncio.sleep(0.5)
        await opened(connection)

    monkeypatch.setattr(server, "_open", late)
    with connected(port) as client:
        assert accepted.wait(SECONDS)
        server.leave(AN_HOUR)
        client.sendall(HEAD + b"\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


def test_one_that_is_told_before_it_begins_ends_at_once() -> None:
    with bind("127.0.0.1", 0) as listening:
        server = Server(Here().asgi, listening)
        server.stop()
        server.run()
