"""docs/deviations.md: what deployed peers send although a standard forbids it, and what bounds it.

    python -m tests.deviations_page            write the page
    python -m tests.deviations_page --check    only say whether it is stale; exit 1 if it is

It is made from the one table, `policies/deviations.py`.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from policies.deviations import DEVIATIONS, Deviation

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "deviations.md"
HEAD = """\
# Deviations

Some deployed peers send what a standard forbids. Ciconia refuses what could change who somebody is, what is released or to
whom. It takes what cannot, and says so. This page lists everything that is taken so. It is made by
`python -m tests.deviations_page` from `policies/deviations.py`; a test fails where it is stale.

Each deviation has a name. The log line of a login names those that the answer used (`deviations`). The log line
`peer_in_use`, `ciconia metadata fetch` and `ciconia metadata show` name those of a node's metadata. `ciconia inspect` names
those of a file.
The same message with one thing more is refused by the check that always refused it.
"""
USUAL = "On for every peer of the profile `{profile}`. Nothing is to be configured."
SWITCHED = """\
A registration switches it on for one peer of the profile `{profile}`:

```toml
deviations = ["{name}"]
```

`ciconia doctor` tells a notice for it. Remove the line when the peer is mended."""


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
