"""Answers before a request's body came, over real sockets: the connection ends, or the next request is taken for it."""

import socket
import time
from contextlib import suppress

import pytest
from starlette.types import Receive, Scope, Send

from tests.idp.server.served import connected, rest

POST = b"POST %s HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n"
EXPECTS = b"Expect: 100-continue\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: here\r\n\r\n"
CLOSE = (b"connection", b"close")


class Early:
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


def _answer(client: socket.socket) -> bytes:
    """One, with what came with it."""
    read = b""
    while not read.endswith(b"late"):
        more = client.recv(65536)
        assert more, f"closed after {read!r}"
        read += more
    return read


@pytest.mark.spec("RFC 9110 §10.1.1")
@pytest.mark.parametrize("path", [b"/", b"/pieces", b"/closes", b"/behind"])
@pytest.mark.parametrize(
    "octets", [EXPECTS + b"\r\n", b"\r\n", b"\r\na="], ids=["waits for 100", "head alone", "half a body"]
)
def test_an_answer_before_the_body_ends_the_connection_and_says_so(path: bytes, octets: bytes) -> None:
    early = Early()
    with connected(early.asgi) as client:
        client.sendall(POST % path + octets)
        answer = _answer(client)
        assert answer.count(b"connection: close\r\n") == 1
        assert b"100 Continue" not in answer + rest(client)
    assert early.paths == [path.decode()]


def test_so_does_one_before_the_last_of_many_chunks() -> None:
    with connected(Early().asgi) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        assert rest(client).count(b"connection: close\r\n") == 1


@pytest.mark.parametrize("waits", [False, True], ids=["with its head", "later"])
@pytest.mark.parametrize("expects", [b"", EXPECTS], ids=["", "expects"])
def test_a_body_that_was_read_keeps_the_connection(expects: bytes, *, waits: bool) -> None:
    early = Early()
    with connected(early.asgi) as client:
        client.sendall(POST % b"/read" + expects + b"\r\n" + (b"" if waits else b"a=b"))
        if waits:
            if expects:
                assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            time.sleep(0.1)
            client.sendall(b"a=b")
        assert b"connection: close" not in _answer(client)
        client.sendall(NEXT)
        assert b"connection: close" not in _answer(client)
    assert early.paths == ["/read", "/next"]


@pytest.mark.spec(
    "RFC 9110 §7.8: an upgrade that nobody offered is ignored, and the body of the request with it is none of the next"
)
def test_what_comes_behind_a_request_for_another_protocol_is_no_request() -> None:
    early = Early()
    with connected(early.asgi) as client:
        client.sendall(
            b"POST /read HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 40\r\n\r\n"
        )
        time.sleep(0.2)
        with suppress(OSError):
            client.sendall(b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n")
        assert rest(client).lower().count(b"connection: close") == 1
    assert early.paths == ["/read"]


@pytest.mark.spec("RFC 9112 §9.6: whoever ends a connection says so")
def test_an_answer_ends_the_connection_of_who_asks_for_another_protocol() -> None:
    early = Early()
    with connected(early.asgi) as client:
        client.sendall(b"GET /full HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + NEXT)
        octets = rest(client)
    assert octets.count(b"HTTP/1.1 415 ") == 1
    assert octets.lower().count(b"connection: close") == 1
    assert early.paths == ["/full"], "nothing behind it"
