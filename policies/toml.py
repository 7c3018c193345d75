"""TOML as operators write it: whatever cannot be read raises one error."""

import tomllib
from typing import Any  # Any: whatever TOML may hold, which each reader judges


def read_toml(text: str) -> dict[str, Any]:
    """The table of a file. Raises `tomllib.TOMLDecodeError`, also for what Python's own limits refuse."""
    if text.startswith("\ufeff"):  # some editors put it there unasked, and show it nowhere
        what = "it begins with a byte order mark: save it as UTF-8 without one"
        raise tomllib.TOMLDecodeError(f"{what} (at line 1, column 1)")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError):  # an integer with thousands of digits, or thousands of brackets
        raise tomllib.TOMLDecodeError("a number is too long, or brackets stand too deep") from None


def fix_of(error: ValueError) -> str:
    """The fix for a file that is no TOML."""
    if str(error).startswith(("Cannot overwrite a value", "Cannot declare ", "Duplicate inline table key")):
        return "it stands there twice: take one of the two away."
    return "see https://toml.io; a text needs quotes, a list commas, a date is written 2026-11-25."
