"""Differences between labelers of the same solutions, paired by problem."""

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
"""Labeler, and how its steps score a solution; None where that does not matter."""


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
    held: dict[tuple[str, Any], dict[_Entrant, Row]] = {}
    for row in rows:
        if row["n"] == 1 < most:
            continue
        if row["metric"] in COMPARED:
            held.setdefault((row["metric"], row["n"]), {})[row["labeler"], row["scoring"]] = row
        elif row["metric"] == MAJORITY:
            for metric in ("best_of_n", "weighted_vote"):
                held.setdefault((metric, row["n"]), {})[MAJORITY, WHOLE] = row
    found = []
    for (metric, n), of_metric in held.items():
        for (one, scoring), (other, its_scoring) in combinations(of_metric, 2):
            alike = scoring == its_scoring or WHOLE in (scoring, its_scoring)
            if one == other or not alike or (against is not None and against not in (one, other)):
                continue
            if against is None and MAJORITY in (one, other):
                continue
            first, second = (one, scoring), (other, its_scoring)
            if one in (against, MAJORITY):
                first, second = second, first
            gap = _difference(of_metric[first], of_metric[second])
            if gap is not None:
                names = {"first": first[0], "second": second[0], "metric": metric, "n": n, "found": gap}
                found.append(names | {"scoring": _scoring(first[1], second[1])})
    return found


def _difference(one: Row, other: Row) -> Estimate | None:
    if "values" in one:
        return mean_interval(subtract_shares(one["values"], other["values"])[None])
    known = one["found"].draws is not None and other["found"].draws is not None
    return bootstrap_difference(one["found"], other["found"]) if known else None


def _scoring(one: str | None, other: str | None) -> str | None:
    """Names the strategies of two labelers; that of majority voting is none."""
    shown = [name for name in dict.fromkeys((one, other)) if name not in (None, WHOLE)]
    return " and ".join(map(str, shown)) or None
