"""The codec of sealed logins and parked rows gives exactly the type, or nothing."""

import json
import zlib
from dataclasses import dataclass, field

import pytest

from idp.login.state_codec import MAX_INFLATED, PLAIN, Codec
from policies.errors import NotFound

CANARY = "Canary-Kanarbik-1887"


@dataclass(frozen=True, slots=True)
class Small:
    name: str = field(repr=False)
    number: int
    several: tuple[str, ...] = ()


SMALL = Codec(Small)
DEFLATED = Codec(Small, plain=0)


def test_a_value_comes_back_as_it_was() -> None:
    value = Small(CANARY, 7, ("a", "ä", "上海"))
    assert SMALL.load(SMALL.dump(value)) == value


def test_what_is_long_is_deflated_and_what_is_short_stays_as_it_is() -> None:
    assert len(SMALL.dump(Small("a" * 10_000, 1))) < 100
    assert SMALL.dump(Small("a", 1)) == b'{"name":"a","number":1,"several":[]}'
    for length in (PLAIN - 36, PLAIN - 35, PLAIN - 34):
        made = SMALL.dump(Small("a" * length, 1))
        assert (len(made) == length + 35) == (length + 35 <= PLAIN)
        assert SMALL.load(made).name == "a" * length


def test_what_the_version_before_deflated_opens() -> None:
    for level in range(10):
        text = json.dumps({"name": CANARY, "number": 7, "several": []}).encode()
        assert SMALL.load(zlib.compress(text, level)) == Small(CANARY, 7)


@pytest.mark.parametrize("good", [SMALL.dump(Small(CANARY, 7)), DEFLATED.dump(Small(CANARY, 7))], ids=["plain", "deflated"])
def test_a_cut_or_longer_text_does_not_open(good: bytes) -> None:
    for bad in (b"", good[:-1], good[1:], good + b"x", b"x" + good, CANARY.encode(), b"{" + good, b" " + good):
        with pytest.raises(NotFound):
            SMALL.load(bad)


def test_a_changed_stream_does_not_open() -> None:
    """Plain text has no checksum of its own: the seal around it has."""
    good = DEFLATED.dump(Small(CANARY, 7))
    with pytest.raises(NotFound):
        SMALL.load(good[:9] + bytes([good[9] ^ 1]) + good[10:])


def test_another_shape_does_not_open_and_is_not_quoted() -> None:
    for other in [
        {"name": CANARY},
        {"name": CANARY, "number": "seven"},
        {"name": CANARY, "number": 7.0},
        {"name": CANARY, "number": True},
        {"name": None, "number": 7},
        {"name": CANARY, "number": 7, "several": CANARY},
        [CANARY, 7],
        CANARY,
        None,
    ]:
        text = json.dumps(other).encode()
        for data in (text, zlib.compress(text)):
            with pytest.raises(NotFound) as refused:
                SMALL.load(data)
            assert CANARY not in str(refused.value)
            assert refused.value.__cause__ is None, "a library's words may quote the value"
            assert refused.value.__suppress_context__


def test_a_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(b'{"name":"' + b"a" * (MAX_INFLATED * 20) + b'","number":1}', 9)
    assert len(bomb) < 16_000
    with pytest.raises(NotFound):
        SMALL.load(bomb)


def test_what_is_deflated_needs_little_memory_and_opens_with_any_window() -> None:
    made = DEFLATED.dump(Small(CANARY, 7, tuple(f"value {number}" for number in range(1000))))
    # RFC 1950 §2.2: the window's size stands in the head, as its logarithm less eight
    assert 2 ** ((made[0] >> 4) + 8) <= 4096
    assert json.loads(zlib.decompress(made))["name"] == CANARY
    assert len(SMALL.load(made).several) == 1000
