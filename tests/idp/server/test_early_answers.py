"""Answers before a request's body came, over real sockets: the connection ends, or the next request is taken for it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from starlette.types import Receive, Scope, Send

from idp.server.http import Server, bind

POST = b"POST %s HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n"
EXPECTS = b"Expect: 100-continue\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: here\r\n\r\n"
CLOSE = (b"connection", b"close")


class Told:
    """Refuses with 415 at once; reads the body first at `/read`, and asks for more behind its answer at `/behind`."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.paths.append(path)
        while path == "/read" and (await receive()).get("more_body"):
            pass
        headers = [(b"content-length", b"4"), *([CLOSE] if path == "/closes" else ())]
        await send({"type": "http.response.start", "status": 415, "headers": headers})
        if path == "/pieces":
            await send({"type": "http.response.body", "body": b"la", "more_body": True})
            await send({"type": "http.response.body", "body": b"te"})
        else:
            await send({"type": "http.response.body", "body": b"late"})
        if path == "/behind":
            await receive()


@contextmanager
def _connected(told: Told) -> Iterator[socket.socket]:
    listening = bind("127.0.0.1", 0)
    server = Server(told.asgi, listening)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with socket.create_connection(listening.getsockname(), timeout=60) as client:
            yield client
    finally:
        server.stop()
        thread.join(10)


def _answer(client: socket.socket) -> bytes:
    """One, with what came with it."""
    read = b""
    while not read.endswith(b"late"):
        more = client.recv(65536)
        assert more, f"closed after {read!r}"
        read += more
    return read


def _closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.spec("RFC 9110 §10.1.1")
@pytest.mark.parametrize("path", [b"/", b"/pieces", b"/closes"])
@pytest.mark.parametrize(
    "octets", [EXPECTS + b"\r\n", b"\r\n", b"\r\na="], ids=["waits for 100", "head alone", "half a body"]
)
def test_an_answer_before_the_body_ends_the_connection_and_says_so(path: bytes, octets: bytes) -> None:
    told = Told()
    with _connected(told) as client:
        client.sendall(POST % path + octets)
        answer = _answer(client)
        assert answer.count(b"connection: close\r\n") == 1
        assert b"100 Continue" not in answer
        assert _closed(client)
    assert told.paths == [path.decode()]


def test_so_does_one_before_the_last_of_many_chunks() -> None:
    with _connected(Told()) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        assert _answer(client).count(b"connection: close\r\n") == 1
        assert _closed(client)


@pytest.mark.parametrize("expects", [b"", EXPECTS])
def test_a_body_that_came_with_its_head_and_was_read_keeps_the_connection(expects: bytes) -> None:
    told = Told()
    with _connected(told) as client:
        client.sendall(POST % b"/read" + expects + b"\r\na=b")
        assert b"connection: close" not in _answer(client)
        client.sendall(NEXT)
        assert b"connection: close" not in _answer(client)
    assert told.paths == ["/read", "/next"]


@pytest.mark.parametrize("expects", [b"", EXPECTS])
def test_a_body_that_is_waited_for_keeps_it_too(expects: bytes) -> None:
    told = Told()
    with _connected(told) as client:
        client.sendall(POST % b"/read" + expects + b"\r\n")
        if expects:
            assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        time.sleep(0.1)
        client.sendall(b"a=b")
        assert b"connection: close" not in _answer(client)
        client.sendall(NEXT)
        assert b"connection: close" not in _answer(client)
    assert told.paths == ["/read", "/next"]


def test_nobody_is_told_to_continue_behind_an_answer() -> None:
    with _connected(Told()) as client:
        client.sendall(POST % b"/behind" + EXPECTS + b"\r\na=b")
        assert b"100 Continue" not in _answer(client)
        assert _closed(client)


@pytest.mark.spec(
    "RFC 9110 §7.8: an upgrade that nobody offered is ignored, and the body of the request with it is none of the next"
)
def test_what_comes_behind_a_request_for_another_protocol_is_no_request() -> None:
    told = Told()
    with _connected(told) as client:
        client.sendall(
            b"POST /read HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 40\r\n\r\n"
        )
        time.sleep(0.2)
        with suppress(OSError):
            client.sendall(b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n")
        octets = b""
        with suppress(OSError):
            while more := client.recv(4096):
                octets += more
    assert told.paths == ["/read"]
    assert octets.lower().count(b"connection: close") == 1


@pytest.mark.spec("RFC 9112 §9.6: whoever ends a connection says so")
def test_an_answer_ends_the_connection_of_who_asks_for_another_protocol() -> None:
    told = Told()
    upgrade = b"GET /full HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with _connected(told) as client:
        client.sendall(upgrade + NEXT)
        octets = b""
        with suppress(ConnectionError):
            while more := client.recv(4096):
                octets += more
    assert octets.count(b"HTTP/1.1 415 ") == 1
    assert octets.lower().count(b"connection: close") == 1
    assert told.paths == ["/full"], "nothing behind it"
