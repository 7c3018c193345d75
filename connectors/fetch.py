"""The only outbound HTTP of the product: one GET, to an address that was judged, within one deadline.

Anybody who writes an address into metadata or the DNS could make us ask our own network (SSRF). So we judge the address as
a text, resolve its name once, judge every address of the name, and connect to one of those very addresses: the DNS is never
asked again (rebinding). TLS verifies the host of the address. No redirects, no compression, no proxies of the environment.

A network backend of ours in httpcore2, the lower half of httpx2, sees every connection, read and write: one deadline covers
them all, from the DNS to the last octet.
"""

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any  # the signature of httpcore2's backends has it
from urllib.parse import SplitResult, urlsplit

import httpcore2

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# All addresses of a host and port, as texts. It may block.
Resolver = Callable[[str, int], Sequence[str]]

_VISIBLE = re.compile(r"[\x21-\x7e]{1,2048}")
_PORTS = {"https": 443, "http": 80}
# RFC 1123 §2.1, RFC 1035 §2.3.4; the underscore is in use. The empty last label of `node.example.` is no spelling of ours.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_IPV6_AND_PORT = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
# NAT64 (RFC 6052 §2.1): such an address reaches the IPv4 address in its last 32 bits
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All of IPv6 that is given out to the public (RFC 4291 §2.4); then what is not, or does not end at whom it was given to
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# The registries of special purposes (RFC 6890), whole: `is_global` differs among the versions of Python. With them go
# Teredo (in 2001::/23) and 6to4, tunnels to IPv4 addresses that nobody publishes a node at, and both relays of 6to4.
_REGISTERED = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24
    192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3
    2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20
"""
_SPECIAL = tuple(map(ipaddress.ip_network, _REGISTERED.split()))
# ISATAP (RFC 5214 §6.1): the interface is 5efe and an IPv4 address, behind any prefix; the universal bit counts for nothing
_ISATAP, _ISATAP_MASK = 0x5EFE, 0xFDFFFFFF
# A name has a few addresses; each is worth one attempt
_MAX_ATTEMPTS = 4
# Heads, interim answers and the framing of chunks. A server may send any number of them, and no body at all.
_OVERHEAD = 64 * 1024

# The party that can mend it
PEER = "The operator of the address can mend this."
REGISTRATION = "Mend the registration that names the address."
NETWORK = "Look at the network between, or ask the operator of the address."
MACHINE = "Look at the limits of this machine."


class FetchError(Exception):
    """An address could not be fetched, or what came cannot be used: for an operator, without a piece of what came.

    `check` is a stable name, `detail` one sentence, `mend` says whose move it is.
    """

    def __init__(self, check: str, detail: str, mend: str = PEER) -> None:
        super().__init__(f"{detail} {mend}")
        self.check = check
        self.detail = detail
        self.mend = mend


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer of an address: its status, the time by its clock (seconds since the epoch, None without), and the body."""

    status: int
    time: int | None
    body: bytes = field(repr=False)


class Fetcher:
    """Fetches over HTTPS. It keeps no connection and no cookie, and may be used by several threads at once.

    In `demo` alone http is taken, to this machine only, and `*.localhost` is 127.0.0.1 without asking the resolver; a
    registration names `127.0.0.0/8` for it all the same. `trust` is the trust store for TLS (default: the system's).
    """

    def __init__(self, *, demo: bool, trust: ssl.SSLContext | None = None, resolver: Resolver | None = None) -> None:
        self.demo = demo
        self._resolver = resolver or resolve
        self._trust = trust or ssl.create_default_context()
        if self._trust.verify_mode is not ssl.CERT_REQUIRED or not self._trust.check_hostname:
            raise ValueError("a trust store that verifies nothing")
        # eIDAS Cryptographic Requirements: TLS 1.2 or 1.3 only
        self._trust.minimum_version = max(self._trust.minimum_version, ssl.TLSVersion.TLSv1_2)

    def get(self, url: str, *, networks: Sequence[str] = (), limit: int, timeout: float) -> bytes:
        """The body of a 200 at `url`, of at most `limit` octets, in at most `timeout` seconds altogether.

        Every address of its host must be public, or lie in `networks` (CIDR). Raises `FetchError`.
        """
        return self._ask(url, networks, limit, timeout, only_ok=True).body

    def look(self, url: str, *, networks: Sequence[str] = (), limit: int, timeout: float) -> HttpAnswer:
        """Like `get`, but takes every status except a redirection."""
        return self._ask(url, networks, limit, timeout, only_ok=False)

    def _ask(self, url: str, networks: Sequence[str], limit: int, timeout: float, *, only_ok: bool) -> HttpAnswer:
        parts = judged_url(url, demo=self.demo)
        allowed = [ipaddress.ip_network(network) for network in networks]
        backend = _Backend(self._addresses, allowed, time.monotonic() + timeout, limit + _OVERHEAD)
        try:
            with httpcore2.ConnectionPool(ssl_context=self._trust, network_backend=backend) as pool:
                return _answer(pool, parts, limit, only_ok=only_ok)
        except httpcore2.TimeoutException as error:
            raise FetchError("deadline", f"{parts.netloc} took more than {timeout:g} seconds.", NETWORK) from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            # httpcore2 hands on what it caught as the argument, and cuts the cause off
            if any(isinstance(cause, ssl.SSLError) for cause in error.args):
                raise FetchError("tls", f"{parts.netloc} has no TLS certificate that we trust, or no TLS.") from error
            raise FetchError("connection", f"{parts.netloc} cannot be reached over HTTP.", NETWORK) from error
        except ValueError as error:
            # A host that TLS cannot name, UnicodeError among them. The caller has many peers, and must outlive this one.
            raise FetchError("connection", f"{parts.netloc} cannot be asked over HTTP.", REGISTRATION) from error

    def _addresses(self, host: str, port: int, remaining: float) -> Sequence[str]:
        if self.demo and _this_machine(host):
            return ["127.0.0.1"]
        # The system's resolver has timeouts of its own and cannot be stopped: it is left behind when our time is over.
        answer: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._resolver(host, port))
            except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for it in the other thread
                answer.put(error)

        try:
            threading.Thread(target=ask, name="fetch-resolver", daemon=True).start()
        except RuntimeError as error:
            raise FetchError("name", f"{host} could not be looked up: no thread is left.", MACHINE) from error
        try:
            found = answer.get(timeout=remaining)
        except queue.Empty:
            raise httpcore2.ConnectTimeout from None
        if isinstance(found, Exception):
            raise FetchError("name", f"{host} has no address.", NETWORK) from found
        return found


def judged_url(url: str, *, demo: bool) -> SplitResult:
    """The parts of an address that may be fetched, and that metadata may name as an endpoint. Raises `FetchError`."""
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise FetchError("url", "an address with characters that no URL has, or too long.", REGISTRATION)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchError("url", "an address that is no URL.", REGISTRATION) from None
    if not parts.hostname or port == 0:
        raise FetchError("url", "an address without a host, or with a port that is none.", REGISTRATION)
    if "@" in parts.netloc:
        # It would go to whoever the address names, and into every log on the way.
        raise FetchError("credentials", "an address with a name or password in it.", REGISTRATION)
    if not _names_a_host(parts):
        # Resolvers and TLS differ in what they make of such a name, and some raise what nobody expects
        raise FetchError("url", "an address whose host is no name or address.", REGISTRATION)
    if parts.fragment:
        raise FetchError("url", "an address with a fragment.", REGISTRATION)
    if parts.scheme != "https" and not (demo and parts.scheme == "http" and _this_machine(parts.hostname)):
        raise FetchError("scheme", "an address that is not https.", REGISTRATION)
    if not url.startswith(f"{parts.scheme}://"):
        # To a browser it is the same; to whatever compares addresses, or looks how one begins, it is another
        raise FetchError("scheme", f"an address whose scheme is in capitals, not {parts.scheme}://.", REGISTRATION)
    return parts


def host_of(url: str) -> str:
    """The host of an address that `judged_url` passed, in lower case."""
    return urlsplit(url).hostname or ""


def judged_address(text: str, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> IPAddress:
    """An address that may be connected to: public, or in one of `networks`. Raises `FetchError`."""
    try:
        address: IPAddress = ipaddress.ip_address(text)
    except ValueError:
        raise FetchError("address", "the resolver gives an address that is none.", NETWORK) from None
    if isinstance(address, ipaddress.IPv6Address):
        # ::ffff:10.0.0.1 is 10.0.0.1, whatever the spelling
        address = address.ipv4_mapped or address
    if any(address in network for network in networks) or _public(address):
        return address
    raise FetchError(
        "address",
        f"the name leads to {address}, which is no public address, and no network of the registration holds it.",
        "If it is meant, name its network in the registration (networks = [...]); else ask the operator of the address.",
    )


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver gives, each once, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.scope_id is not None or address not in _GLOBAL_UNICAST:
            return False
        if (int(address) >> 32) & _ISATAP_MASK == _ISATAP:
            return False
    # A later Python may know networks that our list lacks
    return address.is_global and not any(address in network for network in _SPECIAL)


def _names_a_host(parts: SplitResult) -> bool:
    """Whether the host is a name of the DNS, an IPv4 address, or an IPv6 address in brackets without a zone."""
    host = parts.hostname or ""
    if "[" not in parts.netloc:
        return _HOST.fullmatch(host) is not None
    try:
        return bool(_IPV6_AND_PORT.fullmatch(parts.netloc) and ipaddress.IPv6Address(host))
    except ValueError:
        return False


def _this_machine(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")  # RFC 6761 §6.3


def _answer(pool: httpcore2.ConnectionPool, parts: SplitResult, limit: int, *, only_ok: bool) -> HttpAnswer:
    """Ask, judge the head, and read the body while it stays within its limit."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    url = httpcore2.URL(
        scheme=parts.scheme.encode(),
        host=(parts.hostname or "").encode(),
        port=parts.port or _PORTS[parts.scheme],
        target=target.encode(),
    )
    headers: Sequence[tuple[bytes | str, bytes | str]] = (
        ("Host", parts.netloc),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        ("User-Agent", "ciconia"),
    )
    with pool.stream("GET", url, headers=headers) as response:
        fields = [(name.lower(), value.strip().lower()) for name, value in response.headers]
        if 300 <= response.status < 400:  # noqa: PLR2004 - redirection, RFC 9110 §15.4
            # A client that follows redirects goes where a stranger says, past the judged address.
            raise FetchError("redirect", f"{parts.netloc} redirects ({response.status}), and redirects are not followed.")
        if only_ok and response.status != 200:  # noqa: PLR2004 - OK
            raise FetchError("status", f"{parts.netloc} answers {response.status}.")
        if any(name == b"content-encoding" and value != b"identity" for name, value in fields):
            # Nobody asked for it, and a few octets of gzip are gigabytes.
            raise FetchError("encoding", f"{parts.netloc} answers with a Content-Encoding that was not asked for.")
        too_large = FetchError("size", f"{parts.netloc} answers with more than {limit} octets.")
        # h11 has judged it: digits, few, and one
        if int(dict(fields).get(b"content-length", b"0")) > limit:
            raise too_large
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > limit:
                raise too_large
    # The octets as they came: a lower-cased date is none
    date = next((value for name, value in response.headers if name.lower() == b"date"), b"")
    return HttpAnswer(response.status, _time(date.decode("latin-1")), bytes(body))


def _time(date: str) -> int | None:
    """The seconds of an HTTP date (RFC 9110 §5.6.7), None for anything else."""
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


class _Backend(httpcore2.NetworkBackend):
    """Resolves, judges and connects, in one step, and counts what comes. One object serves one fetch."""

    def __init__(
        self,
        addresses: Callable[[str, int, float], Sequence[str]],
        networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network],
        deadline: float,
        octets: int,
    ) -> None:
        self._addresses, self._networks, self._deadline, self._octets = addresses, networks, deadline, octets
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is ours
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,  # Any: httpcore2 exports no type for it
    ) -> httpcore2.NetworkStream:
        """A connection to the first address that takes one, after all of them were judged."""
        found = self._addresses(host, port, remaining(self._deadline, httpcore2.ConnectTimeout))
        if not found:
            raise FetchError("name", f"{host} has no address.", NETWORK)
        # One private address among public ones is an attack, or a mistake that would be one: all must pass.
        judged = [judged_address(text, self._networks) for text in found]
        failure: httpcore2.NetworkError | None = None
        for address in judged[:_MAX_ATTEMPTS]:
            left = remaining(self._deadline, httpcore2.ConnectTimeout)
            try:
                stream = self._sockets.connect_tcp(str(address), port, left, local_address, socket_options)
            except httpcore2.NetworkError as error:
                failure = error
                continue
            return _Bounded(stream, self._deadline, self._octets, host)
        raise failure or httpcore2.ConnectError


class _Bounded(httpcore2.NetworkStream):
    """A connection whose every step ends at one deadline. All of its octets count: heads, interim answers, chunks."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float, octets: int, host: str) -> None:
        self._stream, self._deadline, self._octets, self._host = stream, deadline, octets, host

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is ours
        received = self._stream.read(max_bytes, remaining(self._deadline, httpcore2.ReadTimeout))
        self._octets -= len(received)
        if self._octets < 0:
            raise FetchError("size", f"{self._host} sends more than its answer may have, heads and framing included.")
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline is ours
        self._stream.write(buffer, remaining(self._deadline, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is ours
    ) -> httpcore2.NetworkStream:
        left = remaining(self._deadline, httpcore2.ConnectTimeout)
        secured = self._stream.start_tls(ssl_context, server_hostname, left)
        return _Bounded(secured, self._deadline, self._octets, self._host)

    def get_extra_info(self, info: str) -> Any:  # Any: as httpcore2 has it
        return self._stream.get_extra_info(info)


def remaining(deadline: float, timeout: type[httpcore2.TimeoutException]) -> float:
    """The seconds until `deadline` on the monotonic clock; raises `timeout` where there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise timeout
    return left
