"""Tables, as printed by the command line and shown in the report."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from results.stats.intervals import INCONCLUSIVE, LEAST_PROBLEMS
from results.vocabulary import arm_words

NAN = float("nan")
_WIDTH = 100
"""Characters per line of prose."""
HOLM = "p and reading are corrected after Holm for all rows, intervals are not."
"""Sentence for the leads of tables whose verdicts follow a corrected p."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table."""

    value: str
    """Sort key; empty if missing."""
    shown: str
    """Displayed text."""
    text: bool = False
    """Whether it is sorted as text."""
    arm: str = ""
    """Arm whose color is shown before it."""
    interval: str = ""
    """Interval shown after it."""
    verdict: bool = False
    """Whether it is a verdict."""


MISSING = Cell(value="", shown="–")
"""Cell of a number that is missing."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The head of a column."""

    name: str
    text: bool = False
    """Whether the column is sorted as text."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A sortable table."""

    id: str
    """Id for links."""
    title: str
    lead: str
    """Sentences above it."""
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """Rows of cells, one cell per head."""
    printed: bool = True
    """Whether the command line prints it; the report shows all."""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.heads) for row in self.rows), self.id


def heads(*names: str, text: Sequence[str] = ()) -> tuple[Head, ...]:
    """Make the heads of columns; those named in ``text`` are sorted as text."""
    return tuple(Head(name=name, text=name in text) for name in names)


def word(shown: str, *, arm: str = "") -> Cell:
    """Make a cell of text."""
    return Cell(value=shown, shown=shown, text=True, arm=arm)


def arm_cell(arm: str, acquisition: object = None) -> Cell:
    """Make a cell of an arm's words, as ``arm_words`` gives them, with its color."""
    return word(arm_words(arm, acquisition), arm=arm)


def reading(verdict: str, words: str = "") -> Cell:
    """Make a cell of a verdict, shown as ``words`` if given."""
    return Cell(value=verdict, shown=words or verdict, text=True, verdict=True)


def verdict_words(row: Any, *, in_points: bool = True) -> str:
    """Return a row's verdict; whether it rests on one seed; if inconclusive, what could be detected.

    Args:
        row: row of differences, with verdict, detectable, problems and seeds.
        in_points: whether the difference is between shares.
    """
    notes = ["one seed"] if row.seeds == 1 else []
    if row.verdict == INCONCLUSIVE:
        notes.append(could_detect(row.detectable, row.problems, in_points=in_points))
    return f"{row.verdict} ({', '.join(notes)})" if notes else str(row.verdict)


def could_detect(detectable: float, problems: int, *, in_points: bool = True) -> str:
    """Say what a run could have detected with 80% power, or why it could detect nothing."""
    if not pd.isna(detectable):
        size = f"{100 * detectable:.1f} points" if in_points else f"{detectable:.3f}"
        return f"could detect {size}"
    if 0 < problems < LEAST_PROBLEMS:
        return f"fewer than {LEAST_PROBLEMS} problems detect nothing"
    return "no interval"


def whole(value: Any) -> Cell:
    """Make a cell of a whole number; a dash if missing."""
    if pd.isna(value):
        return MISSING
    return Cell(value=str(int(value)), shown=f"{int(value):,}".replace(",", "\u202f"))


def number(value: float | None, digits: int = 3, lower: float = NAN, upper: float = NAN) -> Cell:
    """Make a cell of a number with its interval, rounded to ``digits`` digits; a dash if missing."""
    if value is None or pd.isna(value):
        return MISSING
    known = not (pd.isna(lower) or pd.isna(upper))
    interval = f"[{lower:.{digits}f}, {upper:.{digits}f}]" if known else ""
    return Cell(value=repr(float(value)), shown=f"{value:.{digits}f}", interval=interval)


def times(ratio: float, lower: float = NAN, upper: float = NAN) -> Cell:
    """Make a cell of a ratio with its interval; a dash if missing."""
    cell = number(ratio, 2, lower, upper)
    return cell if cell is MISSING else replace(cell, shown=f"{cell.shown} times")


def p_cell(p: float) -> Cell:
    """Make a cell of a p; a dash if missing. A small p is not shown as 0.000: no test is that certain."""
    return Cell(value=repr(float(p)), shown="<0.001") if p < 1e-3 else number(p)


def points(estimate: float | None, lower: float = NAN, upper: float = NAN, *, signed: bool = False) -> Cell:
    """Make a cell of a share with its interval, in percent (points if signed); a dash if missing."""
    if estimate is None or pd.isna(estimate):
        return MISSING
    shown = _percent(estimate, "+" if signed else "")
    interval = points_interval(lower, upper, signed=signed)
    return Cell(value=repr(float(estimate)), shown=shown, interval=interval)


def share_cell(row: Any, *, signed: bool = False) -> Cell:
    """Make a cell of a row's estimate and interval, as ``points`` does; a dash if the row is None."""
    return MISSING if row is None else points(row.estimate, row.lower, row.upper, signed=signed)


def estimate_cell(row: Any, digits: int = 3) -> Cell:
    """Make a cell of a row's estimate and interval, as ``number`` does; a dash if the row is None."""
    return MISSING if row is None else number(row.estimate, digits, row.lower, row.upper)


def compared(row: Any) -> tuple[Cell, Cell]:
    """Make cells of a difference between shares, in points, and its verdict."""
    return share_cell(row, signed=True), read(row)


def read(row: Any, *, in_points: bool = True) -> Cell:
    """Make a cell of a row's verdict, as ``verdict_words`` describes it."""
    return reading(row.verdict, verdict_words(row, in_points=in_points))


def tested(row: Any) -> tuple[Cell, Cell, Cell]:
    """Make cells of a difference between shares, in points, its p and its verdict."""
    return share_cell(row, signed=True), p_cell(row.p), read(row)


def points_interval(lower: float, upper: float, *, signed: bool = True) -> str:
    """Format an interval in percent: ``[+1.2, +3.4]``; empty if it is unknown."""
    sign = "+" if signed else ""
    known = not (pd.isna(lower) or pd.isna(upper))
    return f"[{_percent(lower, sign)}, {_percent(upper, sign)}]" if known else ""


def text_of(cell: Cell) -> str:
    """Return what a terminal shows, in characters that any terminal has."""
    shown = f"{cell.shown} {cell.interval}" if cell.interval else cell.shown
    return shown.replace("\u202f", "").replace("–", "-")


def as_text(table: Table) -> str:
    """Format title, lead and columns, each column padded to its widest cell; text is flush left."""
    lines = [[head.name for head in table.heads], *([text_of(cell) for cell in row] for row in table.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.heads))]

    def line(cells: Sequence[str]) -> str:
        columns = zip(cells, table.heads, widths, strict=True)
        padded = (cell.ljust(w) if head.text else cell.rjust(w) for cell, head, w in columns)
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    about = [table.title, *textwrap.wrap(table.lead, _WIDTH), ""]
    return "\n".join([*about, line(lines[0]), rule, *(line(cells) for cells in lines[1:])]) + "\n"


def as_markdown(table: Table) -> str:
    """Format the columns of a table as lines of Markdown."""
    return markdown_table(
        [head.name for head in table.heads], ([text_of(cell) for cell in row] for row in table.rows)
    )


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table as lines of Markdown."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [heads, ["---"] * len(heads), *rows])


def _percent(share: float, sign: str) -> str:
    return f"{100 * share + 0.0:{sign}.1f}"
