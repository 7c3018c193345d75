"""Chooses the language of a page, and holds each language's phrases, order, dates and names of countries.

A language is a BCP 47 tag of `LANGUAGES`. There is no cookie: the relying party's `ui_locales` come first, then the
browser's Accept-Language, then English. If the citizen chooses a language, their login keeps it in place of `ui_locales`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import format_decimal

from idp.pages.phrases import english_phrases, translated_phrases

ENGLISH = "en"
# British dates (22 July 1990): the readers are Europeans
LOCALES: Mapping[str, str] = {"en": "en_GB", "et": "et", "zh-Hans": "zh_Hans"}
LANGUAGES = tuple(LOCALES)
# Each language in its own words: a reader may know no other one
OWN_NAMES: Mapping[str, str] = {"en": "English", "et": "Eesti", "zh-Hans": "简体中文"}

# Countries whose English name has an article within a sentence
_WITH_ARTICLE = frozenset({"NL", "GB", "US"})

# RFC 4647 lookup, longest range first. Traditional Chinese has no page here and does not match the simplified one.
_MATCHES: Mapping[str, str] = {
    "en": "en",
    "et": "et",
    "zh": "zh-Hans",
    "zh-hans": "zh-Hans",
    "zh-cn": "zh-Hans",
    "zh-sg": "zh-Hans",
    "zh-my": "zh-Hans",
    "cmn": "zh-Hans",
    "cmn-hans": "zh-Hans",
}
_OTHER_SCRIPT = re.compile(r"(?:zh|cmn)-(?:hant|tw|hk|mo)\b")
# A browser sends ten ranges at most; the bound is ours
MAX_RANGES = 32
MAX_HEADER = 1000
_RANGE = re.compile(r"\s*([A-Za-z0-9-]{1,35}|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")


def choose_language(ui_locales: Sequence[str], accept_language: str) -> str:
    """Choose the first of `ui_locales` that we speak, else the best of Accept-Language, else English."""
    return _first(ui_locales[:MAX_RANGES]) or _of_browser(accept_language[:MAX_HEADER])


@lru_cache(maxsize=256)
def _of_browser(accept_language: str) -> str:
    """Choose by Accept-Language. A login asks five times, and most browsers of a country send the same: hence the cache."""
    return _first(_by_preference(accept_language)) or ENGLISH


def _first(tags: Iterable[str]) -> str | None:
    for tag in tags:
        if language := _spoken(tag):
            return language
    return None


def _spoken(tag: str) -> str | None:
    """RFC 4647 §3.4: drop subtags from the end until one matches."""
    tag = tag.lower()
    if _OTHER_SCRIPT.match(tag):
        return None
    while tag:
        if tag in _MATCHES:
            return _MATCHES[tag]
        tag = tag.rpartition("-")[0]
    return None


def _by_preference(header: str) -> list[str]:
    """The ranges of an Accept-Language (RFC 9110 §12.5.4), best first, without malformed ones."""
    ranges = []
    for part in header.split(",")[:MAX_RANGES]:
        match = _RANGE.fullmatch(part)
        if match and (quality := float(match[2] or 1)) > 0:
            ranges.append((-quality, match[1]))
    return [tag for _, tag in sorted(ranges, key=lambda each: each[0])]


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its phrases by dotted key, and its locale's names and dates (CLDR)."""

    tag: str
    phrases: Mapping[str, str]
    locale: Locale
    plural: Callable[[int], int]

    def say(self, key: str, **parts: str) -> str:
        """The phrase under `key` with its parts put in: plain text that templates escape. Raises KeyError for no phrase."""
        return self.phrases[key].format(**parts)

    def count(self, key: str, number: int) -> str:
        """The phrase under `key` for this number. Raises KeyError for no phrase."""
        return self.say(f"{key}.{self.plural(number)}", count=str(number))

    def about(self, number: int) -> str:
        """A whole number to two digits, as readers write it: "1,300,000"."""
        return format_decimal(round(number, min(0, 2 - len(str(number)))), locale=self.locale)

    def duration(self, text: str) -> str:
        """A duration of ISO 8601 of whole years, months, weeks and days: "1 year and 6 months"; "" for none."""
        parts = [self.count(f"duration.{_UNITS[unit]}", int(number)) for number, unit in _DURATION.findall(text)]
        return format_list(parts, locale=self.locale)

    def country(self, code: str) -> str:
        """The country's name in this language; the code itself if CLDR does not know it."""
        return str(self.locale.territories.get("GR" if code == "EL" else code, code))

    def country_in_a_sentence(self, code: str) -> str:
        """The country's name within a sentence, with its article: the Netherlands."""
        article = "the " if self.tag == ENGLISH and code in _WITH_ARTICLE else ""
        return article + self.country(code)

    def date(self, text: str) -> str:
        """A whole or partial date (`YYYY-MM-DD`, `YYYY-MM`, `YYYY`) as readers write it; any other text as it is."""
        try:
            if re.fullmatch(r"\d{4}-\d{2}", text):
                return format_skeleton("yMMMM", date.fromisoformat(f"{text}-01"), locale=self.locale)
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                return format_date(date.fromisoformat(text), "long", locale=self.locale)
        except ValueError:
            return text
        return text

    def sort_key(self, text: str) -> tuple[object, ...]:
        """The sort key of `text` in this language's alphabetical order."""
        return _SORT_KEYS[self.tag](text)


_DURATION = re.compile("([0-9]+)([YMWD])")
_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_ESTONIAN = {letter: place for place, letter in enumerate("abcdefghijklmnopqrsšzžtuvwõäöüxy")}


def _plain(text: str) -> tuple[object, ...]:
    """Sort letters without their accents; accents decide only between equals."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return ("".join(c for c in folded if not unicodedata.combining(c)), text)


def _estonian(text: str) -> tuple[object, ...]:
    """Sort by the Estonian alphabet: š, z and ž after s; õ, ä, ö, ü after w; other accents as in `_plain`."""
    places = []
    for letter in unicodedata.normalize("NFC", text.casefold()):
        base = letter if letter in _ESTONIAN else unicodedata.normalize("NFKD", letter)[0]
        places.append(_ESTONIAN.get(base, -1))
    return (tuple(places), text)


def _pinyin(text: str) -> tuple[object, ...]:
    """Sort by GB 2312: its first 3755 characters are in the order of their pinyin, and names of countries use those."""
    return (text.encode("gb18030"), text)


_SORT_KEYS = {"en": _plain, "et": _estonian, "zh-Hans": _pinyin}


def load_languages() -> Mapping[str, Language]:
    """Read all languages from the package. Raises ValueError if a phrase lacks a translation."""
    english = english_phrases()
    found = {tag: english if tag == ENGLISH else translated_phrases(LOCALES[tag], english.texts) for tag in LANGUAGES}
    return {tag: Language(tag, said.texts, Locale.parse(LOCALES[tag]), said.plural) for tag, said in found.items()}
