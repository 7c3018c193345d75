"""Fetching over real sockets on loopback, and every way in which a server may behave badly."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpcore2
import pytest

from connectors.addresses import NETWORK, PEER, FetchError
from connectors.fetch import Fetcher
from tests.connectors.metadata.origin import LOOPBACK, Answer, Authority, Origin, body, origin, raw

LIMIT = 1024 * 1024


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Set when the test is over, so that a slow server stops."""
    event = threading.Event()
    yield event
    event.set()


def get(server: Origin, *, timeout: float = 5.0, limit: int = LIMIT) -> bytes:
    return Fetcher(demo=True).get(server.url, networks=LOOPBACK, limit=limit, timeout=timeout)


def refused(answer: Answer, *, timeout: float = 5.0, limit: int = LIMIT) -> FetchError:
    with origin(answer) as server, pytest.raises(FetchError) as caught:
        get(server, timeout=timeout, limit=limit)
    assert server.accepted <= 1, "nothing is asked twice"
    return caught.value


def test_a_body_is_fetched_by_name_and_without_compression() -> None:
    with origin(body(b"<metadata/>")) as server:
        url = f"http://{server.netloc}/a/b?c=d"
        assert Fetcher(demo=True).get(url, networks=LOOPBACK, limit=LIMIT, timeout=5) == b"<metadata/>"
    head = server.heads[0].splitlines()
    assert head[0] == "GET /a/b?c=d HTTP/1.1"
    assert f"Host: {server.netloc}" in head
    assert "Accept-Encoding: identity" in head
    assert not any(line.lower().startswith(("cookie", "authorization", "referer")) for line in head)


def test_a_chunked_body_is_fetched() -> None:
    chunked = raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    with origin(chunked) as server:
        assert get(server) == b"hello world"
        assert get(server, limit=11) == b"hello world"
    assert refused(chunked, limit=10).check == "size", "though no length was announced"


def test_a_body_of_exactly_the_limit_is_fetched() -> None:
    with origin(body(b"x" * 1000)) as server:
        assert get(server, limit=1000) == b"x" * 1000
    assert refused(body(b"x" * 1001), limit=1000).check == "size"


@pytest.mark.parametrize("status", ["302 Found", "300 Many"])
def test_a_redirect_is_not_followed(status: str) -> None:
    with origin(body(b"secret")) as elsewhere:
        error = refused(body(b"", f"Location: {elsewhere.url}", status=status))
    assert (error.check, error.mend) == ("redirect", PEER)
    assert elsewhere.accepted == 0


@pytest.mark.parametrize("status", ["404 Not Found", "204 No Content"])
def test_any_status_but_200_is_refused(status: str) -> None:
    answer = raw(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
    error = refused(answer)
    assert (error.check, error.mend) == ("status", PEER)


@pytest.mark.parametrize("encoding", ["gzip", "identity, gzip"])
def test_an_encoding_that_nobody_asked_for_is_refused(encoding: str) -> None:
    error = refused(body(b"\x1f\x8b", f"Content-Encoding: {encoding}"))
    assert (error.check, error.mend) == ("encoding", PEER)


def test_200_megabytes_that_are_announced_are_refused_unread() -> None:
    error = refused(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n"))
    assert (error.check, error.mend) == ("size", PEER)


def test_200_megabytes_that_stream_are_cut_off_at_the_limit() -> None:
    sent = 0
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    def stream(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(200 * 16):
            connection.sendall(chunk)
            sent += 0x10000

    assert refused(stream).check == "size"
    # The limit, and what the sockets of both sides hold
    assert sent < 20 * LIMIT


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"y" * 1000 + b"\r\nx\r\n"),
    ],
    ids=["interim answers", "chunks of one octet", "extensions of chunks"],
)
def test_what_surrounds_a_body_counts_too(head: bytes, piece: bytes) -> None:
    sent = 0

    def stream(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            sent += len(piece)

    error = refused(stream, timeout=30)
    assert (error.check, error.mend) == ("size", PEER)
    assert "framing" in error.detail, "and the body is no larger than it may be"
    assert sent < 20 * LIMIT


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["body", "head", "chunks"],
)
def test_a_byte_now_and_then_does_not_hold_us_past_the_deadline(first: bytes, then: bytes, over: threading.Event) -> None:
    error = refused(raw(first, *[then] * 200, pause=over, each=0.05), timeout=0.3)
    assert (error.check, error.mend) == ("deadline", NETWORK)


def test_a_server_that_says_nothing_does_not_hold_us_past_the_deadline(over: threading.Event) -> None:
    threading.Timer(0.5, over.set).start()
    error = refused(raw(b"", pause=over, each=60), timeout=0.2)
    assert error.check == "deadline"


def test_a_name_of_a_thousand_addresses_is_worth_a_few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def connect(_backend: object, host: str, *_of_the_socket: object) -> NoReturn:
        asked.append(host)
        raise httpcore2.ConnectError

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    addresses = [f"127.0.{number // 250}.{number % 250}" for number in range(1, 1001)]
    fetcher = Fetcher(demo=False, resolver=lambda _host, _port: addresses)
    with pytest.raises(FetchError) as caught:
        fetcher.get("https://node.example/", networks=LOOPBACK, limit=LIMIT, timeout=5)
    assert caught.value.check == "connection"
    assert asked == addresses[:4]


def test_a_body_that_ends_too_early_is_refused() -> None:
    assert refused(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")).check == "connection"


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000])
def test_what_is_no_answer_of_http_is_refused(octets: bytes) -> None:
    assert refused(raw(octets)).check == "connection"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with origin(body(b"proxy")) as proxy, origin(body(b"direct")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert get(server) == b"direct"
    assert proxy.accepted == 0


def _https(authority: Authority, server: Origin, *, timeout: float = 5.0) -> bytes:
    fetcher = Fetcher(demo=False, trust=authority.trust(), resolver=lambda _host, _port: ["127.0.0.1"])
    url = f"https://node.example:{server.port}/metadata"
    return fetcher.get(url, networks=LOOPBACK, limit=LIMIT, timeout=timeout)


def test_https_is_spoken_to_the_judged_address_by_the_name(authority: Authority) -> None:
    names: list[str | None] = []
    tls = authority.server("node.example")
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    with origin(body(b"hello"), tls) as server:
        assert _https(authority, server) == b"hello"
    assert names == ["node.example"]
    assert f"Host: node.example:{server.port}" in server.heads[0]


def test_a_certificate_of_another_name_is_refused(authority: Authority) -> None:
    with origin(body(b""), authority.server("other.example")) as server, pytest.raises(FetchError) as caught:
        _https(authority, server)
    assert (caught.value.check, caught.value.mend) == ("tls", PEER)
    assert not server.heads, "nothing was asked"


def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    with origin(body(b""), Authority(tmp_path).server("node.example")) as server, pytest.raises(FetchError) as caught:
        _https(authority, server)
    assert caught.value.check == "tls"


@pytest.mark.spec("eidas.md §7 TLS 1.2 or 1.3 only")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_older_than_1_2_is_refused(authority: Authority) -> None:
    tls = authority.server("node.example")
    tls.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with origin(body(b""), tls) as server, pytest.raises(FetchError) as caught:
        _https(authority, server)
    assert caught.value.check == "tls"


def test_a_handshake_that_never_comes_ends_at_the_deadline(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        fetcher = Fetcher(demo=False, trust=authority.trust(), resolver=lambda _host, _port: ["127.0.0.1"])
        with pytest.raises(FetchError) as caught:
            fetcher.get(f"https://node.example:{port}/", networks=LOOPBACK, limit=LIMIT, timeout=0.2)
    assert caught.value.check == "deadline"
