"""uvicorn, as we run it: a bound socket, no access log (addresses hold codes), no library's banner, an end in two steps.

Whoever closes a connection that a proxy keeps open may cross a request on its way, and the proxy must not repeat a POST.
So a server that leaves first takes no new connection and answers each request with `Connection: close`; connections that
stay idle are closed when the proxy has had time to close them itself.
"""

import asyncio
import resource
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast  # Any: uvicorn and starlette each have types of their own for the same

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn._types import ASGI3Application
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from idp.accepting import Accepting
from idp.client_address import plain_address
from idp.heads import BoundedProtocol
from idp.written import written

BACKLOG = 512
# A keep-alive connection is worth less than a worker's memory
KEEP_ALIVE = 15
GRACEFUL_SECONDS = 10
# Between two looks whether to end, where nothing wakes it
TICK_SECONDS, LEAVING_TICK_SECONDS = 0.5, 0.1
# Of one worker. At most half of its descriptors: the database, the witness and other countries' nodes need some, too
MOST_CONNECTIONS = 4096
# Whoever reads nothing of what was sent for so long has gone, or asks without wanting an answer
SEND_SECONDS = 20

# What those who may import neither sockets nor the framework call them
Listening = socket.socket
App = ASGIApp
# The whole answer for a request that is refused before anything is made of it; empty octets where it is not. The second
# argument says whose address it is
Refused = Callable[[Scope, Callable[[], str]], bytes]
# What a proxy may say that a request came by
SCHEMES = frozenset({"http", "https", "ws", "wss"})
# Where a request's whole body lies, if it came with its head: nobody has to wait for it, nor to watch how long that takes.
# Whoever reads it finds it all the same, so it is short: what waits has it twice
BODY = "ciconia.body"
MOST_AT_ONCE = 64 * 1024
# idp.endpoints answers here how one worker is; the whole may be about to leave all the same
HEALTH = "/healthz"


def bind(host: str, port: int) -> Listening:
    """A listening socket; port 0 takes a free one. Raises OSError where it cannot be."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in host:
        # One that listens at [::] takes IPv4, too, whatever the machine's default is (ipv6(7))
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if sys.platform == "linux":
        # Accepted sockets inherit it: what a closed connection still holds for somebody who does not read goes, too
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SEND_SECONDS * 1000)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _never() -> bool:
    return False


def _nothing() -> None:
    return


def _alone(_connections: int) -> bool:
    return False


def _nobody(_scope: Scope, _client: Callable[[], str]) -> bytes:
    return b""


class _Flow(FlowControl):
    """Waits until a client reads, and not for ever: then the connection is cut, with what was to be sent."""

    async def drain(self) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await super().drain()
        except TimeoutError:
            self._transport.abort()
            self.resume_writing()


class Server:
    """One server on one socket that `bind` made. Signals are the caller's.

    It closes at once what comes when it has `most` connections; how long and large a head may be is in `idp.heads`.

    `draining` says whether the proxy should go elsewhere; `ticked` is called about twice a second while the event loop
    turns, from the moment that it accepts. `refused` is asked before `app` is. `ahead` is told how many connections there
    are, and says whether another process that shares the socket should take the next one.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: Listening,
        *,
        trusted: Sequence[str] = (),
        draining: Callable[[], bool] = _never,
        ticked: Callable[[], None] = _nothing,
        ahead: Callable[[int], bool] = _alone,
        refused: Refused = _nobody,
        most: int | None = None,
    ) -> None:
        self._app = app
        self._socket = listening
        self._draining = draining
        self._most = most or min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                interface="asgi3",
                http=self._protocol(refused, trusted),
                ws="none",  # an upgrade would pass what is asked of every request
                access_log=False,
                log_config=None,
                server_header=False,
                lifespan="off",
                backlog=BACKLOG,
                proxy_headers=False,  # read before there is a task, below
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACEFUL_SECONDS,
            ),
            listening,
            ticked,
            # Who is full would close it: somebody else may have room
            lambda connections: ahead(connections) or connections >= self._most,
        )

    def run(self) -> None:
        """Serve until `stop` or `leave`."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Ask the server to end; `run` returns when open requests are answered. Idle connections are closed at once."""
        self._server.should_exit = True
        self._server.wake()

    def leave(self, seconds: float) -> None:
        """Ask the server to end when nobody holds a connection any more, or `seconds` have passed."""
        self._server.leave_by = time.monotonic() + seconds
        self._server.wake()

    def _protocol(self, refused: Refused, trusted: Sequence[str]) -> type[HttpToolsProtocol]:
        """The protocol of uvicorn, which writes a refusal before it makes a task of the request: most of what one costs."""
        proxies = ProxyHeadersMiddleware(cast("ASGI3Application", self._app), list(trusted))
        leaving, last, most = self._leaving, self._last, self._most

        class Protocol(BoundedProtocol):
            most_connections = most

            # The type that asyncio's interface has, which uvicorn narrows
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                self.flow = _Flow(transport)

            def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
                scope: Any = cycle.scope  # Any: see the import
                _forwarded(scope, proxies)
                # Who does not read, or sends more before an answer came, is served in order, by the long way
                leaves = leaving()
                long = self.pipeline or self.flow.write_paused or leaves
                if octets := b"" if long else refused(scope, lambda: scope["client"][0] if scope["client"] else ""):
                    if has_body(scope) or self.parser.should_upgrade():
                        # See _InOnePiece._begin, and on_headers_complete, which comes later
                        cycle.keep_alive = False
                        octets = octets.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
                    _answered(cycle, octets)
                    return

                super()._start_asgi_task(cycle, _InOnePiece(cycle, last if leaves else app))

        return Protocol

    def _leaving(self) -> bool:
        return bool(self._server.leave_by) or self._draining()

    async def _last(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application while we leave: an answer ends its connection."""
        if scope["path"] == HEALTH:
            await send({"type": "http.response.start", "status": 503, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, last)


def _forwarded(scope: Scope, proxies: ProxyHeadersMiddleware) -> None:
    """Whose request it is and how it came, as a trusted proxy says: what `proxies` would do later, by its own reading."""
    trusted = proxies.trusted_hosts
    if scope["client"]:
        scope["client"] = (plain_address(scope["client"][0]), scope["client"][1])
    if (scope["client"][0] if scope["client"] else None) not in trusted:
        return
    scheme, named = b"", []
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            named.append(value)
        elif name == b"x-forwarded-proto":
            scheme = value
    if (said := scheme.decode("latin-1").strip()) in SCHEMES:
        scope["scheme"] = said
    if named:
        written = b", ".join(named).decode("latin-1").split(",")
        client = trusted.get_trusted_client_address(",".join(map(plain_address, written)))
        if client[0]:
            scope["client"] = client


def has_body(scope: Scope) -> bool:
    """Whether octets follow the head (RFC 9112 §6.3)."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return True
    return False


def _answered(cycle: RequestResponseCycle, octets: bytes) -> None:
    """Write a whole answer, as what uvicorn's own way comes to at its end."""
    cycle.response_started = True
    # Or whoever still reads the request would write the 100 behind this answer
    cycle.waiting_for_100_continue = False
    cycle.transport.write(octets)
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


class _InOnePiece:
    """The application, for a request that may have come in one piece, and an answer that may go in one.

    The beginning of an answer is kept until its body comes.
    """

    _send: Send

    def __init__(self, cycle: RequestResponseCycle, app: Any) -> None:  # Any: see the import
        self._cycle, self._app = cycle, app
        self._start: Message | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # Any: see the import
        self._send = send
        # By now all is parsed that came together
        if not (self._cycle.more_body or self._cycle.disconnected) and len(self._cycle.body) <= MOST_AT_ONCE:
            scope[BODY] = bytes(self._cycle.body)
        try:
            await self._app(scope, receive, self._sending)
        finally:
            if self._start is not None:
                await self._begin(self._start)

    async def _sending(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self._cycle.response_started and self._start is None:
            self._start = message
            return
        if self._start is not None and (octets := self._whole(self._start, message)):
            self._start = None
            _answered(self._cycle, octets)
            return
        if self._start is not None:
            await self._begin(self._start)
        await self._send(message)

    async def _begin(self, start: Message) -> None:
        """Send what is kept: what has begun stays so, whatever happens to its body."""
        self._start = None
        if self._cycle.more_body:
            # Who waits to be told to send a body sends none now: the next request would be taken for it. uvicorn says
            # that the connection ends, unless the answer does
            self._cycle.keep_alive = False
        await self._send(start)

    def _whole(self, start: Message, message: Message) -> bytes | None:
        """The octets, where this is the whole body and whoever asked takes it now, on a connection that goes on."""
        cycle = self._cycle
        usual = cycle.keep_alive and not cycle.disconnected and not cycle.flow.write_paused
        if (
            not usual
            or cycle.more_body
            or message["type"] != "http.response.body"
            or message.get("more_body")
            or cycle.scope["method"] == "HEAD"
        ):
            return None
        return written(start["status"], (*cycle.default_headers, *start.get("headers", ())), message.get("body", b""))


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, which handles no signal, tells that it lives, and knows how to leave."""

    def __init__(
        self, config: uvicorn.Config, listening: Listening, ticked: Callable[[], None], ahead: Callable[[int], bool]
    ) -> None:
        super().__init__(config)
        self.leave_by = 0.0
        self._listening = listening
        self._ticked, self._ahead = ticked, ahead
        self._accepting: Accepting | None = None
        self._woken: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def wake(self) -> None:
        """Look at once whether to end. May be called from any thread, and from what handles a signal."""
        woken = self._woken
        if woken is not None:
            with suppress(RuntimeError):  # it has ended
                woken[0].call_soon_threadsafe(woken[1].set)

    async def main_loop(self) -> None:
        """As uvicorn's, which looks ten times a second whether to end: most of what a worker did while nobody asked."""
        event = asyncio.Event()
        self._woken = (asyncio.get_running_loop(), event)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVING_TICK_SECONDS if self.leave_by else TICK_SECONDS):
                    await event.wait()
            event.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  ours is the only one
        await super().startup(sockets=[])
        self._listening.settimeout(0)
        self._accepting = Accepting(self._listening, self._made, self._is_ahead)
        self._accepting.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop_accepting()
        await super().shutdown(sockets)

    def _made(self) -> asyncio.Protocol:
        """As uvicorn's `startup` makes it."""
        kind = cast("type[HttpToolsProtocol]", self.config.http_protocol_class)
        return kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _is_ahead(self) -> bool:
        return self._ahead(len(self.server_state.connections))

    def _stop_accepting(self) -> None:
        if self._accepting is not None:
            self._accepting.stop()
            self._accepting = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        self._ticked()
        self._is_ahead()  # others see what has ended since
        if self.leave_by:
            if self._accepting is not None:
                await self._accept_no_more()
            if not self.server_state.connections or time.monotonic() > self.leave_by:
                return True
        return await super().on_tick(counter)

    async def _accept_no_more(self) -> None:
        """Close the socket with an empty queue: the kernel resets what waits in it, with a request perhaps."""
        waiting = select.poll()
        waiting.register(self._listening, select.POLLIN)
        end = time.monotonic() + 1
        while waiting.poll(0) and time.monotonic() < end:  # noqa: ASYNC110 - it is the kernel's queue that we wait for
            await asyncio.sleep(0.001)
        self._stop_accepting()
        self._listening.close()
