"""Figure 4a of the paper: best-of-N against the number of solutions labeled per problem, one line per arm."""

import pandas as pd
from matplotlib.axes import Axes

from results.figures.drawing import Figure, across, pass_1, with_intervals
from results.figures.lines import compares_acquisitions, lines_of
from results.figures.style import EndLabel, apart, doubling_axis, label_ends, look, percent_axis
from results.stats.summaries import at_n, comparison_n
from results.vocabulary import STUDENT_ARMS, arm_words


def plot(frame: pd.DataFrame, ax: Axes, n: int | None = None) -> Axes:
    """Draw best-of-N against data scale, with intervals; majority, pass@1 and labeler as horizontal lines.

    Args:
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
    lines, several = lines_of(rows), compares_acquisitions(rows)
    for (arm, acquisition, line), factor in zip(lines, apart(len(lines), 1.07), strict=True):
        line = line.sort_values("data_scale")
        x, seen = line["data_scale"].astype(float) * factor, look(arm, acquisition, several)
        with_intervals(ax, x, line, seen, linestyle=seen.style, zorder=4)
        end, text = float(line["estimate"].iloc[-1]), arm_words(arm, acquisition)
        labels.append(EndLabel(y=end, text=text, color=seen.color, bold=True))
    for arm in ("labeler", "majority"):
        labels += across(ax, arm, known[known["metric"].isin(["best_of_n", "majority"])])
    labels += pass_1(ax, frame)
    doubling_axis(ax, [int(value) for value in rows["data_scale"]])
    percent_axis(ax)
    ax.margins(y=0.06)
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
        "labeler as horizontal lines."
    ),
)
