"""Expected best-of-N against money, one line per option, with the budget."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, NullFormatter

from results.analyses.advice import Advice
from results.analyses.advice_tables import money_frame
from results.figures.style import EndLabel, label_ends, percent_axis, save, styled
from results.vocabulary import ACQUISITIONS, ARMS, Line

DASHES: tuple[Line, ...] = ("-", *((0, (on, 1.5)) for on in (6.0, 3.0, 1.5, 9.0, 12.0)))
"""Style of the line of each acquisition, in the order of ``ACQUISITIONS``."""


def plot(frame: pd.DataFrame, ax: Axes, *, budget: float, n: int) -> Axes:
    """Draw best-of-N with intervals: solid within the pilot, dotted beyond it, with what was measured.

    Args:
        frame: from ``money_frame``.
        ax: axes to draw on.
        budget: money to spend, a vertical line.
        n: N of best-of-N.
    """
    labels = []
    groups: Any = frame.groupby(["arm", "acquisition"], sort=False)
    for (arm, acquisition), line in groups:
        way = ACQUISITIONS[acquisition]
        color, dashes = ARMS[arm].color, DASHES[list(ACQUISITIONS).index(acquisition) % len(DASHES)]
        for kind, style in (("curve", dashes), ("beyond", ":")):
            part = line[line["kind"] == kind]
            ax.plot(part["money"], part["estimate"], color=color, linestyle=style, zorder=3)
            ax.fill_between(
                part["money"].astype(float),
                part["lower"].astype(float),
                part["upper"].astype(float),
                color=color,
                alpha=0.12,
                linewidth=0,
            )
        points = line[line["kind"] == "point"]
        ax.plot(
            points["money"],
            points["estimate"],
            color=color,
            linestyle="none",
            marker=way.marker,
            markersize=5.5,
            markeredgecolor="white",
            zorder=4,
        )
        last = line[line["kind"] == "beyond"].iloc[-1]
        labels.append(EndLabel(y=float(last["estimate"]), text=last["words"], color=color, bold=True))
    if len(ways := list(dict.fromkeys(frame["acquisition"]))) > 1:
        for way in ways:
            seen = ACQUISITIONS[way]
            ax.plot([], [], color="#555555", marker=seen.marker, linestyle="none", label=seen.words)
        ax.legend(loc="lower right", frameon=False, fontsize=9)
    ax.axvline(budget, color="#777777", linewidth=1, linestyle=(0, (5, 2)))
    ax.annotate(
        "budget", (budget, 1), xycoords=("data", "axes fraction"), xytext=(3, -9), textcoords="offset points"
    )
    if (frame["money"] > 0).all():
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    percent_axis(ax)
    ax.set(xlabel="money", ylabel=f"problems solved, best of {n}")
    low, high = np.nanmin(frame["lower"]), np.nanmax(frame["upper"])
    ax.set_ylim(max(low - 0.02, 0), min(high + 0.02, 1.0))
    label_ends(ax, labels)
    return ax


def draw(advice: Advice, out: str | Path) -> list[Path]:
    """Write the figure as PNG and SVG, and return their paths."""
    with styled():
        canvas = Canvas(figsize=(9.2, 4.4))
        plot(money_frame(advice), canvas.subplots(), budget=advice.budget, n=advice.n)
        return save(canvas, out)
