"""The places of tiles: one spelling of each, and every hash of a tree in exactly one of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.ledger.tiles import FULL, MAX_LEVEL, Tile, tiles_of


@pytest.mark.spec("consent.md §8")
def test_places_are_spelt_as_the_standard_has_them() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(1, 0).path == "tile/1/000"
    assert Tile(0, 273, 112).path == "tile/0/273.p/112"
    assert Tile(None, 1000).path == "tile/entries/x001/000"


@given(
    st.one_of(st.none(), st.integers(0, MAX_LEVEL)),
    st.one_of(st.integers(0, 5000), st.integers(0, 2**55)),
    st.integers(1, FULL),
)
def test_each_place_is_read_from_its_own_spelling(level: int | None, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert Tile.read(tile.path.removeprefix("tile/")) == tile


@pytest.mark.spec("issue 31 item 4")
@pytest.mark.parametrize(
    "place",
    [
        *(
            "",
            "0",
            "0/",
            "/0/000",
            "0/0",
            "0/00",
            "0/0000",
            "00/000",
            "8/000",
            "63/000",
            "-1/000",
            "x/000",
            "0/abc",
            "0/000/",
        ),
        *("0/x000/000", "0/x000/x001/000", "0/x1/000", "0/001/000", "0/x001", "0/X001/000", "0/" + "x999/" * 7 + "999"),
        *("0/000.p/0", "0/000.p/00", "0/000.p/256", "0/000.p/999", "0/000.p/01", "0/000.p/", "0/000.p", "0/000.p/-1"),
        *(
            "0/000.p/1000",
            "0/000.q/1",
            "0/000.p/1/",
            "0/000 ",
            "0/\u0660\u0660\u0660",
            "0/../000",
            "entries",
            "entries/0",
            "0/000.p/\u0661",
            "0/000\n",
        ),
    ],
)
def test_every_other_spelling_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="tile"):
        Tile.read(place)


@pytest.mark.spec("consent.md §8")
def test_a_tree_has_the_tiles_that_the_standard_counts() -> None:
    tiles = list(tiles_of(70_000))
    widths = {level: [tile.width for tile in tiles if tile.level == level] for level in range(4)}
    assert widths == {0: [256] * 273 + [112], 1: [256, 17], 2: [1], 3: []}
    assert all(tile.is_in(70_000) for tile in tiles)
    assert not any(tile.is_in(69_999) for tile in tiles if (tile.level, tile.width) == (0, 112))


@given(st.integers(0, 200_000))
def test_each_hash_is_in_one_tile(size: int) -> None:
    for level in range(3):
        tiles = [tile for tile in tiles_of(size, entries=True) if tile.level == level]
        hashes = [number for tile in tiles for number in range(tile.begin, tile.begin + tile.width)]
        assert hashes == list(range(size >> 8 * level))
    leaves = [replace(tile, level=0) for tile in tiles_of(size, entries=True) if tile.level is None]
    assert leaves == [tile for tile in tiles_of(size) if tile.level == 0]
