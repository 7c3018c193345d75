"""A page with holes: what is the same from login to login stands there already, escaped and in octets.

A page is rendered once with marks where a login's own texts go, and cut at them. What is kept holds nothing of a login and
nothing of a person; who asks for a sheet names by its key everything that its other words depend on.
"""

import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from markupsafe import escape

# Services times purposes times languages of a large city; a sheet has ten kilobytes. What services word themselves (the
# place of `resident_of`) is in keys, too, so that all are forgotten together where there are more
MAX_SHEETS = 256
# Far more holes than a page has
DIGITS = 4

Mark = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """`first`, then for each hole the number of the text that goes there and what follows it."""

    first: bytes
    rest: tuple[tuple[int, bytes], ...]

    def filled(self, *texts: str) -> bytes:
        """The page with these texts, escaped as the templates escape."""
        octets = [str(escape(text)).encode() for text in texts]
        parts = [self.first]
        for number, following in self.rest:
            parts += (octets[number], following)
        return b"".join(parts)


class Sheets:
    """The sheets of one tenant's pages. Safe in any thread: two that make the same one make it alike."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Sheet] = {}
        # No text of a configuration or of a service can hold it
        self._token = secrets.token_hex(16)

    def sheet(self, key: Hashable, render: Callable[[Mark], str]) -> Sheet:
        """The sheet of a key; where there is none, `render` makes the page with `mark(N)` in place of the text N."""
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= MAX_SHEETS:
                self._made.clear()
            found = self._made[key] = self._cut(render(self._mark))
        return found

    def _mark(self, number: int) -> str:
        return f"{self._token}{number:0{DIGITS}}"

    def _cut(self, text: str) -> Sheet:
        first, *rest = text.split(self._token)
        return Sheet(first.encode(), tuple((int(part[:DIGITS]), part[DIGITS:].encode()) for part in rest))
