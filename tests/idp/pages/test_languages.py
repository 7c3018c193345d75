"""The choice of a language, and each language's order, dates and names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.pages.languages import LANGUAGES, OWN_NAMES, choose_language, load_languages

SPOKEN = load_languages()


def test_each_language_has_the_name_that_it_has_for_itself() -> None:
    assert set(OWN_NAMES) == set(LANGUAGES)
    for tag, name in OWN_NAMES.items():
        assert name.casefold() == SPOKEN[tag].locale.languages[tag.replace("-", "_")].casefold()
        assert choose_language((tag,), "de") == tag, "what is chosen is what is spoken"


@pytest.mark.spec("OpenID Connect Core §3.1.2.1 ui_locales")
def test_the_services_wish_comes_first_then_the_browsers() -> None:
    for ui_locales, accept, language in [
        ((), "", "en"),
        ((), "et", "et"),
        ((), "et-EE,et;q=0.9,en;q=0.8", "et"),
        ((), "en;q=0.5, et;q=0.9", "et"),
        ((), "de-DE, de;q=0.9, et;q=0.3", "et"),
        ((), "de, fr", "en"),
        ((), "*", "en"),
        ((), "et;q=0", "en"),
        ((), "et;q=0.000, zh-CN;q=0.001", "zh-Hans"),
        ((), "zh-CN,zh;q=0.9", "zh-Hans"),
        ((), "zh-Hans-SG", "zh-Hans"),
        ((), "zh-SG", "zh-Hans"),
        ((), "ZH-hans", "zh-Hans"),
        ((), "cmn-Hans-CN", "zh-Hans"),
        # Traditional Chinese has no page of its own, and the reader said which second choice is next
        ((), "zh-TW, et;q=0.5", "et"),
        ((), "zh-Hant, zh;q=0.9", "zh-Hans"),
        ((), "zh-HK", "en"),
        (("et",), "zh-CN", "et"),
        (("de", "fr"), "zh-CN", "zh-Hans"),
        (("fr-CA", "zh-Hans", "et"), "", "zh-Hans"),
        (("",), "", "en"),
        (("et-x-",), "", "et"),
    ]:
        assert choose_language(ui_locales, accept) == language


def test_what_is_malformed_is_left_out() -> None:
    for header in ["et;q=2", "et;q=-1", "et;q=x", "e t", "et;level=1", "ét", "et;q=0.5;q=0.9", ";", ",,,"]:
        assert choose_language((), header) == "en"
        assert choose_language((), f"{header}, zh-CN;q=0.1") == "zh-Hans"


def test_a_header_of_any_length_is_read_to_a_bound() -> None:
    assert choose_language((), "xx," * 40 + "et") == "en"
    assert choose_language((), "et," + "a" * 100_000) == "et"
    assert choose_language(("xx",) * 40 + ("et",), "") == "en"


@given(st.lists(st.text(max_size=8), max_size=4), st.text(max_size=60))
def test_whatever_comes_a_language_that_we_speak_is_chosen(ui_locales: list[str], accept: str) -> None:
    assert choose_language(ui_locales, accept) in LANGUAGES


def test_names_stand_in_the_order_of_the_alphabet() -> None:
    for language, names in [
        (
            "en",
            ["Åland Islands", "Albania", "Austria", "Côte d\u2019Ivoire", "Croatia", "Türkiye", "Turks & Caicos Islands"],
        ),
        ("et", ["Rumeenia", "Saksamaa", "Soome", "Šveits", "Zimbabwe", "Taani", "Tšehhi", "Venemaa", "Ühendkuningriik"]),
        ("zh-Hans", ["爱尔兰", "爱沙尼亚", "奥地利", "保加利亚", "丹麦", "德国", "法国", "芬兰", "意大利", "英国"]),
    ]:
        shuffled = names[1::2] + names[::2]
        assert sorted(shuffled, key=SPOKEN[language].sort_key) == names


def test_a_country_has_its_name() -> None:
    for language, code, name in [
        ("en", "EE", "Estonia"),
        ("et", "DE", "Saksamaa"),
        ("zh-Hans", "AT", "奥地利"),
        ("en", "EL", "Greece"),
        ("en", "QQ", "QQ"),
        ("en", "", ""),
    ]:
        assert SPOKEN[language].country(code) == name


def test_every_country_of_the_union_has_a_name_of_its_own() -> None:
    for language in LANGUAGES:
        codes = re.findall("..", "ATBEBGHRCYCZDKEEFIFRDEGRHUIEITLVLTLUMTNLPLPTROSKSIESSEISLINO")
        names = {SPOKEN[language].country(code) for code in codes}
        assert len(names) == len(codes)
        assert not names & set(codes)


def test_a_date_is_written_as_its_readers_write_it() -> None:
    for language, text, shown in [
        ("en", "1990-07-22", "22 July 1990"),
        ("et", "1990-07-22", "22. juuli 1990"),
        ("zh-Hans", "1990-07-22", "1990年7月22日"),
        ("en", "1990-07", "July 1990"),
        ("et", "1990-07", "juuli 1990"),
        ("zh-Hans", "1990-07", "1990年7月"),
        ("en", "1990", "1990"),
        ("en", "1990-02-30", "1990-02-30"),
        ("en", "1990-13", "1990-13"),
        ("en", "22.7.1990", "22.7.1990"),
        # Arabic digits are digits to a careless pattern
        ("en", "\u0662\u0660\u0662\u0660-\u0660\u0661", "\u0662\u0660\u0662\u0660-\u0660\u0661"),
        ("en", "", ""),
    ]:
        assert SPOKEN[language].date(text) == shown
