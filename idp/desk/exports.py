"""A table as a file: CSV whose cells no spreadsheet takes for a formula, or JSON lines."""

import csv
import io
import json
from collections.abc import Iterator

from idp.desk.blocks import Cell, DeskTable

# A spreadsheet computes a cell that begins so (OWASP, CSV injection), also behind spaces that it drops, and in full width
FORMULA = ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless(cell: Cell) -> Cell:
    """The cell as a spreadsheet shows it: text that would be computed has an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip().startswith(FORMULA) else cell


def csv_lines(table: DeskTable) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180), the head first."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    for row in ([column.name for column in table.columns], *table.rows):
        writer.writerow([harmless(cell) for cell in row])
        yield written.getvalue()
        written.seek(0)
        written.truncate()


def json_lines(table: DeskTable) -> Iterator[str]:
    """One JSON object a line and row, by the names of the columns."""
    names = [column.name for column in table.columns]
    for row in table.rows:
        yield json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n"
