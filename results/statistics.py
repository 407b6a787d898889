"""Estimates with intervals: a bootstrap over problems, and a t-corrected term for seeds.

An arm's estimate is the mean over seeds and problems. Problems are resampled with replacement (the same
resamples for everything with the same number of problems), of the means over seeds. How far the percentiles
lie from the estimate is combined, as for independent errors, with the seeds' own half width::

    lower = estimate - sqrt((estimate - percentile_2.5)^2  + (t_{.975, S-1} * sd_seed / sqrt(S))^2)
    upper = estimate + sqrt((percentile_97.5 - estimate)^2 + (t_{.975, S-1} * sd_seed / sqrt(S))^2)

With one seed the second term is 0: the interval then speaks of that one seed, and ``seeds`` says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from results.arms import ARMS, REFERENCE_ARMS
from results.records import plain
from results.schema import CELL

RESAMPLES = 2000
"""Bootstrap resamples of the problems."""

ALPHA = 0.05
"""A p below it tells a difference."""

LEVEL = 1 - ALPHA
"""Share of intervals that should hold the truth."""

REFERENCE_METRIC = {"majority": "majority", "oracle": "pass_at_n", "random": "random"}
"""Arm -> the metric that is its best-of-N; of other arms that is best_of_n itself."""

_ONE_RUN = ("experiment", "scale", "dataset")
_GROUP = [*CELL, "metric", "n"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its 95% interval, all in the metric's unit."""

    estimate: float
    """Mean over seeds and problems."""
    lower: float
    """Lower end; NaN where it cannot be computed."""
    upper: float
    """Upper end; NaN where it cannot be computed."""

    @property
    def verdict(self) -> str:
        """Where a difference lies: "above zero", "below zero" or "cannot be told"."""
        return verdict(self.lower, self.upper)


def verdict(lower: float, upper: float) -> str:
    """Where an interval lies: "above zero", "below zero" or "cannot be told" (it holds 0 or is unknown)."""
    if lower > 0:
        return "above zero"
    return "below zero" if upper < 0 else "cannot be told"


def resample_weights(problems: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Weights of the bootstrap over problems; the same for the same numbers.

    Args:
        problems: P, 1 or more.
        resamples: B, 1 or more.

    Returns:
        float64 [P, B]; each column sums to 1 and holds multiples of 1/P.
    """
    if problems < 1 or resamples < 1:
        raise ValueError(f"problems, resamples: found {problems}, {resamples}, allowed 1 or more")
    count_BP = np.random.default_rng(0).multinomial(problems, np.full(problems, 1 / problems), size=resamples)
    return count_BP.T / problems


def seed_half_width(seed_means: Sequence[float] | np.ndarray) -> float:
    """``t_{.975, S-1} * sd / sqrt(S)`` of the S seeds' means; 0 for one seed."""
    mean_S = np.asarray(seed_means, dtype=np.float64)
    count = len(mean_S)
    if count < 2:
        return 0.0
    return float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * mean_S.std(ddof=1) / np.sqrt(count))


def intervals(values: Sequence[np.ndarray], *, resamples: int = RESAMPLES) -> list[Estimate]:
    """Estimates of many rows in one matrix product.

    Args:
        values: each [S, P]: S seeds (may differ between rows), P problems (the same for all).
        resamples: B.

    Raises:
        ValueError: a row is not two-dimensional, is empty, or has another number of problems.
    """
    if not values:
        return []
    problems = values[0].shape[-1]
    for row, value_SP in enumerate(values):
        if value_SP.ndim != 2 or 0 in value_SP.shape or value_SP.shape[1] != problems:
            raise ValueError(
                f"values[{row}]: found shape {value_SP.shape}, allowed [seeds, {problems}], seeds 1 or more"
            )
    mean_RP = np.stack([value_SP.mean(axis=0) for value_SP in values])
    boot_RB = mean_RP @ resample_weights(problems, resamples)
    tail = 100 * (1 - LEVEL) / 2
    low_R, high_R = np.percentile(boot_RB, [tail, 100 - tail], axis=1)
    made = []
    for value_SP, mean_P, low, high in zip(values, mean_RP, low_R, high_R, strict=True):
        centre, by_seed = float(mean_P.mean()), seed_half_width(value_SP.mean(axis=1))
        made.append(
            Estimate(
                estimate=centre,
                lower=centre - float(np.hypot(centre - low, by_seed)),
                upper=centre + float(np.hypot(high - centre, by_seed)),
            )
        )
    return made


def seed_interval(seed_values: Sequence[float] | np.ndarray) -> Estimate:
    """t interval over seeds, for metrics with no value for each problem; the bounds are NaN for one seed."""
    value_S = np.asarray(seed_values, dtype=np.float64)
    centre = float(value_S.mean())
    half = seed_half_width(value_S) if len(value_S) > 1 else float("nan")
    return Estimate(estimate=centre, lower=centre - half, upper=centre + half)


def _estimate_rows(rows: list[pd.DataFrame], resamples: int = RESAMPLES) -> list[tuple[Estimate, int]]:
    """Each group of records -> (estimate, problems); problems is 0 where there is no value for each."""
    by_problems: dict[int, list[int]] = {}
    stacked: list[np.ndarray] = []
    for index, group in enumerate(rows):
        known = group["problem_values"].notna()
        if known.any() and not known.all():
            raise ValueError(
                f"problem_values: found null in some seeds only of {_name(group)}, allowed in all or none"
            )
        value_SP = (
            np.stack(list(group["problem_values"])) if known.all() else group[["value"]].to_numpy(np.float64)
        )
        stacked.append(value_SP)
        by_problems.setdefault(value_SP.shape[1] if known.all() else 0, []).append(index)
    made: dict[int, tuple[Estimate, int]] = {}
    for problems, indices in by_problems.items():
        if problems == 0:
            estimates = [seed_interval(stacked[i][:, 0]) for i in indices]
        else:
            estimates = intervals([stacked[i] for i in indices], resamples=resamples)
        made.update((i, (estimate, problems)) for i, estimate in zip(indices, estimates, strict=True))
    return [made[i] for i in range(len(rows))]


def _name(group: pd.DataFrame) -> str:
    return ", ".join(f"{name} {group[name].iloc[0]}" for name in _GROUP)


def _check_one_run(frame: pd.DataFrame) -> None:
    for name in _ONE_RUN:
        found = frame[name].unique()
        if len(found) > 1:
            raise ValueError(
                f"{name}: found {', '.join(map(str, found))} in one table, allowed one: choose rows first"
            )


def summarise(frame: pd.DataFrame, *, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Estimates of every arm, data scale, metric and n.

    Args:
        frame: records of one experiment, scale and dataset, from ``read_records``.
        resamples: of the bootstrap over problems.

    Returns:
        Columns arm, acquisition, data_scale, variant, level, metric, n, estimate, lower, upper, seeds (0: the
        arm has none), problems (0: no value for each problem, the interval is over seeds alone), single_draw,
        x (mean) and count (sum) for bins, and labelled_solutions and labelled_steps (means over seeds).

    Raises:
        ValueError: the frame mixes experiments, scales or datasets, or a group has problem values in some
        seeds only.
    """
    _check_one_run(frame)
    groups = [group for _, group in frame.groupby(_GROUP, dropna=False, sort=True)]
    out = pd.DataFrame([{name: group[name].iloc[0] for name in _GROUP} for group in groups], columns=_GROUP)
    estimated = _estimate_rows(groups, resamples)
    for name in ("estimate", "lower", "upper"):
        out[name] = np.array([getattr(estimate, name) for estimate, _ in estimated], dtype=np.float64)
    out["seeds"] = [int(group["seed"].nunique()) for group in groups]
    out["problems"] = [problems for _, problems in estimated]
    out["single_draw"] = [bool(group["single_draw"].any()) for group in groups]
    out["x"] = np.array([group["x"].mean() for group in groups], dtype=np.float64)
    out["count"] = [group["count"].sum(min_count=1) for group in groups]
    for name in ("labelled_solutions", "labelled_steps"):
        out[name] = [group[name].astype(np.float64).mean() for group in groups]
    out = out.sort_values("arm", key=lambda arm: arm.map(list(ARMS).index), kind="stable", ignore_index=True)
    return out.astype({"data_scale": "Int64", "n": "Int64", "count": "Int64"})


def comparison_n(frame: pd.DataFrame) -> int:
    """The largest N of best-of-N that is an expectation; a single draw only if there is no other.

    Args:
        frame: records, or what ``summarise`` made of them.

    Raises:
        ValueError: there is no best-of-N.
    """
    rows = frame[frame["metric"] == "best_of_n"]
    if rows.empty:
        raise ValueError("metric: found no best_of_n, allowed a table with best-of-N records")
    expected = rows[~rows["single_draw"].astype(bool)]
    return int((rows if expected.empty else expected)["n"].max())


def at_n(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """The rows of records, or of what ``summarise`` made of them, at an n."""
    return frame[(frame["n"] == n).fillna(False).astype(bool)]


def differences(
    frame: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    metric: str = "best_of_n",
    n: int | None = None,
) -> pd.DataFrame:
    """First arm minus second arm, paired by problem and seed, at every data scale; nothing else is varied.

    A reference arm pairs with every seed and data scale; majority, oracle and random stand with their own
    metric (random with n = 1). Seeds that only one arm has are left out, and ``seeds`` says how many were
    paired.

    Args:
        frame: records of one experiment, scale and dataset.
        pairs: (arm, arm to compare it with).
        metric: of the arms that are scorers.
        n: of the metric; None for a metric without one.

    Returns:
        Columns arm, against, acquisition, data_scale, metric, n, estimate, lower, upper, seeds, problems,
        verdict; pairs with no records in common have no row.

    Raises:
        ValueError: the frame mixes runs, or two arms were measured on different numbers of problems.
    """
    _check_one_run(frame)
    frame = plain(frame)
    made, keys = [], []
    for arm, against in pairs:
        first, second = _select(frame, arm, metric, n), _select(frame, against, metric, n)
        for acquisition, data_scale in _cells(second if arm in REFERENCE_ARMS else first):
            paired = _pair(
                _at(first, arm, acquisition, data_scale), _at(second, against, acquisition, data_scale)
            )
            if not paired.empty:
                made.append(paired)
                keys.append(
                    {
                        "arm": arm,
                        "against": against,
                        "acquisition": acquisition,
                        "data_scale": data_scale,
                        "metric": metric,
                        "n": n,
                    }
                )
    columns = ["arm", "against", "acquisition", "data_scale", "metric", "n"]
    return _estimated(made, keys, columns)


def p_value(estimate: float, lower: float, upper: float) -> float:
    """Two-sided p of zero: a normal test whose 95% interval ends, towards zero, where the one given does.

    So p is below ``ALPHA`` where the interval leaves zero out, and NaN where there is no interval.
    """
    half = estimate - lower if estimate > 0 else upper - estimate
    if not half >= 0:
        return float("nan")
    if estimate == 0:
        return 1.0
    z = stats.norm.ppf((1 + LEVEL) / 2) * abs(estimate) / half if half > 0 else np.inf
    return float(2 * stats.norm.sf(z))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction of p values; NaN stays NaN, and counts as a comparison all the same."""
    known = [index for index, value in enumerate(p) if value == value]
    corrected, largest = list(p), 0.0
    for rank, index in enumerate(sorted(known, key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = largest
    return corrected


def corrected(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of differences with their ``p``, corrected after Holm for all of them; the verdict follows it."""
    p = holm([p_value(row.estimate, row.lower, row.upper) for row in rows_of(found)])
    return found.assign(p=p, verdict=found["verdict"].where(np.array(p) < ALPHA, "cannot be told"))


def contrasts(
    frame: pd.DataFrame,
    column: str,
    pairs: Sequence[tuple[object, object]],
    metric: str = "best_of_n",
    n: int | None = None,
) -> pd.DataFrame:
    """Differences between rows that agree in all of ``CELL`` but one column, paired by problem and seed.

    Args:
        frame: records of one experiment, scale and dataset.
        column: of ``CELL``; the one in which the two differ.
        pairs: (its value, the value to compare it with).
        metric: of the arms that are scorers; majority, oracle and random stand with their own.
        n: of the metric; None for a metric without one.

    Returns:
        Columns of ``CELL`` (those of the first), against, metric, n, estimate, lower, upper, seeds, problems,
        verdict; pairs with no records in common have no row.

    Raises:
        ValueError: the frame mixes runs, or two were measured on different numbers of problems.
    """
    _check_one_run(frame)
    rows = pd.concat([_select(frame, arm, metric, n) for arm in frame["arm"].unique()])
    others = [name for name in CELL if name != column]
    groups: Any = rows.groupby(others, dropna=False, sort=True)
    made, keys = [], []
    for first, second in pairs:
        for values, group in groups:
            paired = _pair(group[_is(group[column], first)], group[_is(group[column], second)])
            if not paired.empty:
                made.append(paired)
                key = dict(zip(others, values, strict=True)) | {column: first, "against": second}
                keys.append(key | {"metric": metric, "n": n})
    return _estimated(made, keys, [*CELL, "against", "metric", "n"])


def _estimated(made: list[pd.DataFrame], keys: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """A row a pair: its keys, its estimate, and how many seeds and problems were paired."""
    out = pd.DataFrame(keys, columns=columns)
    estimated = _estimate_rows(made)
    for name in ("estimate", "lower", "upper"):
        out[name] = np.array([getattr(estimate, name) for estimate, _ in estimated], dtype=np.float64)
    out["seeds"] = np.array([int(group["seed"].nunique()) for group in made], dtype=np.int64)
    out["problems"] = np.array([problems for _, problems in estimated], dtype=np.int64)
    out["verdict"] = [estimate.verdict for estimate, _ in estimated]
    return out.astype({"data_scale": "Int64", "n": "Int64"})


def _select(frame: pd.DataFrame, arm: str, metric: str, n: int | None) -> pd.DataFrame:
    wanted = REFERENCE_METRIC.get(arm, metric)
    rows = frame[(frame["arm"] == arm) & (frame["metric"] == wanted)]
    at = 1 if wanted == "random" else n
    return rows[rows["n"].isna()] if at is None else at_n(rows, at)


def _cells(frame: pd.DataFrame) -> list[tuple[object, object]]:
    cells = frame[["acquisition", "data_scale"]].drop_duplicates().sort_values(["acquisition", "data_scale"])
    return list(cells.itertuples(index=False, name=None))


def _at(frame: pd.DataFrame, arm: str, acquisition: object, data_scale: object) -> pd.DataFrame:
    """An arm's rows at a data scale; all of them for a reference, which is the same at every one."""
    if arm in REFERENCE_ARMS:
        return frame
    return frame[_is(frame["acquisition"], acquisition) & _is(frame["data_scale"], data_scale)]


def _is(column: pd.Series, value: object) -> pd.Series:
    return (
        column.isna()
        if value is None or value is pd.NA or value != value
        else (column == value).fillna(False)
    )


def _pair(one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    """Rows of differences, one a seed that both have; a row whose seed is null pairs with every seed."""
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
            values = np.asarray(a.problem_values) - np.asarray(b.problem_values)
        rows.append({"seed": seed, "value": a.value - b.value, "problem_values": values})
    return pd.DataFrame(rows, columns=["seed", "value", "problem_values"])


def _by_seed(frame: pd.DataFrame) -> dict[int | None, Any]:
    return {None if pd.isna(row.seed) else int(row.seed): row for row in rows_of(frame)}


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """A frame's rows, columns as attributes."""
    return iter(frame.itertuples())


def compares_acquisitions(frame: pd.DataFrame) -> bool:
    """Whether lines differ in how solutions were chosen, and in nothing else."""
    return bool(frame["arm"].nunique() == 1 and frame["acquisition"].nunique() > 1)


def common_scale(frame: pd.DataFrame) -> int | None:
    """The largest data scale that every arm and acquisition has, else the largest; None without any."""
    known = frame[frame["data_scale"].notna()]
    if known.empty:
        return None
    scales = [set(rows["data_scale"].astype(int)) for _, _, rows in lines_of(known)]
    return max(set.intersection(*scales) or set.union(*scales))


def lines_of(frame: pd.DataFrame) -> list[tuple[str, object, pd.DataFrame]]:
    """The lines of a figure: (arm, acquisition, its rows), in the frame's order."""
    groups: Any = frame.groupby(["arm", "acquisition"], dropna=False, sort=False)
    return [(arm, acquisition, rows) for (arm, acquisition), rows in groups]
