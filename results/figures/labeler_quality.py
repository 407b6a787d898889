"""Best-of-N against the errors of labelers, simulated and real, and wins by wrong reasoning."""

from math import isinf

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from results.analyses.false_positives import AUDITED, flawed_shares
from results.analyses.labeler_quality import ARMS, ERRORS, LABELED, PAIRS, UNLABELED, crossings, solved
from results.figures.drawing import Figure, with_intervals
from results.figures.style import Look, doubling_axis, legend_above, panel
from results.stats.summaries import rows_of
from results.vocabulary import ARMS as LOOKS
from results.vocabulary import LABELERS, LABELING_ERRORS, ORACLE, USELESS

CROSSING = "crossing"
"""Metric of the rows on where process supervision falls to final answers."""
_LINEAR = 0.01
"""Balanced error up to which the axis of other labelers is linear; above, it is logarithmic."""
_APART = 0.006
"""Distance between the arms' points, in doses, so that their intervals do not hide each other."""


def further(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the crossings of process supervision and final answers, and the shares of flawed wins."""
    marks = [
        {
            "arm": one.arm,
            "variant": one.errors,
            "metric": CROSSING,
            "estimate": one.crossing.estimate,
            "lower": one.crossing.lower,
            "upper": one.crossing.upper,
        }
        for one in crossings(frame)
        if (one.arm, one.against) == PAIRS[0]
    ]
    return pd.concat([pd.DataFrame(marks), flawed_shares(frame)], ignore_index=True)


def plot(frame: pd.DataFrame, ax: Axes, errors: str) -> Axes:
    """Draw the arms against the dose of one kind of error, with the crossing and its interval.

    Args:
        errors: key of ``LABELING_ERRORS``.
    """
    rows = solved(frame)
    rows = rows[rows["variant"] == errors]
    most = float(rows["level"].max())
    for place, arm in enumerate(ARMS):
        line = rows[rows["arm"] == arm].sort_values("level")
        look, words = LOOKS[arm], LOOKS[arm].words
        if arm == UNLABELED:
            _constant(ax, line)
        elif len(line):
            with_intervals(ax, line["level"] + _APART * (place - 0.5), line, look, label=words)
    for mark in rows_of(frame[(frame["metric"] == CROSSING) & (frame["variant"] == errors)]):
        if not isinf(mark.lower):
            ax.axvspan(mark.lower, min(mark.upper, most), color="#777777", alpha=0.18, linewidth=0)
        if not isinf(mark.estimate):
            ax.axvline(mark.estimate, color="#555555", linewidth=1.2, linestyle=(0, (2, 2)))
    ax.set_xlim(-0.03, most + 0.03)
    panel(ax, LABELING_ERRORS[errors].words, "dose (balanced error)")
    return ax


def plot_labelers(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the arms under labelers that are not simulated, against their measured balanced error."""
    rows = solved(frame)
    errors = frame[frame["metric"].isin(ERRORS[:2]) & (frame["arm"] == "labeler")]
    balanced = errors.groupby(["variant", "level"])["estimate"].mean()
    for arm in LABELED:
        for variant, entry in LABELERS.items():
            line = rows[(rows["arm"] == arm) & (rows["variant"] == variant)]
            if len(line):
                x = [balanced.get((variant, level), np.nan) for level in line["level"]]
                color, size = LOOKS[arm].color, 11 if variant == ORACLE else 8
                look = Look(color=color, marker=entry.marker, style="none")
                with_intervals(ax, x, line, look, linestyle="none", markersize=size)
    _constant(ax, rows[rows["arm"] == UNLABELED])
    for variant in rows["variant"].unique():
        if variant in LABELERS:
            entry, size = LABELERS[variant], 11 if variant == ORACLE else 8
            ax.plot(
                [],
                [],
                color="#666666",
                marker=entry.marker,
                markersize=size,
                linestyle="none",
                label=entry.words,
            )
    ax.set_xscale("symlog", linthresh=_LINEAR)  # good labelers differ by less than one percent
    ax.xaxis.set_major_locator(FixedLocator([0, _LINEAR, 10 * _LINEAR, USELESS]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
    ax.set_xlim(-_LINEAR / 4, 0.6)
    panel(ax, "other labelers", "balanced error, measured")
    return ax


def plot_flawed(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the share of the wins of best-of-N that have a wrong step, against N."""
    rows = frame[frame["metric"] == "flawed_share"]
    for arm in AUDITED:
        line = rows[rows["arm"] == arm].sort_values("n")
        if len(line):
            look = LOOKS[arm]
            ax.fill_between(
                line["n"].astype(float),
                line["lower"],
                line["upper"],
                color=look.color,
                alpha=0.12,
                linewidth=0,
            )
            ax.plot(
                line["n"].astype(float),
                line["estimate"],
                color=look.color,
                marker=look.marker,
                linestyle=look.line,
                label=look.words,
                markeredgecolor="white",
            )
    doubling_axis(ax, [int(n) for n in rows["n"].unique()])
    panel(ax, "wins by wrong reasoning", "N, solutions chosen from")
    ax.set_ylabel("share of wins")
    ax.set_ylim(bottom=0)
    return ax


def _constant(ax: Axes, line: pd.DataFrame) -> None:
    """Draw the arm that needs no labeler as a horizontal line with its interval."""
    if line.empty:
        return
    row, look = line.iloc[0], LOOKS[UNLABELED]
    ax.axhline(row["estimate"], color=look.color, linewidth=1.6, label=look.words)
    ax.axhspan(row["lower"], row["upper"], color=look.color, alpha=0.1, linewidth=0)


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw one panel per kind of error, one for other labelers, and one for wins by wrong reasoning."""
    rows = solved(frame)
    kinds = [kind for kind in LABELING_ERRORS if kind in set(rows["variant"])]
    plots = [
        *((lambda ax, kind=kind: plot(frame, ax, kind)) for kind in kinds),
        lambda ax: plot_labelers(frame, ax),
    ]
    if (frame["metric"] == "flawed_share").any():
        plots.append(lambda ax: plot_flawed(frame, ax))
    columns = min(3, len(plots))
    down = -(-len(plots) // columns)
    canvas.set_size_inches(3.4 * columns + 0.6, 3.2 * down + 0.7)
    axes: list[Axes] = list(canvas.subplots(down, columns, squeeze=False).ravel())
    for ax, make in zip(axes, plots, strict=False):
        make(ax)
    for ax in axes[len(plots) :]:
        ax.set_axis_off()
    shared = axes[: len(kinds) + 1]
    ends = [ax.get_ylim() for ax in shared]
    for ax in shared:
        ax.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
    for ax in shared[::columns]:
        ax.set_ylabel(f"problems solved,\nbest of {int(rows['n'].iloc[0])}")
    legend_above(canvas, axes[: len(plots)])


FIGURE = Figure(
    name="labeler_quality",
    title="How good a labeler must be",
    metric="best_of_n",
    draw=draw,
    varied=True,
    needs=lambda summary: not solved(summary).empty,
    further=further,
    width="wide",
    caption=(
        "Share of test problems solved by best-of-N against the balanced error of the labeler, one panel per "
        "kind of error, with 95% intervals; final-answer outcomes need no labeler. Dotted: where process "
        "supervision falls to final answers; gray: its 95% interval. Then the large PRM at several "
        "thresholds and weaker PRMs, by their measured error, and the share of the wins of best-of-N that "
        "have a wrong step, with the oracle's labels."
    ),
)
