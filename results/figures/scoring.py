"""Best-of-N against N under each scoring strategy, one panel per model."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from results.analyses.scoring import MODELS, NEUTRAL, STRATEGIES, strategy_rows
from results.figures.drawing import Figure, markers
from results.figures.style import doubling_axis, panel
from results.vocabulary import REDUCTIONS, Line, arm_words

_LINES: dict[str | None, Line] = {None: "-", "positive": "-", "negative": (0, (3, 1.5))}
"""What neutral counts as -> line style."""


def _best(frame: pd.DataFrame) -> pd.DataFrame:
    rows = strategy_rows(frame)
    return rows[rows["metric"] == "best_of_n"]


def plot(frame: pd.DataFrame, ax: Axes, arm: str) -> Axes:
    """Draw one model's strategies; an N that is a single draw has a hollow marker.

    Args:
        arm: one of ``MODELS``.

    Raises:
        ValueError: no strategy has best-of-N.
    """
    best = _best(frame)
    if best.empty:
        raise ValueError("variant: found no scoring strategy, allowed a table with their best-of-N")
    rows = best[best["arm"] == arm]
    for name, strategy in STRATEGIES.items():
        line = rows[rows["variant"] == name].sort_values("n")
        if line.empty:
            continue
        reduction = REDUCTIONS[strategy.reduction]
        ax.plot(
            line["n"].astype(float),
            line["estimate"],
            color=reduction.color,
            linestyle=_LINES[strategy.neutral],
            # Each reduction's lines are thinner, so that one shows under another with the same numbers.
            linewidth=2.6 - 0.4 * list(REDUCTIONS).index(strategy.reduction),
        )
        markers(ax, line, color=reduction.color, marker=reduction.marker, size=4.5, edge=0.6)
    doubling_axis(ax, [int(value) for value in rows["n"]])
    panel(ax, arm_words(arm), "N, solutions chosen from")
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw one panel per model, with a shared y axis and legend."""
    best = _best(frame)
    arms = [arm for arm in MODELS if arm in set(best["arm"])]
    canvas.set_size_inches(2.9 * len(arms) + 1.5, 3.6)
    axes = canvas.subplots(1, len(arms), sharey=True, squeeze=False)[0]
    for ax, arm in zip(axes, arms, strict=True):
        plot(frame, ax, arm)
    axes[0].set_ylabel("problems solved")
    handles = [
        Line2D([], [], color=one.color, marker=one.marker, label=one.words) for one in REDUCTIONS.values()
    ]
    shown = {STRATEGIES[variant].neutral for variant in best["variant"]}
    for neutral in NEUTRAL:
        if neutral in shown:
            look = {"color": "#444444", "linestyle": _LINES[neutral], "label": f"neutral as {neutral}"}
            handles += axes[0].plot([], [], **look)
    canvas.legend(handles=handles, loc="outside right center", frameon=False, fontsize=9)


FIGURE = Figure(
    name="scoring",
    title="Best-of-N under each scoring strategy",
    metric="best_of_n",
    draw=draw,
    varied=True,
    needs=lambda summary: not _best(summary).empty,
    width="wide",
    caption=(
        "Share of test problems solved against N, the number of solutions chosen from, one panel per model, "
        "one line per strategy for scoring a solution from its steps; dashed where neutral counts as "
        "negative, hollow at the N that is a single draw of all solutions. Intervals are in the table."
    ),
)
