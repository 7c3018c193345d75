"""A web server on loopback under a name of its own, and the one page that a node shows: a form that posts a message on."""

import base64
import html
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.real.wire import Refused

Reply = tuple[int, str, bytes]


class Site:
    """Answers what `answer` says. Whatever it refuses is a page with the reason, and stands in `refused`."""

    def __init__(self, name: str) -> None:
        self.refused: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                self._reply("GET", parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), parts.query)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
                self._reply("POST", urlsplit(self.path).path, dict(parse_qsl(body, keep_blank_values=True)), "")

            def _reply(self, method: str, path: str, fields: dict[str, str], raw: str) -> None:
                try:
                    status, kind, content = site.answer(method, path, fields, raw)
                except Refused as error:
                    site.refused.append(str(error))
                    status, kind, content = 400, "text/plain", str(error).encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.base = f"http://{name}.localhost:{self._server.server_address[1]}"

    def answer(self, method: str, path: str, fields: Mapping[str, str], raw: str) -> Reply:
        """Status, type and content of a page. `raw` is the query as it came."""
        raise NotImplementedError

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def metadata(octets: bytes) -> Reply:
    return 200, "application/samlmetadata+xml", octets


def posting(url: str, parameter: str, octets: bytes, relay_state: str) -> Reply:
    """A page whose form posts a message and its RelayState to an address."""
    fields = {parameter: base64.b64encode(octets).decode(), **({"RelayState": relay_state} if relay_state else {})}
    inputs = "".join(f'<input type="hidden" name="{name}" value="{html.escape(text)}">' for name, text in fields.items())
    form = f'<form method="post" action="{html.escape(url)}">{inputs}<button>Continue</button></form>'
    return 200, "text/html; charset=utf-8", f"<!doctype html><title>A node</title><main>{form}</main>".encode()
