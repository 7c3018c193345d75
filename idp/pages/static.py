"""The files that pages load: one style sheet, one mark. Both are the same for everybody and are named by their content."""

import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file at `path`; `href` carries a piece of its hash, so that browsers may keep it for ever."""

    path: str
    media_type: str
    content: bytes

    @property
    def etag(self) -> str:
        """The strong entity tag (RFC 9110 §8.8.3), quotes included."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    @property
    def href(self) -> str:
        """What a page links to."""
        return f"{self.path}?v={self.etag[1:9]}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that it is sent with."""
        return {
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": self.etag,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            # An SVG opened by itself is a document
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        }


def _read(name: str, media_type: str) -> StaticFile:
    content = resources.files("idp.pages").joinpath("static", name).read_bytes()
    return StaticFile(path=f"/{name}", media_type=media_type, content=content)


STYLE_FILE = _read("style.css", "text/css; charset=utf-8")
MARK_FILE = _read("mark.svg", "image/svg+xml")
STATIC_FILES = (STYLE_FILE, MARK_FILE)
