"""Canonical JSON (RFC 8785) of text, integers, truth values, null, lists and objects. No floats: we never write one."""

import json
from collections.abc import Mapping, Sequence

Json = None | str | int | bool | Sequence["Json"] | Mapping[str, "Json"]

# RFC 8785 §3.2.2.3: numbers are IEEE 754 doubles, and integers beyond this are not exact
MAX_INTEGER = 2**53 - 1


def jcs(value: Json) -> bytes:
    """The one canonical spelling, UTF-8. Raises ValueError for what has none (a lone surrogate, an integer too large)."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def _ordered(value: Json) -> object:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError("an integer that a double does not hold")
        return value
    if isinstance(value, Mapping):
        # §3.2.3: by UTF-16 code units, which differs from code points beyond U+FFFF
        return {name: _ordered(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    if isinstance(value, list | tuple):  # bytes are a Sequence too, and no JSON
        return [_ordered(part) for part in value]
    raise TypeError("canonical JSON of this kind is never written here")
