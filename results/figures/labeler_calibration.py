"""Reliability of the labeler: how often a step is right, against the probability it was given."""

import pandas as pd
from matplotlib.axes import Axes

from results.figures.drawing import Figure
from results.vocabulary import ARMS, arm_words

_BAR_SHARE = 0.2
"""Height of the highest bar, in units of the y axis."""


def plot(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the reliability diagram, with the number of steps in each bin below it.

    Raises:
        ValueError: the labeler has no calibration.
    """
    bins = frame[(frame["metric"] == "calibration") & (frame["arm"] == "labeler")].sort_values("x")
    if bins.empty:
        raise ValueError("metric: found no calibration of the labeler, allowed a table with its bins")
    color, x, count = ARMS["labeler"].color, bins["x"].astype(float), bins["count"].astype(float)
    height = _BAR_SHARE * count / count.max()
    ax.axhline(0, color="#777777", linewidth=0.8, zorder=1)
    ax.bar(x, height, width=0.05, bottom=-_BAR_SHARE - 0.1, color=color, alpha=0.3, linewidth=0)
    for center, top, number in zip(x, height, bins["count"], strict=True):
        place = (center, top - _BAR_SHARE - 0.085)
        ax.text(*place, _short(int(number)), ha="center", va="bottom", fontsize=7, color="#555555")
    ax.plot([0, 1], [0, 1], color="#8A8A8A", linestyle=(0, (4, 2)), linewidth=1, label="calibrated")
    ax.plot(
        x,
        bins["estimate"],
        color=color,
        marker=ARMS["labeler"].marker,
        markersize=6,
        markeredgecolor="white",
        zorder=4,
        label=arm_words("labeler"),
    )
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    ax.set(
        xlim=(-0.03, 1.03),
        ylim=(-_BAR_SHARE - 0.1, 1.03),
        aspect="equal",
        xlabel="probability that the step is right, by the labeler",
        ylabel="steps that are right",
    )
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0%", "20%", "40%", "60%", "80%", "100%"])
    ax.text(1.025, -0.005, "steps in the bin", fontsize=7.5, color="#555555", ha="right", va="top")
    ax.grid(visible=False, axis="x")
    return ax


def _short(number: int) -> str:
    if number < 1000:
        return str(number)
    if number < 1e6:
        return f"{number / 1000:.{1 if number < 10_000 else 0}f}k"
    return f"{number / 1e6:.1f}M"


FIGURE = Figure(
    name="labeler_calibration",
    title="Calibration of the labeler",
    metric="calibration",
    plot=plot,
    width="narrow",
    size=(4.8, 5.4),
    caption=(
        "Share of steps of the students' training solutions that the oracle finds right against the "
        "probability that the labeler gave, in bins, with the number of steps in each; on the dashed line "
        "the labeler is calibrated."
    ),
)
