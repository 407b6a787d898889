"""Best-of-N on validation problems against updates: whether an arm has stopped learning."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from results.figures.drawing import Figure
from results.figures.lines import compares_acquisitions, lines_of
from results.figures.style import Look, doubling_axis, legend_above, look, panel
from results.vocabulary import arm_words

KEPT = "kept_best_of_n"
"""Metric of what the kept checkpoint of each training solves."""


def _curves(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[frame["metric"] == "validation_best_of_n"]
    if rows.empty:
        raise ValueError("metric: found no validation_best_of_n, allowed a table with learning curves")
    return rows


def plot(frame: pd.DataFrame, ax: Axes, data_scale: int) -> Axes:
    """Draw the arms' learning curves at one data scale, with intervals over seeds where there are any.

    Args:
        data_scale: solutions labeled per problem.

    Raises:
        ValueError: there are no learning curves.
    """
    rows = _curves(frame)
    several = compares_acquisitions(rows)
    for arm, acquisition, line in lines_of(rows[rows["data_scale"] == data_scale]):
        _line(ax, line, "n", look(arm, acquisition, several), arm_words(arm, acquisition))
    panel(ax, f"{data_scale} labeled per problem", "updates")
    return ax


def plot_by_labels(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw what the kept checkpoints solve against labels, with intervals over seeds where there are any.

    Args:
        frame: rows of ``results.stats.summaries.summarize`` with the metric ``KEPT``.
    """
    several = compares_acquisitions(frame)
    for arm, acquisition, line in lines_of(frame):
        _line(ax, line, "data_scale", look(arm, acquisition, several))
    doubling_axis(ax, [int(value) for value in frame["data_scale"].unique()])
    panel(ax, "checkpoints kept", "labeled per problem")
    return ax


def _line(ax: Axes, line: pd.DataFrame, by: str, seen: Look, label: str | None = None) -> None:
    line = line.sort_values(by)
    x = line[by].astype(float)
    ax.fill_between(x, line["lower"], line["upper"], color=seen.color, alpha=0.1, linewidth=0)
    ax.plot(
        x,
        line["estimate"],
        color=seen.color,
        linestyle=seen.style,
        marker=seen.marker,
        markersize=4.5,
        markeredgecolor="white",
        label=label,
    )


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw a panel per data scale against updates and, for several, one against labels; shared y axis."""
    scales = sorted(int(value) for value in _curves(frame)["data_scale"].unique())
    kept = frame[(frame["metric"] == KEPT) & frame["variant"].isna()]
    by_labels = kept["data_scale"].nunique() > 1
    panels = len(scales) + by_labels
    canvas.set_size_inches(max(6.0, 2.0 * panels + 2.0), 3.4)
    axes = canvas.subplots(1, panels, sharey=True, squeeze=False)[0]
    for ax, data_scale in zip(axes, scales, strict=False):
        plot(frame, ax, data_scale)
    if by_labels:
        plot_by_labels(kept, axes[-1])
    axes[0].set_ylabel("validation problems solved")
    legend_above(canvas, axes)


FIGURE = Figure(
    name="learning_curves",
    title="Learning curves",
    metric="validation_best_of_n",
    draw=draw,
    width="wide",
    caption=(
        "Best-of-N on validation problems against updates made, one panel per data scale, one line for "
        "each kind of supervision and way of choosing solutions, with 95% intervals over seeds; after an "
        "early end, that of the checkpoint kept. The last panel shows the checkpoints kept against labels."
    ),
)
