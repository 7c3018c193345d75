"""The only outbound HTTP of the product: one GET or POST, to an address that was judged, within one deadline.

Anybody who writes an address into metadata or the DNS could make us ask our own network (SSRF). So we judge the address as
a text, resolve its name once, judge every address of the name, and connect to one of those very addresses: the DNS is never
asked again (rebinding). TLS verifies the host of the address. No redirects, no compression, no proxies of the environment.

A network backend of ours in httpcore2, the lower half of httpx2, sees every connection, read and write: one deadline covers
them all, from the DNS to the last octet.
"""

import ipaddress
import queue
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Self  # Any: the signature of httpcore2's backends has it
from urllib.parse import SplitResult, urlencode

import httpcore2

from connectors.addresses import MACHINE, NETWORK, REGISTRATION, FetchError, is_this_machine, judged_address, judged_url

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]

# All addresses of a host and port, as texts. It may block.
Resolver = Callable[[str, int], Sequence[str]]

NOT_MODIFIED = 304
_PORTS = {"https": 443, "http": 80}
# A name has a few addresses; each is worth one attempt
_MAX_ATTEMPTS = 4
# Heads, interim answers and the framing of chunks. A server may send any number of them, and no body at all.
_OVERHEAD = 64 * 1024
# A connection that a server is about to close is not used again: Node closes one after five seconds
_KEPT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer of an address: its status, the time by its clock (seconds since the epoch, None without), and the body.

    `headers` has its fields by their names in lower case, the last of several.
    """

    status: int
    time: int | None
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """The head of an answer as `HttpAnswer` has it, and its body, which is still to come."""

    status: int
    pieces: Iterator[bytes] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Fetcher:
    """Fetches over HTTPS. It keeps no cookie, and no connection but those of a `Channel`. For any thread.

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

    def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        networks: Sequence[str] = (),
        limit: int,
        timeout: float,
    ) -> HttpAnswer:
        """Post a form (application/x-www-form-urlencoded), once, and take every status except a redirection."""
        with self.channel(networks, connections=1, keep=False) as channel:
            return channel.ask(url, form=form, headers=headers or {}, limit=limit, timeout=timeout)

    def channel(self, networks: Sequence[str], *, connections: int, keep: bool = True) -> "Channel":
        """A way to one peer, whose addresses are public or lie in `networks`."""
        backend = _Backend(self._addresses, [ipaddress.ip_network(network) for network in networks])
        return Channel(backend, self._trust, demo=self.demo, connections=connections, keep=keep)

    def _ask(self, url: str, networks: Sequence[str], limit: int, timeout: float, *, only_ok: bool) -> HttpAnswer:
        judged_url(url, demo=self.demo)
        with self.channel(networks, connections=1, keep=False) as channel:
            return channel.ask(url, limit=limit, timeout=timeout, only_ok=only_ok)

    def _addresses(self, host: str, port: int, remaining: float) -> Sequence[str]:
        if self.demo and is_this_machine(host):
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


class Channel:
    """A way to one peer that keeps its connections open for a moment: to `connections` at once, for any thread.

    Each connection is judged when it is made, as one of `Fetcher` is. Each request has its own deadline and limit.
    """

    def __init__(
        self, backend: "_Backend", trust: ssl.SSLContext, *, demo: bool, connections: int, keep: bool = True
    ) -> None:
        self._backend, self._demo, self._keep = backend, demo, keep
        expiry = _KEPT_SECONDS if keep else 0
        self._pool = httpcore2.ConnectionPool(
            ssl_context=trust, network_backend=backend, max_connections=connections, keepalive_expiry=expiry
        )
        # A connector ends with the configuration that it is of, and whoever uses it then holds it
        weakref.finalize(self, self._pool.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_of_an_error: object) -> None:
        self._pool.close()

    def ask(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int,
        timeout: float,
        only_ok: bool = False,
    ) -> HttpAnswer:
        """GET an address, or POST a `form` or other `content` to it, in at most `timeout` seconds. Raises `FetchError`.

        Every status but a redirection is taken, with `only_ok` 200 alone. Nothing is sent twice.
        """
        sent = dict(headers or {})
        if form is not None:
            content = urlencode(form).encode("ascii")
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        with self.opened(url, content=content, headers=sent, limit=limit, timeout=timeout, only_ok=only_ok) as answer:
            body = b"".join(answer.pieces)
            return HttpAnswer(answer.status, _time(answer.headers.get("date", "")), body, answer.headers)

    @contextmanager
    def opened(
        self,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str],
        limit: int,
        timeout: float,
        only_ok: bool = False,
    ) -> Iterator["OpenAnswer"]:
        """`ask`, before the body is read. The reader of its pieces stays in this thread.

        A request with `If-None-Match` in its `headers` may be answered by 304.
        """
        parts = judged_url(url, demo=self._demo)
        sent = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "ciconia", **headers}
        if content is not None:
            sent["Content-Length"] = str(len(content))
        if not self._keep:
            sent["Connection"] = "close"
        bounds = self._backend.bounds
        bounds.deadline, bounds.octets = time.monotonic() + timeout, limit + _OVERHEAD
        waiting, begun = {"timeout": {"pool": timeout}}, False
        try:
            with self._pool.stream(
                "GET" if content is None else "POST",
                _url(parts),
                headers=[*sent.items()],
                content=content,
                extensions=waiting,
            ) as response:
                answer = _opened(response, parts, limit, only_ok=only_ok, known="If-None-Match" in sent)
                begun = True
                yield answer
        except httpcore2.TimeoutException as error:
            raise FetchError("deadline", f"{parts.netloc} took more than {timeout:g} seconds.", NETWORK) from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            # httpcore2 hands on what it caught as the argument, and cuts the cause off
            if any(isinstance(cause, ssl.SSLError) for cause in error.args):
                raise FetchError("tls", f"{parts.netloc} has no TLS certificate that we trust, or no TLS.") from error
            raise FetchError("connection", f"{parts.netloc} cannot be reached over HTTP.", NETWORK) from error
        except ValueError as error:
            if begun:
                raise
            # A host that TLS cannot name, UnicodeError among them. The caller has many peers, and must outlive this one.
            raise FetchError("connection", f"{parts.netloc} cannot be asked over HTTP.", REGISTRATION) from error


def showing(certificate: str, *, demo: bool) -> Fetcher:
    """A fetcher that shows the certificate of this PEM file to a server that asks. Raises OSError where it holds none."""
    trust = ssl.create_default_context()
    # A password would be asked for at the terminal
    trust.load_cert_chain(certificate, password="")
    return Fetcher(demo=demo, trust=trust)


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver gives, each once, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _url(parts: SplitResult) -> httpcore2.URL:
    return httpcore2.URL(
        scheme=parts.scheme.encode(),
        host=(parts.hostname or "").encode(),
        port=parts.port or _PORTS[parts.scheme],
        target=((parts.path or "/") + (f"?{parts.query}" if parts.query else "")).encode(),
    )


def _opened(response: httpcore2.Response, parts: SplitResult, limit: int, *, only_ok: bool, known: bool) -> "OpenAnswer":
    """Judge the head; the body is judged while it is read."""
    fields = [(name.lower(), value.strip().lower()) for name, value in response.headers]
    same = known and response.status == NOT_MODIFIED
    if 300 <= response.status < 400 and not same:  # noqa: PLR2004 - redirection, RFC 9110 §15.4
        # A client that follows redirects goes where a stranger says, past the judged address.
        raise FetchError("redirect", f"{parts.netloc} redirects ({response.status}), and redirects are not followed.")
    if only_ok and response.status != 200 and not same:  # noqa: PLR2004 - OK
        raise FetchError("status", f"{parts.netloc} answers {response.status}.")
    if any(name == b"content-encoding" and value != b"identity" for name, value in fields):
        # Nobody asked for it, and a few octets of gzip are gigabytes.
        raise FetchError("encoding", f"{parts.netloc} answers with a Content-Encoding that was not asked for.")
    too_large = FetchError("size", f"{parts.netloc} answers with more than {limit} octets.")
    # h11 has judged it: digits, few, and one
    if int(dict(fields).get(b"content-length", b"0")) > limit:
        raise too_large

    def pieces() -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > limit:
                raise too_large
            yield chunk

    # The octets as they came: a lower-cased date is none
    found = {name.lower().decode("latin-1"): value.decode("latin-1").strip() for name, value in response.headers}
    return OpenAnswer(response.status, pieces(), found)


def _time(date: str) -> int | None:
    """The seconds of an HTTP date (RFC 9110 §5.6.7), None for anything else."""
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


class _Bounds(threading.local):
    """The deadline of the request that runs in this thread, and how many octets it may still receive."""

    deadline = 0.0
    octets = 0


class _Backend(httpcore2.NetworkBackend):
    """Resolves, judges and connects, in one step, and counts what comes."""

    def __init__(self, addresses: Callable[[str, int, float], Sequence[str]], networks: Networks) -> None:
        self.bounds = _Bounds()
        self._addresses, self._networks = addresses, networks
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
        found = self._addresses(host, port, remaining(self.bounds.deadline, httpcore2.ConnectTimeout))
        if not found:
            raise FetchError("name", f"{host} has no address.", NETWORK)
        # One private address among public ones is an attack, or a mistake that would be one: all must pass.
        judged = [judged_address(text, self._networks) for text in found]
        failure: httpcore2.NetworkError | None = None
        for address in judged[:_MAX_ATTEMPTS]:
            left = remaining(self.bounds.deadline, httpcore2.ConnectTimeout)
            try:
                stream = self._sockets.connect_tcp(str(address), port, left, local_address, socket_options)
            except httpcore2.NetworkError as error:
                failure = error
                continue
            return _Bounded(stream, self.bounds, host)
        raise failure or httpcore2.ConnectError


class _Bounded(httpcore2.NetworkStream):
    """A connection whose every step ends at its request's deadline. All octets count: heads, interim answers, chunks."""

    def __init__(self, stream: httpcore2.NetworkStream, bounds: _Bounds, host: str) -> None:
        self._stream, self._bounds, self._host = stream, bounds, host

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is ours
        received = self._stream.read(max_bytes, remaining(self._bounds.deadline, httpcore2.ReadTimeout))
        self._bounds.octets -= len(received)
        if self._bounds.octets < 0:
            raise FetchError("size", f"{self._host} sends more than its answer may have, heads and framing included.")
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline is ours
        self._stream.write(buffer, remaining(self._bounds.deadline, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is ours
    ) -> httpcore2.NetworkStream:
        left = remaining(self._bounds.deadline, httpcore2.ConnectTimeout)
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, left), self._bounds, self._host)

    def get_extra_info(self, info: str) -> Any:  # Any: as httpcore2 has it
        return self._stream.get_extra_info(info)


def remaining(deadline: float, timeout: type[httpcore2.TimeoutException]) -> float:
    """The seconds until `deadline` on the monotonic clock; raises `timeout` where there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise timeout
    return left
