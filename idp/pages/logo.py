"""The operator's logo: an SVG or a PNG, judged before it is served.

A browser runs no script of an image. The file has an address of its own, though, and may be opened there: so an SVG may
hold nothing but shapes, whatever the headers say.
"""

import re
import struct
import zlib
from dataclasses import dataclass

from connectors.signatures.parse import Element, pairs, parse_metadata
from idp.pages.static import StaticFile

MAX_BYTES = 64 * 1024
HEIGHT = 36
# Below this a phone of 320 px has the logo on one line
MAX_WIDTH = 216
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_SIDE = 4096
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SHAPES = frozenset(
    {
        *("svg", "g", "defs", "title", "desc", "use", "symbol", "style", "text", "tspan", "clipPath", "mask"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "linearGradient", "radialGradient", "stop"),
    }
)
_HREFS = frozenset({"href", _XLINK})
_ELSEWHERE = re.compile(r"url\(\s*+['\"]?+\s*+(?!#)|image-set|//|@|\\|javascript:", re.IGNORECASE)
_NUMBER = r"[0-9]{1,5}(?:\.[0-9]{1,6})?"
_BOX = re.compile(rf"-?{_NUMBER}[\s,]+-?{_NUMBER}[\s,]+({_NUMBER})[\s,]+({_NUMBER})")


@dataclass(frozen=True, slots=True)
class Logo:
    """A logo that was judged, and its size on a page in pixels."""

    file: StaticFile
    width: int
    height: int = HEIGHT


def read_logo(name: str, octets: bytes) -> Logo:
    """The logo in a file of this name. Raises ValueError, with words for an operator."""
    if len(octets) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES // 1024} kB, which every page would load.")
    if name.endswith(".png"):
        file, (wide, high) = StaticFile("/logo.png", "image/png", octets), _size_of_png(octets)
    else:
        file, (wide, high) = StaticFile("/logo.svg", "image/svg+xml", octets), _size_of_svg(octets)
    width = round(HEIGHT * wide / high)
    if not HEIGHT // 4 <= width <= MAX_WIDTH:
        raise ValueError("it is too narrow, or more than six times as wide as high.")
    return Logo(file, width)


def _size_of_png(octets: bytes) -> tuple[float, float]:
    """Width and height of a whole PNG, of known chunks and nothing behind it (PNG §5, §11.2.2)."""
    at, size = len(_SIGNATURE), (0, 0)
    kinds: list[bytes] = []
    if not octets.startswith(_SIGNATURE):
        raise ValueError("it is no PNG.")
    while at + 12 <= len(octets) and kinds[-1:] != [b"IEND"]:
        length, kind = struct.unpack_from(">I4s", octets, at)
        content = octets[at + 8 : at + 8 + length]
        if octets[at + 8 + length : at + 12 + length] != zlib.crc32(kind + content).to_bytes(4):
            break
        if kind == b"IHDR" and not kinds and length == 13:  # noqa: PLR2004 - PNG §11.2.2
            size = struct.unpack_from(">II", content)
        kinds.append(kind)
        at += length + 12
    if kinds[:1] != [b"IHDR"] or kinds[-1] != b"IEND" or b"IDAT" not in kinds or at != len(octets):
        raise ValueError("it is no whole PNG.")
    if b"acTL" in kinds:
        raise ValueError("it moves, which nobody could stop (WCAG 2.2, 2.2.2).")
    if not 0 < min(size) <= max(size) <= _MAX_SIDE:
        raise ValueError(f"it has more than {_MAX_SIDE} pixels on a side.")
    return size


def _size_of_svg(octets: bytes) -> tuple[float, float]:
    """The ratio that an SVG of shapes alone has by its viewBox."""
    root = parse_metadata(octets)
    if root.tag != f"{_SVG}svg":
        raise ValueError("it is no SVG.")
    for each in root.iter():
        _judge(each)
    box = _BOX.fullmatch((root.get("viewBox") or "").strip())
    if box is None or not float(box[1]) or not float(box[2]):
        raise ValueError("its svg element has no viewBox with four numbers.")
    return float(box[1]), float(box[2])


def _judge(element: Element) -> None:
    """Raise ValueError for an element that is no shape, and for an attribute that runs or loads something."""
    name = str(element.tag).removeprefix(_SVG)
    if name not in _SHAPES:
        raise ValueError(f"it has the element {name.rpartition('}')[2][:40]!r}, which is no shape.")
    if name == "style" and _ELSEWHERE.search("".join(map(str, element.itertext()))):
        raise ValueError("its style loads something.")
    for key, value in pairs(element):
        if key.lower().startswith("on"):
            raise ValueError(f"it has the attribute {key[:40]!r}, which runs a script.")
        if (key in _HREFS and not value.startswith("#")) or _ELSEWHERE.search(value):
            raise ValueError(f"its attribute {key.rpartition('}')[2][:40]!r} leads out of the file.")
