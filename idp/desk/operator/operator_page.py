"""A page of the operator's: a page with its filters, what it shows, and a table whose phrases follow from its names."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from idp.desk.blocks import Block, Cell, Command, DeskTable, TableColumn
from idp.desk.desk_page import DeskPage
from idp.desk.operator.reading import OperatorQuestion, OperatorReader


@dataclass(frozen=True, slots=True)
class OperatorPage(DeskPage):
    """A page that shows something of one broker."""

    make: Callable[[OperatorReader, OperatorQuestion], Sequence[Block]]


def table(name: str, columns: str, rows: Sequence[tuple[Cell, ...]], numeric: Collection[str] = ()) -> DeskTable:
    """A table of these columns, whose names are separated by spaces."""
    made = tuple(TableColumn(each, f"desk.column.{each}", each in numeric) for each in columns.split())
    return DeskTable(name, f"desk.{name}.table", made, rows)


def command(reader: OperatorReader, *words: str) -> Command:
    """The line that does, or shows, the same on a terminal."""
    return Command("desk.command", reader.line(*words))
