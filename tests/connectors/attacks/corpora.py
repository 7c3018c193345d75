"""Rules that hold for every corpus."""

import re
from collections import Counter
from collections.abc import Sequence

from connectors.attacks.attack_case import AttackCase, CaseKind
from connectors.attacks.verdict import verdict_of


def hostile(cases: Sequence[AttackCase]) -> list[AttackCase]:
    """Those that must be refused."""
    return [case for case in cases if case.check is not None]


def accepted(cases: Sequence[AttackCase]) -> list[AttackCase]:
    """Those that must be accepted."""
    return [case for case in cases if case.check is None]


def wrong(cases: Sequence[AttackCase]) -> list[str]:
    """The families of the cases that end otherwise than they say."""
    return [case.family for case in cases if verdict_of(case.entrance.judge, case.octets).check != case.check]


def ends_as_told(cases: Sequence[AttackCase]) -> None:
    """Refused by the named check or accepted, and never by an exception that nobody foresaw."""
    for case in cases:
        verdict = verdict_of(case.entrance.judge, case.octets)
        assert (verdict.check, verdict.surprise) == (case.check, ""), case.name


def is_named_alike(cases: Sequence[AttackCase], later: Sequence[AttackCase]) -> None:
    """Names are unique, without blanks, of family, what and where, and the same in every run."""
    names = [case.name for case in cases]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [name for name in names if not re.fullmatch(r"[^\sA-Z/]+(/[^\sA-Z/]+){2,}", name)] == []
    assert [case.name for case in later] == names


def is_fresh(cases: Sequence[AttackCase], again: Sequence[AttackCase]) -> None:
    """No octets of one run are those of another."""
    known = {case.octets for case in again}
    assert [case.name for case in cases if case.octets in known] == []


def is_of_kinds(cases: Sequence[AttackCase], *kinds: CaseKind) -> None:
    """A family is of one kind, and what is valid is what must be accepted."""
    found: dict[str, set[CaseKind]] = {}
    for case in cases:
        found.setdefault(case.family, set()).add(case.kind)
        assert (case.kind is CaseKind.VALID) == (case.check is None), case.name
    assert all(len(of_family) == 1 for of_family in found.values())
    assert {case.kind for case in cases} == {*kinds, CaseKind.VALID}


def holds_in_every_run(cases: Sequence[AttackCase], later: Sequence[AttackCase], *kinds: CaseKind) -> None:
    """Names stay from run to run, octets never do, each family is of one kind, and another time changes no verdict."""
    is_named_alike(cases, later)
    is_fresh(cases, later)
    is_of_kinds(cases, *kinds)
    assert wrong(later) == []
