"""Forms of supervision: best-of-N by data scale and by what the labels cost, one line per arm."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from results.analyses.supervision_forms import COSTS, OPERATIONS, solved_by_cost
from results.figures.drawing import Figure, with_intervals
from results.figures.style import apart, doubling_axis, legend_above, panel
from results.stats.summaries import comparison_n
from results.vocabulary import ARMS, STUDENT_ARMS

AXES = {
    "data_scale": "solutions labeled per problem",
    "operations": "operations to sample and label them, per problem",
}
"""Column of ``solved_by_cost`` -> label of the x axis."""


def plot(frame: pd.DataFrame, ax: Axes, x: str) -> Axes:
    """Draw best-of-N against solutions labeled or operations, with intervals.

    Args:
        x: ``data_scale`` or ``operations``.
    """
    rows = solved_by_cost(frame)
    arms = [arm for arm in STUDENT_ARMS if (rows["arm"] == arm).any()]
    by_scale = x == "data_scale"
    for arm, factor in zip(arms, apart(len(arms), 1.03 if by_scale else 1.02), strict=True):
        line = rows[rows["arm"] == arm].sort_values("data_scale")
        at = line[x].to_numpy(np.float64) * factor
        with_intervals(ax, at, line, ARMS[arm], label=ARMS[arm].words, linewidth=1.2)
    if by_scale:
        doubling_axis(ax, [int(value) for value in rows["data_scale"]])
    else:
        ax.set_xscale("log")
    panel(ax, "by labels" if by_scale else "by cost", AXES[x])
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw a panel by labels, and one by cost if it is known, with a shared y axis."""
    known = solved_by_cost(frame)["operations"].notna().all()
    shown = ["data_scale", "operations"] if known else ["data_scale"]
    axes = canvas.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for ax, x in zip(axes, shown, strict=True):
        plot(frame, ax, x)
    axes[0].set_ylabel(f"problems solved, best of {comparison_n(frame)}")
    legend_above(canvas, axes)


FIGURE = Figure(
    name="supervision_forms",
    title="Forms of supervision and their cost",
    metric="best_of_n",
    draw=draw,
    size=(9.2, 5.0),
    width="wide",
    needs=lambda summary: bool(summary["metric"].isin([*COSTS, OPERATIONS]).any()),
    caption=(
        "Share of test problems solved by best-of-N, one line for each form of supervision, with 95% "
        "intervals: against the number of solutions labeled per problem, and against the floating-point "
        "operations that sampling and labeling them takes."
    ),
)
