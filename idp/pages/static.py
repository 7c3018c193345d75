"""The files that pages load: a style sheet and a mark, the same for every reader."""

import hashlib
from dataclasses import dataclass
from importlib import resources

from idp.pages.palette import style_sheet


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file at `path`. Its `href` has a part of its hash, so browsers may keep the file for ever."""

    path: str
    media_type: str
    content: bytes

    @property
    def etag(self) -> str:
        """The strong entity tag (RFC 9110 §8.8.3), quotes included."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    @property
    def href(self) -> str:
        """The address that a page links to."""
        return f"{self.path}?v={self.etag[1:9]}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its response."""
        return {
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": self.etag,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            # A browser shows an SVG that is opened by itself as a document
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        }


def _read(name: str, media_type: str) -> StaticFile:
    content = resources.files("idp.pages").joinpath("static", name).read_bytes()
    return StaticFile(path=f"/{name}", media_type=media_type, content=content)


def style_file(sheet: bytes) -> StaticFile:
    """A style sheet at its address."""
    return StaticFile(path="/style.css", media_type="text/css; charset=utf-8", content=sheet)


STYLE_FILE = style_file(style_sheet())
MARK_FILE = _read("mark.svg", "image/svg+xml")
STATIC_FILES = (STYLE_FILE, MARK_FILE)
