"""Best-of-N against the labels bought, one line per way of choosing them (Figure 4a's active learning)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from results.analyses.acquisition_comparisons import HYPOTHESIS, LABELS, PAPER
from results.figures.drawing import Figure, with_intervals
from results.figures.lines import lines_of
from results.figures.style import EndLabel, apart, label_ends, look, percent_axis
from results.stats.shifted_logistic import Fit, fit_shift
from results.stats.summaries import at_n, comparison_n
from results.vocabulary import acquisition_words


def plot(frame: pd.DataFrame, ax: Axes, counted: str = "labelled_solutions", ends: bool = True) -> Axes:
    """Draw best-of-N under process supervision against labels, with intervals and the fitted shift.

    The hypothesis is fitted, or the paper's comparison if that is impossible: one logistic curve and the same
    curve shifted. The points of all other acquisitions are joined by thin lines.

    Args:
        counted: key of ``LABELS``.
        ends: whether to label the lines at their ends.
    """
    n = comparison_n(frame)
    rows = frame[(frame["arm"] == "process") & (frame["metric"] == "best_of_n")]
    known = {str(name): line.sort_values(counted) for _, name, line in lines_of(at_n(rows, n))}
    names, fit = _fit(known, counted)
    labels = []
    for (name, line), factor in zip(known.items(), apart(len(known), 1.02), strict=True):
        seen, end = look("process", name, compared=True), float(line["estimate"].iloc[-1])
        is_fitted = fit is not None and name in names
        style = "none" if is_fitted else seen.style
        with_intervals(ax, line[counted] * factor, line, seen, linestyle=style, linewidth=1.0)
        if fit is not None and is_fitted:
            x, baseline = np.geomspace(line[counted].min(), line[counted].max(), 100), name == names[1]
            ax.plot(x, fit.at(x, baseline=baseline), color=seen.color, linestyle="-", linewidth=2, zorder=1.5)
            end = float(fit.at(x[-1:], baseline=baseline)[0])
        labels.append(EndLabel(y=end, text=acquisition_words(name), color=seen.color, bold=True))
    if fit is not None:
        _mark_shift(ax, fit, *(known[name][counted].to_numpy(np.float64) for name in names))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    percent_axis(ax)
    ax.margins(y=0.06)
    ax.set(xlabel=f"{LABELS[counted]}, the selector's included", ylabel=f"problems solved, best of {n}")
    if ends:
        label_ends(ax, labels)
    return ax


def _fit(known: dict[str, pd.DataFrame], counted: str) -> tuple[tuple[str, ...], Fit | None]:
    """Return the first acquisition and baseline whose shift is identified, with their fit; None without."""
    for names in (HYPOTHESIS, PAPER):
        if set(names) <= set(known):
            columns = [known[name][column] for name in names for column in (counted, "estimate")]
            fit = fit_shift(*(column.to_numpy(np.float64) for column in columns))
            if not fit.reason:
                return names, fit
    return (), None


def _mark_shift(ax: Axes, fit: Fit, labels: np.ndarray, baseline_labels: np.ndarray) -> None:
    """Mark the horizontal distance between the fitted curves, midway in the values that both reach."""
    reached = fit.at(labels[[0, -1]], baseline=False), fit.at(baseline_labels[[0, -1]], baseline=True)
    low, high = max(ends[0] for ends in reached), min(ends[1] for ends in reached)
    level = float(low + high) / 2
    target, source = (fit.labels_at(level, baseline=baseline) for baseline in (False, True))
    arrow = {"arrowstyle": "->", "color": "#333333", "lw": 1.2}
    ax.annotate("", xy=(target, level), xytext=(source, level), arrowprops=arrow)
    comparative = "fewer" if target < source else "more"
    words = f"arrow: {np.exp(abs(fit.shift)):.1f} times {comparative} labels"
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
        "efficiency. Points are moved apart slightly."
    ),
)
