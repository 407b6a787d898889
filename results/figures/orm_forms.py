"""How outcome arms are taught: best-of-N by data scale, one line per form."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from results.analyses.orm_forms import compared_rows, problems
from results.figures.drawing import Figure, with_intervals
from results.figures.style import apart, doubling_axis, legend_above, panel
from results.vocabulary import ARMS, FORMS


def plot(frame: pd.DataFrame, ax: Axes, arm: str) -> Axes:
    """Draw one arm's forms against labels, with intervals.

    Args:
        arm: key of ``ARMS``.
    """
    rows = compared_rows(frame)
    shown = [form for form in FORMS if (rows["variant"] == form).any()]
    for form, factor in zip(shown, apart(len(shown), 1.03), strict=True):
        line = rows[(rows["arm"] == arm) & (rows["variant"] == form)].sort_values("data_scale")
        if len(line):
            x = line["data_scale"].astype(float) * factor
            with_intervals(ax, x, line, FORMS[form], label=FORMS[form].words)
    doubling_axis(ax, [int(value) for value in rows["data_scale"].unique()])
    panel(ax, ARMS[arm].words, "labeled per problem")
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw one panel per arm, with a shared y axis."""
    rows = compared_rows(frame)
    arms = list(dict.fromkeys(rows["arm"]))
    canvas.set_size_inches(3.4 * len(arms) + 0.8, 3.8)
    axes = canvas.subplots(1, len(arms), sharey=True, squeeze=False)[0]
    for ax, arm in zip(axes, arms, strict=True):
        plot(frame, ax, arm)
    metric, n = str(rows["metric"].iloc[0]), int(rows["n"].iloc[0])
    axes[0].set_ylabel(f"{problems(metric)} solved,\nbest of {n}")
    legend_above(canvas, axes)


FIGURE = Figure(
    name="orm_forms",
    title="How outcome supervision is taught",
    metric="kept_best_of_n",
    draw=draw,
    varied=True,
    needs=lambda summary: not compared_rows(summary).empty,
    caption=(
        "Best-of-N against labels, one panel per outcome arm, one line for each form of the loss, with 95% "
        "intervals."
    ),
)
