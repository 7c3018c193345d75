"""The text that somebody types, and the country that it finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.pages.languages import LANGUAGES, load_languages
from idp.pages.search import matches

SPOKEN = load_languages()


def _found(sought: str, country: str, titles: tuple[str, ...] = ()) -> bool:
    return matches(sought, country, titles)


@pytest.mark.spec("issue 3 item 10")
def test_a_country_is_found_by_its_names_in_its_languages_and_by_its_codes() -> None:
    for sought, country in [
        ("Estonia", "EE"),
        ("eest", "EE"),
        ("  EESTI ", "EE"),
        ("ee", "EE"),
        ("EST", "EE"),
        ("deutschland", "DE"),
        ("Österreich", "AT"),
        ("osterr", "AT"),
        ("ΕΛΛΑΔΑ", "GR"),
        ("ελλάδα", "GR"),
        ("gr", "GR"),
        ("el", "GR"),
        ("greece", "EL"),
        ("el", "EL"),
        ("belgie", "BE"),
        ("belgique", "BE"),
        ("Belgien", "BE"),
        ("cesko", "CZ"),
        ("Україна", "UA"),
        ("malta", "MT"),
        ("éire", "IE"),
        ("eire", "IE"),
        ("suomi", "FI"),
        ("island", "IS"),
        ("herceg", "BA"),
        ("espainia", "ES"),
    ]:
        assert _found(sought, country)


@pytest.mark.spec("issue 32 item 6")
def test_a_country_is_found_by_its_name_in_any_language_of_the_union_and_in_chinese() -> None:
    for sought in [
        "saksa",
        "Njemačka",
        "nemecko",
        "germania",
        "Γερμανία",
        "Германия",
        "an ghearmain",
        "allemagne",
        "德国",
        "德國",
    ]:
        assert _found(sought, "DE")
        assert not _found(sought, "EE")


def test_in_scripts_without_spaces_a_name_is_found_by_any_part_of_it() -> None:
    assert _found("国", "DE")
    assert _found("国", "FR")
    assert not _found("国", "EE")


def test_a_provider_is_found_by_its_title_in_any_of_its_languages() -> None:
    titles = ("Riigi autentimisteenus", "Государственная служба аутентификации")
    assert _found("autentimis", "EE", titles=titles)
    assert _found("службА", "EE", titles=titles)
    assert not _found("bundid", "EE", titles=titles)


def test_letters_that_a_keyboard_has_not_are_found_by_those_that_it_has() -> None:
    for typed, name in [("oresund", "Øresund ID"), ("Lodz", "Łódź ID"), ("aeble", "Æble"), ("strasse", "Straße")]:
        assert _found(typed, "XX", titles=(name,))


def test_what_names_no_country_finds_none() -> None:
    for nothing in ["", " ", "!", "—", "\u0301", "xx", "xxyyzz", "%", ".*", "\x00"]:
        assert not _found(nothing, "EE", titles=("TARA",))


@given(st.text(max_size=100), st.sampled_from(["EE", "GR", "EL", "BE", "ZQ"]))
def test_anything_may_be_typed(sought: str, country: str) -> None:
    assert _found(sought, country) in (True, False)


@given(st.sampled_from(["EE", "GR", "BE", "DE", "AT", "CZ", "NL", "LI"]), st.sampled_from(LANGUAGES))
def test_the_name_that_the_page_shows_is_always_found(country: str, language: str) -> None:
    name = SPOKEN[language].country(country)
    assert _found(name, country)
    assert _found(name.upper(), country)
