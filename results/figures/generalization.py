"""Problems solved by each arm on usual problems, longer ones, and ones about rare facts."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from results.analyses.generalization import KINDS, SHOWN, kinds_of, solved
from results.figures.drawing import Figure
from results.figures.style import percent_axis
from results.vocabulary import ARMS, short_words

_ROOM = 0.7
"""Share of the distance between two kinds over which their arms are spread."""


def plot(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the problems solved by each arm, side by side for each kind, with intervals."""
    rows = solved(frame)
    kinds, arms = kinds_of(rows), [arm for arm in SHOWN if arm in set(rows["arm"])]
    for place, arm in zip(np.linspace(-_ROOM / 2, _ROOM / 2, len(arms)), arms, strict=True):
        line = rows[rows["arm"] == arm].set_index("variant").reindex(kinds)
        estimate, lower, upper = (line[name].to_numpy(float) for name in ("estimate", "lower", "upper"))
        color, marker = ARMS[arm].color, ARMS[arm].marker
        ax.errorbar(
            np.arange(len(kinds)) + place,
            estimate,
            yerr=np.nan_to_num(np.stack([estimate - lower, upper - estimate])),
            color=color,
            marker=marker or "_",
            markersize=7 if marker else 12,
            markeredgecolor="white" if marker else color,
            markeredgewidth=0.8 if marker else 2,
            linestyle="none",
            elinewidth=1.4,
            label=short_words(arm),
        )
    ax.set_xticks(range(len(kinds)), [KINDS[kind] for kind in kinds])
    ax.set_xlim(-0.6, len(kinds) - 0.4)
    percent_axis(ax)
    ax.set(xlabel="test problems", ylabel=f"problems solved, best of {int(rows['n'].max())}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    return ax


FIGURE = Figure(
    name="generalization",
    title="Problems solved by kind",
    metric="best_of_n",
    plot=plot,
    varied=True,
    needs=lambda summary: not solved(summary).empty,
    size=(8.0, 4.0),
    width="wide",
    caption=(
        "Share of test problems solved by best-of-N on usual problems, on problems longer than any in "
        "training, and on problems about facts that are rare in training, with 95% intervals: students of "
        "each form of supervision, the labeler, majority voting and pass@1."
    ),
)
