"""Which texts need a transliteration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.latin import is_latin


@pytest.mark.spec("eidas.md §5 characters outside Latin and Common")
@pytest.mark.parametrize(
    "text",
    [
        "O'Neill-Smith, Jr. (3rd) №",
        "Õunapuu Žilina Łódź Þórður ẞtraße Ĳmuiden Ǆ",
        "Mari\u0301 Z\u030c",
        "Kaho\u02bbolawe d\u2019Arc \u2013 \u00a0",
        "\uff21\uff42 \uff11 Ⅳ x² ½",
    ],
)
def test_latin_letters_and_what_belongs_to_no_script_need_none(text: str) -> None:
    assert is_latin(text)


@pytest.mark.spec("eidas.md §5 characters outside Latin and Common")
@pytest.mark.parametrize(
    "text",
    [
        "Ωνάσης",
        "Иванов",
        "李明",
        "مريم",
        "M\u0430ri",
        "\u2126",
        "a\u0483",
        "१",
        "\ua8e0",
        "\ue001\U000f0000",
        "\u0378",
        "\u283a\u2801",
    ],
)
def test_a_letter_of_another_script_needs_one(text: str) -> None:
    assert not is_latin(text)


@given(st.text(st.characters(min_codepoint=0x370, max_codepoint=0x5FF, categories=["Lu", "Ll", "Lo"]), min_size=1))
def test_greek_cyrillic_armenian_and_hebrew_letters_always_do(text: str) -> None:
    assert not is_latin(text)
