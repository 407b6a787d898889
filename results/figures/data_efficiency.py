"""Best-of-N against the labels bought, a line a way of choosing them (Figure 4a's active learning)."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, StrMethodFormatter

from results.acquisitions import LABELS
from results.arms import acquisition_words
from results.figures.drawing import Figure, run
from results.figures.lines import lines_of
from results.figures.style import EndLabel, label_ends, look, percent_axis
from results.statistics import at_n, comparison_n


def plot(frame: pd.DataFrame, ax: Axes, counted: str = "labelled_solutions", ends: bool = True) -> Axes:
    """Draw best-of-N under process supervision against labels, with intervals.

    Args:
        frame: from ``results.statistics.summarise``.
        ax: where to draw.
        counted: key of ``LABELS``.
        ends: whether the lines are named at their ends.
    """
    n = comparison_n(frame)
    rows = frame[(frame["arm"] == "process") & (frame["metric"] == "best_of_n")]
    labels = []
    lines = lines_of(at_n(rows, n))
    for place, (_, acquisition, line) in enumerate(lines):
        line = line.sort_values(counted)
        # The lines stand a little beside each other, so that their intervals can be read.
        beside = 1.03 ** (place - (len(lines) - 1) / 2)
        seen = look("process", acquisition, compared=True)
        ax.errorbar(
            line[counted] * beside,
            line["estimate"],
            yerr=[line["estimate"] - line["lower"], line["upper"] - line["estimate"]],
            color=seen.colour,
            marker=seen.marker,
            linestyle=seen.style,
            markersize=6,
            markeredgecolor="white",
            elinewidth=1.1,
        )
        end, words = float(line["estimate"].iloc[-1]), acquisition_words(acquisition)
        labels.append(EndLabel(y=end, text=words, colour=seen.colour, bold=True))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    percent_axis(ax)
    ax.margins(y=0.06)
    ax.grid(visible=False, axis="x")
    ax.set(xlabel=f"{LABELS[counted]}, the selector's included", ylabel=f"problems solved, best of {n}")
    if ends:
        label_ends(ax, labels)
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Both counts of labels side by side."""
    left, right = canvas.subplots(1, 2, sharey=True)
    plot(frame, left, "labelled_solutions", ends=False)
    plot(frame, right, "labelled_steps")
    right.set_ylabel("")


FIGURE = Figure(
    name="data_efficiency",
    title="Best-of-N against labels bought",
    metric="best_of_n",
    draw=draw,
    needs=lambda summary: summary["acquisition"].nunique() > 1,
    size=(9.6, 4.0),
    width="wide",
    caption=(
        "Share of test problems solved by best-of-N under process supervision against the labels bought, "
        "the selector's own included, counted in solutions and in steps up to the first error; one line for "
        "each way of choosing solutions, with 95% intervals; points stand a little beside each other."
    ),
)


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Draw the figure from a table of records."""
    return run(FIGURE, arguments)


if __name__ == "__main__":
    main()
