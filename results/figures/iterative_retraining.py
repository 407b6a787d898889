"""A selector that is retrained round by round: what it solves, how stable it is and what it was taught."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from results.analyses.retraining_rounds import MEASURES, NUMBERS, WORDS, of_rounds
from results.figures.drawing import Figure, with_intervals
from results.figures.style import apart, doubling_axis, panel_title, percent_axis
from results.stats.summaries import at_n, comparison_n
from results.vocabulary import FIRST, WAYS

PANELS = (
    *("best_of_n", "rank_correlation", "chosen_error_free"),
    *("pool_calibration_error", "pool_agreement", "chosen_repeats"),
)
"""Measures shown, row by row."""


def plot(frame: pd.DataFrame, ax: Axes, metric: str) -> Axes:
    """Draw one measure against the solutions labeled, one line per way, with intervals.

    Args:
        metric: key of ``MEASURES``.
    """
    rows = of_rounds(frame)
    rows = rows[rows["metric"] == metric]
    title = MEASURES[metric]
    if metric == "best_of_n":
        n = comparison_n(frame)
        rows = at_n(rows, n)
        title = f"problems solved, best of {n}"
    first = rows[rows["variant"] == FIRST]
    ways = [way for way in WORDS if way != FIRST and (rows["variant"] == way).any()]
    for way, factor in zip(ways, apart(len(ways), 1.05), strict=True):
        line = rows[rows["variant"] == way].sort_values("level")
        if len(line) > 1:  # rounds continue from the first selector
            line = pd.concat([first, line])
        x = line["data_scale"].to_numpy(np.float64) * np.where(line["variant"] == FIRST, 1, factor)
        with_intervals(ax, x, line, WAYS[way], label=WORDS[way])
    doubling_axis(ax, [int(scale) for scale in of_rounds(frame)["data_scale"]])
    if metric not in NUMBERS:
        percent_axis(ax)
    ax.margins(y=0.08)
    ax.grid(visible=False, axis="x")
    panel_title(ax, title)
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw one panel per available measure, with a legend of the ways below them."""
    held = set(of_rounds(frame)["metric"])
    shown = [metric for metric in PANELS if metric in held]
    axes = canvas.subplots(-(-len(shown) // 3), 3, sharex=True, squeeze=False)
    for place, (ax, metric) in enumerate(zip(axes.flat, shown, strict=False)):
        plot(frame, ax, metric)
        if place + 3 >= len(shown):  # no panel is below it
            ax.set_xlabel("solutions labeled per problem")
            ax.tick_params(labelbottom=True)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    handles, names = axes.flat[0].get_legend_handles_labels()
    canvas.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)


FIGURE = Figure(
    name="iterative_retraining",
    title="Retraining round by round",
    metric="rank_correlation",
    draw=draw,
    varied=True,
    needs=lambda summary: len(of_rounds(summary)) > 0,
    size=(10.2, 5.8),
    width="wide",
    caption=(
        "Selectors by the solutions labeled per problem, one line per way of retraining: problems solved by "
        "best-of-N, rank correlation of their scores of the pool with those of the round before, share of "
        "the newly labeled solutions without an incorrect step, calibration error and step AUROC on the "
        "pool against the labeler's labels, and near-duplicates among the newly labeled; with 95% intervals."
    ),
)
