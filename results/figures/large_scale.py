"""Figure 3 of the paper: large PRM, large ORM and majority voting, best-of-N against N."""

import pandas as pd
from matplotlib.axes import Axes

from results.figures.drawing import Figure, curve, n_axis
from results.figures.lines import lines_of
from results.figures.style import Look, label_ends, look
from results.vocabulary import ARMS, arm_words

COMPARED = ("large_prm", "large_orm")
_METRICS = ("best_of_n", "majority", "pass_at_n")
_VOTES = {"large_prm": "votes weighted by PRM", "large_orm": "votes weighted by ORM"}


def plot(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw problems solved against N; votes weighted by a model's scores are dotted, in its color."""
    scored = frame["metric"].isin(_METRICS) & frame["arm"].isin([*COMPARED, "labeler", "majority", "oracle"])
    rows = frame[scored | (frame["metric"].eq("weighted_vote") & frame["arm"].isin(COMPARED))]
    labels = []
    for metric, of_metric in rows.groupby("metric", sort=False):
        for arm, _, line in lines_of(of_metric):
            if metric == "weighted_vote":
                dotted = Look(color=ARMS[arm].color, marker=None, style=(0, (1, 1.2)))
                labels.append(curve(ax, line, dotted, _VOTES[arm], band=False))
            else:
                strong, band = arm in COMPARED, arm != "oracle"
                labels.append(curve(ax, line, look(arm), arm_words(arm), strong=strong, band=band))
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
