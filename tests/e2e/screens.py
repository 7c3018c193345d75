"""The pictures of our pages in the documentation: which there are, and what each was taken of.

`CICONIA_SCREENSHOTS=1 .venv/bin/python -m pytest tests/e2e/test_screens.py` takes them anew, with Chromium. Beside them
stands what they were taken of, as a digest: a page that has changed since fails a test, without a browser.
"""

import base64
import hashlib
import struct
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from idp.desk.pages import DESK_STYLE
from idp.pages.static import STATIC_FILES, StaticFile
from tests.e2e.browser import THEMES, Theme

IMAGES = Path(__file__).parents[2] / "docs" / "images"
TAKEN = Path(__file__).with_name("screens.toml")
WIDTH, HEIGHT, PHONE = 680, 500, 390
DESK_WIDTH = 1100
DESK_FILES = (*STATIC_FILES, DESK_STYLE)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEAD = "# What the pictures in docs/images were taken of: made by tests/e2e/test_screens.py with CICONIA_SCREENSHOTS=1.\n"


@dataclass(frozen=True, slots=True)
class Screen:
    """One picture: a page of the gallery in a language and a theme."""

    name: str
    page: str
    language: str
    theme: Theme
    width: int = WIDTH
    files: Sequence[StaticFile] = STATIC_FILES

    @property
    def file(self) -> Path:
        """The picture."""
        return IMAGES / f"{self.name}-{self.language}-{self.theme}.png"

    def digest(self, html: str) -> str:
        """The digest of everything that a browser draws the picture from."""
        parts = (html.encode(), *(each.content for each in self.files), f"{self.width}x{HEIGHT} {self.theme}".encode())
        return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).hexdigest()


SCREENS = (
    *(Screen("city-front", "city-front", "en", theme, DESK_WIDTH, ()) for theme in THEMES),
    Screen("city-told", "city-told", "en", THEMES[0], WIDTH, ()),
    Screen("front", "front", "en", THEMES[0]),
    *(Screen("picker", "picker-search", "en", theme) for theme in THEMES),
    Screen("picker-optional", "picker-optional", "en", THEMES[0]),
    *(Screen("approval", "approval-arrived", language, theme) for language in ("en", "et", "zh-Hans") for theme in THEMES),
    *(Screen("inform", "inform", "en", theme) for theme in THEMES[:1]),
    *(Screen("error", "error-assertion_rejected", "en", theme) for theme in THEMES),
    *(Screen("receipt", "receipt", "en", theme) for theme in THEMES),
    Screen("last", "last-stay", "en", THEMES[0]),
    *(Screen(name, name, "en", THEMES[0], PHONE) for name in ("me-few", "me-erasing")),
    *(Screen("desk-releases", "desk-releases", "en", theme, DESK_WIDTH, DESK_FILES) for theme in THEMES),
    *(
        Screen(name, name, "en", THEMES[0], DESK_WIDTH, DESK_FILES)
        for name in ("desk-attributes", "desk-citizens", "desk-sign-in", "console-plan", "console-health")
    ),
)


def taken() -> Mapping[str, str]:
    """The digest of each picture's source, by file name."""
    return {name: str(digest) for name, digest in tomllib.loads(TAKEN.read_text(encoding="utf-8")).items()}


def note(digests: Mapping[str, str]) -> None:
    """Write down what the pictures were taken of."""
    TAKEN.write_text(
        HEAD + "".join(f'"{name}" = "{digest}"\n' for name, digest in sorted(digests.items())), encoding="utf-8"
    )


def chunks(png: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Kind and content of each chunk of a PNG (PNG §5.3). The check sums are a browser's own: not looked at."""
    assert png.startswith(SIGNATURE)
    found, at = [], len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += length + 12
    return tuple(found)


# In a browser: the 256 colours that a picture has most of, as they are, and for each pixel the nearest of them
INDEXED = """async png => {
    const image = new Image();
    image.src = 'data:image/png;base64,' + png;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, image.width, image.height).data, counts = new Map();
    const colour = i => pixels[4 * i] << 16 | pixels[4 * i + 1] << 8 | pixels[4 * i + 2];
    for (let i = 0; i < pixels.length / 4; i++) counts.set(colour(i), (counts.get(colour(i)) || 0) + 1);
    const colours = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b).slice(0, 256);
    const far = (a, b) => [16, 8, 0].reduce((sum, s) => sum + ((a >> s & 255) - (b >> s & 255)) ** 2, 0);
    const index = new Map([...counts.keys()].map(one =>
        [one, colours.reduce((best, other, i) => far(one, other) < far(one, colours[best]) ? i : best, 0)]));
    let text = '';
    for (let i = 0; i < pixels.length / 4; i++) text += String.fromCharCode(index.get(colour(i)));
    return {width: image.width, height: image.height, colours, indices: btoa(text)};
}"""


def smaller(page: Page, png: bytes) -> bytes:
    """The same picture as a PNG with a palette, packed as well as zlib can: a third of what a browser writes."""
    found = page.evaluate(INDEXED, base64.b64encode(png).decode())
    width, height, colours = int(found["width"]), int(found["height"]), [int(one) for one in found["colours"]]
    indices = base64.b64decode(found["indices"])
    rows = b"".join(b"\0" + indices[row * width : (row + 1) * width] for row in range(height))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(colour.to_bytes(3) for colour in colours)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return SIGNATURE + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
