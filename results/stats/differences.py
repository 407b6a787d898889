"""Differences paired by problem and seed, with p, Holm's correction and detectable differences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from results.records import plain
from results.schema import CELL
from results.stats.intervals import (
    ALPHA,
    EQUIVALENT,
    INCONCLUSIVE,
    MARGIN,
    Estimate,
    is_equivalent,
    subtract_shares,
    verdict,
)
from results.stats.summaries import at_n, check_one_run, estimate_rows, rows_of
from results.vocabulary import REFERENCE_ARMS

REFERENCE_METRIC = {"majority": "majority", "oracle": "pass_at_n", "random": "random"}
"""Arm -> the metric that serves as its best-of-N; for other arms, this is best_of_n itself."""

_READ = [*CELL, "metric", "n", "seed", "value", "problem_values"]
"""Columns of records that differences read; others are dropped, because each selection copies them."""

OF_PROBLEMS = ("best_of_n", "kept_best_of_n", "validation_best_of_n", "best_of_n_minus_majority")
"""Metrics that are shares of problems solved; ``MARGIN`` applies only to their differences."""


def differences(
    frame: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    metric: str = "best_of_n",
    n: int | None = None,
) -> pd.DataFrame:
    """Estimate first arm minus second arm at every data scale, paired by problem and seed.

    Rows where something else is varied are left out. A reference arm pairs with every seed and data scale;
    majority, oracle and random use their own metric (random with n = 1). Seeds that only one arm has are left
    out, and ``seeds`` is the number paired.

    Args:
        frame: records of one experiment, scale and dataset.
        pairs: (arm, arm to compare it with).
        metric: metric of the arms that are scorers.
        n: n of the metric; None for a metric without one.

    Returns:
        Columns arm, against, acquisition, data_scale, metric, n, found (the ``Estimate``), estimate, lower,
        upper, seeds, problems, p, detectable (with 80% power; NaN if unknown) and verdict; pairs with no
        records in common have no row.

    Raises:
        ValueError: the frame mixes runs, or two arms were measured on different numbers of problems.
    """
    columns = ["arm", "against", "acquisition", "data_scale", "metric", "n"]
    return _estimate(paired_differences(frame, pairs, metric, n), columns)


def paired_differences(
    frame: pd.DataFrame, pairs: Sequence[tuple[str, str]], metric: str = "best_of_n", n: int | None = None
) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return the paired rows from which ``differences`` makes estimates, with the same arguments.

    Returns:
        For each difference, its key (arm, against, acquisition, data_scale, metric and n) and a frame with
        one row per paired seed: seed, value and problem_values (None if there are none).
    """
    check_one_run(frame)
    frame = plain(frame)[_READ]
    found = []
    for arm, against in pairs:
        first, second = _select(frame, arm, metric, n), _select(frame, against, metric, n)
        cells = (second if arm in REFERENCE_ARMS else first)[["acquisition", "data_scale"]]
        cells = cells.drop_duplicates().sort_values(["acquisition", "data_scale"])
        for acquisition, data_scale in cells.itertuples(index=False, name=None):
            cell = {"acquisition": acquisition, "data_scale": data_scale}
            rows = _pair(_at(first, arm, cell), _at(second, against, cell))
            if not rows.empty:
                found.append(({"arm": arm, "against": against, **cell, "metric": metric, "n": n}, rows))
    return found


def contrasts(
    frame: pd.DataFrame,
    column: str,
    pairs: Sequence[tuple[object, object]],
    metric: str = "best_of_n",
    n: int | None = None,
) -> pd.DataFrame:
    """Estimate differences between rows that differ in one column of ``CELL``, paired by problem and seed.

    Args:
        frame: records of one experiment, scale and dataset.
        column: the only column of ``CELL`` in which the two differ.
        pairs: (its value, the value to compare it with).
        metric: metric of the arms that are scorers; majority, oracle and random use their own.
        n: n of the metric; None for a metric without one.

    Returns:
        Columns of ``CELL`` (those of the first), against, and those of ``differences`` from metric on; pairs
        with no records in common have no row.

    Raises:
        ValueError: the frame mixes runs, or two were measured on different numbers of problems.
    """
    check_one_run(frame)
    values = [value for pair in pairs for value in pair]
    frame = frame[_READ][_is_in(frame[column], values)]
    rows = pd.concat([frame.head(0), *(_select(frame, arm, metric, n) for arm in frame["arm"].unique())])
    others = [name for name in CELL if name != column]
    groups: Any = rows.groupby(others, dropna=False, sort=True)
    found = []
    for first, second in pairs:
        for values, group in groups:
            rows = _pair(group[_is_in(group[column], [first])], group[_is_in(group[column], [second])])
            if not rows.empty:
                key = dict(zip(others, values, strict=True)) | {column: first, "against": second}
                found.append((key | {"metric": metric, "n": n}, rows))
    return _estimate(found, [*CELL, "against", "metric", "n"])


def _estimate(found: list[tuple[dict[str, Any], pd.DataFrame]], columns: list[str]) -> pd.DataFrame:
    """Return one row per difference: its key, its estimate, and how many seeds and problems were paired."""
    keys, paired = [key for key, _ in found], [rows for _, rows in found]
    seeds = np.array([rows["seed"].nunique() for rows in paired], dtype=np.int64)
    out = pd.DataFrame(keys, columns=columns).astype({"data_scale": "Int64", "n": "Int64"})
    return with_estimates(out, estimate_rows(paired, keys)).assign(seeds=seeds)


def with_estimates(frame: pd.DataFrame, found: Sequence[Estimate]) -> pd.DataFrame:
    """Add estimates, p, detectable differences and verdicts to rows.

    Args:
        frame: one row per estimate, with the column metric.
        found: the estimates, in the same order.
    """
    out = frame.assign(found=pd.Series(list(found), index=frame.index, dtype=object))
    for name in ("estimate", "lower", "upper", "p"):
        out[name] = np.array([getattr(one, name) for one in found], dtype=np.float64)
    out["problems"] = np.array([one.problems for one in found], dtype=np.int64)
    margins = [MARGIN if metric in OF_PROBLEMS else 0.0 for metric in frame["metric"]]
    out["verdict"] = [
        verdict(one.lower, one.upper, one.problems, margin=margin)
        for one, margin in zip(found, margins, strict=True)
    ]
    return out.assign(detectable=_detectable(out))


def _detectable(rows: pd.DataFrame, comparisons: int = 1) -> np.ndarray:
    """Return what each inconclusive row could have detected, as one of ``comparisons``; NaN for others."""
    known = [
        row.found.detectable(comparisons) if row.verdict == INCONCLUSIVE else float("nan")
        for row in rows_of(rows)
    ]
    return np.array(known, dtype=np.float64)


def _select(frame: pd.DataFrame, arm: str, metric: str, n: int | None) -> pd.DataFrame:
    wanted = REFERENCE_METRIC.get(arm, metric)
    rows = frame[(frame["arm"] == arm) & (frame["metric"] == wanted)]
    at = 1 if wanted == "random" else n
    return rows[rows["n"].isna()] if at is None else at_n(rows, at)


def _at(frame: pd.DataFrame, arm: str, cell: Mapping[str, object]) -> pd.DataFrame:
    """Return an arm's rows of a cell; all rows of a reference, which is the same in every cell."""
    for name, value in cell.items() if arm not in REFERENCE_ARMS else ():
        frame = frame[_is_in(frame[name], [value])]
    return frame


def _is_in(column: pd.Series, values: Sequence[Any]) -> pd.Series:
    known = [value for value in values if not pd.isna(value)]
    return column.isin(known) | (column.isna() & (len(known) < len(values)))


def _pair(one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    """Return one row of differences per seed that both have; a row with a null seed pairs with every seed."""
    first, second = _by_seed(one), _by_seed(two)
    rows = []
    for seed in second if None in first else first:
        a, b = first.get(None, first.get(seed)), second.get(None, second.get(seed))
        if a is None or b is None:
            continue
        values = None
        if a.problem_values is not None and b.problem_values is not None:
            if len(a.problem_values) != len(b.problem_values):
                raise ValueError(
                    f"problem_values: found {len(a.problem_values)} problems for {a.arm} and "
                    f"{len(b.problem_values)} for {b.arm}, allowed the same problems"
                )
            values = subtract_shares(np.asarray(a.problem_values), np.asarray(b.problem_values))
        value = float(subtract_shares(a.value, b.value))
        rows.append({"seed": seed, "value": value, "problem_values": values})
    return pd.DataFrame(rows, columns=["seed", "value", "problem_values"])


def _by_seed(frame: pd.DataFrame) -> dict[int | None, Any]:
    rows: Any = frame[["seed", "arm", "value", "problem_values"]].itertuples(index=False)
    return {None if pd.isna(row.seed) else int(row.seed): row for row in rows}


def holm(p: Sequence[float]) -> list[float]:
    """Apply Holm's step-down correction to p values; NaN stays NaN but still counts as a comparison."""
    known = [index for index, value in enumerate(p) if value == value]
    corrected, largest = list(p), 0.0
    for rank, index in enumerate(sorted(known, key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = largest
    return corrected


def corrected(found: pd.DataFrame) -> pd.DataFrame:
    """Apply Holm's correction to ``p`` across rows of differences, and update verdict and detectable.

    A row whose corrected p is too large is equivalent if its interval, which is not corrected, shows it.
    """
    p = np.array(holm(list(found["p"])))
    small = [
        row.metric in OF_PROBLEMS and is_equivalent(row.lower, row.upper, row.problems)
        for row in rows_of(found)
    ]
    other = np.where(small, EQUIVALENT, INCONCLUSIVE)
    out = found.assign(p=p, verdict=found["verdict"].where(p < ALPHA, other))
    return out.assign(detectable=_detectable(out, max(len(out), 1)))
