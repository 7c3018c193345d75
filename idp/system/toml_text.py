r"""Texts in a TOML file, by a writer of TOML: no text can end its quotes.

Else `ciconia init --issuer 'https://x"\nwitness = "'` would write settings that nobody meant.
"""

from collections.abc import Mapping
from typing import Any  # Any: whatever TOML may hold

import tomli_w


def dumped(table: Mapping[str, Any]) -> str:
    """A table as TOML, with a line feed at its end. ValueError for a text that no file of UTF-8 holds."""
    text = tomli_w.dumps(table)
    text.encode()  # tomli_w passes a lone surrogate on, as the shell's octets that are no UTF-8 become one
    return text


def quoted(text: str) -> str:
    """A text between the quotes of a basic string (TOML 1.0.0), without them. ValueError as `dumped`."""
    return dumped({"t": text})[len('t = "') : -len('"\n')]
