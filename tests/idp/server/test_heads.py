"""Heads over real sockets: how large one may be, what is no part of it, and that a worker's memory does not follow it."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from idp.server.head_limits import MOST_FIELDS, MOST_HEAD
from idp.server.http import Server, bind

HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
# Far more than what a worker and both kernels may hold of one connection
ENDLESS = 64 * 1024 * 1024
# A request as short as can be, and more of them than one read of the event loop takes
SHORT = b"GET / HTTP/1.1\r\nHost:a\r\n\r\n"
MANY = 12_000
# What both kernels may hold on loopback, each bounded below, and one read of the event loop
TAKEN = 768 * 1024


async def _told(scope: Scope, receive: Receive, send: Send) -> None:
    """How many fields and octets came, and the fields' names once the body was read."""
    if scope["path"] == "/slow":
        time.sleep(0.3)  # noqa: ASYNC251 - what comes meanwhile is read at once
    fields, read, more = len(scope["headers"]), 0, True
    while more:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = json.dumps([fields, read, len(scope["headers"])]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def _connected(room: int = 64 * 1024, app: ASGIApp = _told) -> Iterator[socket.socket]:
    listening = bind("127.0.0.1", 0)
    # An accepted socket inherits it: what the kernel takes is not what we take
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    server = Server(app, listening)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with socket.socket() as client:
            client.settimeout(60)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
            client.connect(listening.getsockname())
            yield client
    finally:
        server.stop()
        thread.join(10)


def _answers(client: socket.socket, count: int) -> list[list[int]]:
    """What so many answers on one connection said."""
    found, read = list[list[int]](), b""
    while len(found) < count:
        more = client.recv(65536)
        assert more, f"closed after {read!r}"
        read += more
        while b"\r\n\r\n" in read and read.partition(b"\r\n\r\n")[2].find(b"]") >= 0:
            head, _, rest = read.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            body, _, read = rest.partition(b"]")
            found.append(json.loads(body + b"]"))
    return found


def _taken(client: socket.socket, begin: bytes, piece: bytes) -> int:
    """How many octets went before the other end closed."""
    sent = 0
    try:
        client.sendall(begin)
        for each in repeat(piece, ENDLESS // len(piece)):
            sent += client.send(each)
    except ConnectionError:
        pass
    return sent


def _last(client: socket.socket) -> bytes:
    """All that still comes until the other end closes, in order or not."""
    read = b""
    try:
        while more := client.recv(65536):
            read += more
    except ConnectionError:
        pass
    return read


def _head(size: int) -> bytes:
    """One of so many octets."""
    begin = HEAD + b"Cookie: "
    return begin + b"x" * (size - len(begin) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (HEAD, b"X-A: " + b"x" * 65529 + b"\r\n"),
        (HEAD, b"A:\r\n" * 1000),
        (HEAD + b"X-A: ", b"x" * 65536),
        (HEAD, b"x" * 65536),
        (b"GET /", b"x" * 65536),
        (b"", b"\r\n" * 32768),
        (HEAD + b"\r\n" + HEAD, b"X-A: " + b"x" * 65529 + b"\r\n"),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"X-A: " + b"x" * 65529 + b"\r\n"),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"A:\r\n" * 1000),
        (CHUNKED + b"1\r\nx\r\n0\r\nX-A: ", b"x" * 65536),
        (CHUNKED + b"1;a=", b"x" * 65536),
    ],
    ids=[
        "fields",
        "short fields",
        "value",
        "name",
        "target",
        "blank lines",
        "second request",
        "trailers",
        "short trailers",
        "trailer",
        "chunk extension",
    ],
)
def test_what_has_no_end_is_cut_off(begin: bytes, piece: bytes) -> None:
    with _connected() as client:
        assert _taken(client, begin, piece) < TAKEN


def test_a_large_head_passes_and_a_larger_one_is_told() -> None:
    with _connected() as client:
        for _ in range(2):
            client.sendall(_head(MOST_HEAD - 1))
            assert _answers(client, 1) == [[2, 0, 2]]
        client.sendall(_head(MOST_HEAD))
        assert _answers(client, 1) == [[2, 0, 2]]
        client.sendall(_head(MOST_HEAD + 1)[:MOST_HEAD])
        assert _last(client).startswith(b"HTTP/1.1 431 ")


def test_one_that_is_larger_by_far_is_not_served_though_it_is_whole() -> None:
    with _connected(8 * MOST_HEAD) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n")
        time.sleep(0.1)
        client.sendall(_head(2 * MOST_HEAD))
        last = _last(client)
    assert last.count(b"HTTP/1.1 200 ") == 1


@pytest.mark.parametrize("end", [b"\r\n", b"A"], ids=["whole", "not yet"])
def test_many_fields_pass_and_more_are_told(end: bytes) -> None:
    with _connected() as client:
        client.sendall(HEAD + b"A: b\r\n" * (MOST_FIELDS - 1) + b"\r\n")
        assert _answers(client, 1) == [[MOST_FIELDS, 0, MOST_FIELDS]]
        # The parser tells a field when the next begins
        client.sendall(HEAD + b"A: b\r\n" * MOST_FIELDS + end)
        last = _last(client)
    assert last.startswith(b"HTTP/1.1 431 ")
    assert last.count(b"HTTP/1.1") == 1, "nothing behind it is read"


def test_a_body_is_no_part_of_the_head_it_came_with() -> None:
    size = 60 * 1024
    with _connected() as client:
        for length in (size, 5 * MOST_HEAD):
            client.sendall(POST + b"Content-Length: %d\r\n\r\n" % length + b"x" * length)
            assert _answers(client, 1) == [[2, length, 2]]
        head = POST + b"Content-Length: %d\r\n" % size
        client.sendall(head + b"A: " + b"a" * size + b"\r\n\r\n" + b"x" * size)
        assert _answers(client, 1) == [[3, size, 3]]


def test_a_body_that_drips_is_as_long_as_it_likes() -> None:
    piece, count = b"x" * 1000, 5000
    with _connected() as client:
        client.sendall(POST + b"Content-Length: %d\r\n\r\n" % (len(piece) * count))
        for _ in range(count):
            client.sendall(piece)
        assert _answers(client, 1) == [[2, len(piece) * count, 2]]
        client.sendall(CHUNKED)
        for _ in range(count):
            client.sendall(b"3e8\r\n" + piece + b"\r\n")
        client.sendall(b"0\r\n\r\n")
        assert _answers(client, 1) == [[2, len(piece) * count, 2]]


def test_requests_of_a_connection_have_a_head_each() -> None:
    with _connected() as client:
        for _ in range(8):
            client.sendall(_head(MOST_HEAD // 3))
            assert _answers(client, 1) == [[2, 0, 2]]
            client.sendall(POST + b"Content-Length: 3\r\n\r\na=b")
            assert _answers(client, 1) == [[2, 3, 2]]


@pytest.mark.spec("RFC 9110 §6.5.1")
def test_what_comes_behind_a_body_is_no_field_of_the_request() -> None:
    with _connected() as client:
        client.sendall(CHUNKED + b"1\r\nx\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert _answers(client, 1) == [[2, 1, 2]]


def _sent(client: socket.socket, octets: bytes) -> None:
    """All, or as much as the other end takes."""
    with suppress(ConnectionError):
        client.sendall(octets)


def test_a_request_behind_the_one_at_work_ends_the_connection_unread(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), _connected(8 * MOST_HEAD) as client:
        _sent(client, b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n" + SHORT * MANY)
        assert _last(client).count(b"HTTP/1.1") <= 1
    assert caplog.messages == []


@pytest.mark.spec("RFC 9112 §9.6")
def test_nothing_is_served_behind_the_request_that_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    async def full(scope: Scope, _receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"full"})

    with caplog.at_level(logging.WARNING, "asyncio"), _connected(app=full) as client:
        # A body that nobody read ends it, of which the parser knows nothing
        once = POST + b"Content-Length: 1\r\n\r\nx"
        _sent(client, once)
        first = client.recv(65536)
        _sent(client, once)
        assert (first + _last(client)).count(b"HTTP/1.1 503 ") == 1
    assert asked == ["/"]
    assert [record for record in caplog.records if record.name == "asyncio"] == []


# What is no request, and what begins as one
NONE = [b"\x00", SHORT[:-2] + b"Bad Field\r\n\r\n", POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"]


@pytest.mark.spec("RFC 9112 §9.3.2: answers come in the order of what they answer")
@pytest.mark.parametrize("none", NONE, ids=["octets", "field", "lengths"])
def test_what_is_no_request_gets_no_answer_before_the_one_at_work(none: bytes) -> None:
    with _connected() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n" + none)
        assert b"HTTP/1.1 400 " not in _last(client)


@pytest.mark.parametrize("none", NONE, ids=["octets", "field", "lengths"])
def test_where_all_before_it_is_answered_it_gets_one(none: bytes) -> None:
    with _connected() as client:
        client.sendall(SHORT)
        assert _answers(client, 1) == [[1, 0, 1]]
        client.sendall(none)
        assert _last(client).startswith(b"HTTP/1.1 400 ")
