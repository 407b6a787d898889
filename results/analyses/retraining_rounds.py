"""Retraining rounds in the records: ways of retraining, measures, and differences between any two rounds."""

from typing import Any

import pandas as pd

from results.stats.differences import contrasts
from results.stats.summaries import rows_of
from results.tables.rendering import Cell, estimate_cell, share_cell
from results.vocabulary import FIRST, WAYS

WORDS = {FIRST: "first selector"} | {way: entry.words for way, entry in WAYS.items()}
"""Variant -> words."""
MEASURES: dict[str, str] = {
    "best_of_n": "best-of-N",
    "rank_correlation": "rank correlation",
    "pool_calibration_error": "calibration error, pool",
    "pool_agreement": "step AUROC, pool",
    "chosen_calibration_error": "calibration error, chosen",
    "chosen_agreement": "step AUROC, chosen",
    "chosen_right": "chosen: end right",
    "chosen_error_free": "chosen: free of errors",
    "chosen_steps_right": "chosen: right steps",
    "chosen_repeats": "chosen: near-duplicates",
}
"""Metric -> words."""
NUMBERS = ("rank_correlation", "pool_agreement", "chosen_agreement")
"""Metrics that are not percentages."""
Place = tuple[str, int]
"""A way and its round."""


def of_rounds(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of a round, from records or their summary from ``summarize``."""
    return frame[frame["variant"].isin(list(WORDS))]


def difference(frame: pd.DataFrame, metric: str, first: Place, second: Place, n: int) -> Any:
    """Compare two places, paired by problem and seed, with ``contrasts``; None if either is missing.

    Args:
        metric: key of ``MEASURES``.
        first: the place of interest.
        second: the place it is compared with.
        n: N of best-of-N.
    """
    if first == second:
        return None
    rows = frame[(frame["metric"] == metric) & frame["variant"].isin([first[0], second[0]])]
    # The place replaces the columns that differ between two rounds: the labels bought, and how.
    names = rows["variant"] + " " + rows["level"].astype(int).astype(str)
    rows = rows.assign(variant=names, level=float("nan"), acquisition=None, data_scale=None)
    pair = (f"{first[0]} {first[1]}", f"{second[0]} {second[1]}")
    found = contrasts(rows, "variant", [pair], metric, n if metric == "best_of_n" else None)
    return next(rows_of(found), None)


def last_round(frame: pd.DataFrame) -> int:
    """Return the number of the last round, where 0 is that of the first selector."""
    return int(of_rounds(frame)["level"].max())


def measure_words(metric: str, n: int) -> str:
    """Name a measure in words, with the N of best-of-N."""
    return MEASURES[metric].replace("best-of-N", f"best-of-{n}")


def place_words(place: Place) -> str:
    """Name a way, with its round in parentheses."""
    way, level = place
    return WORDS[FIRST] if way == FIRST else f"{WORDS[way]} ({level})"


def measure_cell(metric: str, row: Any, *, signed: bool = False) -> Cell:
    """Make a cell of a measure's estimate with its interval; a dash if the row is None."""
    return estimate_cell(row) if metric in NUMBERS else share_cell(row, signed=signed)
