"""A text shows something, or nothing at all."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.eidas.registry import CURRENT_FAMILY_NAME, NATURAL
from connectors.wire.text import is_plain
from policies.visible import is_visible

# Unicode 15.0, DerivedCoreProperties: Default_Ignorable_Code_Point, what is assigned in it
IGNORED = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F)),
    *((0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0)),
    *((0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
BRAILLE_BLANK = 0x2800


def test_each_character_that_is_ignored_or_blank_or_controls_shows_nothing_and_each_other_something() -> None:
    ignored = {mark for first, last in IGNORED for mark in range(first, last + 1)} | {BRAILLE_BLANK}
    unseen = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
    for mark in range(0x110000):
        shows = mark not in ignored and unicodedata.category(chr(mark)) not in unseen
        assert is_visible(chr(mark)) is shows, hex(mark)


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u200b", "\u2800", "\u200b \u2060\u034f"])
def test_a_name_that_shows_nothing_is_none_of_the_city_s_and_none_of_a_node_s(text: str) -> None:
    assert not is_visible(text)
    assert not is_plain(text)
    assert not NATURAL[CURRENT_FAMILY_NAME].is_value(text)


@pytest.mark.parametrize("text", ["李", "أ", "e\u0301", "\u202eKask\u202c", "👩\u200d👧"])
def test_a_name_that_shows_something_is_one_whatever_stands_beside(text: str) -> None:
    assert is_visible(text)
    assert is_plain(text)
    assert NATURAL[CURRENT_FAMILY_NAME].is_value(text)


@given(st.text(), st.text())
def test_a_text_shows_something_where_one_of_its_parts_does(a: str, b: str) -> None:
    assert is_visible(a + b) == (is_visible(a) or is_visible(b))
