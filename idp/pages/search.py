"""Finds a country by what somebody typed: its name in several languages, its codes, or a provider's title.

Case, accents and punctuation do not count. The text must begin a word of the name; in scripts without spaces between
words it may stand anywhere.
"""

from collections.abc import Iterable
from functools import cache

from babel import Locale
from babel.core import UnknownLocaleError, get_global
from babel.languages import get_official_languages

from connectors.wire.folding import folded, place_in
from idp.pages.languages import ENGLISH, Language


def matches(sought: str, country: str, titles: Iterable[str], language: Language) -> bool:
    """Whether `sought` is a code of the country (ISO 3166-1 alpha-2), or begins a word of its name or of a title.

    The names are those in the reader's language, in English and in the country's own languages (CLDR).
    """
    wanted = folded(sought)
    if not wanted:
        return False
    if wanted in _codes(country):
        return True
    names = {*_own_names(country), folded(language.country(country)), *(folded(title) for title in titles)}
    return any(place_in(name, wanted) >= 0 for name in names)


def code_of(name: str) -> str | None:
    """The code (ISO 3166-1 alpha-2) of the country with this English name or this code of three letters."""
    wanted = folded(name)
    aliases = get_global("territory_aliases").get(name.upper(), []) if len(name) == 3 else []  # noqa: PLR2004 - alpha-3
    names = Locale.parse(ENGLISH).territories.items()
    found = [*aliases, *(code for code, called in names if wanted and folded(str(called)) == wanted)]
    return found[0] if len(found) == 1 and len(found[0]) == 2 else None  # noqa: PLR2004 - alpha-2; CLDR has continents too


@cache
def _codes(country: str) -> frozenset[str]:
    """The country's codes of two and three letters. The European Union calls Greece EL."""
    region = _region(country)
    longer = (code for code, now in get_global("territory_aliases").items() if now == [region] and len(code) == 3)  # noqa: PLR2004 - ISO 3166-1 alpha-3
    return frozenset(code.lower() for code in (country, region, *(("EL",) if region == "GR" else ()), *longer))


@cache
def _own_names(country: str) -> frozenset[str]:
    """The country's folded names in English and in its own languages, also regional ones."""
    region = _region(country)
    names = set()
    for tag in (ENGLISH, *get_official_languages(region, regional=True, de_facto=True)):
        try:
            names.add(folded(str(Locale.parse(tag).territories.get(region, ""))))
        except UnknownLocaleError:
            continue  # CLDR knows that the language is spoken there, and no more of it
    return frozenset(names - {""})


def _region(country: str) -> str:
    """The country's code in CLDR."""
    return "GR" if country == "EL" else country
