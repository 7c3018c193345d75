"""Canonical JSON (RFC 8785) of text, integers, truth values, null, lists and objects. No floats: we never write one."""

from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring

Json = None | str | int | bool | Sequence["Json"] | Mapping[str, "Json"]

# RFC 8785 §3.2.2.3: numbers are IEEE 754 doubles, and integers beyond this are not exact
MAX_INTEGER = 2**53 - 1
_WORDS = {None: "null", True: "true", False: "false"}


def jcs(value: Json) -> bytes:
    """The one canonical spelling, UTF-8. Raises ValueError for what has none (a lone surrogate, an integer too large)."""
    return _spelled(value).encode()


def _spelled(value: Json) -> str:
    # What is frequent comes first: a release has sixty values in five texts
    if isinstance(value, str):
        return encode_basestring(value)  # escapes as §3.2.2.2 has it
    if isinstance(value, list | tuple):  # bytes are a Sequence too, and no JSON
        return f"[{','.join([_spelled(part) for part in value])}]"
    if isinstance(value, dict):
        # Most members are texts: no call of ours for those
        members = [
            f"{encode_basestring(name)}:{encode_basestring(part) if type(part := value[name]) is str else _spelled(part)}"
            for name in _ordered(value)
        ]
        return f"{{{','.join(members)}}}"
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError("an integer that a double does not hold")
        return int.__repr__(value)
    if isinstance(value, Mapping):
        return _spelled(dict(value))
    raise TypeError("canonical JSON of this kind is never written here")


def _ordered(names: Iterable[str]) -> list[str]:
    """§3.2.3: by UTF-16 code units, which is another order than Python's beyond U+FFFF alone."""
    found = sorted(names)
    return found if "".join(found).isascii() else sorted(found, key=lambda name: name.encode("utf-16-be"))
