"""Heads over real sockets: how large one may be, what is no part of it, and that a worker's memory does not follow it."""

import json
import logging
import socket
import threading
import time
from contextlib import suppress
from itertools import repeat

import pytest
from starlette.types import Receive, Scope, Send

from idp.server.head_limits import MOST_FIELDS, MOST_HEAD
from tests.idp.server.served import connected, rest

HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
FIELD = b"X-A: " + b"x" * 65529 + b"\r\n"
# Far more than what a worker and both kernels may hold of one connection
ENDLESS = 64 * 1024 * 1024
# A request as short as can be, and more of them than one read of the event loop takes
SHORT = b"GET / HTTP/1.1\r\nHost:a\r\n\r\n"
MANY = 12_000
# What the kernels keep on loopback, and what both may hold with one read of the event loop
ROOM, TAKEN = 64 * 1024, 768 * 1024
AT_SLOW = threading.Event()


async def _told(scope: Scope, receive: Receive, send: Send) -> None:
    """How many fields and octets came, and how many fields there are once the body was read."""
    if scope["path"] == "/slow":
        AT_SLOW.set()
        time.sleep(0.3)  # noqa: ASYNC251 - what comes meanwhile is read at once
    fields, read, more = len(scope["headers"]), 0, True
    while more:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = json.dumps([fields, read, len(scope["headers"])]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def _answer(client: socket.socket) -> list[int]:
    """The next answer's words."""
    read = b""
    while b"\r\n\r\n" not in read or not read.endswith(b"]"):
        more = client.recv(65536)
        assert more, f"closed after {read!r}"
        read += more
    assert read.startswith(b"HTTP/1.1 200 ")
    return list(json.loads(read.partition(b"\r\n\r\n")[2]))


def _head(size: int) -> bytes:
    """One of so many octets."""
    begin = HEAD + b"Cookie: "
    return begin + b"x" * (size - len(begin) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        pytest.param(HEAD, FIELD, id="fields"),
        pytest.param(HEAD, b"A:\r\n" * 1000, id="short fields"),
        pytest.param(HEAD + b"X-A: ", b"x" * 65536, id="value"),
        pytest.param(HEAD, b"x" * 65536, id="name"),
        pytest.param(b"GET /", b"x" * 65536, id="target"),
        pytest.param(b"", b"\r\n" * 32768, id="blank lines"),
        pytest.param(HEAD + b"\r\n" + HEAD, FIELD, id="second request"),
        pytest.param(CHUNKED + b"1\r\nx\r\n0\r\n", FIELD, id="trailers"),
        pytest.param(CHUNKED + b"1\r\nx\r\n0\r\n", b"A:\r\n" * 1000, id="short trailers"),
        pytest.param(CHUNKED + b"1\r\nx\r\n0\r\nX-A: ", b"x" * 65536, id="trailer"),
        pytest.param(CHUNKED + b"1;a=", b"x" * 65536, id="chunk extension"),
    ],
)
def test_what_has_no_end_is_cut_off(begin: bytes, piece: bytes) -> None:
    sent = 0
    with connected(_told, room=ROOM) as client, suppress(ConnectionError):
        client.sendall(begin)
        for each in repeat(piece, ENDLESS // len(piece)):
            sent += client.send(each)
    assert sent < TAKEN


def test_a_large_head_passes_and_a_larger_one_is_told() -> None:
    with connected(_told, room=ROOM) as client:
        for size in (MOST_HEAD - 1, MOST_HEAD - 1, MOST_HEAD):
            client.sendall(_head(size))
            assert _answer(client) == [2, 0, 2]
        client.sendall(_head(MOST_HEAD + 1)[:MOST_HEAD])
        assert rest(client).startswith(b"HTTP/1.1 431 ")


def test_one_that_is_larger_by_far_is_not_served_though_it_is_whole() -> None:
    with connected(_told, room=8 * MOST_HEAD) as client:
        client.sendall(SLOW)
        assert AT_SLOW.wait(60)
        client.sendall(_head(2 * MOST_HEAD))
        assert rest(client).count(b"HTTP/1.1 200 ") == 1


@pytest.mark.parametrize("end", [b"\r\n", b"A"], ids=["whole", "not yet"])
def test_many_fields_pass_and_more_are_told(end: bytes) -> None:
    with connected(_told) as client:
        client.sendall(HEAD + b"A: b\r\n" * (MOST_FIELDS - 1) + b"\r\n")
        assert _answer(client) == [MOST_FIELDS, 0, MOST_FIELDS]
        # The parser tells a field when the next begins
        client.sendall(HEAD + b"A: b\r\n" * MOST_FIELDS + end)
        last = rest(client)
    assert last.startswith(b"HTTP/1.1 431 ")
    assert last.count(b"HTTP/1.1") == 1, "nothing behind it is read"


def test_a_body_is_no_part_of_the_head_it_came_with() -> None:
    size = 60 * 1024
    with connected(_told) as client:
        for length in (size, 5 * MOST_HEAD):
            client.sendall(POST + b"Content-Length: %d\r\n\r\n" % length + b"x" * length)
            assert _answer(client) == [2, length, 2]
        client.sendall(POST + b"Content-Length: %d\r\nA: " % size + b"a" * size + b"\r\n\r\n" + b"x" * size)
        assert _answer(client) == [3, size, 3]


def test_a_body_that_drips_is_as_long_as_it_likes() -> None:
    piece, count = b"x" * 1000, 500
    with connected(_told) as client:
        client.sendall(POST + b"Content-Length: %d\r\n\r\n" % (len(piece) * count))
        for _ in range(count):
            client.sendall(piece)
        assert _answer(client) == [2, len(piece) * count, 2]
        client.sendall(CHUNKED)
        for _ in range(count):
            client.sendall(b"3e8\r\n" + piece + b"\r\n")
        client.sendall(b"0\r\n\r\n")
        assert _answer(client) == [2, len(piece) * count, 2]


def test_requests_of_a_connection_have_a_head_each() -> None:
    with connected(_told) as client:
        for _ in range(4):
            client.sendall(_head(MOST_HEAD // 3))
            assert _answer(client) == [2, 0, 2]
            client.sendall(POST + b"Content-Length: 3\r\n\r\na=b")
            assert _answer(client) == [2, 3, 2]


@pytest.mark.spec("RFC 9110 §6.5.1")
def test_what_comes_behind_a_body_is_no_field_of_the_request() -> None:
    with connected(_told) as client:
        client.sendall(CHUNKED + b"1\r\nx\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert _answer(client) == [2, 1, 2]


def test_a_request_behind_the_one_at_work_ends_the_connection_unread(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), connected(_told, room=8 * MOST_HEAD) as client:
        with suppress(ConnectionError):
            client.sendall(SLOW + SHORT * MANY)
        assert rest(client).count(b"HTTP/1.1") <= 1
    assert caplog.messages == []


@pytest.mark.spec("RFC 9112 §9.6")
def test_nothing_is_served_behind_the_request_that_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    async def full(scope: Scope, _receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"full"})

    with caplog.at_level(logging.WARNING, "asyncio"), connected(full) as client:
        # A body that nobody read ends it, of which the parser knows nothing
        once = POST + b"Content-Length: 1\r\n\r\nx"
        client.sendall(once)
        first = client.recv(65536)
        with suppress(ConnectionError):
            client.sendall(once)
        assert (first + rest(client)).count(b"HTTP/1.1 503 ") == 1
    assert asked == ["/"]
    assert [record for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.spec("RFC 9112 §9.3.2: answers come in the order of what they answer")
@pytest.mark.parametrize(
    "none",
    [b"\x00", SHORT[:-2] + b"Bad Field\r\n\r\n", POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    ids=["octets", "field", "lengths"],
)
def test_what_is_no_request_gets_an_answer_where_all_before_it_are_answered(none: bytes) -> None:
    with connected(_told) as client:
        client.sendall(SLOW + none)
        assert b"HTTP/1.1 400 " not in rest(client)
    with connected(_told) as client:
        client.sendall(SHORT)
        assert _answer(client) == [1, 0, 1]
        client.sendall(none)
        assert rest(client).startswith(b"HTTP/1.1 400 ")
