"""One case of the corpus, and the entrance at which it is tried."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class CaseKind(StrEnum):
    """The stuff of a class of cases. `VALID` ones must be accepted, whatever they are."""

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
class AttackCase:
    """One try. `name` is unique and the same in every run: `what/where`. `check` must refuse it; None: it is accepted.

    `family` is the class that it is counted in; all cases of a family are of one kind. Where two checks of the server stand
    behind each other and both know the attack, `check` names the first.
    """

    name: str
    family: str
    kind: CaseKind
    entrance: Entrance
    octets: bytes = field(repr=False)
    check: str | None


# What a hostile case is, its octets, and the check that must refuse it
Row = tuple[str, bytes, str]
Make = Callable[[Any], bytes]  # Any: a bench of another kind each


@dataclass(frozen=True, slots=True)
class CaseBench:
    """Where cases of one kind are judged. `where` is the last part of their names.

    `otherwise` has the check that stands in front here, by what a case is, "" where it attacks nothing.
    """

    kind: ClassVar[CaseKind]
    where: str
    entrance: Entrance
    otherwise: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def refused(self, family: str, what: str, octets: bytes, check: str) -> AttackCase:
        """A case that this check must refuse."""
        return AttackCase(case_name(family, what, self.where), family, self.kind, self.entrance, octets, check)

    def accepted(self, family: str, what: str, octets: bytes) -> AttackCase:
        """A case that must be accepted."""
        return AttackCase(case_name(family, what, self.where), family, CaseKind.VALID, self.entrance, octets, None)

    def all_refused(self, family: str, check: str, rows: Mapping[str, bytes]) -> Iterator[AttackCase]:
        """Cases that one check must refuse, by what they are."""
        return (self.refused(family, what, octets, check) for what, octets in rows.items())

    def refused_rows(self, families: Mapping[str, Iterable[Row]]) -> Iterator[AttackCase]:
        """Cases that must be refused, by their families."""
        for family, rows in families.items():
            for what, octets, check in rows:
                if found := self.otherwise.get(what, check):
                    yield self.refused(family, what, octets, found)

    def tabled(self, families: Mapping[str, Iterable[Mapping[str, Mapping[str, Make]]]]) -> Iterator[AttackCase]:
        """Every row of tables that are for any signed shape, by families: the check, what it is, and how it is made."""
        for family, tables in families.items():
            for check, makes in (row for table in tables for row in table.items()):
                yield from self.refused_rows({family: ((what, make(self), check) for what, make in makes.items())})

    def all_accepted(self, family: str, rows: Mapping[str, bytes]) -> Iterator[AttackCase]:
        """Cases that must be accepted, by what they are."""
        return (self.accepted(family, what, octets) for what, octets in rows.items())


def refused(family: str, what: str, entrance: Entrance, octets: bytes, check: str) -> AttackCase:
    """A case of a registration or a key that this check must refuse; its name says at which entrance.

    What refuses is a check, the code of a refusal, or the key of the registration that has to be mended.
    """
    return AttackCase(case_name(family, what, entrance.name), family, CaseKind.MESSAGE, entrance, octets, check)


def accepted(family: str, what: str, entrance: Entrance, octets: bytes) -> AttackCase:
    """A case of a registration or a key that must be accepted."""
    return AttackCase(case_name(family, what, entrance.name), family, CaseKind.VALID, entrance, octets, None)


def case_name(*parts: str) -> str:
    """`family/what/where`, without blanks: a name may be a word of a command."""
    return "/".join(part.lower().replace(": ", "-").replace(", ", "-").replace(" ", "-") for part in parts)
