"""Best-of-N against the labels bought, one line per way of choosing them (Figure 4a's active learning)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from results.analyses.acquisition_comparisons import HYPOTHESIS, LABELS, PAPER
from results.figures.drawing import Figure, with_intervals
from results.figures.lines import lines_of
from results.figures.style import EndLabel, label_ends, look, percent_axis
from results.stats.shifted_logistic import Fit, fit_shift
from results.stats.summaries import at_n, comparison_n
from results.vocabulary import acquisition_words


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two lines that are fitted together."""

    names: tuple[str, str]
    """The acquisition being evaluated, and its baseline."""
    fit: Fit
    """Their fit, whose ``reason`` is empty."""

    def curve(self, name: str, labels: np.ndarray) -> np.ndarray:
        """Return the fitted values of one of the two."""
        return self.fit.at(labels, baseline=name == self.names[1])


def plot(frame: pd.DataFrame, ax: Axes, counted: str = "labelled_solutions", ends: bool = True) -> Axes:
    """Draw best-of-N under process supervision against labels, with intervals and the fitted shift.

    The hypothesis is fitted, or the paper's comparison if that is impossible: one logistic curve and the same
    curve shifted. The points of all other acquisitions are joined by thin lines.

    Args:
        frame: from ``results.stats.summaries.summarize``.
        ax: where to draw.
        counted: key of ``LABELS``.
        ends: whether to label the lines at their ends.
    """
    n = comparison_n(frame)
    rows = frame[(frame["arm"] == "process") & (frame["metric"] == "best_of_n")]
    known = {str(name): line.sort_values(counted) for _, name, line in lines_of(at_n(rows, n))}
    pair = _fitted(known, counted)
    labels = []
    for place, (name, line) in enumerate(known.items()):
        # Points of different lines are moved apart slightly, so that their intervals can be read.
        apart = 1.02 ** (place - (len(known) - 1) / 2)
        seen, end = look("process", name, compared=True), float(line["estimate"].iloc[-1])
        is_fitted = pair is not None and name in pair.names
        with_intervals(
            ax,
            line[counted] * apart,
            line,
            color=seen.color,
            marker=seen.marker,
            linestyle="none" if is_fitted else seen.style,
            linewidth=1.0,
        )
        if pair is not None and is_fitted:
            along = np.geomspace(line[counted].min(), line[counted].max(), 100)
            ax.plot(along, pair.curve(name, along), color=seen.color, linestyle="-", linewidth=2, zorder=1.5)
            end = float(pair.curve(name, along[-1:])[0])
        labels.append(EndLabel(y=end, text=acquisition_words(name), color=seen.color, bold=True))
    if pair is not None:
        _mark_shift(ax, pair, *(known[name][counted].to_numpy(np.float64) for name in pair.names))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    percent_axis(ax)
    ax.margins(y=0.06)
    ax.grid(visible=False, axis="x")
    ax.set(xlabel=f"{LABELS[counted]}, the selector's included", ylabel=f"problems solved, best of {n}")
    if ends:
        label_ends(ax, labels)
    return ax


def _fitted(known: dict[str, pd.DataFrame], counted: str) -> _Pair | None:
    """Return the first pair whose shift is identified; None without one."""
    for names in (HYPOTHESIS, PAPER):
        if set(names) <= set(known):
            points = [
                known[name][column].to_numpy(np.float64) for name in names for column in (counted, "estimate")
            ]
            fit = fit_shift(*points)
            if not fit.reason:
                return _Pair(names=names, fit=fit)
    return None


def _mark_shift(ax: Axes, pair: _Pair, labels: np.ndarray, baseline_labels: np.ndarray) -> None:
    """Mark the horizontal distance between the fitted curves, midway in the values that both reach."""
    reached = [
        pair.curve(name, of[[0, -1]]) for name, of in zip(pair.names, (labels, baseline_labels), strict=True)
    ]
    low, high = max(ends[0] for ends in reached), min(ends[1] for ends in reached)
    level = float(low + high) / 2
    here, there = (pair.fit.labels_at(level, baseline=baseline) for baseline in (False, True))
    ax.annotate(
        "",
        xy=(here, level),
        xytext=(there, level),
        arrowprops={"arrowstyle": "->", "color": "#333333", "lw": 1.2},
    )
    how = "fewer" if here < there else "more"
    words = f"arrow: {np.exp(abs(pair.fit.shift)):.1f} times {how} labels"
    # Rising curves leave the lower right corner free.
    ax.text(0.98, 0.03, words, transform=ax.transAxes, ha="right", va="bottom", fontsize=9, color="#333333")


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """Draw both counts of labels side by side."""
    left, right = canvas.subplots(1, 2, sharey=True)
    plot(frame, left, "labelled_solutions", ends=False)
    plot(frame, right, "labelled_steps")
    right.set_ylabel("")


FIGURE = Figure(
    name="active_learning",
    title="Best-of-N against labels bought",
    metric="best_of_n",
    draw=draw,
    needs=lambda summary: summary["acquisition"].nunique() > 1,
    size=(9.6, 4.0),
    width="wide",
    caption=(
        "Share of test problems solved by best-of-N under process supervision against the labels bought, "
        "the selector's own included, counted in solutions and in steps up to the first error; one line for "
        "each way of choosing solutions, with 95% intervals. Curves: one logistic in log labels, fitted to "
        "convincing wrong answers and their baseline together; the arrow is its horizontal shift, the data "
        "efficiency. Points are moved apart a little."
    ),
)
