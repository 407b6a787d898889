"""The crossed random-effects model of a mean over seeds and problems, as in multi-reader multi-case studies.

The value of seed s on problem p is the sum of a mean, an effect of the seed, an effect of the problem and a
residual, all random and independent (Obuchowski and Rockette 1995; Hillis 2007, with seeds as readers and
problems as cases). With the mean squares of the two-way table, the variance of the mean over S seeds and P
problems has two terms::

    seeds     MS_seed / (S P)                          with S - 1 degrees of freedom (includes the residual)
    problems  max(MS_problem - MS_residual, 0) / (S P) with P - 1 degrees of freedom

An interval adds the squares of the terms' half widths, each with its own t quantile (Cochran's rule for
variances with different degrees of freedom)::

    half width at level L = sqrt(t_{(1+L)/2, S-1}^2 * seeds + t_{(1+L)/2, P-1}^2 * problems)

and p is 1 - L for the level L at which the interval just reaches zero, so p < 0.05 exactly where the 95%
interval excludes zero, and likewise at any other level. A single t with Satterthwaite's degrees of freedom
is up to ten times too liberal at p < 0.002 with three seeds, because seeds that agree by chance raise its
degrees of freedom; ``tests/benchmarks/coverage.py`` shows both.

With one seed there is one term, the variance over problems, and the interval applies to that seed only.

Shape letters: S seeds, P problems.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-12
"""Largest gap between values in [0, 1] that count as equal."""

_HALVINGS = 60
_MOST = 345.0
"""Minus the log of half the smallest p that is computed; the square of t_1 is still finite there."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One part of the variance of an estimate."""

    variance: Any
    """Variance of the estimate, 0 or more: a float, or an array for many estimates."""
    df: int
    """Degrees of freedom with which it is estimated, 1 or more."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """Variances of single values, for planning a study with other numbers of seeds and problems."""

    seed: float
    """Variance between seeds; NaN with one seed or none."""
    problem: float
    """Variance between problems; with one seed, it includes the residual."""
    residual: float
    """Variance of a seed on a problem; NaN with one seed or none."""

    def terms(self, seeds: int, problems: int) -> tuple[Term, ...]:
        """Return the variance of a mean over ``seeds`` seeds and ``problems`` problems, by source.

        Args:
            seeds: S; ignored if the variance between seeds is unknown.
            problems: P, 2 or more.
        """
        if np.isnan(self.seed):
            return (Term(variance=self.problem / problems, df=problems - 1),)
        return (
            Term(variance=self.seed / seeds + self.residual / (seeds * problems), df=seeds - 1),
            Term(variance=self.problem / problems, df=problems - 1),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanSquares:
    """Mean squares of two-way tables [..., S, P], as arrays of the leading shape."""

    mean: Any
    seed: Any
    """Mean square between seeds, S - 1 degrees of freedom; 0 for one seed."""
    problem: Any
    """Mean square between problems, P - 1 degrees of freedom; 0 for one problem."""
    residual: Any
    """Mean square of the residual, (S - 1) (P - 1) degrees of freedom; 0 for one seed or one problem."""
    seeds: int
    problems: int

    @property
    def terms(self) -> tuple[Term, ...]:
        """The variance of the mean, by source."""
        values = self.seeds * self.problems
        between_problems = np.maximum(self.problem - self.residual, 0.0) / values
        of_problems = Term(variance=between_problems, df=self.problems - 1)
        if self.seeds == 1:
            return (of_problems,)
        of_seeds = Term(variance=self.seed / values, df=self.seeds - 1)
        return (of_seeds, of_problems) if self.problems > 1 else (of_seeds,)

    @property
    def components(self) -> Components:
        """Variances of single values; negative estimates become 0."""
        if self.seeds == 1:
            return Components(seed=float("nan"), problem=float(self.problem), residual=float("nan"))
        return Components(
            seed=max(float(self.seed - self.residual) / self.problems, 0.0),
            problem=max(float(self.problem - self.residual) / self.seeds, 0.0),
            residual=float(self.residual),
        )


def mean_squares(value: Floats) -> MeanSquares:
    """Compute the two-way analysis of variance of one or many tables [..., S, P]."""
    seeds, problems = value.shape[-2:]
    mean = value.mean(axis=(-2, -1))
    of_seed, of_problem = value.mean(axis=-1), value.mean(axis=-2)

    def spread(values: Floats) -> Floats:
        count = values.shape[-1]
        return np.asarray(values.var(axis=-1, ddof=1) if count > 1 else np.zeros(values.shape[:-1]))

    freedom = (seeds - 1) * (problems - 1)
    rest = value - of_seed[..., :, None] - of_problem[..., None, :] + mean[..., None, None]
    squares = (rest**2).sum(axis=(-2, -1))
    return MeanSquares(
        mean=mean,
        seed=problems * spread(of_seed),
        problem=seeds * spread(of_problem),
        residual=squares / freedom if freedom else np.zeros_like(squares),
        seeds=seeds,
        problems=problems,
    )


def half_width(terms: Sequence[Term], level: float) -> Any:
    """Return half the width of an interval at a level between 0 and 1."""
    return np.sqrt(sum(_quantile((1 - level) / 2, term.df) ** 2 * term.variance for term in terms))


def p_value(estimate: Any, terms: Sequence[Term]) -> Any:
    """Return the two-sided p of zero: 1 minus the level whose interval ends at zero; NaN if nothing varies.

    The estimate is one or an array; its variance has one term or more.
    """
    squared = np.square(np.asarray(estimate, dtype=np.float64))
    low = np.full_like(squared, np.log(2.0))  # minus the log of half of p: p = 1
    high = np.full_like(squared, _MOST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tail = np.exp(-middle)
        reached = sum(_quantile(tail, term.df) ** 2 * term.variance for term in terms)
        low, high = np.where(reached < squared, middle, low), np.where(reached < squared, high, middle)
    p = np.where(squared > 0, 2 * np.exp(-low), 1.0)
    total = sum(np.asarray(term.variance) for term in terms)
    return np.where(np.asarray(total) > 0, p, np.nan)[()]


def satterthwaite(terms: Sequence[Term]) -> Any:
    """Return Satterthwaite's degrees of freedom of the sum of the terms; infinite if nothing varies."""
    total = np.asarray(sum(term.variance for term in terms))
    squares = np.asarray(sum(term.variance**2 / term.df for term in terms))
    return np.divide(total**2, squares, out=np.full(total.shape, np.inf), where=squares > 0)[()]


def _quantile(tail: Any, df: int) -> Any:
    """Return the quantile of Student's t above which a share ``tail`` lies."""
    return -special.stdtrit(df, tail)
