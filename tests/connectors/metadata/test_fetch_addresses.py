"""Which addresses are connected to: judged as a text, then by what the name leads to, then connected to as judged."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Sequence

import pytest

from connectors.addresses import NETWORK, REGISTRATION, FetchError, judged_address, judged_url
from connectors.fetch import Fetcher
from tests.connectors.metadata.origin import LOOPBACK, Authority, body, origin

PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",  # carrier-grade NAT
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104 - refused, not bound
    "169.254.169.254",  # a cloud's metadata service
    "192.0.2.1",  # documentation
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::ffff:10.0.0.1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",  # a cloud's metadata service
    "ff02::1",
    "2001:db8::1",
    "64:ff9b::10.0.0.1",  # NAT64 to a private address
    "2002:a00:1::1",  # 6to4 to 10.0.0.1
    "2001:0:808:808::",  # Teredo
    "2002:808:808::1",  # 6to4, of a public address too
    "64:ff9b:1::8.8.8.8",  # NAT64 of somebody's own
]
# What `is_global` of some Python that we run on calls public, or has changed its mind about
SPECIAL = [
    "192.0.0.9",  # port control, anycast: whoever is next to us
    "192.31.196.1",  # AS112
    "192.88.99.1",  # relays of 6to4
    "2001:1::1",
    "2001:20::1",  # ORCHIDv2
    "2620:4f:8000::1",  # AS112
    "3fff::1",  # documentation
    "5f00::1",  # segment routing
    "100:0:0:1::1",
    "::ffff:0:8.8.8.8",  # translated
    "::8.8.8.8",
    "2a00:1450::5efe:10.0.0.1",  # ISATAP
    "2a00:1450:1:2:0:5efe:808:808",
]
PUBLIC = [
    "8.8.8.8",
    "193.40.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.1",
    "2a00:1450:4001::1",
    "2001:200::1",
    "2a00:1450::5eff:808:808",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


def fetch(url: str, addresses: Sequence[str], networks: Sequence[str] = (), *, demo: bool = False) -> bytes:
    fetcher = Fetcher(demo=demo, resolver=lambda _host, _port: addresses)
    return fetcher.get(url, networks=networks, limit=1000, timeout=2)


def check_of(url: str, addresses: Sequence[str] = (), networks: Sequence[str] = (), *, demo: bool = False) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(url, addresses, networks, demo=demo)
    assert caught.value.mend
    assert caught.value.mend in str(caught.value)
    return caught.value.check


@pytest.fixture
def connects() -> None:
    """For the tests that may connect."""


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Whatever is refused is refused before a socket is connected."""
    if "connects" not in request.fixturenames:
        monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("a connection was made"))


@pytest.mark.parametrize("address", ["10.0.0.1", "::ffff:10.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    assert check_of("https://node.example/metadata", [address]) == "address"


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00:ec2::254"])
def test_one_private_address_among_public_ones_is_refused(address: str) -> None:
    assert check_of("https://node.example/metadata", ["8.8.8.8", address]) == "address"
    assert check_of("https://node.example/metadata", [address, "8.8.8.8"]) == "address"


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    assert judged_address(address, ()).is_global


@pytest.mark.parametrize("address", [*PRIVATE, *SPECIAL])
def test_the_judgement_is_the_same_whatever_this_python_calls_global(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FetchError, match="no public address"):
        judged_address(address, ())
    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        monkeypatch.setattr(kind, "is_global", property(lambda _self: True))
    with pytest.raises(FetchError, match="no public address"):
        judged_address(address, ())


def test_the_error_says_how_to_allow_a_network_that_is_meant() -> None:
    with pytest.raises(FetchError, match="networks = "):
        judged_address("10.0.0.1", ())


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.1.2.3", "10.0.0.0/8"), ("::ffff:10.1.2.3", "10.0.0.0/8"), ("fd00::1", "fd00::/8"), ("127.0.0.1", "127.0.0.1/32")],
)
def test_an_address_in_a_network_of_the_registration_passes(address: str, network: str) -> None:
    assert judged_address(address, [ipaddress.ip_network(network)])


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.1.2.3", "10.2.0.0/16"), ("10.1.2.3", "fd00::/8"), ("64:ff9b::10.1.2.3", "10.0.0.0/8"), ("::1", "127.0.0.0/8")],
)
def test_a_network_allows_its_own_addresses_alone(address: str, network: str) -> None:
    with pytest.raises(FetchError, match="no network of the registration"):
        judged_address(address, [ipaddress.ip_network(network)])


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "127.1", "017700000001", "[::ffff:127.0.0.1]", "[::1]", "127.0.0.1", "localhost"]
)
def test_no_spelling_of_this_machine_gets_past_the_judgement(host: str) -> None:
    with pytest.raises(FetchError) as caught:
        Fetcher(demo=False).get(f"https://{host}:1/", limit=1000, timeout=2)
    assert caught.value.check in {"address", "name"}


@pytest.mark.usefixtures("connects")
def test_the_name_is_resolved_once_and_the_judged_address_is_connected_to(authority: Authority) -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with origin(body(b"hello"), authority.server("node.example")) as server:
        fetcher = Fetcher(demo=False, trust=authority.trust(), resolver=rebinding)
        url = f"https://node.example:{server.port}/"
        assert fetcher.get(url, networks=LOOPBACK, limit=1000, timeout=5) == b"hello"
        assert asked == ["node.example"]
        with pytest.raises(FetchError, match=r"10\.0\.0\.1"):
            fetcher.get(url, networks=LOOPBACK, limit=1000, timeout=5)


def test_a_name_without_an_address_is_said() -> None:
    assert check_of("https://node.example/", []) == "name"

    def fails(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    with pytest.raises(FetchError) as caught:
        Fetcher(demo=False, resolver=fails).get("https://node.example/", limit=1000, timeout=2)
    assert caught.value.check == "name"


def test_a_resolver_that_never_answers_is_left_behind_at_the_deadline() -> None:
    over = threading.Event()

    def slow(_host: str, _port: int) -> Sequence[str]:
        over.wait(5)
        return ["127.0.0.1"]

    with pytest.raises(FetchError) as caught:
        Fetcher(demo=False, resolver=slow).get("https://node.example/", limit=1000, timeout=0.1)
    over.set()
    assert caught.value.check == "deadline"


@pytest.mark.parametrize(
    ("url", "check"),
    [
        ("http://node.example/metadata", "scheme"),
        ("http://node.localhost/metadata", "scheme"),
        ("ftp://node.example/metadata", "scheme"),
        ("file:///etc/passwd", "url"),
        ("HTTPS://node.example/metadata", "scheme"),
        ("https://name:hunter2@node.example/", "credentials"),
        ("https://node.example@evil.example/", "credentials"),
        ("https:///metadata", "url"),
        ("", "url"),
        ("node.example/metadata", "url"),
        ("https://node.example:0/", "url"),
        ("https://node.example:65536/", "url"),
        ("https://node.example/#fragment", "url"),
        ("https://node.example/a b", "url"),
        ("https://node.example/\r\nHost: evil.example", "url"),
        ("https://node.example\\@evil.example/", "url"),
        ("https://nõde.example/", "url"),
        ("https://a..b/", "url"),
        ("https://node.example./", "url"),
        ("https://" + "x" * 64 + ".example/", "url"),
        ("https://" + "abcdefg." * 32 + "example/", "url"),
        ("https://-node.example/", "url"),
        ("https://<b>/", "url"),
        ("https://node%2eexample/", "url"),
        ("https://[fe80::1%25eth0]/", "url"),
        ("https://[::1]x/", "url"),
        ("https://node.example/" + "x" * 3000, "url"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_as_a_text(url: str, check: str) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(url, ["8.8.8.8"])
    assert (caught.value.check, caught.value.mend) == (check, REGISTRATION)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "node.example",
        "NODE.example",
        "x" * 63 + ".example",
        "a_b.example",
        "192.0.2.1",
        "[::1]",
    ],
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert judged_url(f"https://{host}:8443/", demo=False).netloc == f"{host}:8443"


@pytest.mark.parametrize("kind", [OSError, UnicodeError])
def test_whatever_a_resolver_raises_is_said_at_once(kind: type[Exception]) -> None:
    def breaks(_host: str, _port: int) -> Sequence[str]:
        raise kind

    with pytest.raises(FetchError) as caught:
        Fetcher(demo=False, resolver=breaks).get("https://node.example/", limit=1000, timeout=30)
    assert (caught.value.check, caught.value.mend) == ("name", NETWORK)


def test_http_is_for_the_demo_and_this_machine() -> None:
    assert check_of("http://node.example/", ["127.0.0.1"], LOOPBACK, demo=True) == "scheme"
    assert judged_url("http://node.localhost:8000/", demo=True).port == 8000
    assert judged_url("https://node.example:8443/", demo=False).port == 8443


def test_in_the_demo_a_localhost_name_never_reaches_the_resolver() -> None:
    def never(_host: str, _port: int) -> Sequence[str]:
        pytest.fail("the resolver was asked")

    with pytest.raises(FetchError) as caught:
        Fetcher(demo=True, resolver=never).get("http://node.localhost:1/", limit=1, timeout=1)
    assert caught.value.check == "address"


def test_a_trust_store_that_verifies_nothing_is_refused() -> None:
    trust = ssl.create_default_context()
    trust.check_hostname = False
    with pytest.raises(ValueError, match="verifies nothing"):
        Fetcher(demo=True, trust=trust)
