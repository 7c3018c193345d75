"""A table of a page as a browser gets it: filtered, sorted, a page at a time, with the addresses of its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from idp.desk.blocks import MOST_ROWS, Block, Cell, DeskTable
from idp.desk.desk_page import DeskPage

MAX_FILTER = 200
MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Filter:
    """A field of a page's form: its kind of input, what stands in it, and what it offers."""

    name: str
    kind: str
    value: str
    choices: Sequence[str]


@dataclass(frozen=True, slots=True)
class TableView:
    """One page of a table, and the addresses around it."""

    rows: Sequence[tuple[Cell, ...]]
    sort: Mapping[str, str]
    sorted: Mapping[str, str]
    before: str
    next: str
    csv: str
    jsonl: str


def in_order(block: Block, given: Mapping[str, str]) -> Block:
    """The block in the order that is asked for."""
    return block.sorted_by(given.get("sort", "")) if isinstance(block, DeskTable) and _sorts(block, given) else block


def _sorts(table: DeskTable, given: Mapping[str, str]) -> bool:
    return given.get("table", table.name) == table.name


def view_of(page: DeskPage, table: DeskTable, given: Mapping[str, str]) -> TableView:
    """The part of a table that is asked for."""
    mine = _sorts(table, given)
    sort = given.get("sort", "") if mine else ""
    number = int(given["page"]) if mine and given.get("page", "").isdecimal() and len(given["page"]) <= MOST_DIGITS else 1
    last = max(1, -(-len(table.rows) // MOST_ROWS))
    number = min(max(number, 1), last)
    filters = {name: given[name] for name in page.filters if given.get(name)}

    def address(path: str, **more: str) -> str:
        return f"{path}?{urlencode({**filters, 'table': table.name, **more})}"

    ordered, names = {"sort": sort} if sort else {}, [each.name for each in table.columns]
    return TableView(
        rows=table.rows[(number - 1) * MOST_ROWS : number * MOST_ROWS],
        sort={name: address(page.path, sort=f"-{name}" if sort == name else name) for name in names},
        sorted={sort.removeprefix("-"): "descending" if sort.startswith("-") else "ascending"} if sort else {},
        before=address(page.path, page=str(number - 1), **ordered) if number > 1 else "",
        next=address(page.path, page=str(number + 1), **ordered) if number < last else "",
        csv=address(f"{page.stem}.csv", **ordered),
        jsonl=address(f"{page.stem}.jsonl", **ordered),
    )
