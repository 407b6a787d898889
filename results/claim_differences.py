"""Differences that claims are about: each function here names a comparison and finds it in records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.analyses.acquisition_comparisons import comparisons, gains
from results.analyses.difficulty import gains as gains_by_quintile
from results.analyses.difficulty import of_quintiles, quintile_words
from results.analyses.generalization import of_kind
from results.analyses.orm_superset import between_sets
from results.analyses.retraining_rounds import difference, last_round, of_rounds
from results.analyses.scoring import strategy_rows
from results.records import plain
from results.stats.differences import contrasts, differences
from results.stats.intervals import NAN, Estimate
from results.stats.summaries import PRIMARY_N, comparison_n, rows_of, tested_n
from results.vocabulary import TRAINING_SETS, WAYS, acquisition_words, arm_words, is_plain

POINTS, TIMES = "points", "times"
"""Units of differences: a share of problems solved, or the log of a ratio of labels."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference between two things in the records."""

    arm: str
    """The first of the two, in words."""
    against: str
    """What it is compared with, in words."""
    where: str = ""
    """Which of several such differences it is, in words; empty if there is only one."""
    n: int | None
    """N of best-of-N; None if different N are compared."""
    found: Estimate
    """The difference; without terms if nothing is known about its variance."""
    seeds: int
    """Number of seeds paired; 0 if the arms have none."""
    unit: str = POINTS
    """``POINTS`` or ``TIMES``."""
    reason: str = ""
    """Why there is no estimate; empty if there is one."""


Differences = Callable[[pd.DataFrame], Sequence[Difference]]
"""Records of one experiment, scale and dataset -> the differences that a claim is about; may be empty."""


def between_arms(arm: str, against: str, *, scales: int | None = None, n: int = PRIMARY_N) -> Differences:
    """Find one arm minus another at each data scale, ascending.

    Args:
        arm: key of ``ARMS``.
        against: key of ``ARMS``.
        scales: how many of the largest data scales to compare; None for all.
        n: N of best-of-N; a run that measures only smaller N uses its largest.
    """

    def find(frame: pd.DataFrame) -> list[Difference]:
        known = _unvaried(frame)
        at = _tested_n(known[known["arm"] == arm], n)
        rows = differences(known, [(arm, against)], "best_of_n", at).sort_values("data_scale")
        found = [_difference(row, arm_words(arm), arm_words(against), _labeled(row)) for row in rows_of(rows)]
        return found if scales is None else found[-scales:]

    return find


def between_doublings(arm: str, up_to: int) -> Differences:
    """Find an arm's best-of-2N minus its best-of-N, for 2N up to ``up_to``, at its largest data scale."""

    def find(frame: pd.DataFrame) -> list[Difference]:
        rows = _unvaried(frame[(frame["arm"] == arm) & (frame["metric"] == "best_of_n")])
        if rows["data_scale"].notna().any():
            rows = rows[rows["data_scale"] == rows["data_scale"].max()]
        ns = sorted({int(n) for n in rows["n"]})
        pairs = [(str(2 * n), str(n)) for n in ns if 2 * n in ns and 2 * n <= up_to]
        # N becomes the variant of a single best-of-N, because differences are between variants of equal N.
        varied = rows.assign(variant=rows["n"].astype(int).astype(str), n=0)
        found = contrasts(varied, "variant", pairs, "best_of_n", 0)
        return [
            Difference(
                arm=f"{arm_words(arm)}, best-of-{row.variant}",
                against=f"best-of-{row.against}",
                where=f"{row.against} to {row.variant}",
                n=None,
                found=row.found,
                seeds=row.seeds,
            )
            for row in rows_of(found)
        ]

    return find


def mean_gain(acquisition: str, baseline: str) -> Differences:
    """Find the mean gain of one acquisition over another at equal, preset, increasing budgets."""

    def find(frame: pd.DataFrame) -> list[Difference]:
        if not _has_best_of_n(frame):
            return []
        found = gains(frame)
        found = found[(found["acquisition"] == acquisition) & (found["against"] == baseline)]
        names = (acquisition_words(acquisition), acquisition_words(baseline))
        found = found.assign(n=comparison_n(frame))
        return [_difference(row, *names, f"mean over {row.budgets} labeled") for row in rows_of(found)]

    return find


def data_efficiency(acquisition: str, baseline: str, counted: str) -> Differences:
    """Find the log of how many times fewer labels one acquisition needs than another.

    Args:
        acquisition: the one being evaluated.
        baseline: the one it is compared with.
        counted: key of ``acquisitions.LABELS``.
    """

    def find(frame: pd.DataFrame) -> list[Difference]:
        if not _has_best_of_n(frame):
            return []
        return [
            Difference(
                arm=acquisition_words(acquisition),
                against=acquisition_words(baseline),
                n=comparison_n(frame),
                found=one.efficiency.log or Estimate(estimate=NAN, lower=NAN, upper=NAN),
                seeds=one.efficiency.log.seeds if one.efficiency.log else 0,
                unit=TIMES,
                reason=one.efficiency.reason,
            )
            for one in comparisons(frame)
            if (one.acquisition, one.baseline, one.counted) == (acquisition, baseline, counted)
        ]

    return find


def by_quintile(arm: str, against: str) -> Differences:
    """Find one arm minus another in each quintile of difficulty, easiest first."""

    def find(frame: pd.DataFrame) -> list[Difference]:
        rows = of_quintiles(frame)
        found = contrasts(rows, "arm", [(arm, against)], "best_of_n", _tested_n(rows))
        words = (arm_words(arm), arm_words(against))
        return [_difference(row, *words, f"quintile {quintile_words(row.level)}") for row in rows_of(found)]

    return find


def gain_of_the_hardest(arm: str) -> Differences:
    """Find the gain of best-of-N over best-of-1 in the hardest quintile minus that in each other one."""

    def find(frame: pd.DataFrame) -> list[Difference]:
        n = _tested_n(of_quintiles(frame))
        return [
            Difference(
                arm=f"{arm_words(arm)}, hardest quintile",
                against=f"quintile {quintile_words(one.level)}",
                where=f"quintile {quintile_words(one.level)}",
                n=n,
                found=one.hardest,
                seeds=0,
            )
            for one in gains_by_quintile(frame, arm, n)
            if one.hardest is not None
        ]

    return find


def between_training_sets(one: str, other: str) -> Differences:
    """Find best-of-N of the large ORM trained on one set minus on another; keys of ``TRAINING_SETS``."""

    def find(frame: pd.DataFrame) -> list[Difference]:
        orms = frame[frame["arm"] == "large_orm"]
        found = between_sets(frame, _tested_n(orms))
        found = found[(found["acquisition"] == one) & (found["against"] == other)]
        return [
            _difference(row, TRAINING_SETS[one].words, TRAINING_SETS[other].words) for row in rows_of(found)
        ]

    return find


def between_strategies(arm: str, one: str, other: str) -> Differences:
    """Find an arm's best-of-N under one scoring strategy minus another; keys of ``STRATEGIES``."""

    def find(frame: pd.DataFrame) -> list[Difference]:
        rows = strategy_rows(frame[frame["arm"] == arm])
        found = contrasts(rows, "variant", [(one, other)], "best_of_n", _tested_n(rows))
        return [_difference(row, one, other) for row in rows_of(found)]

    return find


def between_ways(one: str, other: str) -> Differences:
    """Find best-of-N of the last selector of one way of retraining minus another; keys of ``WAYS``."""

    def find(frame: pd.DataFrame) -> list[Difference]:
        rows = of_rounds(frame)
        if rows.empty:
            return []
        last, n = last_round(frame), _tested_n(rows)
        found = difference(frame, "best_of_n", (one, last), (other, last), n)
        return [] if found is None else [_difference(found, WAYS[one].words, WAYS[other].words)]

    return find


def on_kind(kind: str, arm: str, against: str) -> Differences:
    """Find one arm minus another on test problems of one kind, a key of ``generalization.KINDS``."""

    def find(frame: pd.DataFrame) -> list[Difference]:
        return list(between_arms(arm, against)(of_kind(frame, kind)))

    return find


def _unvaried(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the default acquisition where nothing else is varied."""
    return plain(frame[frame["acquisition"].map(is_plain).astype(bool)])


def _difference(row: Any, arm: str, against: str, where: str = "") -> Difference:
    """Convert a row of differences to a ``Difference``."""
    return Difference(arm=arm, against=against, where=where, n=int(row.n), found=row.found, seeds=row.seeds)


def _labeled(row: Any) -> str:
    return "" if pd.isna(row.data_scale) else f"{int(row.data_scale)} labeled"


def _tested_n(rows: pd.DataFrame, wanted: int = PRIMARY_N) -> int:
    """Return the N at which best-of-N is compared, from the rows of a scorer or a reference."""
    return tested_n(rows[rows["metric"].isin(["best_of_n", "majority"])], wanted)


def _has_best_of_n(frame: pd.DataFrame) -> bool:
    return bool((frame["metric"] == "best_of_n").any())
