"""Belief against truth as optimization grows, and the share of right solutions in the tail of the scores."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from results.analyses.over_optimization import of_ensembles
from results.figures.drawing import Figure
from results.figures.over_optimization import ensemble_handles, panels
from results.figures.style import panel
from results.vocabulary import ARMS, ENSEMBLES, ONE_MODEL

SHOWN = (ONE_MODEL, "mean_score", "lowest_score")
"""Keys of ``ENSEMBLES`` that are drawn."""
_BELIEVED: Any = (0, (3, 1.5))
_LINE: dict[str, Any] = {"markersize": 4.5, "markeredgecolor": "white", "linewidth": 1.4}


def divergence(n: pd.Series) -> pd.Series:
    """Compute the KL divergence of best-of-N from one sample, in nats; at most this if samples repeat."""
    return np.log(n) - (n - 1) / n


def plot(frame: pd.DataFrame, ax: Axes, arm: str, data_scale: int) -> Axes:
    """Draw what a model believes of the best of N, dashed, and what is true, solid, against KL divergence.

    Args:
        arm: key of ``ARMS``.
        data_scale: solutions labeled per problem.
    """
    for name, metric, line in _lines(frame, arm, data_scale, ("believed_right", "best_of_n")):
        entry, believed = ENSEMBLES[name], metric == "believed_right"
        ax.plot(
            divergence(line["n"].astype(float)),
            line["estimate"],
            color=entry.color,
            linestyle=_BELIEVED if believed else "-",
            marker=None if believed else entry.marker,
            **_LINE,
        )
    panel(ax, f"{ARMS[arm].words}, {data_scale} labeled", "KL divergence of best-of-N, nats")
    return ax


def plot_tail(frame: pd.DataFrame, ax: Axes, arm: str, data_scale: int) -> Axes:
    """Draw the share of right ones among the best-scored solutions against how many these are."""
    for name, _, line in _lines(frame, arm, data_scale, ("top_right",)):
        entry, n = ENSEMBLES[name], line["n"].astype(float)
        ax.plot(n / n.max(), line["estimate"], color=entry.color, marker=entry.marker, **_LINE)
    ax.set_xscale("log")
    ax.invert_xaxis()
    panel(ax, "", "best-scored share of solutions")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw both panels of each arm at the smallest data scale."""
    fewest = int(of_ensembles(frame)["data_scale"].min())
    arms, (over, tail) = panels(frame, canvas, 2)
    for arm, above, below in zip(arms, over, tail, strict=True):
        plot(frame, above, arm, fewest)
        plot_tail(frame, below, arm, fewest)
    over[0].set_ylabel("best of N is right")
    tail[0].set_ylabel("right among the best-scored")
    kinds = {"believed by the model": _BELIEVED, "true": "-"}
    handles = [Line2D([], [], color="#444444", linestyle=style, label=text) for text, style in kinds.items()]
    canvas.legend(
        handles=[*ensemble_handles(frame, SHOWN), *handles],
        loc="outside upper center",
        ncols=5,
        frameon=False,
    )


def _lines(
    frame: pd.DataFrame, arm: str, data_scale: int, metrics: tuple[str, ...]
) -> list[tuple[str, str, pd.DataFrame]]:
    """Return (key of ``ENSEMBLES``, metric, rows by ascending n) of the lines of a panel."""
    rows = of_ensembles(frame)
    rows = rows[(rows["arm"] == arm) & (rows["data_scale"] == data_scale)].sort_values("n")
    lines = [
        (name, metric, rows[(rows["variant"] == name) & (rows["metric"] == metric)])
        for name in SHOWN
        for metric in metrics
    ]
    return [(name, metric, line) for name, metric, line in lines if len(line)]


FIGURE = Figure(
    name="tail_precision",
    title="Belief and truth in the tail",
    metric="believed_right",
    draw=draw,
    varied=True,
    width="wide",
    caption=(
        "At the smallest data scale, one column per arm. Above: the probability of being right that a model "
        "gives to the best-scored of N solutions, dashed, and how often it is right, solid, against the KL "
        "divergence of best-of-N, at most log N - (N - 1) / N. Below: share of right solutions among the "
        "best-scored ones of a problem, against how many of all its solutions these are."
    ),
)
