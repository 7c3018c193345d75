"""The searcher: every spelling of a value, in every encoding of it, at the surface and below (decision 0000.15).

`needles` gives the byte strings that betray a value; `layers` gives what data holds under base64, hex, percent signs and
deflate; `search` looks for the one in the other. A fragment shorter than `SHORTEST` would be found in random bytes: such a
one is left out, and `needles` refuses a value that has no fragment long enough.
"""

import base64
import binascii
import gzip
import html
import json
import re
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

SHORTEST = 6
DEPTH = 3
MAX_INFLATED = 1 << 20
_ISO = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_PERCENT = re.compile(rb"[A-Za-z0-9._~%+-]{6,}")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")


def spellings(value: str) -> set[str]:
    """A date in the ways that people and machines write it; any other text as it is, in capitals and in small letters."""
    match = _ISO.fullmatch(value)
    if match is None:
        return {value, value.upper(), value.lower()}
    year, month, day = match.groups()
    seconds = (date(int(year), int(month), int(day)) - date(1970, 1, 1)).days * 86400
    separated = {sign.join(parts) for sign in "-./ " for parts in ((year, month, day), (day, month, year))}
    return {*separated, f"{month}/{day}/{year}", year + month + day, day + month + year, str(seconds)}


def encoded(data: bytes) -> Iterator[bytes]:
    """Some bytes as they are, and as hex, base64 at three alignments, percent signs and deflate write them."""
    yield data
    yield data.hex().encode()
    yield data.hex().upper().encode()
    for skipped in range(3):
        # What stands before and after shares sextets with the first and the last byte: those are cut off
        text = base64.b64encode(b"\0" * skipped + data + b"\0\0")
        core = text[(skipped * 8 + 5) // 6 : (skipped + len(data)) * 8 // 6]
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))
    for sign in ("%{:02X}", "%{:02x}"):
        yield "".join(map(sign.format, data)).encode()
    quoted = urllib.parse.quote_from_bytes(data, safe="")
    yield from {
        quoted.encode(),
        quoted.replace("%20", "+").encode(),
        re.sub("%..", lambda m: m[0].lower(), quoted).encode(),
    }
    for level in (1, 6, 9):
        yield zlib.compress(data, level)
        raw = zlib.compressobj(level, wbits=-15)
        yield raw.compress(data) + raw.flush()


def needles(values: Iterable[str]) -> dict[bytes, str]:
    """Byte strings that betray one of the values, each with that value. ValueError for one that noise could hold."""
    found: dict[bytes, str] = {}
    for value in values:
        mine = {
            form
            for spelling in spellings(value)
            for text in (spelling, html.escape(spelling), json.dumps(spelling)[1:-1])
            for charset in ("utf-8", "utf-16-le", "utf-16-be", "latin-1")
            for form in encoded(text.encode(charset, "ignore"))
            if len(form) >= SHORTEST
        }
        if len(value.encode()) < SHORTEST + 2:
            raise ValueError(f"{value!r} is too short")
        found.update(dict.fromkeys(mine, value))
    return found


def layers(data: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """The data, and what it holds below: every base64, hex or percent run decoded, every deflate stream inflated."""
    yield data
    if depth == 0:
        return
    below = {inflated for inflated in (*_streams(data), _inflate(data, -15)) if inflated}
    for run in _BASE64.findall(data):
        text = run.translate(bytes.maketrans(b"-_", b"+/"))
        # A run may begin with signs that are not the text's: four places to begin
        for skipped in range(4):
            core = text[skipped:]
            whole = core[: len(core) - (len(core) % 4 == 1)]
            below.add(base64.b64decode(whole + b"=" * (-len(whole) % 4)))
    below.update(binascii.unhexlify(run[: len(run) & ~1]) for run in _HEX.findall(data))
    below.update(urllib.parse.unquote_to_bytes(run) for run in _PERCENT.findall(data) if b"%" in run)
    for one in below:
        if len(one) >= SHORTEST:
            yield from layers(one, depth - 1)


def search(data: bytes, sought: Mapping[bytes, str]) -> set[str]:
    """The values that the data betrays."""
    return {value for layer in layers(data) for needle, value in sought.items() if needle in layer}


def _streams(data: bytes) -> Iterator[bytes]:
    for match in _ZLIB.finditer(data):
        rest = data[match.start() :]
        yield _inflate(rest, 31 if rest.startswith(gzip.compress(b"")[:2]) else 15)


def _inflate(data: bytes, window: int) -> bytes:
    """The inflated text, even where the stream breaks off."""
    inflater = zlib.decompressobj(window)
    found = b""
    try:
        for start in range(0, len(data), 64):
            found += inflater.decompress(data[start : start + 64], MAX_INFLATED)
            if inflater.eof or len(found) >= MAX_INFLATED:
                break
    except zlib.error:
        pass
    return found
