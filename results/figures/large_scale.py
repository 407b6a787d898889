"""Figure 3 of the paper: large PRM, large ORM and majority voting, best-of-N against N."""

import pandas as pd
from matplotlib.axes import Axes

from results.figures.drawing import Figure, curve, n_axis
from results.figures.lines import lines_of
from results.figures.style import (
    EndLabel,
    Line,
    label_ends,
)
from results.vocabulary import ARMS, arm_words

COMPARED = ("large_prm", "large_orm")
METRICS = ("best_of_n", "majority", "pass_at_n", "weighted_vote")
VOTED: Line = (0, (1, 1.2))
"""Line style of votes weighted by scores."""
_VOTES = {"large_prm": "votes weighted by PRM", "large_orm": "votes weighted by ORM"}


def plot(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw problems solved against N; votes weighted by a model's scores are dotted, in its color.

    Args:
        frame: from ``results.stats.summaries.summarize``.
        ax: where to draw.
    """
    rows = frame[
        frame["metric"].isin(METRICS) & frame["arm"].isin([*COMPARED, "labeler", "majority", "oracle"])
    ]
    rows = rows[(rows["metric"] != "weighted_vote") | rows["arm"].isin(COMPARED)]
    labels = []
    for metric, of_metric in rows.groupby("metric", sort=False):
        voted = metric == "weighted_vote"
        for arm, _, line in lines_of(of_metric):
            strong, color = arm in COMPARED and not voted, ARMS[arm].color
            curve(
                ax,
                line,
                color=color,
                style=VOTED if voted else ARMS[arm].line,
                marker=None if voted else ARMS[arm].marker,
                strong=strong,
                band=arm != "oracle" and not voted,
            )
            end = float(line.sort_values("n")["estimate"].iloc[-1])
            text = _VOTES[arm] if voted else arm_words(arm)
            labels.append(EndLabel(y=end, text=text, color=color, bold=strong))
    n_axis(ax, rows)
    label_ends(ax, labels)
    return ax


FIGURE = Figure(
    name="large_scale",
    title="Large models, best-of-N against N",
    metric="best_of_n",
    plot=plot,
    needs=lambda summary: set(COMPARED) <= set(summary["arm"]),
    size=(7.2, 4.2),
    width="wide",
    caption=(
        "Share of test problems solved against N, the number of solutions chosen from, by the large PRM on "
        "collected data, the large ORM, the labeler (a PRM on uniform data) and majority voting, with 95% "
        "intervals over problems; dotted, votes weighted by the scores of the large PRM and of the large "
        "ORM; pass@N, the most that any choice could reach."
    ),
)
