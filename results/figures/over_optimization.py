"""Best-of-N up to large N, of one model and of ensembles: one panel per arm and data scale."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from results.analyses.over_optimization import of_ensembles
from results.figures.drawing import Figure, curve
from results.figures.style import Look, doubling_axis, panel
from results.vocabulary import ARMS, ENSEMBLES, ONE_MODEL, STUDENT_ARMS

REFERENCES = {"oracle": "pass_at_n", "majority": "majority"}
"""Arm -> its metric, drawn in every panel."""
_LINES: dict[str, Any] = {"oracle": (0, (1, 1.5)), "majority": (0, (5, 2))}
_REFERENCE: dict[str, Any] = {"color": "#8A8A8A", "linewidth": 1.2}


def panels(frame: pd.DataFrame, canvas: Canvas, rows: int) -> tuple[list[str], list[list[Axes]]]:
    """Make a canvas of panels, one per arm in each row, and return the arms and the axes of each row."""
    found = of_ensembles(frame)
    arms = [arm for arm in STUDENT_ARMS if arm in set(found["arm"])]
    canvas.set_size_inches(3.5 * len(arms) + 0.8, 2.7 * rows + 0.9)
    axes = canvas.subplots(rows, len(arms), sharey="row", squeeze=False)
    return arms, [list(row) for row in axes]


def ensemble_handles(frame: pd.DataFrame, names: Iterable[str] = tuple(ENSEMBLES)) -> list[Line2D]:
    """Return legend entries of those keys of ``ENSEMBLES`` that a summary holds."""
    held = set(of_ensembles(frame)["variant"])
    looks = [ENSEMBLES[name] for name in names if name in held]
    return [
        Line2D([], [], color=one.color, marker=one.marker, markeredgecolor="white", label=one.words)
        for one in looks
    ]


def plot(frame: pd.DataFrame, ax: Axes, arm: str, data_scale: int) -> Axes:
    """Draw best-of-N against N of one arm at one data scale; a single draw has a hollow marker.

    Args:
        arm: key of ``ARMS``.
        data_scale: solutions labeled per problem.
    """
    for reference, metric in REFERENCES.items():
        line = frame[(frame["arm"] == reference) & (frame["metric"] == metric)].sort_values("n")
        ax.plot(line["n"].astype(float), line["estimate"], **_REFERENCE, linestyle=_LINES[reference])
    best = of_ensembles(frame[(frame["metric"] == "best_of_n") & (frame["arm"] == arm)])
    best = best[best["data_scale"] == data_scale]
    for name, entry in ENSEMBLES.items():
        line = best[best["variant"] == name]
        if len(line):
            look = Look(color=entry.color, marker=entry.marker, style="-")
            curve(ax, line, look, entry.words, band=name == ONE_MODEL)
    doubling_axis(ax, [int(n) for n in best["n"]])
    ax.tick_params(axis="x", labelsize=8)
    panel(ax, f"{ARMS[arm].words}, {data_scale} labeled", "N, solutions chosen from")
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw one row of panels per data scale, one column per arm."""
    scales = sorted({int(scale) for scale in of_ensembles(frame)["data_scale"]})
    arms, grid = panels(frame, canvas, len(scales))
    for row, data_scale in zip(grid, scales, strict=True):
        for ax, arm in zip(row, arms, strict=True):
            plot(frame, ax, arm, data_scale)
        row[0].set_ylabel("problems solved")
    for ax in [ax for row in grid[:-1] for ax in row]:
        ax.set_xlabel("")
    handles = ensemble_handles(frame)
    handles += [
        Line2D([], [], label=ARMS[arm].words, linestyle=_LINES[arm], **_REFERENCE) for arm in REFERENCES
    ]
    canvas.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)


FIGURE = Figure(
    name="over_optimization",
    title="Best-of-N up to large N",
    metric="best_of_n",
    draw=draw,
    varied=True,
    needs=lambda summary: not of_ensembles(summary).empty,
    width="wide",
    caption=(
        "Share of test problems solved against N, the number of solutions chosen from, one panel per arm and "
        "data scale: one model, with 95% intervals, and ensembles of all its seeds by the mean, the lowest, "
        "and the mean minus the spread of their scores; pass@N and majority voting for reference. Hollow: "
        "all solutions, a single draw."
    ),
)
