"""The end of a server: soon where nobody asks, after the last connection where it leaves."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.types import Receive, Scope, Send

from idp.server.http import Server, bind

AN_HOUR = 3600.0
LONG = 30


async def _nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def _asked(port: int) -> Iterator[None]:
    """A connection that was answered and stays open."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
    try:
        client.request("GET", "/")
        client.getresponse().read()
        yield
    finally:
        client.close()


@pytest.fixture
def idle() -> Iterator[tuple[Server, threading.Thread, int]]:
    """A server that nobody asks, its thread, and its port."""
    begun = threading.Event()
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        server = Server(_nothing, listening, ticked=begun.set)
        thread = threading.Thread(target=server.run)
        thread.start()
        assert begun.wait(LONG)
        yield server, thread, port
        server.stop()
        thread.join(LONG)


@pytest.mark.parametrize("end", [Server.stop, lambda server: server.leave(AN_HOUR)], ids=["stop", "leave"])
def test_a_server_that_nobody_asks_ends_when_it_is_told(
    idle: tuple[Server, threading.Thread, int], end: Callable[[Server], None]
) -> None:
    server, thread, port = idle
    with _asked(port):
        pass
    end(server)
    thread.join(LONG)
    assert not thread.is_alive()


def test_who_leaves_ends_when_the_last_connection_does(idle: tuple[Server, threading.Thread, int]) -> None:
    server, thread, port = idle
    with _asked(port):
        server.leave(AN_HOUR)
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(LONG)
    assert not thread.is_alive()


def test_one_that_has_ended_may_be_told_again(idle: tuple[Server, threading.Thread, int]) -> None:
    server, thread, _ = idle
    server.stop()
    thread.join(LONG)
    server.stop()
    server.leave(0)
    assert not thread.is_alive()


def test_one_that_is_told_before_it_begins_ends_at_once() -> None:
    with bind("127.0.0.1", 0) as listening:
        server = Server(_nothing, listening)
        server.stop()
        server.run()
