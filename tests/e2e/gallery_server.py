"""The gallery over HTTP on loopback: each page with the headers that it has in production."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any  # see _Handler
from urllib.parse import parse_qsl, urlsplit

from idp.pages.headers import headers
from idp.pages.render import Pages
from idp.pages.static import STATIC_FILES
from tests.e2e.gallery import Shown, gallery


@dataclass(slots=True)
class Gallery:
    """Where the pages are, and every form that was posted, in order."""

    base: str
    shown: Mapping[str, Shown]
    posted: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, name: str, language: str = "en") -> str:
        """The address of one page."""
        return f"{self.base}/{name}/{language}"


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, gallery: Gallery, *request: Any) -> None:  # what socketserver gives has no narrower type
        self.gallery = gallery
        super().__init__(*request)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        for file in STATIC_FILES:
            if file.path == path:
                return self._answer(200, file.content, {"Content-Type": file.media_type, **file.headers})
        shown = self.gallery.shown.get(path)
        if shown is None:
            # The browser stays on the page that it came from
            return self._answer(204, b"", {})
        return self._answer(200, shown.html.encode(), {"Content-Type": "text/html; charset=utf-8", **headers(shown.kind)})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self.gallery.posted.append((self.path, dict(parse_qsl(body, keep_blank_values=True))))
        self._answer(204, b"", {})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name that the base class gives it
        pass

    def _answer(self, status: int, body: bytes, head: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in head.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve() -> Iterator[Gallery]:
    """Serve the gallery on a free port until the end of the block."""
    held = Gallery("", {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, held))
    held.base = f"http://127.0.0.1:{server.server_port}"
    held.shown = {f"/{each.name}/{each.language}": each for each in gallery(Pages(), server.server_port)}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
