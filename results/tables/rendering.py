"""Tables, as the command line prints them and the report shows them."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from results.stats.intervals import INCONCLUSIVE, LEAST_PROBLEMS

NAN = float("nan")
_WIDTH = 100
"""Characters of a line of prose."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a table."""

    value: str
    """What it is sorted by; empty where missing."""
    shown: str
    """What is read."""
    text: bool = False
    """Whether it is sorted as text."""
    arm: str = ""
    """Arm whose colour stands before it."""
    interval: str = ""
    """Interval behind it."""
    verdict: bool = False
    """Whether it is a verdict."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The head of a column."""

    name: str
    """What is read."""
    text: bool = False
    """Whether the column is sorted as text."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A sortable table."""

    id: str
    """For links."""
    title: str
    """Heading."""
    lead: str
    """A sentence above it."""
    heads: tuple[Head, ...]
    """One a column."""
    rows: tuple[tuple[Cell, ...], ...]
    """Cells, one a head."""
    printed: bool = True
    """Whether the command line prints it; the report shows all."""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.heads) for row in self.rows), self.id


def heads(*names: str, text: Sequence[str] = ()) -> tuple[Head, ...]:
    """The heads of columns; those named in ``text`` are sorted as text."""
    return tuple(Head(name=name, text=name in text) for name in names)


def word(shown: str, *, arm: str = "") -> Cell:
    """Text."""
    return Cell(value=shown, shown=shown, text=True, arm=arm)


def reading(verdict: str, words: str = "") -> Cell:
    """A verdict, shown in words where there are any."""
    return Cell(value=verdict, shown=words or verdict, text=True, verdict=True)


def verdict_words(row: Any, *, in_points: bool = True) -> str:
    """The verdict of a row of differences; whether it is of one seed; if inconclusive, what it could detect.

    Args:
        row: with verdict, detectable, problems and seeds.
        in_points: whether the difference is one of shares.
    """
    notes = ["one seed"] if row.seeds == 1 else []
    if row.verdict == INCONCLUSIVE:
        notes.append(could_detect(row.detectable, row.problems, in_points=in_points))
    return f"{row.verdict} ({', '.join(notes)})" if notes else str(row.verdict)


def could_detect(detectable: float, problems: int, *, in_points: bool = True) -> str:
    """What a run could have detected with 80% power, or why it could detect nothing."""
    if not pd.isna(detectable):
        size = f"{100 * detectable:.1f} points" if in_points else f"{detectable:.3f}"
        return f"could detect {size}"
    if 0 < problems < LEAST_PROBLEMS:
        return f"fewer than {LEAST_PROBLEMS} problems detect nothing"
    return "no interval"


def whole(value: Any) -> Cell:
    """A whole number; a dash where missing."""
    if pd.isna(value):
        return _MISSING
    return Cell(value=str(int(value)), shown=f"{int(value):,}".replace(",", "\u202f"))


def number(value: float, digits: int = 3, lower: float = NAN, upper: float = NAN) -> Cell:
    """A number with its interval, to some digits; a dash where missing."""
    if pd.isna(value):
        return _MISSING
    known = not (pd.isna(lower) or pd.isna(upper))
    interval = f"[{lower:.{digits}f}, {upper:.{digits}f}]" if known else ""
    return Cell(value=repr(float(value)), shown=f"{value:.{digits}f}", interval=interval)


def times(ratio: float, lower: float = NAN, upper: float = NAN) -> Cell:
    """A ratio with its interval; a dash where missing."""
    cell = number(ratio, 2, lower, upper)
    return cell if cell is _MISSING else replace(cell, shown=f"{cell.shown} times")


def p_cell(p: float) -> Cell:
    """A p; a dash where missing. A small one is not 0.000, because no test shows as much."""
    return Cell(value=repr(float(p)), shown="<0.001") if p < 1e-3 else number(p)


def points(estimate: float, lower: float = NAN, upper: float = NAN, *, signed: bool = False) -> Cell:
    """A share with its interval, in per cent (points where signed); a dash where missing."""
    if pd.isna(estimate):
        return _MISSING
    interval = points_interval(lower, upper, signed=signed)
    shown = _per_cent(estimate, "+" if signed else "")
    return Cell(value=repr(float(estimate)), shown=shown, interval=interval)


def compared(row: Any) -> tuple[Cell, Cell]:
    """A difference between shares, in points, and how it reads."""
    return points(row.estimate, row.lower, row.upper, signed=True), read(row)


def read(row: Any, *, in_points: bool = True) -> Cell:
    """The verdict of a row of differences, as ``verdict_words`` has it."""
    return reading(row.verdict, verdict_words(row, in_points=in_points))


def tested(row: Any) -> tuple[Cell, Cell, Cell]:
    """A difference between shares, in points, its p, and how it reads."""
    found, reads = compared(row)
    return found, p_cell(row.p), reads


def points_interval(lower: float, upper: float, *, signed: bool = True) -> str:
    """An interval in per cent: ``[+1.2, +3.4]``; empty where it is unknown."""
    sign = "+" if signed else ""
    known = not (pd.isna(lower) or pd.isna(upper))
    return f"[{_per_cent(lower, sign)}, {_per_cent(upper, sign)}]" if known else ""


def text_of(cell: Cell) -> str:
    """What a terminal shows, in characters that any terminal has."""
    shown = f"{cell.shown} {cell.interval}" if cell.interval else cell.shown
    return shown.replace("\u202f", "").replace("–", "-")


def as_text(table: Table) -> str:
    """Heading, what it is about, and columns, each padded to its widest cell; text is flush left."""
    lines = [[head.name for head in table.heads], *([text_of(cell) for cell in row] for row in table.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.heads))]

    def line(cells: Sequence[str]) -> str:
        columns = zip(cells, table.heads, widths, strict=True)
        padded = (cell.ljust(w) if head.text else cell.rjust(w) for cell, head, w in columns)
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    about = [table.title, *textwrap.wrap(table.lead, _WIDTH), ""]
    return "\n".join([*about, line(lines[0]), rule, *(line(cells) for cells in lines[1:])]) + "\n"


_MISSING = Cell(value="", shown="–")


def _per_cent(share: float, sign: str) -> str:
    return f"{100 * share + 0.0:{sign}.1f}"
