r"""Arrays of PHP, read without PHP: literals alone, and nothing is evaluated.

    <?php
    $metadata['https://sp.example'] = ['AssertionConsumerService' => 'https://sp.example/acs', 'index' => 0];
    $config = array('default-sp' => array('saml:SP'));

Texts (`"` too, without `$`), numbers, `true`, `false`, `null`, `[...]` and `array(...)` are values. Every other expression
is `Unread`, with its line. Every other statement, and all within braces, is skipped and named.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from idp.application.imports.values import Unread

# An array in an array, and so on: SimpleSAMLphp's own go five deep
MAX_DEPTH = 32
_TOKEN = re.compile(
    r"(?P<space>\s+|(?://|#(?!\[))(?:(?!\?>)[^\n])*|/\*.*?\*/)"
    r"|(?P<single>'(?:[^'\\]|\\.)*')|(?P<double>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<heredoc><<<[ \t]*(?P<mark>['\"]?)(?P<label>[A-Za-z_]\w*)(?P=mark)\n.*?\n[ \t]*(?P=label)\b)"
    # One that never ends takes the rest of the file: looking for its end from each sign would take hours
    r"|(?P<open>(?:['\"]|/\*|<<<).*)"
    r"|(?P<variable>\$\w+)|(?P<number>-?(?:0|[1-9]\d{0,17})(?:\.\d{1,18})?(?![\w.]))|(?P<word>\\?[A-Za-z_][\w\\]*)"
    r"|(?P<arrow>=>)|(?P<close>\?>)|(?P<sign>.)",
    re.DOTALL,
)
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "$": "$"}
_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment: its variable without `$`, its key ("" of none), the value, and the line."""

    variable: str
    key: str
    value: object
    line: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    line: int


def read_php(source: str) -> tuple[list[Assigned], list[Unread]]:
    """The assignments of literals in a file of PHP, and the statements that are none. ValueError for no PHP."""
    begin = source.find("<?php")
    if begin < 0 or source[:begin].strip():
        raise ValueError("does not begin with <?php.")
    reader = _Reader(source, [*_tokens(source, begin + len("<?php"))])
    return reader.statements()


def _tokens(source: str, start: int) -> Iterator[_Token]:
    line, counted = 1, 0
    for found in _TOKEN.finditer(source, start):
        if found.lastgroup == "close":
            if source[found.end() :].strip():
                written = 1 + source.count("\n", 0, found.start())
                raise ValueError(f"has more after the ?> in line {written}: take it and the next <?php out of a copy.")
            return
        if found["space"] is not None:
            continue
        line, counted = line + source.count("\n", counted, found.start()), found.start()
        kind = next(name for name, text in found.groupdict().items() if text is not None)
        yield _Token(kind, found.group(), found.start(), found.end(), line)


class _Reader:
    def __init__(self, source: str, tokens: list[_Token]) -> None:
        self._source, self._tokens, self._at = source, tokens, 0

    def statements(self) -> tuple[list[Assigned], list[Unread]]:
        assigned: list[Assigned] = []
        skipped: list[Unread] = []
        while self._at < len(self._tokens):
            begin = self._at
            found = self._assignment()
            if found is None:
                self._at = begin
                skipped.append(self._skipped_statement())
            else:
                assigned.append(found)
        return assigned, [one for one in skipped if one.text not in {";", ""}]

    def _assignment(self) -> Assigned | None:
        if (variable := self._take("variable")) is None:
            return None
        key = ""
        if self._take("sign", "["):
            named = self._value(0)
            if not isinstance(named, str) or not named or not self._take("sign", "]"):
                return None
            key = named
        if not self._take("sign", "="):
            return None
        value = self._value(0)
        return Assigned(variable.text[1:], key, value, variable.line) if self._take("sign", ";") else None

    def _value(self, depth: int, *, keys: bool = False) -> object:
        """A literal that ends where a value may end; `Unread` for everything up to there. `keys`: `=>` may follow it."""
        begin = self._at
        value = self._literal(depth)
        ends = {",", ")", "]", ";", "=>"} if keys else {",", ")", "]", ";"}
        if not isinstance(value, Unread) and self._peek() in ends:
            return value
        self._at = begin
        return self._passed(lambda token: token.text in ends)

    def _literal(self, depth: int) -> object:
        token = self._next()
        nothing = Unread("", 0)
        if token is None or depth > MAX_DEPTH:
            return nothing
        if token.kind == "single":
            return re.sub(r"\\(['\\])", r"\1", token.text[1:-1])
        if token.kind == "double":
            return _double(token.text[1:-1])
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        if token.kind == "word" and token.text.lower() in _WORDS:
            return _WORDS[token.text.lower()]
        if token.kind == "word" and token.text.lower() == "array" and self._take("sign", "("):
            return self._array(")", depth)
        return self._array("]", depth) if token.text == "[" else nothing

    def _array(self, close: str, depth: int) -> object:
        """A list where no key stands in it, else a table whose keys are texts."""
        named: dict[str, object] = {}
        keyed, count = False, 0
        while not self._take("sign", close):
            if self._at >= len(self._tokens):
                return Unread("", 0)
            key: object = count
            value = self._value(depth + 1, keys=True)
            if self._take("arrow"):
                key, value = value, self._value(depth + 1)
                keyed = True
            if isinstance(key, bool | float | list | dict) or key is None:
                return Unread("", 0)
            if isinstance(key, Unread):
                key, value = f"(line {key.line})", key
            name = str(key)
            named[name] = value
            count = max(count, int(name) + 1) if name.isdecimal() else count
            if not self._take("sign", ",") and self._peek() != close:
                return Unread("", 0)
        plain = not keyed or [*named] == [str(number) for number in range(len(named))]
        return [*named.values()] if plain else named

    def _skipped_statement(self) -> Unread:
        """Everything up to a semicolon, or through the braces of a block."""
        found = self._passed(lambda token: token.text == ";", block=True)
        self._at += 1
        return found

    def _passed(self, ends: Callable[[_Token], bool], *, block: bool = False) -> Unread:
        begin, depth = self._at, 0
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "sign" and token.text in _CLOSES:
                if depth == 0 and not block:
                    break
                depth = max(0, depth - 1)
                if block and depth == 0 and token.text == "}":
                    break
            elif token.kind == "sign" and token.text in _OPENS:
                depth += 1
            elif depth == 0 and ends(token):
                break
            self._at += 1
        passed = self._tokens[begin : max(self._at, begin + 1)]
        if not passed:
            return Unread("", 0)
        return Unread(" ".join(self._source[passed[0].start : passed[-1].end].split()), passed[0].line)

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _next(self) -> _Token | None:
        if self._at >= len(self._tokens):
            return None
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, text: str = "") -> _Token | None:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == kind and text in {"", token.text}:
                self._at += 1
                return token
        return None


def _double(inner: str) -> object:
    """A text in double quotes. `Unread` where PHP would put a variable in, or knows an escape that we do not."""
    if re.search(r"(?<!\\)(?:\\\\)*(?:\$[\w{]|\{\$)", inner):
        return Unread("", 0)
    unknown = [mark for mark in re.findall(r"\\(.)", inner, re.DOTALL) if mark not in _ESCAPES]
    return Unread("", 0) if unknown else re.sub(r"\\(.)", lambda one: _ESCAPES[one[1]], inner)
