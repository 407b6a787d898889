"""Figure 4b of the paper: best-of-N against N at the largest data scale that all have, one line per arm."""

import pandas as pd
from matplotlib.axes import Axes

from results.figures.drawing import Figure, curve, n_axis, pass_1
from results.figures.lines import common_scale, compares_acquisitions, lines_of
from results.figures.style import label_ends, look, panel_title
from results.vocabulary import STUDENT_ARMS, arm_words


def plot(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw accuracy against N at the largest data scale that all have; a single draw has a hollow marker.

    Raises:
        ValueError: there is no best-of-N.
    """
    best = frame[frame["metric"] == "best_of_n"]
    if best.empty:
        raise ValueError("metric: found no best_of_n, allowed a table with best-of-N records")
    students = best[best["arm"].isin(list(STUDENT_ARMS))]
    largest = common_scale(students)
    acquisitions = compares_acquisitions(students)
    rows = pd.concat(
        [
            students[students["data_scale"] == largest] if largest is not None else students,
            best[best["arm"] == "labeler"],
            frame[frame["metric"].isin(["majority", "pass_at_n"])],
        ]
    )
    labels = []
    for arm, acquisition, line in lines_of(rows):
        strong = arm in STUDENT_ARMS
        seen, text = look(arm, acquisition, strong and acquisitions), arm_words(arm, acquisition)
        labels.append(curve(ax, line, seen, text, strong=strong, band=arm != "oracle"))
    labels += pass_1(ax, frame)
    n_axis(ax, rows)
    if largest is not None:
        panel_title(ax, f"{largest} solutions labeled per problem")
    label_ends(ax, labels)
    return ax


FIGURE = Figure(
    name="best_of_n_by_n",
    title="Best-of-N against N",
    metric="best_of_n",
    plot=plot,
    caption=(
        "Share of test problems solved against N, the number of solutions chosen from, at the largest "
        "data scale that all have, with 95% intervals; majority voting, pass@1, the labeler, and pass@N, the "
        "most that any choice could reach."
    ),
)
