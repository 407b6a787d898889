"""Look of every figure: one color and marker per arm, direct labels, reproducible files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from results.vocabulary import ACQUISITIONS, ARMS, Line, is_plain
from results.writing import replacing


@dataclass(frozen=True, kw_only=True)
class Look:
    """Appearance of a line and its markers."""

    color: str
    """Color of line and markers."""
    marker: str | None
    """Shape of the markers; None for none."""
    style: Line
    """Style of the line itself."""


def look(arm: str, acquisition: object = None, compared: bool = False) -> Look:
    """Return the look of an arm's line.

    Args:
        arm: key of ``ARMS``.
        acquisition: how its labeled solutions were chosen; the line is dashed unless this is the default.
        compared: whether acquisitions are compared and give the line its color and marker; an acquisition
            without a look of its own keeps the arm's.
    """
    if compared and (known := ACQUISITIONS.get(str(acquisition))) is not None:
        return Look(color=known.color, marker=known.marker, style="-")
    shown = ARMS[arm]
    dashed = shown.line == "-" and not is_plain(acquisition)
    return Look(color=shown.color, marker=shown.marker, style=(0, (4, 1.5)) if dashed else shown.line)


DPI = 200
"""Resolution of PNG files."""

_RC: dict[Any, Any] = {
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "axes.edgecolor": "#777777",
    "axes.axisbelow": True,
    "font.family": "DejaVu Sans",
    "svg.hashsalt": "results",
    "svg.fonttype": "path",
    "lines.linewidth": 1.8,
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the suite's look to figures made inside the block; the same numbers give the same files."""
    with sns.axes_style("whitegrid"), matplotlib.rc_context(_RC):
        yield


def save(figure: Figure, out: str | Path) -> list[Path]:
    """Write a figure as PNG and as SVG, without dates.

    Args:
        figure: made inside ``styled()``.
        out: a path; a .png or .svg ending is replaced by each of the two.

    Returns:
        The two paths, PNG first.
    """
    stem = Path(out)
    if stem.suffix.lower() in (".png", ".svg"):
        stem = stem.with_suffix("")
    stem.parent.mkdir(parents=True, exist_ok=True)
    png, svg = (stem.with_name(stem.name + ending) for ending in (".png", ".svg"))
    # Not savefig, which draws everything twice.
    figure.set_dpi(DPI)
    with replacing(png) as partial:
        FigureCanvasAgg(figure).print_png(str(partial), metadata={"Software": None})
    figure.set_layout_engine("none")  # the second file keeps the layout of the first one
    with replacing(svg) as partial:
        FigureCanvasSVG(figure).print_svg(str(partial), metadata={"Date": None, "Creator": None})
    return [png, svg]


def panel_title(ax: Axes, text: str) -> None:
    """Title one of several panels, lighter than a figure's title."""
    ax.set_title(text, fontsize=10, fontweight="normal", color="#444444")


def panel(ax: Axes, title: str, x_label: str) -> None:
    """Finish one of several panels whose y axis shows shares."""
    panel_title(ax, title)
    ax.set_xlabel(x_label)
    percent_axis(ax)


def percent_axis(ax: Axes) -> None:
    """Show shares on the y axis as percentages, with horizontal grid lines only."""
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}%"))
    ax.grid(visible=False, axis="x")


def apart(count: int, factor: float) -> list[float]:
    """Return factors on x around 1, one per line, that move lines apart so that intervals can be read."""
    return [factor ** (place - (count - 1) / 2) for place in range(count)]


def doubling_axis(ax: Axes, values: Sequence[int]) -> None:
    """Make the x axis log2, with a tick at each value that occurs (every second one if there are many)."""
    ticks = sorted(set(values))
    if len(ticks) > 12:
        ticks = ticks[len(ticks) % 2 - 1 :: 2] if len(ticks) % 2 else ticks[1::2]
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = min(values), max(values)
    room = max((high / low) ** 0.05, 1.25)
    ax.set_xlim(low / room, high * room)


@dataclass(frozen=True, kw_only=True)
class EndLabel:
    """A label to the right of the axes, next to the end of its line."""

    y: float
    """Height of the line's end, in data units."""
    text: str
    color: str
    bold: bool = False
    """Whether it is one of the compared arms."""


def label_ends(ax: Axes, labels: Sequence[EndLabel]) -> None:
    """Write labels to the right of the axes at the lines' heights, moved apart where they would touch.

    Call this after setting the y limits, because it fixes them.
    """
    if not labels:
        return
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    size, height = 9.0, ax.get_window_extent().height * 72 / ax.figure.dpi  # both in points
    gap = 1.3 * size / height
    labels = sorted(labels, key=lambda label: label.y)
    targets = [min(max((label.y - low) / (high - low), 0), 1) for label in labels]
    for label, target, placed in zip(labels, targets, spread(targets, gap), strict=True):
        ax.annotate(
            label.text,
            xy=(1.0, target),
            xycoords="axes fraction",
            xytext=(1.045, placed),
            textcoords="axes fraction",
            va="center",
            ha="left",
            fontsize=size,
            color=label.color,
            fontweight="bold" if label.bold else "normal",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0, 0.5),
                "color": label.color,
                "lw": 0.7,
                "alpha": 0.6,
                "shrinkA": 1,
                "shrinkB": 1,
            },
        )


LEGEND_WIDTH = 2.2
"""Width of a legend entry, in inches."""


def legend_above(canvas: Figure, axes: Sequence[Axes]) -> None:
    """Draw one legend above several panels: every label once, as many per row as fit, at most three."""
    handles = {
        label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    canvas.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper center",
        ncols=max(1, min(3, len(handles), int(canvas.get_figwidth() / LEGEND_WIDTH))),
        frameon=False,
    )


def spread(targets: Sequence[float], gap: float) -> list[float]:
    """Move ascending targets as little as needed for neighbors to be ``gap`` apart.

    Those that touch form a block around the mean of their targets, as in isotonic regression.
    """
    blocks: list[list[float]] = []  # [sum of (target - rank * gap), count]
    for rank, target in enumerate(targets):
        blocks.append([target - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    bases = [total / count for total, count in blocks for _ in range(int(count))]
    return [base + rank * gap for rank, base in enumerate(bases)]
