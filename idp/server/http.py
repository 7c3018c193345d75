"""uvicorn as a worker runs it: a bound socket, limits on heads and connections, an end in two steps.

A server that leaves takes no new connection and answers each request with `Connection: close`. An idle connection stays
open until the proxy closes it: the proxy may have a POST on its way there, and must not repeat it.
"""

import asyncio
import ipaddress
import resource
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from idp.server.head_limits import BoundedProtocol

BACKLOG = 512
# A keep-alive connection is worth less than a worker's memory
KEEP_ALIVE = 15
GRACEFUL_SECONDS = 10
TICK_SECONDS = 0.1
# Connections of one worker: at most half of its descriptors, since the database, the witness and other nodes need some
MOST_CONNECTIONS = 4096
# A client that reads nothing of an answer for so long is cut off
SEND_SECONDS = 20
# A worker that is ahead of the others leaves a connection to them for so long
PAUSE_SECONDS = 0.001
# It accepts nothing for so long after the process ran out of descriptors, like asyncio
RETRY_SECONDS = 1.0

# For rooms that may import neither sockets nor the framework
Listening = socket.socket
App = ASGIApp
# `idp.web` answers here how one worker is. The whole process may be about to leave all the same
HEALTH = "/healthz"
CLOSE = (b"connection", b"close")
# Where `Server` leaves whether a trusted proxy sent a request
PROXIED = "ciconia.proxied"


def bind(host: str, port: int) -> Listening:
    """A listening socket; port 0 takes a free one. Raises OSError where it cannot be."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in host:
        # One that listens at [::] takes IPv4, too, whatever the machine's default is (ipv6(7))
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if sys.platform == "linux":
        # Accepted sockets inherit it: the kernel ends a connection whose client does not read (tcp(7))
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SEND_SECONDS * 1000))
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


class Server:
    """One server on one socket that `bind` made. Signals are the caller's.

    `draining` says whether the proxy should go elsewhere. `ticked` is called about ten times a second while the event loop
    turns. `ahead` is told how many connections there are, and says whether another process that shares the socket should
    take the next one. Beyond `most` connections a new one is closed at once. A head may take `head_seconds`; None: 15.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: Listening,
        *,
        trusted: Sequence[str] = (),
        draining: Callable[[], bool] = lambda: False,
        ticked: Callable[[], None] = lambda: None,
        ahead: Callable[[int], bool] = lambda _connections: False,
        most: int | None = None,
        head_seconds: float | None = None,
    ) -> None:
        self._app, self._listening = app, listening
        self._draining, self._ticked, self._ahead = draining, ticked, ahead
        self._most = most or min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._head_seconds = head_seconds
        self._stopped, self._leave_by = False, 0.0
        self._config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            http=BoundedProtocol,
            ws="none",  # an upgrade would pass what is asked of every request
            access_log=False,  # addresses hold codes
            log_config=None,
            server_header=False,
            lifespan="off",
            forwarded_allow_ips=[spelt for written in trusted for spelt in _spellings(written)],
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        self._config.load()
        self._config.loaded_app = _Proxied(self._config.loaded_app)
        self._server = _Uvicorn(self._config)
        self._connections = self._server.server_state.connections
        # Accepted, and not among the connections yet
        self._opening = set[asyncio.Task[None]]()

    def run(self) -> None:
        """Serve until `stop` or `leave`, and close the socket."""
        with asyncio.Runner(loop_factory=self._config.get_loop_factory()) as runner:
            runner.run(self._run())

    def stop(self) -> None:
        """Ask the server to end; `run` returns when open requests are answered. Idle connections are closed at once."""
        self._stopped = True

    def leave(self, seconds: float) -> None:
        """Ask the server to end when nobody holds a connection any more, or `seconds` have passed."""
        self._leave_by = time.monotonic() + seconds

    async def _run(self) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[]))
        accepting = asyncio.create_task(self._accept())
        while not serving.done():
            self._ticked()
            self._ahead(len(self._connections))  # others see what has ended since
            ends = self._stopped or 0 < self._leave_by < time.monotonic()
            if ends or (self._leave_by and not self._waits()):
                accepting.cancel()
                self._listening.close()
                self._server.should_exit = ends or not (self._opening or self._connections)
            await asyncio.wait({serving}, timeout=TICK_SECONDS)
        await serving

    def _waits(self) -> bool:
        """Whether a connection waits in the kernel's queue, and is lost when the last process closes the socket."""
        if self._listening.fileno() < 0:
            return False
        waiting = select.poll()
        waiting.register(self._listening, select.POLLIN)
        return bool(waiting.poll(0))

    async def _accept(self) -> None:
        """Accept one connection at a time, and leave it to another worker where this one is ahead.

        The kernel wakes every worker for each connection, and nearly always the same one comes first: a proxy that keeps
        its connections would have them all at one worker.
        """
        self._listening.settimeout(0)
        loop = asyncio.get_running_loop()
        while True:
            await _readable(loop, self._listening)
            full = len(self._connections) >= self._most
            if self._ahead(len(self._connections)) or full:
                await asyncio.sleep(PAUSE_SECONDS)
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                continue
            except OSError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if full:
                connection.close()
                continue
            task = loop.create_task(self._open(connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        def made() -> BoundedProtocol:
            protocol = BoundedProtocol(self._config, self._server.server_state, {})
            protocol.seconds = self._head_seconds or BoundedProtocol.seconds
            return protocol

        with suppress(OSError):  # it is gone again
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(made, connection)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application. Closes a connection on which no further request can follow."""
        leaving = bool(self._leave_by) or self._draining()
        if leaving and scope["path"] == HEALTH:
            await Response(status_code=503, headers={"connection": "close"})(scope, receive, send)
            return
        unread = has_body(scope)
        # After a request for another protocol the parser takes what follows for that protocol
        closes = leaving or scope["method"] == "CONNECT" or any(name == b"upgrade" for name, _ in scope["headers"])

        async def receiving() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and bool(message.get("more_body"))
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and (closes or unread):
                # RFC 9110 §10.1.1: a client that waits for 100 sends no body behind a final answer
                message = {**message, "headers": [*(one for one in message.get("headers", ()) if one != CLOSE), CLOSE]}
            await send(message)

        await self._app(scope, receiving if unread else receive, sending if closes or unread else send)


class _Proxied:
    """Says of each request whether a trusted proxy sent it, before its own address gives way to the one that asks there."""

    def __init__(self, app: ProxyHeadersMiddleware) -> None:
        self._app = app

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """One request."""
        client = scope.get("client")
        marked: dict[str, object] = cast(dict[str, object], scope)  # uvicorn's type is closed, and ASGI's is not
        marked[PROXIED] = client is not None and client[0] in self._app.trusted_hosts
        await self._app(scope, receive, send)


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, which handles no signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield


def has_body(scope: Scope) -> bool:
    """Whether octets follow the head (RFC 9112 §6.3)."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return True
    return False


async def _readable(loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
    found = asyncio.Event()
    loop.add_reader(listening, found.set)
    try:
        await found.wait()
    finally:
        loop.remove_reader(listening)


def _spellings(written: str) -> tuple[str, ...]:
    """An address or network of a proxy, and its spelling at a socket of IPv6 (RFC 4291 §2.5.5.2)."""
    network = ipaddress.ip_network(written)
    if isinstance(network, ipaddress.IPv6Network):
        return (written,)
    return written, f"::ffff:{network.network_address}/{96 + network.prefixlen}"
