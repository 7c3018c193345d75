"""The edge over real sockets: scheme, host, trusted proxies, and what nobody foresaw."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event
from typing import Any  # structlog's own type of an event

import httpx2
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from idp.application.app import Application
from idp.config.settings import load_settings
from idp.demo.loopback import client
from idp.keys.folder import create_keys
from idp.server import http as server
from idp.server.http import Server, bind
from idp.store.migrate import migrate
from idp.web.edge import Edge, named_host
from tests.idp.staging import Lines, serving

TENANT = "login.city.example"
ISSUER = f"https://{TENANT}"
SECRET = "Canary-Kanarbik-1887"


@contextmanager
def _served(app: Any, trusted: tuple[str, ...] = (), host: str = "127.0.0.1") -> Iterator[str]:  # Any: an ASGI application
    listening = bind(host, 0)
    with serving(Server(app, listening, trusted=trusted)):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """A broker from `ciconia init`: an https issuer, and nobody registered."""
    folder = tmp_path_factory.mktemp("edge") / "broker"
    folder.mkdir()
    (folder / "ciconia.toml").write_text(f'issuer = "{ISSUER}"\n', encoding="utf-8")
    settings = load_settings(folder)
    create_keys(settings.key_folder, settings.origin, settings.tenant)
    migrate(settings.database_url)
    application = Application(folder)
    yield application
    application.store.close()


@pytest.fixture(scope="module")
def behind_proxy(broker: Application) -> Iterator[str]:
    """Served as `ciconia serve` does, with the proxies that the settings trust."""
    with _served(broker.asgi, tuple(broker.settings.trusted_proxies)) as address:
        yield address


@pytest.fixture(scope="module")
def behind_nobody(broker: Application) -> Iterator[str]:
    with _served(broker.asgi, ("192.0.2.7",)) as address:
        yield address


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with client() as made:
        yield made


def _get(
    http: httpx2.Client, address: str, path: str = "/.well-known/openid-configuration", **headers: str
) -> httpx2.Response:
    sent = {"host": "login.city.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return http.get(f"{address}{path}", headers=sent)


async def _says_whose(scope: Any, _receive: Any, send: Any) -> None:  # Any: as an ASGI application has them
    """Answers with the scheme and the client that the server found, an IPv4 client as itself."""
    client = ipaddress.ip_address(scope["client"][0])
    body = f"{scope['scheme']} {getattr(client, 'ipv4_mapped', None) or client}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def _dual(trusted: tuple[str, ...]) -> AbstractContextManager[str]:
    """A socket of IPv6 to which IPv4 comes, as at `[::]`, but from this machine alone: the address to ask by IPv4."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    return _served(_says_whose, trusted, "::ffff:127.0.0.1")


@pytest.mark.spec("RFC 4291 §2.5.5.2")
@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("::FFFF:c633:6407", "198.51.100.7"),
        ("[::ffff:198.51.100.7]:4711", "198.51.100.7"),
        # Another proxy of ours stands between, and writes itself down the same way
        ("::ffff:198.51.100.7, ::ffff:127.0.0.1", "198.51.100.7"),
        # What a client writes itself counts for nothing, however it is written
        ("::ffff:127.0.0.1, ::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_at_an_address_of_ipv6_a_proxy_by_ipv4_is_who_it_is(http: httpx2.Client, forwarded: str, client: str) -> None:
    with _dual(("127.0.0.1",)) as address:
        told = _get(http, address, x_forwarded_proto="https", x_forwarded_for=forwarded).text
    assert told == f"https {client}"


def test_at_an_address_of_ipv6_a_stranger_by_ipv4_stays_one(http: httpx2.Client) -> None:
    with _dual(("192.0.2.7", "::1")) as address:
        told = _get(http, address, x_forwarded_proto="https", x_forwarded_for="198.51.100.7").text
    assert told == "http 127.0.0.1"


@pytest.mark.spec("issue 2: discovery fetched with the forwarded-proto header that a proxy would send")
def test_a_trusted_proxy_says_that_it_speaks_https(http: httpx2.Client, behind_proxy: str) -> None:
    answer = _get(http, behind_proxy, x_forwarded_proto="https")
    assert answer.status_code == 200
    assert answer.json()["issuer"] == ISSUER


def test_without_the_proxys_word_nothing_is_served_and_the_answer_says_what_to_do(
    http: httpx2.Client, behind_proxy: str
) -> None:
    for headers in ({}, {"x_forwarded_proto": "http"}, {"forwarded": "proto=https"}):
        answer = _get(http, behind_proxy, **headers)
        assert answer.status_code == 400
        assert "X-Forwarded-Proto: https" in answer.text
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.spec("RFC 9700 §4.13")
def test_the_word_of_a_stranger_does_not_count(http: httpx2.Client, behind_nobody: str) -> None:
    assert _get(http, behind_nobody, x_forwarded_proto="https").status_code == 400


@pytest.mark.spec("security.md §2.4: host header; RFC 9110 §15.5.20")
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "login.city.example:8443",
        "login.city.example@evil.example",
        "127.0.0.1.evil.example:8400",
        "localhost:80:80",
    ],
)
def test_under_another_host_name_nothing_is_served(http: httpx2.Client, behind_proxy: str, host: str) -> None:
    answer = _get(http, behind_proxy, host=host, x_forwarded_proto="https")
    assert answer.status_code == 421
    assert "evil" not in answer.text


@pytest.mark.spec("RFC 9110 §4.2.3")
@pytest.mark.parametrize("host", ["login.city.example:443", "Login.City.EXAMPLE", "LOGIN.city.example:443"])
def test_a_host_has_no_case_and_may_have_its_schemes_port(http: httpx2.Client, behind_proxy: str, host: str) -> None:
    answer = _get(http, behind_proxy, host=host, x_forwarded_proto="https")
    assert (answer.status_code, answer.json()["issuer"]) == (200, ISSUER)


def test_two_hosts_are_none() -> None:
    def named(*hosts: bytes) -> str:
        return named_host({"headers": [(b"accept", b"a"), *((b"host", host) for host in hosts), (b"x-host", b"b")]})

    assert [named(), named(b"City.Example:443"), named(b""), named(b"a", b"a"), named(b"", b"a")] == [
        "",
        "city.example:443",
        "",
        "",
        "",
    ]


def test_the_forwarded_host_of_a_proxy_changes_nothing(http: httpx2.Client, behind_proxy: str) -> None:
    answer = _get(http, behind_proxy, x_forwarded_proto="https", x_forwarded_host="evil.example")
    assert "evil" not in answer.text
    assert answer.json()["token_endpoint"] == f"{ISSUER}/token"


@pytest.mark.parametrize("path", ["/token%0A", "/jwks%0D", "/%00", "/login/%7F/decision", "/%C2%85"])
def test_a_path_with_a_control_character_is_nobodys_address(http: httpx2.Client, behind_proxy: str, path: str) -> None:
    answer = _get(http, behind_proxy, path, x_forwarded_proto="https")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert "control character" in answer.text, "the edge's own answer, before anything inside compares addresses"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8400", "localhost:8400", "[::1]:8400"])
def test_the_operator_may_look_by_loopback(http: httpx2.Client, behind_proxy: str, host: str) -> None:
    answer = _get(http, behind_proxy, host=host, x_forwarded_proto="https")
    assert answer.status_code == 200
    assert answer.json()["issuer"] == ISSUER, "and sees the issuer's addresses all the same"


@pytest.fixture
def logs() -> Iterator[Lines]:
    with capture_logs() as lines:
        yield lines


def _nobody() -> None:
    """Counting has its own tests, at the endpoints."""


def _page(scope: Scope, reference: str) -> Response:
    return PlainTextResponse(f"page {reference} at {scope['path']}", 500, {"x-made": "by us"})


async def _half(_scope: Scope, _receive: Receive, send: Send) -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]}
    await send(start)
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ValueError(SECRET)


def test_a_defect_after_the_beginning_of_an_answer_ends_the_connection(
    http: httpx2.Client, logs: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.ERROR),
        _served(Edge(_half, tenant=TENANT, issuer="http://login.city.example", page=_page, count=_nobody)) as address,
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        _get(http, address)
    assert logs[0]["kind"] == "ValueError"
    assert SECRET not in caplog.text + repr(logs)


def test_who_goes_away_in_the_middle_of_a_form_is_no_defect(broker: Application, logs: Lines) -> None:
    arriving: list[Message] = [
        {"type": "http.request", "body": b"code=", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(_message: Message) -> None:
        raise AssertionError("nobody is there to be answered")

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/token",
        "query_string": b"",
        "headers": [(b"host", b"login.city.example"), (b"content-type", b"application/x-www-form-urlencoded")],
    }
    asyncio.run(broker.asgi(scope, receive, send))
    assert arriving == []
    assert logs == []


def test_whoever_asks_and_asks_and_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Event()

    async def much(_scope: Scope, _receive: Receive, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        for _ in range(2000):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        ended.set()

    monkeypatch.setattr(server, "SEND_SECONDS", 0.5)
    with _served(much) as address, socket.socket() as silent:
        silent.settimeout(60)
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        silent.connect(("127.0.0.1", int(address.rpartition(":")[2])))
        silent.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ended.wait(60), "nobody waits for them"
