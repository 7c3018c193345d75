"""One case of the corpus, and the entrance at which it is tried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a class of cases is made of. `VALID` ones must be accepted, whatever they are."""

    RESPONSE = "response"
    MESSAGE = "message"
    REDIRECT = "redirect"
    JWT = "jwt"
    VALID = "valid"


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where cases come in: the code that the server runs, with everything that it expects prepared once.

    `judge` takes octets as `ciconia inspect` reads them from a file, and raises what the server's judge raises
    (`AssertionRejected` and its kinds, `RequestRefused` and its kinds); it returns where the case is accepted. `arguments`
    are those of `ciconia inspect` that ask the same, without the file: a side file of theirs stands as `{folder}/NAME`, and
    its octets are in `files`. They are None where `inspect` has no such kind, or cannot be told such an expectation.
    """

    name: str
    judge: Callable[[bytes], None] = field(repr=False)
    arguments: tuple[str, ...] | None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Case:
    """One try. `name` is unique and the same in every run: `what/where`. `check` must refuse it; None: it is accepted.

    `family` is the class that it is counted in; all cases of a family are of one kind. Where two checks of the server stand
    behind each other and both know the attack, `check` names the first.
    """

    name: str
    family: str
    kind: Kind
    entrance: Entrance
    octets: bytes = field(repr=False)
    check: str | None


def case_name(*parts: str) -> str:
    """`family/what/where`, without blanks: a name may be a word of a command."""
    return "/".join(part.lower().replace(": ", "-").replace(", ", "-").replace(" ", "-") for part in parts)
