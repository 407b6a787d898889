"""All figures, by name."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from results.figures import (
    active_learning,
    best_of_n_by_n,
    best_of_n_by_scale,
    difficulty,
    generalization,
    hyperparameters,
    iterative_retraining,
    labeler_calibration,
    labeler_quality,
    large_scale,
    learning_curves,
    orm_forms,
    orm_superset,
    over_optimization,
    scoring,
    supervision_forms,
    tail_precision,
)
from results.figures.drawing import Figure
from results.stats.summaries import summarize

FIGURES: dict[str, Figure] = {
    "best_of_n_by_scale": best_of_n_by_scale.FIGURE,
    "best_of_n_by_n": best_of_n_by_n.FIGURE,
    "scoring": scoring.FIGURE,
    "active_learning": active_learning.FIGURE,
    "hyperparameters": hyperparameters.FIGURE,
    "large_scale": large_scale.FIGURE,
    "orm_forms": orm_forms.FIGURE,
    "supervision_forms": supervision_forms.FIGURE,
    "orm_superset": orm_superset.FIGURE,
    "difficulty": difficulty.FIGURE,
    "generalization": generalization.FIGURE,
    "over_optimization": over_optimization.FIGURE,
    "tail_precision": tail_precision.FIGURE,
    "labeler_calibration": labeler_calibration.FIGURE,
    "learning_curves": learning_curves.FIGURE,
    "iterative_retraining": iterative_retraining.FIGURE,
    "labeler_quality": labeler_quality.FIGURE,
}
"""Name -> figure, in report order."""


def summarize_for(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Summarize records, with the further rows that the named figures show."""
    further = [make(frame) for name in names if (make := FIGURES[name].further) is not None]
    summary = summarize(frame)
    further = [rows for rows in further if len(rows)]
    return pd.concat([summary, *further], ignore_index=True) if further else summary


def draw_all(summary: pd.DataFrame, folder: str | Path, names: Iterable[str]) -> list[Path]:
    """Draw the named figures for which a summary has the numbers.

    Args:
        summary: from ``summarize_for``, with the same names.
        folder: where ``NAME.png`` and ``NAME.svg`` are written.
        names: keys of ``FIGURES``.

    Returns:
        Paths written, a PNG and an SVG for each figure.
    """
    written: list[Path] = []
    for name in names:
        if FIGURES[name].available(summary):
            written += FIGURES[name].make(summary, Path(folder) / name)
    return written
