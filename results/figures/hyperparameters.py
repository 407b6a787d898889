"""Sensitivity curves: best-of-N on validation problems against each hyperparameter, one line per arm."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from results.analyses.sensitivity import FACTORS, METRIC, shown
from results.figures.drawing import Figure, with_intervals
from results.figures.lines import lines_of
from results.figures.style import legend_above, panel
from results.vocabulary import ARMS

APART = 0.025
"""Gap between the arms' points, as a share of the axis, so that their intervals do not hide each other."""


def plot(frame: pd.DataFrame, ax: Axes, variant: str) -> Axes:
    """Draw the arms' curves of one hyperparameter, with intervals; on a logarithmic axis if no level is zero.

    Args:
        variant: key of ``FACTORS``.
    """
    rows = shown(frame)
    rows = rows[rows["variant"] == variant]
    levels = sorted(rows["level"].unique())
    low, high = float(levels[0]), float(levels[-1])
    logarithmic = low > 0
    lines = lines_of(rows)
    for place, (arm, _, line) in enumerate(lines):
        line = line.sort_values("level")
        gap = APART * (place - (len(lines) - 1) / 2)
        x = line["level"] * (high / low) ** gap if logarithmic else line["level"] + gap * (high - low)
        with_intervals(ax, x, line, ARMS[arm], label=ARMS[arm].words)
    if logarithmic:
        ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(levels))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if sum(len(f"{level:g}") for level in levels) > 24:  # the labels would touch
        ax.tick_params(axis="x", labelrotation=30)
    ax.margins(x=0.1)
    panel(ax, FACTORS[variant].name, FACTORS[variant].axis)
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw one panel per hyperparameter, with a shared y axis."""
    rows = shown(frame)
    variants = [name for name in FACTORS if name in set(rows["variant"])]
    canvas.set_size_inches(2.4 * len(variants) + 0.8, 3.6)
    axes = canvas.subplots(1, len(variants), sharey=True, squeeze=False)[0]
    for ax, variant in zip(axes, variants, strict=True):
        plot(frame, ax, variant)
    axes[0].set_ylabel(f"validation problems solved,\nbest of {int(rows['n'].iloc[0])}")
    legend_above(canvas, axes)


FIGURE = Figure(
    name="hyperparameters",
    title="Sensitivity to hyperparameters",
    metric=METRIC,
    draw=draw,
    varied=True,
    needs=lambda summary: not shown(summary).empty,
    width="wide",
    caption=(
        "Share of validation problems solved by best-of-N against the level of one hyperparameter while all "
        "others stay at the center of the sweep, a point that lies on every curve; one panel per "
        "hyperparameter, one line for each kind of supervision, with 95% intervals."
    ),
)
