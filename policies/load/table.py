"""Reads one table of a TOML file, and remembers every problem with its file, line, key and fix.

A reader takes the keys that it knows and calls `close()`: every key that nobody took is a problem. A missing or wrong
value comes back empty, so that reading goes on and all problems are found at once.
"""

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import TypeVar

from policies.assurance import LevelOfAssurance
from policies.errors import Problem
from policies.load.lines import KeyLines, Path
from policies.parties import Source, Translated
from policies.persons import NATURAL_ALONE, PersonKind
from policies.toml import fix_of, read_toml
from policies.visible import is_visible

T = TypeVar("T")
# SAML Core §8.3.6: a URI of at most 1024 signs
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,1000}")
COUNTRY = re.compile(r"[A-Z]{2}")
IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}")
LEVELS: Mapping[str, LevelOfAssurance] = {level.label: level for level in LevelOfAssurance}
# The longest name of a service that another country's node takes (`connectors.mapping.is_plain`)
MAX_TITLE = 256
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
# Controls, halves of pairs, what is no character (yet), ends of lines and paragraphs
_UNREADABLE = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SYNTAX_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def nearest(word: str, known: Collection[str]) -> str:
    """A fix with the word that the writer probably meant: the nearest known one, else all of them."""
    if not known:
        return "there is none yet: write its file first."
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(sorted(known))}."


def unreadable(text: str, *, lines: bool = False) -> str:
    """The first sign that nobody can read: a control, which no XML takes, or a mark of direction; "" where there is none.

    Spaces and joiners pass (Persian and Hindi need them), with `lines` also line feed and tab.
    """
    found = (mark for mark in text if unicodedata.category(mark) in _UNREADABLE or mark in _DIRECTIONS)
    return next((mark for mark in found if not (lines and mark in "\n\t")), "")


class Table:
    """One table of one file."""

    def __init__(
        self, file: str, content: Mapping[str, object], lines: KeyLines, problems: list[Problem], path: Path = ()
    ) -> None:
        self.file, self._content, self._lines, self._problems, self._path = file, content, lines, problems, path
        self._taken: set[str] = set()

    def source(self, *path: str) -> Source:
        """Where a key of this table stands, or the table itself."""
        return Source(self.file, self._lines.line((*self._path, *path)))

    def problem(self, key: str, what: str, fix: str, *within: str) -> None:
        """Remember a problem of a key of this table (or of an element within it)."""
        path = (*self._path, key) if key else self._path
        self._problems.append(Problem(self.file, self._lines.line((*path, *within)), ".".join(path) or "file", what, fix))

    def take(self, key: str) -> object | None:
        """The raw value of a key that the reader knows."""
        self._taken.add(key)
        return self._content.get(key)

    def names(self) -> Iterator[str]:
        """The keys of a table whose keys are names; they count as known, and the reader judges them."""
        self._taken |= set(self._content)
        return iter(self._content)

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def is_taken(self, key: str) -> bool:
        """Whether a reader has taken a key."""
        return key in self._taken

    def has_file(self, key: str, name: str, files: Collection[str], fix: str, *within: str) -> bool:
        """Whether the configuration has a file that a key names; a problem where it does not."""
        if name not in files:
            self.problem(key, f"there is no file {name!r} in the configuration.", fix, *within)
        return name in files

    def is_list(self, key: str) -> bool:
        """Whether a list stands under a key, where a text may stand too."""
        return isinstance(self._content.get(key), list)

    def close(self) -> None:
        """Report every key that nobody took."""
        for key in self._content:
            if key not in self._taken:
                self.problem(key, "is not a key that we know.", nearest(key, self._taken))

    # -- values ----------------------------------------------------------------------------------------------------------

    def text(self, key: str, fix: str, *, default: str | None = None) -> str:
        """Text in which there is something to see; without a default it must be there."""
        value = self.take(key)
        if value is None:
            if default is None:
                self.problem(key, "is missing.", fix)
            return default or ""
        if not isinstance(value, str) or not value.strip():
            self.problem(key, "must be text.", fix)
            return ""
        if not is_visible(value):
            self.problem(key, "has nothing that anybody can see.", fix)
            return ""
        return value

    def check_readable(self, key: str, text: str, *, lines: bool = False) -> None:
        """A problem where a text that people read has a sign that they cannot."""
        if mark := unreadable(text, lines=lines):
            what = f"has the sign U+{ord(mark):04X}, which nobody can read."
            self.problem(key, what, "write it without this sign" + ("." if lines else ", in one line."))

    def matching(self, key: str, pattern: re.Pattern[str], fix: str, *, default: str | None = None) -> str:
        """Text of one spelling."""
        value = self.text(key, fix, default=default)
        if value and value != default and not pattern.fullmatch(value):
            self.problem(key, "is spelled in a way that we do not accept.", fix)
        return value

    def identifier(self, key: str) -> str:
        """A name by which files refer to each other."""
        return self.matching(
            key, IDENTIFIER, f'write {key} = "name", of 1 to 64 letters, digits, dots, lines and underscores.'
        )

    def country(self, key: str) -> str:
        """A country (ISO 3166-1 alpha-2)."""
        return self.matching(key, COUNTRY, f'write {key} = "EE": two capital letters (ISO 3166-1 alpha-2).')

    def sphere(self) -> str:
        """A legal sphere, such as a union or a treaty's parties; "" where none is named."""
        return self.matching("sphere", IDENTIFIER, 'write sphere = "eu", or leave it out.', default="")

    def choice(self, key: str, known: Mapping[str, T], default: T, *, required: bool = True) -> T:
        """One of several words. `default` stands in where it is missing or wrong."""
        value = self.take(key)
        if value is None and not required:
            return default
        if isinstance(value, str) and value in known:
            return known[value]
        what = "is missing." if value is None else "is not one of the words that we know."
        self.problem(key, what, f"write {key} = one of " + ", ".join(f'"{word}"' for word in known) + ".")
        return default

    def level(self, key: str) -> LevelOfAssurance:
        """A level of assurance by its label."""
        return self.choice(key, LEVELS, LevelOfAssurance.HIGH)

    def flag(self, key: str) -> bool:
        """True or false; false where it is left out."""
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.problem(key, "must be true or false.", f"write {key} = true, or leave it out for false.")
        return False

    def seconds(self, key: str, default: int, *, most: int) -> int:
        """Whole seconds from 1 to `most`; `default` where it is left out or wrong (a present wrong one is a problem)."""
        value = self.take(key)
        if value is None:
            return default
        # True is 1 to Python, and not to us
        if type(value) is int and 0 < value <= most:
            return value
        self.problem(key, "must be whole seconds.", f"write {key} = {default}, and at most {most}.")
        return default

    def day(self, key: str) -> date | None:
        """A local date such as 2026-11-25; None where it is missing or wrong (a present wrong one is a problem)."""
        value = self.take(key)
        # A datetime is a date to Python, and not to us
        if value is None or type(value) is date:
            return value
        self.problem(key, "must be a date.", f"write {key} = 2026-11-25, without quotes.")
        return None

    def texts(self, key: str, fix: str, *, required: bool = True) -> tuple[str, ...]:
        """A list of texts, none empty and none twice; where it is required, an empty list is a problem."""
        value = self.take(key)
        if value is None and not required:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            self.problem(key, "is missing." if value is None else "must be a list of texts.", fix)
            return ()
        if (required and not value) or len(set(value)) != len(value):
            self.problem(key, "names something twice." if value else "is empty, and empty means nothing at all.", fix)
        return tuple(value)

    def persons(self) -> frozenset[PersonKind]:
        """The kinds of person that are taken; persons for themselves alone where nothing is said."""
        fix = "write persons = a list of " + ", ".join(f'"{kind}"' for kind in PersonKind) + '; without it: "natural".'
        named = self.texts("persons", fix, required="persons" in self)
        for index, word in enumerate(named):
            if word not in list(PersonKind):
                self.problem("persons", f"{word!r} is no kind of person.", nearest(word, list(PersonKind)), str(index))
        return frozenset(kind for kind in PersonKind if kind in named) or NATURAL_ALONE

    def translated(self, key: str, example: str, *, most: int | None = None, lines: bool = False) -> Translated:
        """A text in several languages, English among them: of `most` signs in each, and with `lines` of several lines."""
        fix = f'write {key}.en = "{example}", and the same for et, zh-Hans as you need them.'
        table = self.table(key, fix)
        return table.texts_by_language(fix, most=most, lines=lines) if table is not None else {}

    def texts_by_language(self, fix: str, *, most: int | None = None, lines: bool = False) -> Translated:
        """This whole table as one text in several languages, as `translated`."""
        texts = {tag: self.text(tag, f"write text for {tag}.") for tag in self.names()}
        for tag in texts:
            if not _LANGUAGE.fullmatch(tag):
                self.problem(tag, "is no language tag.", "write en, et, zh-Hans (BCP 47).")
        for tag, text in texts.items():
            self.check_readable(tag, text, lines=lines)
            if most is not None and len(text) > most:
                self.problem(tag, f"has {len(text)} signs.", f"write at most {most}: other countries take no more.")
        if "en" not in texts:
            self.problem("en", "is missing: English is what every reader falls back to.", fix)
        return texts

    # -- tables ----------------------------------------------------------------------------------------------------------

    def table(self, key: str, fix: str, *, required: bool = True) -> "Table | None":
        """The table under a key; None where there is none (a problem where it is required)."""
        value = self.take(key)
        if isinstance(value, dict):
            return Table(self.file, value, self._lines, self._problems, (*self._path, key))
        if value is not None or required:
            self.problem(key, "is missing." if value is None else "must be a table.", fix)
        return None

    def tables(self, key: str, fix: str) -> tuple["Table", ...]:
        """The tables of an array, in order; none where there is no such key."""
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.problem(key, "must be a list of tables.", fix)
            return ()
        return tuple(
            Table(self.file, one, self._lines, self._problems, (*self._path, key, str(index)))
            for index, one in enumerate(value)
        )


def parse(file: str, content: bytes, problems: list[Problem]) -> Table | None:
    """The whole file as a table; None (and a problem) where it is no TOML."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.append(Problem(file, line, "file", "is not UTF-8.", "save the file as UTF-8."))
        return None
    try:
        parsed = read_toml(text)
    except tomllib.TOMLDecodeError as error:
        at = _SYNTAX_LINE.search(str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        what = f"is no TOML: {_SYNTAX_LINE.sub('', str(error)).strip()}."
        problems.append(Problem(file, line, "file", what, fix_of(error)))
        return None
    return Table(file, parsed, KeyLines(text.replace("\r\n", "\n")), problems)
