"""Finds a country by what somebody typed: its name in several languages, its codes, or a provider's title.

Case, accents and punctuation do not count. The text must begin a word of the name; in scripts without spaces between
words it may stand anywhere.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from sys import intern

from babel import Locale
from babel.core import get_global
from babel.languages import get_official_languages

from connectors.wire.folding import folded, place_in
from idp.pages.cldr import country_name, forget, writing
from idp.pages.languages import LANGUAGES, VARIETIES, locale_of

# Names are found in each language of the pages, whichever is read
EVERYWHERE = tuple(map(locale_of, LANGUAGES))


def matches(sought: str, country: str, titles: Iterable[str]) -> bool:
    """Whether `sought` is a code of the country (ISO 3166-1 alpha-2), or begins a word of its name or of a title.

    The names are those in all languages of the Union, in Chinese and in the country's own languages (CLDR).
    """
    wanted = folded(sought)
    if not wanted:
        return False
    if wanted in _codes(country):
        return True
    names = (*names_everywhere().get(_region(country), ()), *_own_names(country), *map(folded, titles))
    return any(place_in(name, wanted) >= 0 for name in names)


def code_of(name: str) -> str | None:
    """The code (ISO 3166-1 alpha-2) of the country with this English name or this code of three letters."""
    wanted = folded(name)
    aliases = get_global("territory_aliases").get(name.upper(), []) if len(name) == 3 else []  # noqa: PLR2004 - alpha-3
    names = Locale.parse("en").territories.items()
    found = [*aliases, *(code for code, called in names if wanted and folded(str(called)) == wanted)]
    return found[0] if len(found) == 1 and len(found[0]) == 2 else None  # noqa: PLR2004 - alpha-2; CLDR has continents too


@cache
def _codes(country: str) -> frozenset[str]:
    """The country's codes of two and three letters. The European Union calls Greece EL."""
    region = _region(country)
    longer = (code for code, now in get_global("territory_aliases").items() if now == [region] and len(code) == 3)  # noqa: PLR2004 - ISO 3166-1 alpha-3
    return frozenset(code.lower() for code in (country, region, *(("EL",) if region == "GR" else ()), *longer))


@cache
def names_everywhere() -> Mapping[str, frozenset[str]]:
    """The folded names of each country by its code. The server reads them before it forks workers."""
    found: dict[str, set[str]] = {}
    for locale in {*EVERYWHERE, *VARIETIES.values()}:
        for code, name in writing(locale).countries.items():
            found.setdefault(code, set()).add(intern(folded(name)))
    return {code: frozenset(names) for code, names in found.items()}


@cache
def _own_names(country: str) -> frozenset[str]:
    """The country's folded names in its own languages, also regional ones."""
    region = _region(country)
    tags = get_official_languages(region, regional=True, de_facto=True)
    names = frozenset(folded(country_name(tag, region)) for tag in tags if tag not in EVERYWHERE)
    forget()
    return names - {""}


def _region(country: str) -> str:
    """The country's code in CLDR."""
    return "GR" if country == "EL" else country
