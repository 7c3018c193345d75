"""docs/security-testing.md: what the self-test tried, by which check it was refused, and what that does not show.

    python -m tests.security_testing    run the self-test and write the page, as `make docs` does

Classes, counts and checks come from the run itself, the versions from the machine that writes the page.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from connectors.attacks.attack_case import CaseKind
from idp.selftest.report import ClassCount, CorpusReport
from idp.selftest.run import RunWatcher, run

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security-testing.md"
TEXT = (ROOT / "tests" / "security_testing.md.in").read_text(encoding="utf-8")
TITLES: Mapping[CaseKind, tuple[str, str]] = {
    CaseKind.RESPONSE: ("Responses that must be refused", "refused"),
    CaseKind.MESSAGE: ("Requests, single logout, metadata and key sets that must be refused", "refused"),
    CaseKind.REDIRECT: ("Signed queries that must be refused", "refused"),
    CaseKind.JWT: ("Tokens that must be refused", "refused"),
    CaseKind.VALID: ("What must be accepted", "accepted"),
}


def render(report: CorpusReport, versions: Mapping[str, str]) -> str:
    """The whole page."""
    classes = report.classes()
    wrong = len(report.wrong())
    total = f"{len(report.tried)} cases in {len(classes)} classes, {wrong} of them ended wrongly.\n"
    found = "\n".join([total, *_tables(classes)])
    return TEXT.format(found=found, versions=_table(("library", "version"), versions.items()))


def _tables(classes: Mapping[str, ClassCount]) -> Iterator[str]:
    for kind, (title, done) in TITLES.items():
        found = {name: one for name, one in classes.items() if one.kind is kind}
        if not found:
            continue
        yield f"## {title}\n"
        if kind is CaseKind.VALID:
            rows = [(name, str(one.tried), str(one.tried - one.wrong)) for name, one in found.items()]
            yield _table(("class", "tried", done), rows)
        else:
            refused = [
                (name, str(one.tried), str(sum(one.checks.values())), _checks(one.checks)) for name, one in found.items()
            ]
            yield _table(("class", "tried", done, "by which checks"), refused)


def _checks(checks: Mapping[str, int]) -> str:
    """The most frequent first."""
    ordered = sorted(checks.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"`{check}` {count}" for check, count in ordered)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> int:
    """Run, and write the page. 1 where something ended wrongly: then nothing is written."""
    report = run(int(time.time()), RunWatcher())
    for one in (*report.broken, *(wrong.sentence for wrong in report.wrong())):
        print(one, file=sys.stderr)
    if not report.ok:
        return 1
    PAGE.write_text(render(report, report.versions), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
