"""Findings of `ciconia doctor`: one thing that is wrong with an installation each, and how much that matters."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from policies.parties import Source


class Severity(StrEnum):
    """How much a finding matters. Errors and warnings make `doctor` end with 1. A call makes a finding."""

    # It does not serve, or leaks, or loses
    ERROR = "error"
    # It serves, and will not for long or not for everybody
    WARNING = "warning"
    # It is so on purpose, or nothing is there yet
    NOTICE = "notice"

    def __call__(self, where: str | Source, key: str, what: str, why: str, fix: str, *, line: int = 0) -> "DoctorFinding":
        """A finding of this severity in a file, or at a place in it."""
        if isinstance(where, Source):
            return DoctorFinding(self, where.file, where.line, key, what, why, fix)
        return DoctorFinding(self, where, line, key, what, why, fix)


ERROR, WARNING, NOTICE = Severity


@dataclass(frozen=True, slots=True)
class OtherPlace:
    """Another place of the same finding in its file."""

    line: int
    key: str


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """Where (`file` relative to the folder, `line` from 1, 0 for the whole file), what, why it matters, how to mend it.

    A finding with several places in its file stands at the first; `also` has the others.
    """

    severity: Severity
    file: str
    line: int
    key: str
    what: str
    why: str
    fix: str
    also: tuple[OtherPlace, ...] = ()

    @property
    def place(self) -> str:
        """File, line and key, as an editor jumps to them."""
        parts = [self.file or ".", str(self.line) if self.line else "", self.key]
        return ":".join(part for part in parts if part)

    def as_json(self) -> dict[str, object]:
        """The object of `doctor --json`."""
        told = asdict(self)
        if not self.also:
            del told["also"]
        return told


def by_severity(findings: Sequence[DoctorFinding]) -> tuple[DoctorFinding, ...]:
    """Findings the worst first, then by file and line; one that two checks found is told once."""
    order = tuple(Severity)
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: (order.index(one.severity), one.file, one.line)))


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """The findings of an examination, the worst first, and the names of the checks that were made."""

    findings: tuple[DoctorFinding, ...]
    checked: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing but notices was found."""
        return all(one.severity is Severity.NOTICE for one in self.findings)

    def of(self, severity: Severity) -> Sequence[DoctorFinding]:
        """The findings of one severity."""
        return [one for one in self.findings if one.severity is severity]
