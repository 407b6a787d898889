"""Differences that claims are about. Each function names a comparison and finds it in ``frame``.

A frame holds the records of one experiment, scale and dataset. The differences found may be none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.analyses import over_optimization
from results.analyses.acquisition_comparisons import comparisons, gains
from results.analyses.difficulty import gains as gains_by_quintile
from results.analyses.difficulty import of_quintiles, quintile_words
from results.analyses.false_positives import flawed_difference
from results.analyses.generalization import of_kind
from results.analyses.labeler_quality import labeler_words
from results.analyses.labeler_quality import solved as solved_by_labeler
from results.analyses.orm_superset import between_sets
from results.analyses.retraining_rounds import difference, last_round, of_rounds
from results.analyses.scoring import strategy_rows
from results.records import plain
from results.stats.differences import contrasts, differences
from results.stats.intervals import NAN, Estimate
from results.stats.summaries import PRIMARY_N, comparison_n, rows_of, tested_n
from results.vocabulary import (
    ENSEMBLES,
    LABELING_ERRORS,
    ORACLE,
    TRAINING_SETS,
    WAYS,
    acquisition_words,
    arm_words,
    is_plain,
)

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


def between_arms(
    arm: str, against: str, frame: pd.DataFrame, *, scales: int | None = None, n: int = PRIMARY_N
) -> list[Difference]:
    """Find one arm minus another at each data scale, ascending.

    Args:
        arm: key of ``ARMS``.
        against: key of ``ARMS``.
        frame: records.
        scales: how many of the largest data scales to compare; None for all.
        n: N of best-of-N; a run that measures only smaller N uses its largest.
    """
    frame = _unvaried(frame)
    n = _tested_n(frame[frame["arm"] == arm], n)
    rows = differences(frame, [(arm, against)], "best_of_n", n).sort_values("data_scale")
    if scales is not None:
        rows = rows.tail(scales)
    return [
        _difference(
            row,
            arm_words(arm),
            arm_words(against),
            "" if pd.isna(row.data_scale) else f"{int(row.data_scale)} labeled",
        )
        for row in rows_of(rows)
    ]


def between_doublings(arm: str, up_to: int, frame: pd.DataFrame) -> list[Difference]:
    """Find an arm's best-of-2N minus its best-of-N, for 2N up to ``up_to``, at its largest data scale."""
    rows = _unvaried(frame[(frame["arm"] == arm) & (frame["metric"] == "best_of_n")])
    if rows["data_scale"].notna().any():
        rows = rows[rows["data_scale"] == rows["data_scale"].max()]
    ns = sorted({int(n) for n in rows["n"]})
    pairs = [(str(2 * n), str(n)) for n in ns if 2 * n in ns and 2 * n <= up_to]
    # N becomes the variant of a single best-of-N, because differences are between variants of equal N.
    varied = rows.assign(variant=rows["n"].astype(int).astype(str), n=0)
    return [
        Difference(
            arm=f"{arm_words(arm)}, best-of-{row.variant}",
            against=f"best-of-{row.against}",
            where=f"{row.against} to {row.variant}",
            n=None,
            found=row.found,
            seeds=row.seeds,
        )
        for row in rows_of(contrasts(varied, "variant", pairs, "best_of_n", 0))
    ]


def mean_gain(acquisition: str, baseline: str, frame: pd.DataFrame) -> list[Difference]:
    """Find the mean gain of one acquisition over another at equal, preset, increasing budgets."""
    if not (frame["metric"] == "best_of_n").any():
        return []
    rows = gains(frame)
    rows = rows[(rows["acquisition"] == acquisition) & (rows["against"] == baseline)]
    words = (acquisition_words(acquisition), acquisition_words(baseline))
    return [
        _difference(row, *words, f"mean over {row.budgets} labeled")
        for row in rows_of(rows.assign(n=comparison_n(frame)))
    ]


def data_efficiency(acquisition: str, baseline: str, counted: str, frame: pd.DataFrame) -> list[Difference]:
    """Find the log of how many times fewer labels one acquisition needs than another.

    Args:
        acquisition: the one being evaluated.
        baseline: the one it is compared with.
        counted: key of ``acquisition_comparisons.LABELS``.
        frame: records.
    """
    if not (frame["metric"] == "best_of_n").any():
        return []
    return [
        Difference(
            arm=acquisition_words(acquisition),
            against=acquisition_words(baseline),
            n=comparison_n(frame),
            found=pair.efficiency.log or Estimate(estimate=NAN),
            seeds=pair.efficiency.log.seeds if pair.efficiency.log else 0,
            unit=TIMES,
            reason=pair.efficiency.reason,
        )
        for pair in comparisons(frame)
        if (pair.acquisition, pair.baseline, pair.counted) == (acquisition, baseline, counted)
    ]


def by_quintile(arm: str, against: str, frame: pd.DataFrame) -> list[Difference]:
    """Find one arm minus another in each quintile of difficulty, easiest first."""
    rows = of_quintiles(frame)
    pairs = contrasts(rows, "arm", [(arm, against)], "best_of_n", _tested_n(rows))
    words = (arm_words(arm), arm_words(against))
    return [_difference(row, *words, f"quintile {quintile_words(row.level)}") for row in rows_of(pairs)]


def gain_of_the_hardest(arm: str, frame: pd.DataFrame) -> list[Difference]:
    """Find the gain of best-of-N over best-of-1 in the hardest quintile minus that in each other one."""
    n = _tested_n(of_quintiles(frame))
    return [
        Difference(
            arm=f"{arm_words(arm)}, hardest quintile",
            against=f"quintile {quintile_words(gain.level)}",
            where=f"quintile {quintile_words(gain.level)}",
            n=n,
            found=gain.hardest,
            seeds=0,
        )
        for gain in gains_by_quintile(frame, arm, n)
        if gain.hardest is not None
    ]


def between_training_sets(first: str, second: str, frame: pd.DataFrame) -> list[Difference]:
    """Find best-of-N of the large ORM trained on one set minus on another; keys of ``TRAINING_SETS``."""
    rows = between_sets(frame, _tested_n(frame[frame["arm"] == "large_orm"]))
    rows = rows[(rows["acquisition"] == first) & (rows["against"] == second)]
    words = (TRAINING_SETS[first].words, TRAINING_SETS[second].words)
    return [_difference(row, *words) for row in rows_of(rows)]


def between_strategies(arm: str, first: str, second: str, frame: pd.DataFrame) -> list[Difference]:
    """Find an arm's best-of-N under one scoring strategy minus another; keys of ``STRATEGIES``."""
    rows = strategy_rows(frame[frame["arm"] == arm])
    pairs = contrasts(rows, "variant", [(first, second)], "best_of_n", _tested_n(rows))
    return [_difference(row, first, second) for row in rows_of(pairs)]


def between_ways(first: str, second: str, frame: pd.DataFrame) -> list[Difference]:
    """Find best-of-N of the last selector of one way of retraining minus another; keys of ``WAYS``."""
    rows = of_rounds(frame)
    if rows.empty:
        return []
    last = last_round(frame)
    row = difference(frame, "best_of_n", (first, last), (second, last), _tested_n(rows))
    return [] if row is None else [_difference(row, WAYS[first].words, WAYS[second].words)]


def between_uses_of_n(
    arms: Sequence[str],
    variant: str,
    first: float,
    second: float,
    frame: pd.DataFrame,
    *,
    scales: slice = slice(None),
) -> list[Difference]:
    """Find one way to use N minus another, in best-of-N of a model or ensemble.

    Where N chosen is the best in hindsight for all models, these do not differ, and there is no difference.

    Args:
        arms: keys of ``ARMS``.
        variant: key of ``ENSEMBLES``.
        first: level of ``over_optimization.by_use``.
        second: level it is compared with.
        frame: records.
        scales: which data scales to compare, of all in ascending order.
    """
    if over_optimization.of_ensembles(frame).empty:
        return []
    rows = over_optimization.between_uses(frame, first, second)
    rows = rows[rows["arm"].isin(arms) & (rows["variant"] == variant)]
    if second == over_optimization.HINDSIGHT:
        rows = rows[rows["p"].notna()]
    words = [over_optimization.use_words(use, frame) for use in (first, second)]
    return _at_scales(rows, frame, words, scales)


def between_ensembles(arm: str, first: str, second: str, frame: pd.DataFrame) -> list[Difference]:
    """Find an arm's best-of-N, at the largest N, by one key of ``ENSEMBLES`` minus another."""
    if over_optimization.of_ensembles(frame).empty:
        return []
    rows = over_optimization.between_ensembles(frame, first, second)
    return _at_scales(rows[rows["arm"] == arm], frame, [ENSEMBLES[name].words for name in (first, second)])


def _at_scales(
    rows: pd.DataFrame, frame: pd.DataFrame, words: Sequence[str], scales: slice = slice(None)
) -> list[Difference]:
    """Convert rows of ``over_optimization`` at some data scales to differences at the largest N."""
    shown = sorted({int(scale) for scale in rows["data_scale"]})[scales]
    several = rows["arm"].nunique() > 1
    return [
        Difference(
            arm=words[0],
            against=words[1],
            where=f"{f'{arm_words(row.arm)}, ' if several else ''}{row.data_scale} labeled",
            n=over_optimization.largest_n(frame),
            found=row.found,
            seeds=row.seeds,
        )
        for row in rows_of(rows[rows["data_scale"].isin(shown)])
    ]


def on_kind(kind: str, arm: str, against: str, frame: pd.DataFrame) -> list[Difference]:
    """Find one arm minus another on test problems of one kind, a key of ``generalization.KINDS``."""
    return between_arms(arm, against, of_kind(frame, kind))


def with_labels_of(
    variant: str, arm: str, against: str, frame: pd.DataFrame, *, doses: Sequence[float] | None = None
) -> list[Difference]:
    """Find one arm minus another with the labels of one labeler, or at each dose of one kind of error.

    Args:
        variant: ``ORACLE``, or a key of ``LABELING_ERRORS``.
        arm: key of ``ARMS``.
        against: key of ``ARMS``.
        frame: records.
        doses: the doses to compare; None for all that were run.
    """
    rows = solved_by_labeler(frame)
    rows = rows[(rows["variant"] == variant) & ((rows["level"] > 0) | (variant == ORACLE))]
    if doses is not None:
        rows = rows[rows["level"].isin(doses)]
    pairs = contrasts(rows, "arm", [(arm, against)], "best_of_n", _tested_n(rows))
    return [
        _difference(
            row, arm_words(arm), arm_words(against), "" if variant == ORACLE else f"dose {row.level:g}"
        )
        for row in rows_of(pairs.sort_values("level"))
    ]


def between_errors(arm: str, first: str, second: str, frame: pd.DataFrame) -> list[Difference]:
    """Find an arm under one kind of error minus under another, at each dose; keys of ``LABELING_ERRORS``."""
    rows = solved_by_labeler(frame)
    rows = rows[(rows["arm"] == arm) & (rows["level"] > 0)]
    pairs = contrasts(rows, "variant", [(first, second)], "best_of_n", _tested_n(rows))
    words = (LABELING_ERRORS[first].words, LABELING_ERRORS[second].words)
    return [_difference(row, *words, f"dose {row.level:g}") for row in rows_of(pairs.sort_values("level"))]


def between_thresholds(arm: str, threshold: float, frame: pd.DataFrame) -> list[Difference]:
    """Find an arm with the large PRM's labels at each threshold minus at one of them."""
    rows = solved_by_labeler(frame)
    rows = rows[(rows["arm"] == arm) & (rows["variant"] == "large_prm")]
    levels = [(level, threshold) for level in sorted(rows["level"].unique()) if level != threshold]
    pairs = contrasts(rows, "level", levels, "best_of_n", _tested_n(rows))
    against = labeler_words("large_prm", threshold)
    return [_difference(row, arm_words(arm), against, f"threshold {row.level:g}") for row in rows_of(pairs)]


def between_flawed_shares(arm: str, against: str, frame: pd.DataFrame) -> list[Difference]:
    """Find the share of one arm's wins in best-of-N that have a wrong step minus that of another's."""
    n = tested_n(frame[frame["metric"] == "flawed_wins"])
    found = flawed_difference(frame, arm, against, n)
    if found is None:
        return []
    words = (arm_words(arm), arm_words(against))
    return [Difference(arm=words[0], against=words[1], n=n, found=found[0], seeds=found[1])]


def _unvaried(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the default acquisition where nothing else is varied."""
    return plain(frame[frame["acquisition"].map(is_plain).astype(bool)])


def _difference(row: Any, arm: str, against: str, where: str = "") -> Difference:
    """Convert a row of differences to a ``Difference``."""
    return Difference(arm=arm, against=against, where=where, n=int(row.n), found=row.found, seeds=row.seeds)


def _tested_n(rows: pd.DataFrame, wanted: int = PRIMARY_N) -> int:
    """Return the N at which best-of-N is compared, from the rows of a scorer or a reference."""
    return tested_n(rows[rows["metric"].isin(["best_of_n", "majority"])], wanted)
