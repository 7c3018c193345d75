"""Writes the tables of docs/assurance.md: the ladders that ship.

python -m tests.assurance_page            write them
python -m tests.assurance_page --check    only say whether they are stale; exit 1 if they are
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from policies.assurance.ladders import Ground, Ladder, said
from policies.load.ladders import shipped

PAGE = Path(__file__).parents[1] / "docs" / "assurance.md"
MARK = "<!-- made by python -m tests.assurance_page from policies/assurance/ladders.toml -->\n"


def render(page: str) -> str:
    """The page with its tables of today."""
    return page.partition(MARK)[0] + MARK + "".join(line for one in shipped().values() for line in _lines(one))


def _lines(ladder: Ladder) -> Iterator[str]:
    yield f"\n### {ladder.title}\n\n`{ladder.ladder_id}`, by {ladder.reference}.\n\n"
    yield "| level | names | surely has | may be said from |\n|---|---|---|---|\n"
    for rung in ladder.rungs:
        names = "<br>".join(f"`{name}`" for name in rung.names) or "none on the wire"
        from_others = _ground(rung.said_from) if rung.said_from else "no other scale"
        yield f"| `{rung.key}` | {names} | {_ground(rung.reaches)} | {from_others} |\n"


def _ground(ground: Ground) -> str:
    return f"{said(ground.assurance)} ({ground.basis}: {ground.reference})"


def main(arguments: list[str]) -> int:
    """Write the page, or judge it. 0 where all is well, 1 where it is stale."""
    before = PAGE.read_text(encoding="utf-8")
    if "--check" in arguments:
        return int(before != render(before))
    PAGE.write_text(render(before), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
