"""Levels of assurance, and the tables that map other people's scales to them. Never upward.

Regulation (EU) 910/2014 art. 8 knows low, substantial and high. STORK's QAA 1 to 4, `acr` values, REFEDS and SAML
authentication context classes map to the highest level that they surely reach, or to none at all.
"""

from collections.abc import Iterable
from enum import IntEnum


class LevelOfAssurance(IntEnum):
    """The three levels of Regulation (EU) 910/2014 art. 8, in their order."""

    LOW = 1
    SUBSTANTIAL = 2
    HIGH = 3

    @property
    def label(self) -> str:
        """`low`, `substantial` or `high`: how files, records and the command line spell it."""
        return self.name.lower()

    @property
    def uri(self) -> str:
        """The eIDAS URI (eIDAS Message Format 1.2 §3): what we say in `acr` and ask of identity providers."""
        return f"http://eidas.europa.eu/LoA/{self.label}"


# Every name that a peer may use for a level, and the level that it surely reaches. Absent names map to nothing.
LEVELS_BY_NAME: dict[str, LevelOfAssurance] = {
    **{level.uri: level for level in LevelOfAssurance},
    **{level.label: level for level in LevelOfAssurance},
}


def level_named(name: str) -> LevelOfAssurance | None:
    """The level that `name` (an eIDAS URI or its last word) surely reaches; None where we know no such name."""
    return LEVELS_BY_NAME.get(name)


def highest_named(names: Iterable[str], reached: LevelOfAssurance) -> str:
    """The name of the highest level among these that was reached; "" where there is none. Never rounded up."""
    known = [(level, name) for name in names if (level := level_named(name)) is not None and level <= reached]
    return max(known)[1] if known else ""
