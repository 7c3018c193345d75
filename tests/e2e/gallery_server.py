"""The gallery over HTTP on loopback: each page with the headers that it has in production."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any  # see _Handler
from urllib.parse import parse_qsl, urlsplit

from idp.desk.pages import DESK_STYLE
from idp.pages.headers import headers
from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from idp.pages.static import StaticFile
from tests.e2e.gallery import OWNER, Shown, gallery
from tests.listening import Handler, Listening


@dataclass(slots=True)
class Gallery:
    """Where the pages are, and every form that was posted, in order."""

    base: str
    shown: Mapping[str, Shown]
    files: Sequence[StaticFile] = ()
    posted: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, name: str, language: str = "en") -> str:
        """The address of one page."""
        return f"{self.base}/{name}/{language}"


class _Handler(Handler):
    def __init__(self, gallery: Gallery, *request: Any) -> None:  # what socketserver gives has no narrower type
        self.gallery = gallery
        super().__init__(*request)

    def get(self) -> None:
        path = urlsplit(self.path).path
        for file in self.gallery.files:
            if file.path == path:
                return self.reply(200, file.content, **{"Content-Type": file.media_type, **file.headers})
        shown = self.gallery.shown.get(path)
        if shown is None:
            # The browser stays on the page that it came from
            return self.reply(204)
        return self.reply(200, shown.html.encode(), Content_Type="text/html; charset=utf-8", **headers(shown.kind))

    def post(self, body: bytes) -> None:
        self.gallery.posted.append((self.path, dict(parse_qsl(body.decode(), keep_blank_values=True))))
        self.reply(204)


@contextmanager
def serve(
    more: Mapping[str, Shown] = MappingProxyType({}), pages: Pages | None = None, languages: Sequence[str] = LANGUAGES
) -> Iterator[Gallery]:
    """Serve the gallery of `pages`, and `more` by their paths, on a free port until the end of the block."""
    pages = pages or Pages(OWNER)
    held = Gallery("", {}, (*pages.files, DESK_STYLE))
    with Listening(partial(_Handler, held)) as server:
        held.base = f"http://127.0.0.1:{server.server_port}"
        held.shown = {f"/{each.name}/{each.language}": each for each in gallery(pages, server.server_port, languages)}
        held.shown = {**held.shown, **more}
        yield held
