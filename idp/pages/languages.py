"""Chooses the language of a page, and holds each language's phrases, order, dates and names of countries.

A language is a BCP 47 tag of `LANGUAGES`. The relying party's `ui_locales` come first, then what the citizen chose before
(a cookie of a day), then the browser's Accept-Language, then English. A login keeps a choice in place of `ui_locales`.
"""

import gc
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache

from babel.core import UnknownLocaleError

from connectors.wire.folding import folded
from idp.pages.cldr import Writing, writing
from idp.pages.collation import SortKey, sort_key
from idp.pages.phrases import Phrases, english_phrases, translated_phrases

ENGLISH = "en"
# Every language that is offered: a word here, and a folder under `locale/`
# fmt: off
LANGUAGES = (
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr", "hu",
    "it", "lt", "lv", "mt", "nl", "pl", "pt", "ro", "sk", "sl", "sv", "zh-Hans", "zh-Hant",
)
# fmt: on
# Keys of phrases by whose English text the policies know titles of ours
OURS = ("attribute.", "ours.")
# The readers are Europeans: British dates (22 July 1990), and Portuguese names of countries
VARIETIES: Mapping[str, str] = {ENGLISH: "en_GB", "pt": "pt_PT"}

# Ranges that lead to a language of another tag, for RFC 4647 lookup. Nobody who wants one Chinese script gets the other.
_CHINESE: Mapping[str, str] = {
    "zh": "zh-Hans",
    "cmn": "zh-Hans",
    "cmn-hans": "zh-Hans",
    **dict.fromkeys((f"{tag}-{end}" for tag in ("zh", "cmn") for end in ("hant", "tw", "hk", "mo")), "zh-Hant"),
}
# A browser sends ten ranges at most; the bound is ours
MAX_RANGES = 32
MAX_HEADER = 1000
MAX_TAG = 35
_RANGE = re.compile(rf"\s*([A-Za-z0-9-]{{1,{MAX_TAG}}}|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{{0,3}})?)\s*)?")


def locale_of(tag: str) -> str:
    """The name of the language's folder, and of its locale in CLDR."""
    return tag.replace("-", "_")


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
    tag, tags = tag.lower(), spoken().tags
    # A cookie or an address may hold any length, and each subtag costs one look
    while 0 < len(tag) <= MAX_TAG:
        if tag in _CHINESE or tag in tags:
            return tags.get(_CHINESE.get(tag, tag).lower())
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
    """One language: its phrases by dotted key, and its names, dates and order (CLDR)."""

    tag: str
    phrases: Mapping[str, str]
    writing: Writing
    plural: Callable[[int], int]
    sort_key: SortKey
    # texts of ours that the policies have in English alone, by that text
    ours: Mapping[str, str]

    @property
    def direction(self) -> str:
        """The direction of its script, as HTML has it."""
        return "rtl" if self.writing.right_to_left else "ltr"

    def say(self, key: str, **parts: str) -> str:
        """The phrase under `key` with its parts put in: plain text that templates escape. Raises KeyError for no phrase."""
        return self.phrases[key].format(**parts)

    def count(self, key: str, number: int) -> str:
        """The phrase under `key` for this number. Raises KeyError for no phrase."""
        return self.say(f"{key}.{self.plural(number)}", count=str(number))

    def about(self, number: int) -> str:
        """A whole number to two digits, as readers write it: "1,300,000"."""
        return self.writing.number(round(number, min(0, 2 - len(str(number)))))

    def duration(self, text: str) -> str:
        """A duration of ISO 8601 of whole years, months, weeks and days: "1 year and 6 months"; "" for none."""
        return self.writing.listed([self.count(f"duration.{_UNITS[unit]}", int(n)) for n, unit in _DURATION.findall(text)])

    def country(self, code: str) -> str:
        """The country's name in this language; the code itself if CLDR does not know it."""
        return self.writing.countries.get("GR" if code == "EL" else code, code)

    def date(self, text: str) -> str:
        """A whole or partial date (`YYYY-MM-DD`, `YYYY-MM`, `YYYY`) as readers write it; any other text as it is."""
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?", text):
                return self.writing.date(date.fromisoformat(f"{text}-01"[:10]), whole=len(text) > len("YYYY-MM"))
        except ValueError:
            return text
        return text


_DURATION = re.compile("([0-9]+)([YMWD])")
_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}


def load_english() -> Language:
    """Read English alone, for commands that show no page."""
    english = english_phrases()
    return _language(ENGLISH, english, english.texts)


@dataclass(frozen=True)
class Spoken:
    """The languages that are offered, and why others of `LANGUAGES` are not.

    A citizen decides by these sentences, so a language with a fault in its catalogue is left out whole: its readers get
    English, and never a page of two languages.
    """

    languages: Mapping[str, Language]
    left_out: Mapping[str, str]

    @cached_property
    def tags(self) -> Mapping[str, str]:
        """The languages by their tags in small letters."""
        return {tag.lower(): tag for tag in self.languages}


@cache
def spoken() -> Spoken:
    """Read all languages from the package, once. Raises ValueError if English is not whole."""
    english = english_phrases()
    found, left_out = {ENGLISH: _language(ENGLISH, english, english.texts)}, {}
    gc.disable()  # what reading a language leaves behind stays young, and `forget` frees it before the next one
    try:
        for tag in LANGUAGES:
            try:
                if tag != ENGLISH:
                    found[tag] = _language(tag, translated_phrases(locale_of(tag), english.texts), english.texts)
            except (ValueError, FileNotFoundError, UnknownLocaleError) as error:
                left_out[tag] = str(error)
    finally:
        gc.enable()
    in_order = {tag: found[tag] for tag in sorted(found, key=lambda each: folded(found[each].writing.own_name))}
    return Spoken(in_order, left_out)


def load_languages() -> Mapping[str, Language]:
    """The languages that are offered, in the order of their own names."""
    return spoken().languages


def _language(tag: str, phrases: Phrases, english: Mapping[str, str]) -> Language:
    ours = {text: phrases.texts[key] for key, text in english.items() if key.startswith(OURS)}
    return Language(tag, phrases.texts, writing(VARIETIES.get(tag, locale_of(tag))), phrases.plural, sort_key(tag), ours)
