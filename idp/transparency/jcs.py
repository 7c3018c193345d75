"""Canonical JSON (RFC 8785) of text, integers, truth values, null, lists and objects. No floats: we never write one."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from json.encoder import encode_basestring
from types import NoneType

from msgspec.json import Encoder

Json = None | str | int | bool | Sequence["Json"] | Mapping[str, "Json"]

# RFC 8785 §3.2.2.3: numbers are IEEE 754 doubles, and integers beyond this are not exact
MAX_INTEGER = 2**53 - 1
_WORDS = {None: "null", True: "true", False: "false"}
# What the library spells for us, and how much of it at most: a release has sixty values in five texts
_ENCODER = Encoder(order="deterministic")
_SIMPLE = frozenset({str, int, bool, NoneType})
MOST_VALUES = 1000


def jcs(value: Json) -> bytes:
    """The one canonical spelling, UTF-8. Raises ValueError for what has none (a lone surrogate, an integer too large)."""
    return _ENCODER.encode(value) if _usual(value) else _spelled(value).encode()


def _usual(value: Json) -> bool:
    """Whether the library spells it as RFC 8785 does: it takes more kinds than we, and orders names by code points."""
    names: list[str] = []
    values = [value]
    for each in islice(values, MOST_VALUES):  # which grow meanwhile, so that nothing is called for each
        if type(each) is dict:
            names += each
            values += each.values()
        elif type(each) is list:
            values += each
        elif type(each) not in _SIMPLE or (type(each) is int and abs(each) > MAX_INTEGER):
            return False
    return len(values) <= MOST_VALUES and "".join(names).isascii()


def _spelled(value: Json) -> str:
    if isinstance(value, str):
        return encode_basestring(value)  # escapes as §3.2.2.2 has it
    if isinstance(value, list | tuple):  # bytes are a Sequence too, and no JSON
        return f"[{','.join([_spelled(part) for part in value])}]"
    if isinstance(value, Mapping):
        return f"{{{','.join([f'{encode_basestring(name)}:{_spelled(value[name])}' for name in _ordered(value)])}}}"
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError("an integer that a double does not hold")
        return int.__repr__(value)
    raise TypeError("canonical JSON of this kind is never written here")


def _ordered(names: Iterable[str]) -> list[str]:
    """§3.2.3: by UTF-16 code units, which is another order than Python's beyond U+FFFF alone."""
    found = sorted(names)
    return found if "".join(found).isascii() else sorted(found, key=lambda name: name.encode("utf-16-be"))
