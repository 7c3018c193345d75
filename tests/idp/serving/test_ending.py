"""A server that nobody asks sleeps until it is told to end: it is woken for that, and does not look again and again."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.types import Receive, Scope, Send

import idp.server as module
from idp.server import Server, bind

AN_HOUR = 3600.0
LONG = 30


async def _nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def _asked(port: int) -> Iterator[None]:
    """A connection that was answered and stays open. It was answered by a server that sleeps, so it does again."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
    try:
        client.request("GET", "/")
        client.getresponse().read()
        yield
    finally:
        client.close()


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, threading.Thread, int]]:
    """A server that would look for the next time in an hour, its thread, and its port."""
    monkeypatch.setattr(module, "TICK_SECONDS", AN_HOUR)
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
def test_a_server_that_sleeps_is_woken_to_end(
    asleep: tuple[Server, threading.Thread, int], end: Callable[[Server], None]
) -> None:
    server, thread, port = asleep
    with _asked(port):
        pass
    end(server)
    thread.join(LONG)
    assert not thread.is_alive()


def test_who_leaves_ends_when_the_last_connection_does(asleep: tuple[Server, threading.Thread, int]) -> None:
    server, thread, port = asleep
    with _asked(port):
        server.leave(AN_HOUR)
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(LONG)
    assert not thread.is_alive()


def test_one_that_has_ended_may_be_told_again(asleep: tuple[Server, threading.Thread, int]) -> None:
    server, thread, _ = asleep
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
