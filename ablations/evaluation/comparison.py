"""Differences between labelers of the same solutions, paired by problem."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from ablations.evaluation.summary import MEANS, Row
from results.analyses.evaluations import WHOLE
from results.stats.intervals import Estimate, bootstrap_difference, mean_interval, subtract_shares

MAJORITY = "majority"
"""Name of majority voting, which every labeler can be compared with."""
COMPARED = ("best_of_n", "weighted_vote", "auroc_within_problems", *MEANS)
"""Metrics of evaluations that are compared."""
_Entrant = tuple[str, str | None]
"""Labeler and scoring strategy; None where that does not matter."""


def difference_rows(rows: Sequence[Row], against: str | None = None) -> list[Row]:
    """Makes one row per pair of labelers, metric, n and scoring strategy: the first minus the second.

    A labeler that scores whole solutions is compared with every strategy of one that scores steps. With n = 1
    there is nothing to choose, so it is left out if there is more.

    Args:
        rows: rows of an evaluation.
        against: the labeler that all others are compared with, or ``MAJORITY``; None: all pairs.

    Returns:
        Rows with first, second, scoring (of the first, and of the second if that differs), metric, n and
        found, the ``Estimate``.
    """
    most = max((row["n"] or 0 for row in rows), default=0)
    entrants: dict[tuple[str, Any], dict[_Entrant, Row]] = defaultdict(dict)
    for row in rows:
        if row["n"] == 1 < most:
            continue
        if row["metric"] in COMPARED:
            entrants[row["metric"], row["n"]][row["labeler"], row["scoring"]] = row
        elif row["metric"] == MAJORITY:
            for metric in ("best_of_n", "weighted_vote"):
                entrants[metric, row["n"]][MAJORITY, WHOLE] = row
    differences = []
    for (metric, n), row_of in entrants.items():
        for first, second in combinations(row_of, 2):
            labelers, scorings = (first[0], second[0]), (first[1], second[1])
            comparable = labelers[0] != labelers[1] and (scorings[0] == scorings[1] or WHOLE in scorings)
            requested = MAJORITY not in labelers if against is None else against in labelers
            if not comparable or not requested:
                continue
            if first[0] in (against, MAJORITY):
                first, second = second, first
            gap = _difference(row_of[first], row_of[second])
            if gap is not None:
                names = [name for name in dict.fromkeys((first[1], second[1])) if name not in (None, WHOLE)]
                scoring = " and ".join(map(str, names)) or None
                row = {"first": first[0], "second": second[0], "metric": metric, "n": n, "found": gap}
                differences.append(row | {"scoring": scoring})
    return differences


def _difference(first: Row, second: Row) -> Estimate | None:
    if "values" in first:
        return mean_interval(subtract_shares(first["values"], second["values"])[None])
    if first["found"].draws is None or second["found"].draws is None:
        return None
    return bootstrap_difference(first["found"], second["found"])
