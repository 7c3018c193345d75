"""The listener for whoever watches: /metrics, /ready and /alive, in a process of its own beside the workers.

It has no database, no key and no configuration: it reads the board. So it answers when every worker hangs, which is when it
is asked. It is for a private network: it names tenants and countries and counts, and no person.
"""

import io
import ipaddress
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import structlog

from idp.watching.board import Board
from idp.watching.exposition import exposition, ready

# Whoever asks has this long, from its connection to its answer's end; so many may ask at once, with a thread each
REQUEST_SECONDS = 5.0
MOST_AT_ONCE = 64
# Octets of a request's head: Prometheus sends some 300. The library takes 6 MiB, and seconds to read those
MOST_HEAD = 16 * 1024
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
Request = socket.socket | tuple[bytes, socket.socket]  # as the base has it
METRICS = "text/plain; version=0.0.4; charset=utf-8"


def serve(board: Board, listening: socket.socket, draining: Callable[[], bool] = lambda: False) -> None:
    """Answer on a bound socket until SIGTERM or SIGINT. Call it in the main thread of a process of its own.

    While all workers are `draining`, /ready is false: whoever sends requests sends them elsewhere.
    """
    server = Listener(board, listening, draining)
    for number in (signal.SIGTERM, signal.SIGINT):
        # `shutdown` waits for the loop that this very thread runs
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.2)
    server.server_close()


class Listener(ThreadingHTTPServer):
    """The server on a socket that is bound already."""

    daemon_threads = True

    def __init__(self, board: Board, listening: socket.socket, draining: Callable[[], bool]) -> None:
        self.board, self.draining = board, draining
        self._begun: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(listening.getsockname()[:2], _Answering, bind_and_activate=False)
        self.socket.close()
        self.socket = listening

    def verify_request(self, *_: object) -> bool:
        """Whether there is room for one more."""
        with self._lock:
            return len(self._begun) < MOST_AT_ONCE

    def process_request(self, request: Request, client_address: object) -> None:
        """In a thread, for so long and no longer."""
        with self._lock:
            self._begun[_socket(request)] = time.monotonic()
        super().process_request(request, client_address)

    def handle_error(self, request: Request, client_address: object) -> None:  # noqa: ARG002 - the base's
        """A line without a traceback, which would quote what was sent. Who went away in the middle is no news."""
        error = sys.exception()
        if not isinstance(error, OSError):
            structlog.get_logger().error("metrics_failed", kind=type(error).__name__)

    def shutdown_request(self, request: Request) -> None:
        """End it."""
        with self._lock:
            self._begun.pop(_socket(request), None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut off whoever took too long: an octet now and then begins the socket's own waiting anew, each time."""
        end = time.monotonic() - REQUEST_SECONDS
        with self._lock:
            for late in [each for each, begun in self._begun.items() if begun < end]:
                with suppress(OSError):
                    late.shutdown(socket.SHUT_RDWR)


def _socket(request: Request) -> socket.socket:
    if not isinstance(request, socket.socket):
        raise TypeError("a connection")
    return request


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
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == socket.gethostname().lower()
    return True


class _Answering(BaseHTTPRequestHandler):
    server: Listener
    server_version = "ciconia"
    sys_version = ""
    timeout = REQUEST_SECONDS
    # What is read at once
    rbufsize = MOST_HEAD

    def setup(self) -> None:
        """Read the head, and no more than that of what was sent. One that is longer is closed without a word."""
        super().setup()
        with self.rfile as sent:
            head, line = b"", b" "
            while line not in (b"", b"\n", b"\r\n") and len(head) < MOST_HEAD:
                line = sent.readline(MOST_HEAD - len(head))
                head += line
        self.rfile = io.BytesIO(head if line in (b"", b"\n", b"\r\n") else b"")

    def do_GET(self) -> None:
        """One of three addresses."""
        board = self.server.board
        if not _ours(self.headers.get("Host", "")):
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, TEXT, b"ask by this machine's address\n")
            return
        match self.path:
            case "/metrics":
                self._answer(HTTPStatus.OK, METRICS, exposition(board))
            case "/alive":
                self._answer(HTTPStatus.OK, TEXT, b"alive\n")
            case "/ready":
                found = ready(board)
                fit = found.any and not self.server.draining()
                status = HTTPStatus.OK if fit else HTTPStatus.SERVICE_UNAVAILABLE
                told: dict[str, object] = {"ready": fit, "tenants": dict(sorted(found.tenants.items()))}
                if found.broken:
                    told["broken"] = dict(sorted(found.broken.items()))
                self._answer(status, JSON, f"{json.dumps(told)}\n".encode())
            case _:
                self._answer(HTTPStatus.NOT_FOUND, TEXT, b"/metrics, /ready or /alive\n")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it so
        """Nothing: an address that somebody sent stands in no line of ours."""
