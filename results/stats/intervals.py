"""Estimates with intervals and p: means over seeds and problems, and a bootstrap for other statistics.

An arm's estimate is the mean over seeds and problems; its variance is that of ``results.stats.crossed``. With
one seed the interval applies to that seed only. A metric without a value per problem has a t interval over
seeds. A metric that is not a mean over problems, such as an AUROC or a ratio, is resampled by problem.

There is no interval (both ends are NaN) if nothing shows how much the estimate varies: with one problem, with
the same value for all problems and seeds, or with a statistic that is undefined in more resamples than lie
beyond one end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from results.stats.crossed import ROUNDING, Components, Term, half_width, mean_squares, p_value
from results.stats.power import detectable

NAN = float("nan")

RESAMPLES = 2000
"""Number of bootstrap resamples of the problems."""

ALPHA = 0.05
"""Significance level: a difference with a p below it is not zero."""

LEVEL = 1 - ALPHA
"""Share of intervals that should contain the truth."""

LEAST_PROBLEMS = 6
"""Fewest problems that can show a difference. An exact sign-flip test of five paired differences has a p of
at least 2 / 2^5 = 0.0625."""

MARGIN = 0.03
"""Margin of equivalence, 3 points: two shares of problems solved are equivalent if the whole interval of
their difference is closer to zero than this."""

INCONCLUSIVE = "inconclusive"
"""Verdict on a difference that is neither shown nor shown to be small. It means little without what could
have been detected: ``results.tables.rendering.verdict_words`` combines both."""

EQUIVALENT = "equivalent"
"""Verdict on a difference shown to be smaller than ``MARGIN``."""

_BLOCK = 200
"""Number of resamples passed to a statistic at once."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its 95% interval, all in the metric's unit."""

    estimate: float
    """Mean over seeds and problems."""
    lower: float = NAN
    upper: float = NAN
    """Ends of the interval; NaN if they cannot be computed."""
    problems: int = 0
    """Number of problems it is a mean over; 0 if it is over seeds only or has no interval."""
    seeds: int = 0
    """Number of seeds it is a mean over; 0 if unknown or none. With 1, the interval applies to that seed."""
    terms: tuple[Term, ...] = ()
    """Terms of its variance; empty if it is resampled or has no interval."""
    components: Components | None = None
    """Variances of single values, for planning other runs; None if unknown."""
    draws: np.ndarray | None = field(default=None, compare=False, repr=False)
    """float64 [B]: the metric in each resample of the problems, if it is resampled; NaN where undefined."""

    @property
    def verdict(self) -> str:
        """Where a difference lies: "above zero", "below zero" or "inconclusive"."""
        return verdict(self.lower, self.upper, self.problems)

    @property
    def p(self) -> float:
        """Two-sided p of zero; NaN without terms.

        It is at least 2 / 2^problems, the smallest p of an exact sign-flip test of paired differences.
        """
        if not self.terms:
            return NAN
        least = 2.0 ** (1 - self.problems) if self.problems else 0.0
        return max(float(p_value(self.estimate, self.terms)), least)

    def detectable(self, comparisons: int = 1) -> float:
        """Return the smallest difference that this run detects with 80% power; NaN if unknown.

        Its p is Holm-corrected for so many comparisons.
        """
        if 0 < self.problems < LEAST_PROBLEMS:
            return NAN
        return detectable(self.terms, ALPHA / comparisons)


def verdict(lower: float, upper: float, problems: int = 0, *, margin: float = 0.0) -> str:
    """Return where a difference lies: "above zero", "below zero", "equivalent" or "inconclusive".

    Args:
        lower: lower end of its interval; NaN if unknown.
        upper: upper end; NaN if unknown.
        problems: number of problems it is a mean over; fewer than ``LEAST_PROBLEMS`` show no difference. 0 if
            the interval is over seeds only.
        margin: an interval that contains zero and lies entirely within it is "equivalent"; with 0, none is.
    """
    if 0 < problems < LEAST_PROBLEMS:
        return INCONCLUSIVE
    if lower > 0:
        return "above zero"
    if upper < 0:
        return "below zero"
    return EQUIVALENT if is_equivalent(lower, upper, problems, margin) else INCONCLUSIVE


def is_equivalent(lower: float, upper: float, problems: int = 0, margin: float = MARGIN) -> bool:
    """Return whether an interval over enough problems lies entirely within a margin around zero."""
    return not 0 < problems < LEAST_PROBLEMS and -margin < lower and upper < margin


def subtract_shares(one: np.ndarray | float, other: np.ndarray | float) -> np.ndarray:
    """Subtract shares elementwise; differences due only to floating-point rounding become 0."""
    gap = one - other
    return np.where(np.abs(gap) <= ROUNDING, 0.0, gap)


def resample_weights(problems: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Draw the weights of the bootstrap over problems; the same arguments give the same weights.

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


def mean_interval(value_SP: np.ndarray) -> Estimate:
    """Compute a mean over seeds and problems, with the interval and terms of ``results.stats.crossed``.

    Args:
        value_SP: [S, P].

    Raises:
        ValueError: it is not two-dimensional, or is empty.
    """
    if value_SP.ndim != 2 or 0 in value_SP.shape:
        raise ValueError(f"values: found shape {value_SP.shape}, allowed [seeds, problems], both 1 or more")
    found = mean_squares(np.asarray(value_SP, dtype=np.float64))
    terms = found.terms if found.problems > 1 else ()
    estimate = from_terms(float(found.mean), terms, problems=found.problems, seeds=found.seeds)
    return replace(estimate, components=found.components) if estimate.terms else estimate


def clip(found: Estimate, least: float, most: float) -> Estimate:
    """Limit the ends of an interval to the values that a metric can have; unknown ends stay NaN."""
    return replace(found, lower=max(found.lower, least), upper=min(found.upper, most))


def from_terms(estimate: float, terms: Sequence[Term], *, problems: int, seeds: int = 0) -> Estimate:
    """Make an estimate from the terms of its variance; without an interval if they are zero."""
    half = float(half_width(terms, LEVEL)) if terms else NAN
    found = Estimate(estimate=estimate, problems=problems, seeds=seeds)
    if not half > ROUNDING:
        return found
    return replace(found, lower=estimate - half, upper=estimate + half, terms=tuple(terms))


def from_interval(estimate: float, lower: float, upper: float, problems: int) -> Estimate:
    """Rebuild a mean over problems, without seeds, from the t interval that ``mean_interval`` gave it."""
    if problems < 2 or not upper > lower:
        return Estimate(estimate=estimate, lower=lower, upper=upper, problems=problems)
    error = (upper - lower) / 2 / float(stats.t.ppf((1 + LEVEL) / 2, problems - 1))
    terms = (Term(variance=error**2, df=problems - 1),)
    return Estimate(estimate=estimate, lower=lower, upper=upper, problems=problems, terms=terms)


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], problems: int, *, resamples: int = RESAMPLES
) -> Estimate:
    """Estimate a metric that is not a mean over problems, such as an AUROC or a ratio, with its interval.

    Args:
        statistic: maps weights of the problems, float64 [P, B] with columns that sum to 1, to the metric
            under each column, float64 [B], NaN where it is undefined.
        problems: P.
        resamples: number of bootstrap resamples; those in which the metric is undefined are left out.

    Returns:
        The metric under equal weights, with percentiles of the resamples as ends; NaN if undefined.
    """
    center = float(statistic(np.full((problems, 1), 1 / problems))[0])
    weight_PB = resample_weights(problems, resamples)
    blocks = [statistic(weight_PB[:, start : start + _BLOCK]) for start in range(0, resamples, _BLOCK)]
    return _from_draws(center, np.concatenate(blocks), problems)


def bootstrap_difference(one: Estimate, other: Estimate) -> Estimate:
    """Estimate one resampled metric minus another of the same problems, paired by resample.

    Its p is that of a t interval of the same width.

    Raises:
        ValueError: one of them is not resampled, or they are of different numbers of problems.
    """
    if one.draws is None or other.draws is None or one.problems != other.problems:
        raise ValueError(f"problems: found {one.problems} and {other.problems}, allowed the same, resampled")
    gap = float(subtract_shares(one.estimate, other.estimate))
    found = _from_draws(gap, subtract_shares(one.draws, other.draws), one.problems)
    return from_interval(found.estimate, found.lower, found.upper, found.problems)


def _from_draws(center: float, found_B: np.ndarray, problems: int) -> Estimate:
    known_B = found_B[~np.isnan(found_B)]
    tail = 100 * (1 - LEVEL) / 2
    undefined = 100 * (1 - len(known_B) / len(found_B))
    if np.isnan(center) or undefined > tail or np.ptp(known_B) <= ROUNDING:
        return Estimate(estimate=center, problems=problems, draws=found_B)
    lower, upper = np.percentile(known_B, [tail, 100 - tail])
    return Estimate(estimate=center, lower=float(lower), upper=float(upper), problems=problems, draws=found_B)


def seed_interval(seed_values: Sequence[float] | np.ndarray) -> Estimate:
    """Compute a t interval over seeds, for metrics without a value per problem.

    The ends are NaN for one seed, or if all seeds have the same value.
    """
    value_S = np.asarray(seed_values, dtype=np.float64)
    seeds = len(value_S)
    terms = [Term(variance=float(value_S.var(ddof=1)) / seeds, df=seeds - 1)] if seeds > 1 else []
    return from_terms(float(value_S.mean()), terms, problems=0, seeds=seeds)
