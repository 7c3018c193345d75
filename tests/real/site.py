"""A web server on loopback under a name of its own, and the one page that a node shows: a form that posts a message on."""

import base64
import html
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from tests.listening import Handler, Listening
from tests.real.wire import Refused

Reply = tuple[int, str, bytes]


class _Visited(Handler):
    server: "Site"

    def get(self) -> None:
        parts = urlsplit(self.path)
        self._answer("GET", parts.path, parts.query, parts.query)

    def post(self, body: bytes) -> None:
        self._answer("POST", urlsplit(self.path).path, body.decode(), "")

    def _answer(self, method: str, path: str, form: str, raw: str) -> None:
        try:
            status, kind, content = self.server.answer(method, path, dict(parse_qsl(form, keep_blank_values=True)), raw)
        except Refused as error:
            self.server.refused.append(str(error))
            status, kind, content = 400, "text/plain", str(error).encode()
        self.reply(status, content, Content_Type=kind)


class Site(Listening):
    """Answers what `answer` says. Whatever it refuses is a page with the reason, and stands in `refused`."""

    def __init__(self, name: str) -> None:
        self.refused: list[str] = []
        super().__init__(_Visited)
        self.base = f"http://{name}.localhost:{self.server_port}"

    def answer(self, method: str, path: str, fields: Mapping[str, str], raw: str) -> Reply:
        """Status, type and content of a page. `raw` is the query as it came."""
        raise NotImplementedError


def metadata(octets: bytes) -> Reply:
    return 200, "application/samlmetadata+xml", octets


def posting(url: str, parameter: str, octets: bytes, relay_state: str) -> Reply:
    """A page whose form posts a message and its RelayState to an address."""
    fields = {parameter: base64.b64encode(octets).decode(), **({"RelayState": relay_state} if relay_state else {})}
    inputs = "".join(f'<input type="hidden" name="{name}" value="{html.escape(text)}">' for name, text in fields.items())
    form = f'<form method="post" action="{html.escape(url)}">{inputs}<button>Continue</button></form>'
    return 200, "text/html; charset=utf-8", f"<!doctype html><title>A node</title><main>{form}</main>".encode()
