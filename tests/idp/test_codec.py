"""What lies in sealed logins and parked rows: exactly the type, or nothing."""

import json
import zlib
from dataclasses import dataclass, field

import pytest

from idp.codec import MAX_INFLATED, Codec
from policies.errors import NotFound

CANARY = "Canary-Kanarbik-1887"


@dataclass(frozen=True, slots=True)
class Small:
    name: str = field(repr=False)
    number: int
    several: tuple[str, ...] = ()


SMALL = Codec(Small)


def test_a_value_comes_back_as_it_was() -> None:
    value = Small(CANARY, 7, ("a", "ä", "上海"))
    assert SMALL.load(SMALL.dump(value)) == value


def test_it_is_deflated() -> None:
    assert len(SMALL.dump(Small("a" * 10_000, 1))) < 100


def test_a_cut_longer_or_changed_text_does_not_open() -> None:
    good = SMALL.dump(Small(CANARY, 7))
    for bad in (
        b"",
        good[:-1],
        good[1:],
        good + b"x",
        b"x" + good,
        good[:9] + bytes([good[9] ^ 1]) + good[10:],
        CANARY.encode(),
    ):
        with pytest.raises(NotFound):
            SMALL.load(bad)


@pytest.mark.parametrize(
    "other",
    [
        {"name": CANARY},
        {"name": CANARY, "number": "seven"},
        {"name": None, "number": 7},
        {"name": CANARY, "number": 7, "several": CANARY},
        [CANARY, 7],
        CANARY,
        None,
    ],
)
def test_another_shape_does_not_open_and_is_not_quoted(other: object) -> None:
    with pytest.raises(NotFound) as refused:
        SMALL.load(zlib.compress(json.dumps(other).encode()))
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None, "pydantic's words would quote the value"
    assert refused.value.__suppress_context__


def test_no_json_does_not_open() -> None:
    for text in (b"", b"{", b"\xff", CANARY.encode()):
        with pytest.raises(NotFound):
            SMALL.load(zlib.compress(text))


def test_a_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(b'{"name":"' + b"a" * (MAX_INFLATED * 20) + b'","number":1}', 9)
    assert len(bomb) < 16_000
    with pytest.raises(NotFound):
        SMALL.load(bomb)


def test_what_just_fits_is_inflated() -> None:
    value = Small("a" * (MAX_INFLATED - 100), 1)
    assert SMALL.load(SMALL.dump(value)) == value
    with pytest.raises(NotFound):
        SMALL.load(SMALL.dump(Small("a" * MAX_INFLATED, 1)))
