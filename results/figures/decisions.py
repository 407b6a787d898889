"""Decision accuracy: how often runs in embedded worlds choose as a run on real solutions does."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from results.analyses.decisions import Agreement
from results.figures.style import legend_above, save, styled

COLORS = ("#0072B2", "#56B4E9", "#D55E00", "#009E73", "#A8508A", "#B8860B")
"""Color of each cheap run, in order."""
MARKERS = "osD^vP"


def plot(found: Sequence[Agreement], ax: Axes) -> Axes:
    """Draw the agreement of each cheap run with a target, by kind of decision, with intervals.

    Args:
        found: agreements with one target, of up to six runs.
        ax: axes to draw on.
    """
    kinds, runs = (list(dict.fromkeys(getattr(one, name) for one in found)) for name in ("kind", "proxy"))
    for one in found:
        run, accuracy = runs.index(one.proxy), one.accuracy
        height = kinds.index(one.kind) + 0.2 * (run - (len(runs) - 1) / 2)
        ax.hlines(height, accuracy.lower, accuracy.upper, color=COLORS[run], linewidth=1.6)
        label = one.proxy if one.kind == kinds[0] else "_"
        ax.plot(accuracy.agreement, height, MARKERS[run], color=COLORS[run], markersize=6.5, label=label)
    for height, kind in enumerate(kinds):
        repeat = next(one.accuracy.ceiling for one in found if one.kind == kind)
        label = "a repeat of the real run" if height == 0 else "_"
        ax.vlines(repeat, height - 0.4, height + 0.4, color="#555555", linestyle=":", label=label)
    ax.axvline(0.5, color="#8A8A8A", linewidth=1, linestyle=(0, (5, 2)), label="a coin")
    ax.set_yticks(range(len(kinds)), [kind.replace(" beats ", " beats\n") for kind in kinds])
    ax.set_ylim(len(kinds) - 0.45, -0.55)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f}%"))
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")
    ax.set_xlabel("decisions alike")
    return ax


def draw(found: Sequence[Agreement], out: str | Path) -> list[Path]:
    """Write the figure as PNG and SVG, and return their paths."""
    with styled():
        canvas = Canvas(figsize=(8.2, 3.4))
        ax = plot(found, canvas.subplots())
        legend_above(canvas, [ax])
        return save(canvas, out)
