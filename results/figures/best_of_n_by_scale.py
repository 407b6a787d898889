"""Figure 4a of the paper: best-of-N against the number of solutions labeled per problem, one line per arm."""

import pandas as pd
from matplotlib.axes import Axes

from results.figures.drawing import Figure, pass_1, with_intervals
from results.figures.lines import compares_acquisitions, lines_of
from results.figures.style import (
    EndLabel,
    doubling_axis,
    label_ends,
    look,
    percent_axis,
)
from results.stats.summaries import at_n, comparison_n
from results.vocabulary import ARMS, STUDENT_ARMS, arm_words

_BESIDE = 1.07
"""Factor on x between arms, so that intervals at one data scale are side by side."""


def plot(frame: pd.DataFrame, ax: Axes, n: int | None = None) -> Axes:
    """Draw best-of-N against data scale, with intervals; majority, pass@1 and labeler as horizontal lines.

    Args:
        frame: from ``results.stats.summaries.summarize``.
        ax: where to draw.
        n: N of best-of-N; if None, the largest that is not a single draw.

    Raises:
        ValueError: there is no best-of-N at n.
    """
    n = comparison_n(frame) if n is None else n
    known = at_n(frame, n)
    rows = known[(known["metric"] == "best_of_n") & known["arm"].isin(list(STUDENT_ARMS))]
    if rows.empty:
        students = frame[(frame["metric"] == "best_of_n") & frame["data_scale"].notna()]
        allowed = sorted(students["n"].dropna().unique().tolist())
        raise ValueError(f"n: found {n}, allowed {allowed} (N of best-of-N in the records)")
    labels = []
    groups = lines_of(rows)
    several = compares_acquisitions(rows)
    for rank, (arm, acquisition, line) in enumerate(groups):
        line = line.sort_values("data_scale")
        beside = _BESIDE ** (rank - (len(groups) - 1) / 2)
        x, seen = line["data_scale"].astype(float) * beside, look(arm, acquisition, several)
        with_intervals(
            ax,
            x,
            line,
            color=seen.color,
            marker=seen.marker,
            linestyle=seen.style,
            zorder=4,
        )
        labels.append(
            EndLabel(
                y=float(line["estimate"].iloc[-1]),
                text=arm_words(arm, acquisition),
                color=seen.color,
                bold=True,
            )
        )
    for arm in ("labeler", "majority"):
        found = known[(known["arm"] == arm) & (known["metric"].isin(["best_of_n", "majority"]))]
        if not found.empty:
            level = float(found["estimate"].iloc[0])
            ax.axhline(level, color=ARMS[arm].color, linestyle=ARMS[arm].line, linewidth=1.3, zorder=2)
            labels.append(EndLabel(y=level, text=arm_words(arm), color=ARMS[arm].color))
    labels += pass_1(ax, frame)
    doubling_axis(ax, [int(value) for value in rows["data_scale"]])
    percent_axis(ax)
    ax.margins(y=0.06)
    ax.grid(visible=False, axis="x")
    ax.set(xlabel="solutions labeled per problem", ylabel=f"problems solved, best of {n}")
    label_ends(ax, labels)
    return ax


FIGURE = Figure(
    name="best_of_n_by_scale",
    title="Best-of-N against data scale",
    metric="best_of_n",
    plot=plot,
    takes_n=True,
    needs=lambda summary: bool(summary["arm"].isin(list(STUDENT_ARMS)).any()),
    caption=(
        "Share of test problems solved by best-of-N against the number of solutions labeled per problem, "
        "one line for each kind of supervision, with 95% intervals; majority voting, pass@1 and the "
        "labeler as lines across."
    ),
)
