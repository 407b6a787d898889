"""Estimates with intervals: a bootstrap over problems, and a t-corrected term for seeds.

An arm's estimate is the mean over seeds and problems. Problems are resampled with replacement (the same
resamples for everything with the same number of problems), of the means over seeds. How far the percentiles
lie from the estimate is combined, as for independent errors, with the seeds' own half width::

    lower = estimate - sqrt((estimate - percentile_2.5)^2  + (t_{.975, S-1} * sd_seed / sqrt(S))^2)
    upper = estimate + sqrt((percentile_97.5 - estimate)^2 + (t_{.975, S-1} * sd_seed / sqrt(S))^2)

With one seed the second term is 0: the interval then speaks of that one seed, and ``seeds`` says so.

There is no interval, both ends are NaN, where resamples cannot show how much the estimate varies: with one
problem, with the same value for all problems and seeds, or with a statistic that is undefined in more
resamples than lie beyond one end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

NAN = float("nan")

RESAMPLES = 2000
"""Bootstrap resamples of the problems."""

ALPHA = 0.05
"""A p below it tells a difference."""

LEVEL = 1 - ALPHA
"""Share of intervals that should hold the truth."""

LEAST_PROBLEMS = 6
"""Fewest problems from which a difference is told. An exact test of five paired differences by sign flips has
a p of at least 2 / 2^5 = 0.0625."""

ROUNDING = 1e-12
"""Values in [0, 1] that lie no further apart are equal."""

_BLOCK = 200
"""Resamples that a statistic is given at once."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its 95% interval, all in the metric's unit."""

    estimate: float
    """Mean over seeds and problems."""
    lower: float
    """Lower end; NaN where it cannot be computed."""
    upper: float
    """Upper end; NaN where it cannot be computed."""
    problems: int = 0
    """Problems that were resampled; 0: the interval is over seeds alone, or there is none."""

    @property
    def verdict(self) -> str:
        """Where a difference lies: "above zero", "below zero" or "cannot be told"."""
        return verdict(self.lower, self.upper, self.problems)


def verdict(lower: float, upper: float, problems: int = 0) -> str:
    """Where a difference lies: "above zero", "below zero" or "cannot be told".

    Args:
        lower: end of its interval; NaN where unknown.
        upper: the other end.
        problems: that were resampled; fewer than ``LEAST_PROBLEMS`` tell no difference. 0: the interval is
            over seeds alone.
    """
    if 0 < problems < LEAST_PROBLEMS:
        return "cannot be told"
    if lower > 0:
        return "above zero"
    return "below zero" if upper < 0 else "cannot be told"


def paired(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Differences of two shares, elementwise; those of floating-point rounding alone are 0."""
    gap = one - other
    return np.where(np.abs(gap) <= ROUNDING, 0.0, gap)


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
        if problems < 2 or max(high - low, by_seed) <= ROUNDING:
            made.append(Estimate(estimate=centre, lower=NAN, upper=NAN, problems=problems))
            continue
        made.append(
            Estimate(
                estimate=centre,
                lower=centre - float(np.hypot(centre - low, by_seed)),
                upper=centre + float(np.hypot(high - centre, by_seed)),
                problems=problems,
            )
        )
    return made


def resampled(
    statistic: Callable[[np.ndarray], np.ndarray], problems: int, *, resamples: int = RESAMPLES
) -> Estimate:
    """Estimate and interval of a metric that is no mean over problems, such as an AUROC or a ratio.

    Args:
        statistic: weights of the problems, float64 [P, B], each column sums to 1 -> the metric under each
            column, float64 [B]; NaN where it is undefined.
        problems: P.
        resamples: of the bootstrap; those in which the metric is undefined are left out.

    Returns:
        The metric under equal weights, between the percentiles of the resamples; NaN what is undefined.
    """
    centre = float(statistic(np.full((problems, 1), 1 / problems))[0])
    weight_PB = resample_weights(problems, resamples)
    blocks = [statistic(weight_PB[:, start : start + _BLOCK]) for start in range(0, resamples, _BLOCK)]
    found_B = np.concatenate(blocks)
    known_B = found_B[~np.isnan(found_B)]
    tail = 100 * (1 - LEVEL) / 2
    undefined = 100 * (1 - len(known_B) / resamples)
    if np.isnan(centre) or undefined > tail or np.ptp(known_B) <= ROUNDING:
        return Estimate(estimate=centre, lower=NAN, upper=NAN, problems=problems)
    lower, upper = np.percentile(known_B, [tail, 100 - tail])
    return Estimate(estimate=centre, lower=float(lower), upper=float(upper), problems=problems)


def seed_interval(seed_values: Sequence[float] | np.ndarray) -> Estimate:
    """t interval over seeds, for metrics with no value for each problem.

    The ends are NaN for one seed, or where all seeds have the same value.
    """
    value_S = np.asarray(seed_values, dtype=np.float64)
    centre = float(value_S.mean())
    half = seed_half_width(value_S) if np.ptp(value_S) > 0 else NAN
    return Estimate(estimate=centre, lower=centre - half, upper=centre + half)
