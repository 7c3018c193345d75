"""JSON as a protocol's message: one object, read strictly, so that every reader sees the same members.

    {"iss": "https://city.example", "exp": 1795600000}

Refused: a member twice (RFC 8259 §4 leaves open which one counts, and two readers differ), NaN and Infinity (no JSON),
integers beyond 2^53 (RFC 8259 §6: a peer's double would be another number), lone surrogates (no UTF-8), more than 64
levels, and whatever stands before or after the object.
"""

import json
import math
import re

from policies.errors import AssertionRejected

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
# RFC 8259 §6: integers that every implementation reads alike
MAX_INTEGER = 2**53
# So short a spelling is below it, whatever its digits
_SAFE_DIGITS = 15
# The same as for XML; no token is nearly as deep
MAX_DEPTH = 64
# A text is one match, to the end where it does not close, and nothing is looked at twice (possessive quantifiers)
_BRACKETS = re.compile(r"""\"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]""", re.DOTALL)


def read_object(data: bytes) -> dict[str, Json]:
    """The one JSON object that `data` (UTF-8) is. Raises `AssertionRejected` with check `json` for anything else."""
    try:
        text = data.decode("utf-8")
        if _is_deeper(text, MAX_DEPTH):
            raise AssertionRejected("json", f"JSON of more than {MAX_DEPTH} levels")
        value: Json = _DECODER.decode(text)
        # UTF-8 has no surrogates: only an escape spells a lone one, and it would fail later, in other hands
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise AssertionRejected("json", "not one strict JSON object") from None  # the cause would quote the message
    if not isinstance(value, dict):
        raise AssertionRejected("json", "JSON, but no object")
    return value


def _is_deeper(text: str, levels: int) -> bool:
    """Whether objects and lists stand in each other more than so many times, as far as brackets outside of texts say.

    Asked before anything is parsed: a parser that goes down 60,000 lists takes 20 ms until it gives up.
    """
    if text.count("{") + text.count("[") <= levels:
        return False
    depth = 0
    for found in _BRACKETS.finditer(text):
        sign = found[0]
        depth += (sign in "[{") - (sign in "]}")
        if depth > levels:
            return True
    return False


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _integer(text: str) -> int:
    if len(text) <= _SAFE_DIGITS:
        return int(text)
    # The length first: int() of a long text is slow work for whoever sends it
    if len(text) > len(str(-MAX_INTEGER)) or abs(int(text)) > MAX_INTEGER:
        raise ValueError("an integer beyond 2^53")
    return int(text)


def _fraction(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError("a number beyond a double")
    return float(text)


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_int=_integer, parse_float=_fraction, parse_constant=_constant)
