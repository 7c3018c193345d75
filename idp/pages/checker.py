"""The page that checks a receipt: one file with its style and its script inside, which works from a disk without a network.

The script is the library that services copy, and a form around it. The policy of the page names both by their hashes and
nothing else: whatever the file is, it can ask nobody. It stands in the file, too, for whoever opens it from a disk.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import ClassVar

from idp.pages.views import PageKind, Text


@dataclass(frozen=True, slots=True)
class CheckerView:
    """The page at `path`. `titles` has the title of each attribute that a receipt may name."""

    kind: ClassVar[PageKind] = PageKind.PLAIN
    language: str
    path: str
    titles: tuple[tuple[str, Text], ...] = ()


@cache
def script() -> str:
    """The library and the form."""
    library = resources.files("idp.receipts.library").joinpath("ciconia-receipt.mjs").read_text("utf-8")
    return library + resources.files("idp.pages").joinpath("static", "checker.js").read_text("utf-8")


def policy(sheet: str) -> str:
    """The Content-Security-Policy of the page with this style sheet."""
    sources = f"script-src {_hash(script())}; style-src {_hash(sheet)}"
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
