"""Power: which differences a number of seeds and problems can detect, from the variances of an earlier run.

The test is that of ``results.stats.crossed``. With the variances known, the ratio of the estimate to its
standard error has a noncentral t distribution with Satterthwaite's degrees of freedom; power is its mass
beyond the critical ratio. Alpha is two-sided; for one of several Holm-corrected claims it is divided by their
number, as in the first step of Holm's procedure, so the power is that of the least favorable order.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import optimize, stats

from results.stats.crossed import ROUNDING, Components, Term, half_width, satterthwaite

POWER = 0.8
"""Share of runs that should detect the difference."""

MOST = 100_000
"""Largest number of seeds or problems considered."""


def power(difference: float, terms: Sequence[Term], alpha: float) -> float:
    """Return the share of runs whose p is below alpha, on the side of the true difference.

    Args:
        difference: true difference, in the unit of the estimates.
        terms: terms of the variance of its estimate, not all zero.
        alpha: two-sided significance level.
    """
    error, df = _error(terms), float(satterthwaite(terms))
    critical = half_width(terms, 1 - alpha) / error
    return float(stats.nct.sf(critical, df, abs(difference) / error))


def detectable(terms: Sequence[Term], alpha: float) -> float:
    """Return the smallest difference detected with ``POWER``; NaN if nothing varies.

    Args:
        terms: terms of the variance of its estimate.
        alpha: two-sided significance level.
    """
    if not terms or not _error(terms) > ROUNDING:
        return float("nan")
    error = _error(terms)
    most = 2 * float(half_width(terms, 1 - alpha)) + 10 * error
    while power(most, terms, alpha) < POWER:
        most *= 2
    return float(optimize.brentq(lambda d: power(d, terms, alpha) - POWER, 0.0, most, xtol=1e-9))


def seeds_needed(difference: float, components: Components, problems: int, alpha: float) -> int | None:
    """Return the fewest seeds that detect a difference with ``POWER`` on this many problems.

    None if no number does: the problems alone vary too much, or the variance between seeds is unknown.
    """
    if np.isnan(components.seed):
        return None
    return _fewest(lambda seeds: power(difference, components.terms(seeds, problems), alpha))


def problems_needed(difference: float, components: Components, seeds: int, alpha: float) -> int | None:
    """Return the fewest problems that detect a difference with ``POWER`` with this many seeds.

    None if no number does: the seeds alone vary too much.
    """
    return _fewest(lambda problems: power(difference, components.terms(seeds, problems), alpha))


def _fewest(power_of: Callable[[int], float]) -> int | None:
    """Return the smallest count of 2 or more with enough power; power rises with the count."""
    high = 2
    while power_of(high) < POWER:
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= POWER else (middle, high)
    return high


def _error(terms: Sequence[Term]) -> float:
    return float(np.sqrt(sum(term.variance for term in terms)))
