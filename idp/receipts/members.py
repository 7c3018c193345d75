"""Reads a proof's file: one strict JSON object in its canonical spelling, and its members, each of its kind."""

from collections.abc import Mapping

from connectors.wire.claims import Json as Parsed
from connectors.wire.claims import read_object
from idp.ledger.canonical_json import Json, jcs
from policies.errors import AssertionRejected, SignatureInvalid

Object = Mapping[str, Json]


def read_canonical(octets: bytes, most: int, what: str = "a receipt", *, truths: bool = False) -> Object:
    """The object of a file of at most `most` bytes: canonical JSON, and one line feed. Raises `SignatureInvalid`.

    Truth values, and null below the first members, are refused unless `truths`.
    """
    if len(octets) > most:
        raise SignatureInvalid("size", f"it has more than the {most} bytes that {what} has at most")
    try:
        read = read_object(octets).items()
        found = {name: None if value is None else _exact(value, truths=truths) for name, value in read}
        canonical = jcs(found) + b"\n"
    except (AssertionRejected, ValueError, RecursionError):
        raise SignatureInvalid("json", "it is not one strict JSON object of texts and whole numbers") from None
    if canonical != octets:
        raise SignatureInvalid("canonical", "it is not in its one canonical spelling (RFC 8785, and a line feed)")
    return found


def _exact(value: Parsed, *, truths: bool) -> Json:
    """The same value. Raises ValueError for a fraction, a number below 0, and truth values and null unless `truths`."""
    match value:
        case bool() | None if truths:
            return value
        case float() | bool() | None:
            raise ValueError("no text, whole number, list or object")
        case int() if value < 0:
            raise ValueError("a number below 0")
        case list():
            return [_exact(each, truths=truths) for each in value]
        case dict():
            return {name: _exact(each, truths=truths) for name, each in value.items()}
        case _:
            return value


def object_in(inside: Object, name: str) -> Object:
    """A member that is an object. Raises KeyError, TypeError."""
    found = inside[name]
    if not isinstance(found, dict):
        raise TypeError(f"{name} is no object")
    return found


def text_in(inside: Object, name: str) -> str:
    """A member that is a text. Raises KeyError, TypeError."""
    found = inside[name]
    if not isinstance(found, str):
        raise TypeError(f"{name} is no text")
    return found


def number_in(inside: Object, name: str) -> int:
    """A member that is a whole number from 0. Raises KeyError, ValueError."""
    found = inside[name]
    # True is an int in Python, and no number in JSON
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ValueError(f"{name} is no number")
    return found


def list_in(inside: Object, name: str) -> list[Json]:
    """A member that is a list. Raises KeyError, TypeError."""
    found = inside[name]
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def texts_in(inside: Object, name: str) -> list[str]:
    """A member that is a list of texts. Raises KeyError, TypeError, ValueError."""
    found = [each for each in list_in(inside, name) if isinstance(each, str)]
    if len(found) != len(list_in(inside, name)):
        raise ValueError(f"{name} has what is no text")
    return found
