"""The parts of a page of the desk: facts, tables and plots of the same figures. Data only.

A cell is text or a number. A page's table can be sorted, paged and exported; none holds anything of a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Cell = str | int | float
MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name in exports, the key of its heading, and whether it has numbers."""

    name: str
    heading: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class DeskTable:
    """A table: its name in exports, the key of its caption, its columns and all its rows."""

    name: str
    caption: str
    columns: tuple[TableColumn, ...]
    rows: Sequence[tuple[Cell, ...]]

    def sorted_by(self, wanted: str) -> "DeskTable":
        """The same rows in the order of a column, `-` before its name for the other way. An unknown one changes nothing."""
        names = [column.name for column in self.columns]
        if wanted.removeprefix("-") not in names:
            return self
        place = names.index(wanted.removeprefix("-"))
        rows = sorted(self.rows, key=lambda row: (isinstance(row[place], str), row[place]), reverse=wanted.startswith("-"))
        return DeskTable(self.name, self.caption, self.columns, rows)


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars over a table's rows: the columns that name and measure them. The table stands beside it."""

    title: str
    table: DeskTable
    label: str
    figure: str
    # a line that no bar should reach; 0 for none
    limit: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of the key of a term and what holds of it."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence by its key, with the parts that it names."""

    key: str
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """A file to save, or another page: the key of its words, its address, and the parts that the words name."""

    key: str
    href: str
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """A line for a terminal that does, or shows, the same: the key of its words, and the line."""

    key: str
    line: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Sentences under a heading: the key of the heading, and the sentences."""

    key: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A text as it is written: the key of its words, their parts, and the text."""

    key: str
    parts: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class EditForm:
    """A form that edits one file of a configuration: its path, its text, and why. `plan` is that of what was shown."""

    file: str
    text: str
    why: str = ""
    plan: str = ""
    on: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class SimulatorForm:
    """A form with a made-up person: what may be chosen, what is, and the person's TOML."""

    purposes: tuple[str, ...]
    services: tuple[str, ...]
    purpose: str
    service: str
    person: str


@dataclass(frozen=True, slots=True)
class WithdrawForm:
    """A form that withdraws a proposal."""

    plan: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A form that posts files to its page, and keeps none: the key of its label, and whether it takes several."""

    key: str
    multiple: bool = False


@dataclass(frozen=True, slots=True)
class GrantForm:
    """A form that uses a grant: its id in hex, and whether it asks for a record of the person."""

    grant: str
    reason: str
    any_record: bool


Form = EditForm | SimulatorForm | WithdrawForm | Upload | GrantForm
Block = DeskTable | Plot | Facts | Notice | Link | Command | Lines | WrittenText | Form
