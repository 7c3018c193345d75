"""The result of a run: each case's outcome, and the counts of each class. No octets of a case are in it."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pyexpat import EXPAT_VERSION

import xmlsec
from cryptography.hazmat.backends.openssl import backend
from lxml import etree

from connectors.attacks.attack_case import CaseKind
from connectors.attacks.verdict import CaseOutcome, JudgeVerdict


@dataclass(frozen=True, slots=True)
class TriedCase:
    """One case that was tried. `expected` is the check that must refuse it, None where it must be accepted."""

    name: str
    family: str
    kind: CaseKind
    entrance: str
    expected: str | None
    verdict: JudgeVerdict

    @property
    def outcome(self) -> CaseOutcome:
        """How it ended."""
        return self.verdict.against(self.expected)

    @property
    def sentence(self) -> str:
        """A disagreement in words: the case, what was to happen, and what did."""
        meant = "should be accepted" if self.expected is None else f"should be refused by {self.expected}"
        match self.outcome:
            case CaseOutcome.RIGHT:
                happened = "and was"
            case CaseOutcome.ACCEPTED:
                happened = "and was accepted"
            case CaseOutcome.UNFORESEEN:
                happened = f"and met {self.verdict.surprise}, which nobody foresaw"
            case _:
                happened = f"and was refused by {self.verdict.check}"
        return f"{self.name} (at {self.entrance}) {meant}, {happened}."


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class: how many of its cases were tried, how many ended wrongly, and how often each check refused one."""

    kind: CaseKind
    tried: int
    wrong: int
    checks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """A whole run. `broken` says which generators could not make their cases: what they would have shown is not known."""

    tried: tuple[TriedCase, ...]
    broken: tuple[str, ...]
    versions: Mapping[str, str]
    seconds: float = field(compare=False)

    @property
    def ok(self) -> bool:
        """Whether something was tried, everything could be made, and nothing was wrong."""
        return bool(self.tried) and not self.broken and not self.wrong()

    def wrong(self, outcome: CaseOutcome | None = None) -> Sequence[TriedCase]:
        """The cases that ended wrongly, in this way, or in any."""
        found = [one for one in self.tried if one.outcome.wrong]
        return found if outcome is None else [one for one in found if one.outcome is outcome]

    def classes(self) -> Mapping[str, ClassCount]:
        """The classes, in the order in which they were tried."""
        families: dict[str, list[TriedCase]] = {}
        for one in self.tried:
            families.setdefault(one.family, []).append(one)
        return {name: _counted(cases) for name, cases in families.items()}

    def as_json(self) -> dict[str, object]:
        """The object of `doctor --selftest --json`; `wrong` and `broken` are members only where there are some."""
        classes = {
            name: {"kind": one.kind.value, "tried": one.tried, "wrong": one.wrong} for name, one in self.classes().items()
        }
        told: dict[str, object] = {"classes": classes, "versions": dict(self.versions)}
        if wrong := self.wrong():
            told["wrong"] = [_as_json(one) for one in wrong]
        if self.broken:
            told["broken"] = list(self.broken)
        return told


def _counted(cases: Sequence[TriedCase]) -> ClassCount:
    checks = Counter(one.verdict.check for one in cases if one.verdict.check is not None)
    wrong = sum(one.outcome.wrong for one in cases)
    return ClassCount(cases[0].kind, len(cases), wrong, dict(sorted(checks.items())))


def _as_json(one: TriedCase) -> dict[str, object]:
    return {
        "case": one.name,
        "entrance": one.entrance,
        "expected": one.expected,
        "outcome": one.outcome.value,
        "check": one.verdict.check,
        "exception": one.verdict.surprise or None,
    }


PACKAGES = ("ciconia", "lxml", "xmlsec", "cryptography", "python-jose", "joserfc")


def versions() -> Mapping[str, str]:
    """Name to version, as they run here: a library that was compiled against another version says both."""
    return {
        **{name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "libxml2": _dotted(etree.LIBXML_VERSION),
        "libxml2 compiled against": _dotted(etree.LIBXML_COMPILED_VERSION),
        "libxml2 of xmlsec": _dotted(xmlsec.get_libxml_version()),
        "libxmlsec": _dotted(xmlsec.get_libxmlsec_version()),  # type: ignore[attr-defined] # its stubs lack it
        "openssl": backend.openssl_version_text(),
        "expat": EXPAT_VERSION.removeprefix("expat_"),
    }


def _dotted(parts: Iterable[int]) -> str:
    return ".".join(str(part) for part in parts)
