"""Writes docs/deviations.md: deviations of deployed peers from a standard, and their bounds.

    python -m tests.deviations_page            write the page
    python -m tests.deviations_page --check    only say whether it is stale; exit 1 if it is

It is made from the one table, `connectors/deviations.toml`.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from connectors.deviations import DEVIATIONS, Deviation

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "deviations.md"
HEAD = """\
# Deviations

Some deployed peers send what a standard forbids. Ciconia refuses it if it could change who somebody is, what is
released, or to whom. This page lists everything else that Ciconia takes, each under a name. `python -m
tests.deviations_page` makes it from `connectors/deviations.toml`; a test fails if it is stale.

A login's log line names the deviations of the country's answer (`deviations`). The log line `peer_in_use`, `ciconia
metadata fetch` and `ciconia metadata show` name those of a node's metadata, `ciconia inspect` those of a file. A check
refuses the same message with one thing more.
"""
USUAL = "It is on for every peer of the profile `{profile}`. You configure nothing."
SWITCHED = """\
A registration switches it on for one peer of the profile `{profile}`:

```toml
deviations = ["{name}"]
```

`ciconia doctor` gives a notice for it. Remove the line when the peer is corrected."""


def render(deviations: Iterable[Deviation]) -> str:
    """The whole page."""
    return "\n".join([HEAD, *_parts(sorted(deviations, key=lambda one: (one.profile, one.by_registration, one.name)))])


def _parts(deviations: Iterable[Deviation]) -> Iterator[str]:
    profile = ""
    for one in deviations:
        if one.profile != profile:
            profile = one.profile
            yield f"## {'Countries' if profile == 'eidas' else 'Identity providers'} (`{profile}`)\n"
        switch = (SWITCHED if one.by_registration else USUAL).format(profile=one.profile, name=one.name)
        yield f"### {one.name}\n\n{one.what} {switch}\n"
        rows = (
            ("sent by", one.senders),
            ("forbidden by", one.forbidden_by),
            ("why it is harmless, and its bound", one.bound),
        )
        yield "| | |\n|---|---|\n" + "".join(f"| {title} | {text} |\n" for title, text in rows)


def main(arguments: list[str]) -> int:
    """Write the page, or judge it. 0 where all is well, 1 where it is stale."""
    page = render(DEVIATIONS.values())
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        print(f"{PAGE.name} is stale: python -m tests.deviations_page", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
