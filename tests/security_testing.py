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
HEAD = """\
# What was tried

Ciconia brings its attack corpus along. `ciconia doctor --selftest` makes it anew on your machine, with fresh keys,
identifiers and times, and holds each case against the code that serves: a hostile one must be refused, by the one check
that is there for it, and a valid one must be accepted. This page is what our own run found. It is made by `python -m
tests.security_testing`.
"""
RUNNING = """\
## Run it yourself

```console
$ ciconia doctor --selftest
```

It needs no configuration and no network, writes nothing, and takes a minute or two. The live cases start a broker
with identity providers and services on loopback, in a temporary folder that goes when they end. Run it [after every
upgrade](after-an-upgrade.md): the versions below are ours, and what counts is yours.

- `0` nothing is wrong: nothing was wrongly accepted or wrongly refused, and each case met the check that is named for
  it.
- `1` some case ended wrongly. It is named, with the check that should have refused it and with what happened.
- `2` not everything could be tried.

A case is wrong, too, where another check refuses it than the one that it names: then what was meant to stop it did not
see it. An exception that none of our code foresaw is wrong even where it refuses. `--keep DIR` writes the wrong cases
as files, each with the `ciconia inspect` command that asks about it; else no octet of a case is kept or shown. `--json`
prints counts and versions.
"""
LIMITS = """\
## What it does not show

- **It shows what somebody thought of.** The classes are the published attacks on SAML, XML Signature, XML Encryption,
  OpenID Connect and JOSE, and what we could add. Whoever wrote the checks wrote the cases. Fuzzing (`make fuzz`) and
  mutation of the checks look where nobody thought, and end nowhere either.
- **The same parser and the same cryptography.** All cases are judged on libxml2 and OpenSSL, and many are made with
  them. A fault that lies there is in both halves. The second opinion is a second implementation on the same parser and
  cryptography, and a comparison with another parser; it is not an independent engine.
- **Your machine, not your installation.** Keys, registrations, the proxy in front and the clock are looked at by
  `ciconia doctor --config DIR`. Identity providers and services are not looked at by anybody here.
- **The first check alone.** A case shows that its check refuses; what would have refused it later is shown by removing
  checks one at a time, which is not part of this run.
- **No timing.** Whether two refusals take the same time is measured elsewhere, and only for kinds of decryption
  failure.
- **The live broker is a small one**: SQLite, one process, http on loopback, made-up citizens.

What other libraries accept or refuse is counted nowhere here. Whatever we find in one that is not public goes to its
maintainers.
"""
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
    parts = [
        HEAD,
        total,
        *_tables(classes),
        "## At these versions\n",
        _table(("library", "version"), versions.items()),
        RUNNING,
        LIMITS,
    ]
    return "\n".join(parts)


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
