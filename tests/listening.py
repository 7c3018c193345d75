"""A web server of a test: on loopback, in threads of this process, and silent, since addresses hold codes."""

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any  # what socketserver gives a handler has no narrower type


class Handler(BaseHTTPRequestHandler):
    """Answers requests: how, a class of it says in `get` and `post`."""

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self.get()

    def do_POST(self) -> None:
        self.post(self.rfile.read(int(self.headers["Content-Length"] or 0)))

    def get(self) -> None:
        self.reply(501)

    def post(self, _body: bytes) -> None:
        self.reply(501)

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; `Content_Type` is a header's name here."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Listening(ThreadingHTTPServer):
    """The server, from now on until `close`."""

    daemon_threads = True

    def __init__(
        self, handler: Callable[..., Any], host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__((host, port), handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(10)

    def __exit__(self, *_: object) -> None:
        self.close()
