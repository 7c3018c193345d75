"""A table as a file, and as bars."""

import csv
import io
import json

import pytest

from idp.desk.blocks import DeskTable, Plot, TableColumn
from idp.desk.exports import csv_lines, json_lines
from idp.desk.plots import MOST_BARS, drawn

COLUMNS = (TableColumn("service", "desk.column.service"), TableColumn("logins", "desk.column.logins", numeric=True))
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "  =cmd|' /C calc'!A0", "\uff1d1", "|x", "%x"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_that_a_spreadsheet_would_compute_is_text_in_csv_and_itself_in_json(text: str) -> None:
    table = DeskTable("t", "c", COLUMNS, [(text, 3), ("parking", -3)])
    rows = list(csv.reader(io.StringIO("".join(csv_lines(table)), newline="")))
    assert rows == [["service", "logins"], [f"'{text}", "3"], ["parking", "-3"]]
    assert next(json.loads(line) for line in json_lines(table)) == {"service": text, "logins": 3}


def test_a_text_with_quotes_and_lines_is_one_cell() -> None:
    table = DeskTable("t", "c", COLUMNS, [('a "b",\nc', 1)])
    assert list(csv.reader(io.StringIO("".join(csv_lines(table)), newline="")))[1] == ['a "b",\nc', "1"]


def test_bars_are_as_long_as_their_figures_and_what_is_left_out_is_said() -> None:
    rows = [(f"s{number}", number) for number in range(MOST_BARS + 5, 0, -1)]
    found = drawn(Plot("p", DeskTable("t", "c", COLUMNS, rows), "service", "logins"))
    assert (len(found.bars), found.left_out, found.total) == (MOST_BARS, 5, sum(number for _, number in rows))
    assert found.bars[0].width * 4 // 7 == pytest.approx(found.bars[15].width, abs=2)
    assert not drawn(Plot("p", DeskTable("t", "c", COLUMNS, []), "service", "logins")).bars
