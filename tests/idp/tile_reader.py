"""A reader of tiles that shares no code with the product: the root of a tree from its tiles, as C2SP tlog-tiles says."""

import hashlib
from collections.abc import Callable

Read = Callable[[str], bytes]


def place(number: int) -> str:
    text = str(number)
    text = text.rjust(-(-len(text) // 3) * 3, "0")
    groups = [text[at : at + 3] for at in range(0, len(text), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def root_of(size: int, read: Read) -> bytes:
    """The root of the first `size` leaves. AssertionError if a tile is not that of the level below."""
    below: list[bytes] = []
    tops: list[list[bytes]] = []
    level = 0
    while size >> 8 * level:
        number = size >> 8 * level
        hashes: list[bytes] = []
        for tile in range(-(-number // 256)):
            width = min(256, number - 256 * tile)
            octets = read(f"tile/{level}/{place(tile)}{'' if width == 256 else f'.p/{width}'}")
            assert len(octets) == 32 * width
            hashes += [octets[at : at + 32] for at in range(0, len(octets), 32)]
        assert not level or hashes == [_root(below[at * 256 : at * 256 + 256]) for at in range(number)]
        tops.append(hashes)
        below, level = hashes, level + 1
    return _root(tops[0])


def _root(hashes: list[bytes]) -> bytes:
    """RFC 6962 §2.1, over hashes of leaves or of complete subtrees."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\1" + _root(hashes[:split]) + _root(hashes[split:])).digest()


def leaves_of(bundle: bytes) -> list[bytes]:
    found = []
    while bundle:
        length = int.from_bytes(bundle[:2])
        found.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return found
