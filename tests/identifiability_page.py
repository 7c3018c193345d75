"""Writes the tables of docs/identifiability.md from `policies/identifiability.py`; the rest is written by hand.

python -m tests.identifiability_page            write them
python -m tests.identifiability_page --check    only say whether they are stale; exit 1 if they are
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from policies.attributes import AttributeName, Form
from policies.catalogue import STANDARD
from policies.identifiability import ANYBODYS_OWN, IN_FULL, SAY, Figure, figure

PAGE = Path(__file__).parents[1] / "docs" / "identifiability.md"
TABLE = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
PREDICATES = (
    ("birthdate", Form("age_over", "18")),
    ("birthdate", Form("age_over", "65")),
    ("birthdate", Form("age_in", "18,25")),
    ("nationality", Form("is_eu_citizen")),
    ("nationality", Form("nationality_in", "EE,LV")),
    ("address", Form("resident_of", "Storkhaven")),
)


def _rows(head: str, rows: Iterator[tuple[str, Figure]]) -> str:
    lines = [f"| {head} | bits | from |", "|---|---|---|"]
    return "".join(f"{line}\n" for line in (*lines, *(f"| {what} | {one.bits:.1f} | {one.source} |" for what, one in rows)))


def _tables() -> dict[str, str]:
    own = ", ".join(f"`{name}`" for name in STANDARD.attributes if name not in IN_FULL)
    full = [
        *((f"`{name}`", one) for name, one in IN_FULL.items()),
        (f"{own}, and each attribute of your own", ANYBODYS_OWN),
    ]
    said = [(f"`{name}`", one) for name, one in SAY.items() if name != "is_eu_citizen"]
    asked = [(f"`{name}`: `{form}`", figure(AttributeName(name), form)) for name, form in PREDICATES]
    return {
        "full": _rows("in full", iter(full)),
        "forms": _rows("form", iter(said)),
        "predicates": _rows("for example", iter(asked)),
    }


def render(page: str) -> str:
    """The page with its tables as the code has them."""
    tables = _tables()
    return TABLE.sub(lambda match: match[1] + tables[match[2]] + match[3], page)


def main(arguments: list[str]) -> int:
    """Write the tables, or judge them. 0 where all is well, 1 where one is stale."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = render(page)
    if "--check" not in arguments:
        PAGE.write_text(fresh, encoding="utf-8")
    elif fresh != page:
        print(f"{PAGE.name} is stale: python -m tests.identifiability_page", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
