"""Best-of-N on validation problems against updates: whether an arm has stopped learning."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from results.figures.drawing import Figure, run
from results.figures.style import MARKERS, PALETTE, EndLabel, label_ends, line_style, percent_axis
from results.schema import arm_words
from results.statistics import lines_of, rows_of


def _curves(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[frame["metric"] == "validation_best_of_n"]
    if rows.empty:
        raise ValueError("metric: found no validation_best_of_n, allowed a table with learning curves")
    return rows


def plot(frame: pd.DataFrame, ax: Axes, data_scale: int | None = None, *, label: bool = True) -> Axes:
    """Draw the arms' learning curves at one data scale, with intervals over seeds where there are any.

    Args:
        frame: from ``results.statistics.summarise``.
        ax: where to draw.
        data_scale: solutions labelled a problem; the largest if None.
        label: whether to name the lines at their ends.

    Raises:
        ValueError: there are no learning curves.
    """
    rows = _curves(frame)
    data_scale = int(rows["data_scale"].max()) if data_scale is None else data_scale
    labels = []
    for arm, acquisition, line in lines_of(rows[rows["data_scale"] == data_scale]):
        line = line.sort_values("n")
        x, colour = line["n"].astype(float), PALETTE[arm]
        style = line_style(acquisition)
        ax.fill_between(x, line["lower"], line["upper"], color=colour, alpha=0.1, linewidth=0)
        ax.plot(
            x,
            line["estimate"],
            color=colour,
            linestyle=style,
            marker=MARKERS[arm],
            markersize=4.5,
            markeredgecolor="white",
        )
        labels.append(
            EndLabel(
                y=float(line["estimate"].iloc[-1]), text=arm_words(arm, acquisition), colour=colour, bold=True
            )
        )
    ax.set_title(f"{data_scale} labelled a problem", fontsize=10, fontweight="normal", color="#444444")
    ax.set_xlabel("updates")
    ax.grid(visible=False, axis="x")
    percent_axis(ax)
    if label:
        label_ends(ax, labels)
    return ax


def draw(frame: pd.DataFrame, canvas: Canvas) -> None:
    """One panel a data scale, on one y axis."""
    scales = sorted(int(value) for value in _curves(frame)["data_scale"].unique())
    canvas.set_size_inches(2.0 * len(scales) + 2.0, 3.2)
    axes = canvas.subplots(1, len(scales), sharey=True, squeeze=False)[0]
    for ax, data_scale in zip(axes, scales, strict=True):
        plot(frame, ax, data_scale, label=False)
    axes[0].set_ylabel("validation problems solved")
    rows = _curves(frame)
    last = (
        rows[rows["data_scale"] == scales[-1]]
        .sort_values("n")
        .groupby(["arm", "acquisition"], dropna=False, sort=False)
        .tail(1)
    )
    label_ends(
        axes[-1],
        [
            EndLabel(
                y=float(row.estimate),
                text=arm_words(row.arm, row.acquisition),
                colour=PALETTE[row.arm],
                bold=True,
            )
            for row in rows_of(last)
        ],
    )


FIGURE = Figure(
    name="learning_curves",
    title="Learning curves",
    metric="validation_best_of_n",
    plot=plot,
    draw=draw,
    width="wide",
    size=(9.0, 3.2),
    caption=(
        "Best-of-N on validation problems against updates made, one panel a data scale, one line for "
        "each kind of supervision, with 95% intervals over seeds."
    ),
)


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Draw the figure from a table of records."""
    return run(FIGURE, arguments)


if __name__ == "__main__":
    main()
