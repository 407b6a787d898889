"""Large ORMs by what they are trained on: best-of-N against N (Section 2.7.1 of the paper)."""

import pandas as pd
from matplotlib.axes import Axes

from results.figures.drawing import Figure, curve, n_axis, pass_1
from results.figures.lines import lines_of
from results.figures.style import Look, label_ends, look
from results.vocabulary import TRAINING_SETS, arm_words


def plot(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw best-of-N of each large ORM against N, and majority voting."""
    orms = frame[(frame["arm"] == "large_orm") & (frame["metric"] == "best_of_n")]
    rows = pd.concat(
        [orms[orms["acquisition"].isin(list(TRAINING_SETS))], frame[frame["metric"] == "majority"]]
    )
    labels = []
    for arm, acquisition, line in lines_of(rows):
        if arm == "large_orm":
            entry = TRAINING_SETS[str(acquisition)]
            seen = Look(color=entry.color, marker=entry.marker, style="-")
            labels.append(curve(ax, line, seen, f"ORM, {acquisition}", strong=True))
        else:
            labels.append(curve(ax, line, look(arm), arm_words(arm)))
    labels += pass_1(ax, frame)
    n_axis(ax, rows)
    label_ends(ax, labels)
    return ax


FIGURE = Figure(
    name="orm_superset",
    title="Large ORMs by what they are trained on",
    metric="best_of_n",
    plot=plot,
    needs=lambda summary: bool(
        ((summary["arm"] == "large_orm") & summary["acquisition"].isin(list(TRAINING_SETS))).any()
    ),
    caption=(
        "Share of test problems solved against N, the number of solutions chosen from, by large ORMs on the "
        "large PRM's collected solutions, on as many uniform ones, and on both, with 95% intervals over "
        "problems; majority voting and pass@1."
    ),
)
