"""Plots as SVG that the server draws: bars with their figures as text, in the colours of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from idp.desk.blocks import Cell, Plot

# In user units of the drawing
WIDTH, ROW, LABEL, FIGURE = 720, 28, 240, 90
# More bars than a reader takes in; the table has all
MOST_BARS = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it is of, how many, and where it lies in the drawing."""

    label: str
    figure: float
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot with every coordinate computed. `left_out` rows stand in the table alone."""

    title: str
    bars: Sequence[Bar]
    height: int
    left_out: int
    total: float
    # where the limit lies, 0 for none
    limit: int = 0


def drawn(plot: Plot) -> Drawing:
    """Compute a plot's bars, in the order of its table."""
    names = [column.name for column in plot.table.columns]
    label, figure = names.index(plot.label), names.index(plot.figure)
    rows = [(str(row[label]), _figure(row[figure])) for row in plot.table.rows]
    shown = rows[:MOST_BARS]
    most = max((*(number for _, number in shown), plot.limit), default=0)
    room = WIDTH - LABEL - FIGURE
    bars = [
        Bar(name, number, place * ROW, max(1, int(room * number / most)) if most and number else 0)
        for place, (name, number) in enumerate(shown)
    ]
    limit = LABEL + int(room * plot.limit / most) if plot.limit else 0
    height = max(1, len(bars)) * ROW
    return Drawing(plot.title, bars, height, len(rows) - len(shown), sum(number for _, number in rows), limit)


def _figure(cell: Cell) -> float:
    return cell if isinstance(cell, int | float) else 0
