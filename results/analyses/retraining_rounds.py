"""Rounds of retraining in the records: the ways, the measures, and differences between any two rounds."""

from typing import Any

import pandas as pd

from results.stats.differences import contrasts
from results.stats.summaries import rows_of
from results.tables.rendering import Cell, number, points
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
"""Metrics that are not read in per cent."""
Place = tuple[str, int]
"""A way and its round."""


def of_rounds(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of records, or of what ``summarise`` made of them, that are of a round."""
    return frame[frame["variant"].isin(list(WORDS))]


def difference(frame: pd.DataFrame, metric: str, first: Place, second: Place, n: int) -> Any:
    """One place minus another, paired by problem and seed, as ``contrasts`` gives it; None if one is missing.

    Args:
        frame: records of one experiment, scale and dataset.
        metric: key of ``MEASURES``.
        first: what is judged.
        second: what it is compared with.
        n: of best-of-N.
    """
    if first == second:
        return None
    rows = of_rounds(frame)
    # The place stands for all that differs between two rounds: the labels bought, and how.
    names = rows["variant"] + " " + rows["level"].astype(int).astype(str)
    rows = rows.assign(variant=names, level=float("nan"), acquisition=None, data_scale=None)
    pair = (f"{first[0]} {first[1]}", f"{second[0]} {second[1]}")
    found = contrasts(rows, "variant", [pair], metric, n if metric == "best_of_n" else None)
    return next(rows_of(found), None)


def last_round(frame: pd.DataFrame) -> int:
    """The number of the last round, 0 that of the first selector."""
    return int(of_rounds(frame)["level"].max())


def measure_words(metric: str, n: int) -> str:
    """A measure in words, with the N of best-of-N."""
    return MEASURES[metric].replace("best-of-N", f"best-of-{n}")


def place_words(place: Place) -> str:
    """A way, and its round in brackets."""
    return f"{WORDS[place[0]]} ({place[1]})" if place[0] != FIRST else WORDS[FIRST]


def measure_cell(metric: str, row: Any, signed: bool = False) -> Cell:
    """An estimate of a measure with its interval; a dash where there is no row."""
    if row is None:
        return points(float("nan"))
    if metric in NUMBERS:
        return number(row.estimate, 3, row.lower, row.upper)
    return points(row.estimate, row.lower, row.upper, signed=signed)
