"""One thing that is wrong with an installation, and how much that matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much it matters. Errors and warnings make `doctor` end with 1."""

    # It does not serve, or leaks, or loses
    ERROR = "error"
    # It serves, and will not for long or not for everybody
    WARNING = "warning"
    # It is so on purpose, or nothing is there yet
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Place:
    """Where else in its file a finding holds."""

    line: int
    key: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Where (`file` relative to the folder, `line` from 1, 0 for the whole file), what, why it matters, how to mend it.

    One that holds in several places of its file stands at the first; `also` has the others.
    """

    severity: Severity
    file: str
    line: int
    key: str
    what: str
    why: str
    fix: str
    also: tuple[Place, ...] = ()

    @property
    def place(self) -> str:
        """File, line and key, as an editor jumps to them."""
        parts = [self.file or ".", str(self.line) if self.line else "", self.key]
        return ":".join(part for part in parts if part)

    def as_json(self) -> dict[str, object]:
        """The object of `doctor --json`."""
        also = [{"line": one.line, "key": one.key} for one in self.also]
        return {
            "severity": self.severity.value,
            "file": self.file,
            "line": self.line,
            "key": self.key,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
            **({"also": also} if also else {}),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination found, the worst first, and the names of the checks that were made."""

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing but notices was found."""
        return all(one.severity is Severity.NOTICE for one in self.findings)

    def of(self, severity: Severity) -> Sequence[Finding]:
        """The findings of one severity."""
        return [one for one in self.findings if one.severity is severity]
