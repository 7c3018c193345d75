"""On which line of a TOML text each key stands. `tomllib` parses and judges; this only looks where things are.

A path is a tuple of keys, with the index (as text) of an element of an array: `("examples", "0", "asked", "birthdate")`.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

Path = tuple[str, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_MULTILINE = re.compile(r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*")


class KeyLines:
    """Where the keys of one text stand. The text must be TOML that `tomllib` has accepted."""

    def __init__(self, text: str) -> None:
        self._found: Mapping[Path, int] = _Scanner(text).scan()

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it that stands anywhere; 1 for the file itself."""
        while path and path not in self._found:
            path = path[:-1]
        return self._found.get(path, 1)


class _Scanner:
    """Walks once over the text and notes the line of every key, header and array element."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._found: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def scan(self) -> Mapping[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._found

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def _note(self, path: Path, at: int) -> None:
        self._found.setdefault(path, bisect_right(self._newlines, at - 1) + 1)

    def _header(self) -> Path:
        start = self._at
        of_array = self._text.startswith("[[", start)
        self._at += 2 if of_array else 1
        keys = self._key()
        self._at += 2 if of_array else 1
        path: Path = ()
        for key in keys[:-1]:
            path = self._newest((*path, key))
        path = (*path, keys[-1])
        if of_array:
            self._note(path, start)
            self._counts[path] = self._counts.get(path, 0) + 1
            path = self._newest(path)
        self._note(path, start)
        return path

    def _newest(self, path: Path) -> Path:
        """The last element where `path` is an array of tables, else `path` itself."""
        return (*path, str(self._counts[path] - 1)) if path in self._counts else path

    def _key(self) -> Path:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            if quoted := self._skip(_QUOTED):
                keys.append(str(tomllib.loads(f"key = {quoted}")["key"]))
            else:
                keys.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return tuple(keys)
            self._at += 1

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        for key in self._key():
            path = (*path, key)
            self._note(path, start)
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        if self._skip(_MULTILINE) or self._skip(_QUOTED):
            return
        opening = self._text[self._at : self._at + 1]
        if opening not in {"[", "{"}:
            self._skip(_SCALAR)
            return
        self._at += 1
        index = 0
        self._skip(_BLANK)
        while self._at < len(self._text) and self._text[self._at] not in "]}":
            if opening == "[":
                self._note((*path, str(index)), self._at)
                self._value((*path, str(index)))
                index += 1
            else:
                self._pair(path)
            self._skip(_BLANK)
            if self._text.startswith(",", self._at):
                self._at += 1
            self._skip(_BLANK)
        self._at += 1
