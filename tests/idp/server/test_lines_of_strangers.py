"""A request that is none, or that asks for another protocol, leaves no line of the log: a flood must not become lines."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.server.head_limits import MOST_FIELDS
from tests.idp.server.crew import Crew, crew, until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
# Of all that uvicorn warns of; what answers each is not the question here
STRANGE = {
    "upgrade": GET + b"Connection: Upgrade\r\nUpgrade: x\r\n\r\n",
    "upgrade with a body": POST + b"Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\na=b",
    "websocket": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "h2c": GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "CONNECT": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT to a path": b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a version that there is not": b"GET / HTTP/3.7\r\nHost: a\r\n\r\n",
    "a path beyond ASCII": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "no path": b"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\na=b",
    "another behind it that is none": GET + b"\r\n\x00",
    "too many fields": GET + b"A: b\r\n" * MOST_FIELDS + b"\r\n",
    "too many requests": (GET + b"\r\n") * 10,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with crew(tmp_path_factory.mktemp("strangers") / "crew", workers=1) as found:
        yield found


def _sent(port: int, octets: bytes) -> None:
    """Send them, and wait for an answer or the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
        try:
            stranger.sendall(octets)
            stranger.recv(65536)
        except ConnectionError:
            return


@pytest.mark.parametrize("octets", STRANGE.values(), ids=STRANGE)
def test_what_a_stranger_sends_leaves_no_line(served: Crew, octets: bytes) -> None:
    before = len(served.lines)
    for _ in range(3):
        _sent(served.port, octets)
    served.ask()
    assert served.lines[before:] == []


def test_a_defect_of_the_server_leaves_one(tmp_path: Path) -> None:
    with crew(tmp_path / "crew", workers=1) as found:
        _sent(found.port, b"GET /?wait=never HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: len(found.events("Exception in ASGI application\n")) == 1)
