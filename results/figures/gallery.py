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
    large_scale,
    learning_curves,
    orm_forms,
    orm_superset,
    scoring,
    supervision_forms,
)
from results.figures.drawing import Figure

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
    "labeler_calibration": labeler_calibration.FIGURE,
    "learning_curves": learning_curves.FIGURE,
    "iterative_retraining": iterative_retraining.FIGURE,
}
"""Name -> figure, in report order."""


def draw_all(summary: pd.DataFrame, folder: str | Path, names: Iterable[str]) -> list[Path]:
    """Draw the named figures for which a summary has the numbers.

    Args:
        summary: from ``results.stats.summaries.summarize``.
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
