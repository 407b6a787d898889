"""Shared code of the figures: the description of a figure, and lines, markers and axes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import ArrayLike

from results.figures.style import EndLabel, Look, doubling_axis, percent_axis, save, styled
from results.records import plain
from results.vocabulary import ARMS, Entry, arm_words

Plot = Callable[..., Axes]
"""``plot(frame, ax, ...) -> ax``: draws a summary from ``results.stats.summaries.summarize``."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: what it needs, what it says, and how it is drawn."""

    name: str
    """Name of the module and of the file."""
    title: str
    """Heading, a few words."""
    caption: str
    """Description of what is shown, also for readers who cannot see it."""
    metric: str
    """Metric without which there is nothing to draw."""
    plot: Plot | None = None
    """Function that draws the only panel."""
    draw: Callable[[pd.DataFrame, Canvas], None] | None = None
    """Function that draws several panels on a canvas; either this or ``plot`` is given."""
    size: tuple[float, float] = (6.4, 4.0)
    """Width and height in inches; ``draw`` may change it."""
    width: str = "half"
    """Space in a report: "half", "narrow" (a third) or "wide" (two thirds)."""
    takes_n: bool = False
    """Whether ``plot`` takes ``n``."""
    varied: bool = False
    """Whether it shows rows where something else is varied; otherwise they are left out."""
    needs: Callable[[pd.DataFrame], bool] | None = None
    """Check of what else a summary must have."""
    further: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    """Records -> rows that it shows in addition to those of ``summarize``, such as where lines cross."""

    def __post_init__(self) -> None:
        assert (self.plot is None) != (self.draw is None), self.name

    def available(self, summary: pd.DataFrame) -> bool:
        """Return whether a summary has what the figure needs."""
        summary = self._shown(summary)
        has_metric = bool((summary["metric"] == self.metric).any())
        return has_metric and (self.needs is None or self.needs(summary))

    def make(self, summary: pd.DataFrame, out: str | Path, n: int | None = None) -> list[Path]:
        """Draw the figure from a summary and write it as PNG and SVG.

        Raises:
            ValueError: the summary lacks the metric, or n.
        """
        if not self.available(summary):
            raise ValueError(
                f"metric: found no {self.metric} in the records, needed for the figure {self.name}"
            )
        summary = self._shown(summary)
        with styled():
            canvas = Canvas(figsize=self.size)
            if self.draw is not None:
                self.draw(summary, canvas)
            elif self.plot is not None:
                self.plot(summary, canvas.subplots(), **({"n": n} if self.takes_n else {}))
            return save(canvas, out)

    def _shown(self, summary: pd.DataFrame) -> pd.DataFrame:
        return summary if self.varied else plain(summary)


def curve(
    ax: Axes, line: pd.DataFrame, look: Look, text: str, *, strong: bool = False, band: bool = True
) -> EndLabel:
    """Draw estimates against n with their intervals, and return the label of the line's end.

    Args:
        line: rows of one line of a figure; an N that is a single draw has a hollow marker.
        look: look of line, band and markers.
        text: text of the label.
        strong: whether it is one of the lines being compared.
        band: whether to show intervals.
    """
    line = line.sort_values("n")
    x = line["n"].astype(float)
    width, order = (1.9, 4) if strong else (1.2, 3)
    ax.plot(x, line["estimate"], color=look.color, linestyle=look.style, linewidth=width, zorder=order)
    if band:
        alpha = 0.12 if strong else 0.06
        ax.fill_between(x, line["lower"], line["upper"], color=look.color, alpha=alpha, linewidth=0)
    if look.marker is not None:
        size = 5.5 if strong else 4.5
        markers(ax, line, color=look.color, marker=look.marker, size=size, edge=0.8)
    return EndLabel(y=float(line["estimate"].iloc[-1]), text=text, color=look.color, bold=strong)


def markers(ax: Axes, line: pd.DataFrame, *, color: str, marker: str, size: float, edge: float) -> None:
    """Mark estimates at every n, hollow where it is a single draw.

    Args:
        line: rows of one line of a figure.
        color: color of the markers.
        marker: shape of the markers.
        size: size of a marker, in points.
        edge: width of a filled marker's edge, in points; that of a hollow one is half a point wider.
    """
    for drawn, points in line.groupby("single_draw"):
        ax.plot(
            points["n"].astype(float),
            points["estimate"],
            linestyle="none",
            marker=marker,
            markersize=size,
            markerfacecolor="white" if drawn else color,
            markeredgecolor=color if drawn else "white",
            markeredgewidth=edge + 0.5 if drawn else edge,
            zorder=5,
        )


def with_intervals(ax: Axes, x: ArrayLike, line: pd.DataFrame, look: Look | Entry, **more: Any) -> None:
    """Draw estimates with intervals, as a line with markers; ``more`` are arguments of ``errorbar``."""
    ends = [line["estimate"] - line["lower"], line["upper"] - line["estimate"]]
    usual: dict[str, Any] = {"markersize": 6, "markeredgecolor": "white", "elinewidth": 1.2}
    ax.errorbar(x, line["estimate"], yerr=ends, color=look.color, marker=look.marker, **usual | more)


def n_axis(ax: Axes, rows: pd.DataFrame) -> None:
    """Put N on the x axis and problems solved on the y axis, for the rows drawn."""
    doubling_axis(ax, [int(value) for value in rows["n"]])
    percent_axis(ax)
    note = "\n(hollow: all that were drawn, once)" if rows["single_draw"].any() else ""
    ax.set(xlabel=f"N, solutions chosen from{note}", ylabel="problems solved")


def across(ax: Axes, arm: str, rows: pd.DataFrame) -> list[EndLabel]:
    """Draw an arm as a horizontal line and return its label; neither if the arm has no rows."""
    rows = rows[rows["arm"] == arm]
    if rows.empty:
        return []
    level, color = float(rows["estimate"].iloc[0]), ARMS[arm].color
    ax.axhline(level, color=color, linestyle=ARMS[arm].line, linewidth=1.3, zorder=2)
    return [EndLabel(y=level, text=arm_words(arm), color=color)]


def pass_1(ax: Axes, frame: pd.DataFrame) -> list[EndLabel]:
    """Draw pass@1 as a horizontal line and return its label; neither if the frame has no pass@1."""
    return across(ax, "random", frame[frame["metric"] == "random"])
