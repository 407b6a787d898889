"""Figure 6 of the paper: best-of-N against N in each quintile of difficulty."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from results.analyses.difficulty import of_quintiles, quintile_words
from results.figures.drawing import Figure, curve
from results.figures.lines import lines_of
from results.figures.style import doubling_axis, label_ends, look, panel
from results.vocabulary import short_words

SHOWN = ("large_prm", "large_orm", "majority", "oracle")
_COMPARED = ("large_prm", "large_orm")


def plot(frame: pd.DataFrame, ax: Axes, level: int = 1, ends: bool = True) -> Axes:
    """Draw problems solved against N in one quintile.

    Args:
        level: quintile; 1 is the easiest.
        ends: whether to label the lines at their ends.
    """
    rows = of_quintiles(frame)
    rows = rows[(rows["level"] == level) & rows["arm"].isin(SHOWN)]
    labels = [
        curve(ax, line, look(arm), short_words(arm), strong=arm in _COMPARED, band=arm != "oracle")
        for arm, _, line in lines_of(rows)
    ]
    ns = sorted({int(value) for value in rows["n"]})
    doubling_axis(ax, ns)
    ax.set_xticks([ns[0], ns[len(ns) // 2], ns[-1]] if len(ns) > 3 else ns)
    ax.set_ylim(-0.02, 1.02)
    panel(ax, f"quintile {quintile_words(level)}", "N")
    if ends:
        label_ends(ax, labels)
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw one panel per quintile, with a shared y axis."""
    levels = sorted({int(level) for level in of_quintiles(frame)["level"]})
    axes = canvas.subplots(1, len(levels), sharey=True, squeeze=False)[0]
    for ax, level in zip(axes, levels, strict=True):
        plot(frame, ax, level, ends=level == levels[-1])
    axes[0].set_ylabel("problems solved")


FIGURE = Figure(
    name="difficulty",
    title="Best-of-N against N by difficulty",
    metric="best_of_n",
    draw=draw,
    varied=True,
    needs=lambda summary: not of_quintiles(summary).empty,
    size=(11.0, 3.0),
    width="wide",
    caption=(
        "Share of test problems solved against N, the number of solutions chosen from, in quintiles of the "
        "generator's pass rate (estimated on other samples), the easiest left: large PRM, large ORM, "
        "majority voting with 95% intervals over problems, and pass@N, the most that any choice could reach."
    ),
)
