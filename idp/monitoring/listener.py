"""The listener for whoever watches: /metrics, /ready and /alive, in a process of its own beside the workers.

It has no database, no key and no configuration: it reads what workers counted. So it answers when every worker hangs. It
is for a private network: it names tenants and countries and counts, and no person.
"""

import asyncio
import ipaddress
import json
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from email.parser import BytesHeaderParser
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from prometheus_client.registry import Collector

from idp.monitoring.exposition import exposition, ready

# A connection has this long from its beginning to its answer's end, and so many may be open at once
REQUEST_SECONDS = 5.0
MOST_AT_ONCE = 64
# Octets of a request's head: Prometheus sends some 300
MOST_HEAD = 16 * 1024
END_OF_HEAD = b"\r\n\r\n"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
METRICS = "text/plain; version=0.0.4; charset=utf-8"


def serve(counted: Collector, listening: socket.socket, draining: Callable[[], bool] = lambda: False) -> None:
    """Answer on a bound socket until SIGTERM or SIGINT. Call it in the main thread of a process of its own.

    While all workers are `draining`, /ready is false: whoever sends requests sends them elsewhere.
    """
    asyncio.run(_serve(Listener(counted, draining), listening))


async def _serve(listener: "Listener", listening: socket.socket) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with await asyncio.start_server(listener.answer, sock=listening, limit=MOST_HEAD):
        await ended.wait()


class Listener:
    """Answers one connection after another, each with a time and a size of its own."""

    def __init__(self, counted: Collector, draining: Callable[[], bool]) -> None:
        self._counted, self._draining = counted, draining
        self._open = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close. A connection that is late, too long or one too many is closed without a word."""
        self._open += 1
        try:
            if self._open <= MOST_AT_ONCE:
                async with asyncio.timeout(REQUEST_SECONDS):
                    writer.write(self._answered(await reader.readuntil(END_OF_HEAD)))
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except Exception as error:  # noqa: BLE001 - its text may quote what was sent
            structlog.get_logger().error("metrics_failed", kind=type(error).__name__)
        finally:
            self._open -= 1
            writer.transport.abort()

    def _answered(self, head: bytes) -> bytes:
        request, _, headers = head.partition(b"\r\n")
        method, _, rest = request.decode("latin-1").partition(" ")
        host = BytesHeaderParser().parsebytes(headers).get("host", "")
        if method != "GET":
            return _response(HTTPStatus.NOT_IMPLEMENTED, TEXT, "GET alone is answered\n")
        if not _ours(str(host)):
            return _response(HTTPStatus.MISDIRECTED_REQUEST, TEXT, "ask by this machine's address\n")
        match rest.partition(" ")[0]:
            case "/metrics":
                return _response(HTTPStatus.OK, METRICS, exposition(self._counted).decode())
            case "/alive":
                return _response(HTTPStatus.OK, TEXT, "alive\n")
            case "/ready":
                return self._readiness()
            case _:
                return _response(HTTPStatus.NOT_FOUND, TEXT, "/metrics, /ready or /alive\n")

    def _readiness(self) -> bytes:
        found = ready(self._counted)
        fit = found.any and not self._draining()
        told: dict[str, object] = {"ready": fit, "tenants": dict(sorted(found.tenants.items()))}
        if found.broken:
            told["broken"] = dict(sorted(found.broken.items()))
        return _response(HTTPStatus.OK if fit else HTTPStatus.SERVICE_UNAVAILABLE, JSON, f"{json.dumps(told)}\n")


def _response(status: HTTPStatus, kind: str, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return "\r\n".join(head).encode() + END_OF_HEAD + body


def _ours(host: str) -> bool:
    """Whether a Host header names an address, this machine, or a name that nobody can register.

    A page that a browser behind our firewall shows may ask us under its own name, which it made lead here (DNS rebinding).
    """
    try:
        name = urlsplit(f"//{host}").hostname or "" if host else "localhost"
    except ValueError:
        return False
    if "." not in name and ":" not in name:
        return True
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return name == socket.gethostname().lower()
