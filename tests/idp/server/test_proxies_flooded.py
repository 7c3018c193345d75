"""One who floods haproxy or nginx, with the configurations of docs/ in front of a server of our own: who else is served."""

import asyncio
import socket
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from idp.server.workers.supervisor import raise_limit
from tests.idp.server.crew import until
from tests.idp.server.machines import fronting
from tests.idp.server.test_proxies import HAPROXY, NGINX, haproxy, nginx
from tests.peers import require_peer
from tests.ports import free_port

pytestmark = [pytest.mark.peer, pytest.mark.slow]

# RFC 9113 §6: kinds of frames, and the end of a head
DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
END_HEADERS = 4
LARGEST = 16_384
WINDOW = 65_535
# More than haproxy keeps for itself, and not all that was announced
DRIPPED, ANNOUNCED = 34_000, 300_000


class Patient:
    """Answers what has no body at once, and waits for bodies for as long as it takes. `held` says how many came."""

    def __init__(self) -> None:
        self.held = 0
        self._connections: list[asyncio.Transport] = []
        self._ending = asyncio.Event()
        # In a thread of its own: where a browser was tested before, this one has a loop already
        self._pool = ThreadPoolExecutor(1)
        bound: Future[tuple[asyncio.AbstractEventLoop, int]] = Future()
        self._ended = self._pool.submit(asyncio.run, self._serve(bound))
        self._loop, self.port = bound.result(10)

    async def _serve(self, bound: "Future[tuple[asyncio.AbstractEventLoop, int]]") -> None:
        loop = asyncio.get_running_loop()
        serving = await loop.create_server(lambda: _Waiting(self), "127.0.0.1", 0, backlog=2000)
        bound.set_result((loop, int(serving.sockets[0].getsockname()[1])))
        await self._ending.wait()
        serving.close()
        for connection in self._connections:
            connection.abort()
        await asyncio.sleep(0.1)

    def close(self) -> None:
        """Hang up."""
        self._loop.call_soon_threadsafe(self._ending.set)
        self._ended.result(10)
        self._pool.shutdown()

    def opened(self, connection: asyncio.Transport) -> None:
        """One more."""
        self._connections.append(connection)


class _Waiting(asyncio.Protocol):
    def __init__(self, patient: Patient) -> None:
        self._patient, self._holds = patient, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._patient.opened(transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST "):
            self._holds = True
            self._patient.held += 1
        elif not self._holds:
            status = b"204 No Content" if b" /healthz " in data else b"200 OK\r\ncontent-length: 0"
            self._transport.write(b"HTTP/1.1 " + status + b"\r\n\r\n")


class Dripping:
    """A connection of HTTP/2 with requests of which each sends a part of its body, and no more."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._window, self._next = WINDOW, 1
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(SETTINGS, 0, 0))

    def drip(self) -> None:
        """One more."""
        fields = {":method": "POST", ":scheme": "http", ":path": "/saml/acs", ":authority": "a"}
        fields["content-length"] = str(ANNOUNCED)
        block = b"".join(b"\0" + _field(name) + _field(value) for name, value in fields.items())
        self.socket.sendall(_frame(HEADERS, END_HEADERS, self._next, block))
        left = DRIPPED
        while left:
            part = min(left, LARGEST)
            while self._window < part:
                self._read()
            self.socket.sendall(_frame(DATA, 0, self._next, b"a" * part))
            self._window -= part
            left -= part
        self._next += 2

    def _read(self) -> None:
        head = self._exactly(9)
        payload = self._exactly(int.from_bytes(head[:3]))
        assert head[3] != HEADERS, "haproxy had no connection for it, and answered by itself"
        if head[3] == WINDOW_UPDATE and not any(head[5:]):
            self._window += int.from_bytes(payload)

    def _exactly(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            more = self.socket.recv(length - len(found))
            assert more, "haproxy closed it"
            found += more
        return found


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def _field(text: str) -> bytes:
    """A string of less than 127 octets (RFC 7541 §5.2)."""
    return bytes([len(text)]) + text.encode()


def _status(port: int, source: str) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))) as asking:
        asking.request("GET", "/jwks")
        return asking.getresponse().status


def test_long_bodies_that_drip_from_one_address_leave_haproxy_room_for_others(tmp_path: Path) -> None:
    """As many as filled 500 connections to each of two servers, and some more."""
    require_peer(HAPROXY.name, present=HAPROXY.exists())
    raise_limit()
    front = free_port()
    with ExitStack() as stack:
        patient = stack.enter_context(closing(Patient()))
        stack.enter_context(fronting(haproxy(tmp_path, front, [patient.port] * 2), front, tmp_path / "front"))
        until(lambda: _status(front, "127.0.0.2") == 200)
        for _ in range(55):
            connection = Dripping(front)
            stack.callback(connection.socket.close)
            for _ in range(20):
                connection.drip()
        until(lambda: patient.held >= 2 * 500)
        assert _status(front, "127.0.0.2") == 200


def _from(address: str, port: int) -> socket.socket:
    """A connection that says whose it is (the PROXY protocol, version 1), with half a request."""
    found = socket.create_connection(("127.0.0.1", port), timeout=10)
    kind, here = ("TCP6", "2001:db8::1") if ":" in address else ("TCP4", "192.0.2.1")
    found.sendall(f"PROXY {kind} {address} {here} 40000 443\r\nGET /jwks HTTP/1.1\r\nHost: a\r\n".encode())
    return found


def _answered(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"\r\n")
        return connection.recv(100).startswith(b"HTTP/1.1 200 ")
    except ConnectionError:
        return False


def test_all_addresses_of_one_64_open_as_many_connections_to_haproxy_as_one(tmp_path: Path) -> None:
    """Of IPv4 each by itself. Whose they are the connections say here, and the rules, else as written, go by that."""
    require_peer(HAPROXY.name, present=HAPROXY.exists())
    front = free_port()
    with ExitStack() as stack:
        command = haproxy(tmp_path, front, [stack.enter_context(closing(Patient())).port] * 2)
        path = tmp_path / "haproxy.cfg"
        text = path.read_text(encoding="utf-8")
        for word, other in (("tcp-request connection", "tcp-request session"), (f":{front}", f":{front} accept-proxy")):
            assert word in text
            text = text.replace(word, other)
        path.write_text(text, encoding="utf-8")
        stack.enter_context(fronting(command, front, tmp_path / "front"))

        def opened(address: str) -> socket.socket:
            return stack.enter_context(closing(_from(address, front)))

        def served() -> bool:
            with closing(_from("198.51.100.1", front)) as asking:
                return _answered(asking)

        until(served)
        for number in range(200):
            opened(f"2001:db8:1:2::{number:x}")
        # Those that it has not read yet count for nothing
        more = iter(range(200, 1000))
        until(lambda: not _answered(opened(f"2001:db8:1:2::{next(more):x}")))
        assert _answered(opened("2001:db8:1:3::1")), "another network"
        for number in range(201):
            opened(f"203.0.113.{number}")
        assert _answered(opened("203.0.113.201")), "an IPv4 address is one network"


def test_heads_that_do_not_end_and_bodies_that_drip_hold_no_more_of_nginx_than_the_page_says(tmp_path: Path) -> None:
    """A head's time is shorter here. What is said to be left to a firewall is so: no count keeps heads from coming."""
    require_peer(NGINX.name, present=NGINX.exists())
    front = free_port()
    with ExitStack() as stack:
        command = nginx(tmp_path, front, [stack.enter_context(closing(Patient())).port] * 2)
        path = tmp_path / "nginx.conf"
        text = path.read_text(encoding="utf-8")
        assert "client_header_timeout 10s;" in text
        path.write_text(text.replace("client_header_timeout 10s;", "client_header_timeout 5s;"), encoding="utf-8")
        stack.enter_context(fronting(command, front, tmp_path / "front"))

        def opened(octets: bytes) -> socket.socket:
            found = stack.enter_context(closing(socket.create_connection(("127.0.0.1", front), timeout=10)))
            found.sendall(octets)
            return found

        heads = [opened(b"GET / HTTP/1.1\r\nHost: a\r\n") for _ in range(220)]
        assert _answered(heads[0])

        def closed() -> bool:
            # An octet now and then gives it no more time
            try:
                heads[-1].sendall(b"a")
            except ConnectionError:
                return True
            return False

        until(closed, 30)
        bodies = [opened(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx") for _ in range(201)]
        assert bodies[-1].recv(100).startswith(b"HTTP/1.1 503 ")
        assert _status(front, "127.0.0.2") == 200
