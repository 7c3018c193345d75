"""The tiles of a log (C2SP tlog-tiles): its tree in pieces of 256 hashes, whose addresses and octets never change.

    tile/0/000                hashes of leaves 0 to 255
    tile/1/000                hashes of the first 256 such tiles
    tile/0/x001/x234/067      tile 1,234,067: groups of three digits, `x` before all but the last
    tile/0/001.p/112          the first 112 hashes of tile 1, while the tree had no more
    tile/entries/000          leaves 0 to 255 themselves, each after its length in two octets: for auditors alone

Hash i of tile n at level l is that of the complete subtree over leaves [(256n + i) * 256^l, (256n + i + 1) * 256^l).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

HEIGHT = 8
FULL = 1 << HEIGHT
ENTRIES = "entries"
# A tree has fewer than 2^63 leaves: none of its complete subtrees is higher
MAX_LEVEL = 7
_PLACE = re.compile(rf"([0-7]|{ENTRIES})/((?:x\d{{3}}/){{0,6}}\d{{3}})(?:\.p/([1-9]\d{{0,2}}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile's place. `level` None is that of the leaves themselves; `width` is below 256 for a partial tile."""

    level: int | None
    index: int
    width: int = FULL

    @property
    def path(self) -> str:
        """Its address below the log's."""
        groups = [f"{self.index:03}"[-3:]]
        rest = self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        level = ENTRIES if self.level is None else self.level
        return f"tile/{level}/{'/'.join(groups)}{'' if self.width == FULL else f'.p/{self.width}'}"

    @classmethod
    def read(cls, place: str) -> "Tile":
        """Read what stands after `tile/`. Raises ValueError for any spelling but that of `path`."""
        found = _PLACE.fullmatch(place)
        if found is None:
            raise ValueError("not the address of a tile")
        level, index, width = found.groups()
        tile = cls(
            None if level == ENTRIES else int(level), int(index.replace("x", "").replace("/", "")), int(width or FULL)
        )
        if tile.path != f"tile/{place}" or (width is not None and tile.width >= FULL):
            raise ValueError("another spelling of a tile's address")
        return tile

    @property
    def begin(self) -> int:
        """The number of its first hash among those of its level."""
        return self.index * FULL

    def is_in(self, size: int) -> bool:
        """Whether a tree of so many leaves has each of its hashes."""
        return self.begin + self.width <= size >> HEIGHT * (self.level or 0)


def tiles_of(size: int, *, entries: bool = False) -> Iterator[Tile]:
    """The tiles of a tree of so many leaves, the lowest level first; `entries` adds the leaves themselves."""
    levels: list[int | None] = [*([None] if entries else []), *range(MAX_LEVEL + 1)]
    for level in levels:
        full, rest = divmod(size >> HEIGHT * (level or 0), FULL)
        yield from (Tile(level, index) for index in range(full))
        if rest:
            yield Tile(level, full, rest)
