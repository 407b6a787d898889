"""First-error F1, as ProcessBench defines it, and the choice of its threshold on other data.

A step is predicted wrong if P(wrong) exceeds the threshold. A solution with an error is hit if the first step
predicted wrong is its first wrong one; one without an error is hit if no step is predicted wrong. F1 is the
harmonic mean of the shares of the two kinds that are hit. Source: arXiv 2412.06559.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.thresholds import exceeds, reach
from results.stats.intervals import Estimate, bootstrap

Floats = npt.NDArray[np.float64]

UNRATED = -100
"""Rating of an unrated step."""
USUAL = 0.5
"""Usual threshold; among equally good ones, the nearest to it is chosen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hits:
    """Thresholds at which each of H solutions is hit: from `low`, inclusive, to `high`, exclusive."""

    row: npt.NDArray[np.int64]
    """int64 [H]: rows of the solutions; those whose first error is unknown are left out."""
    low: Floats
    """float64 [H]: the highest P(wrong) of the steps that must not be predicted wrong; -inf without any."""
    high: Floats
    """float64 [H]: the highest P(wrong) up to and including the first error; inf without an error."""

    @property
    def error(self) -> npt.NDArray[np.bool_]:
        """bool [H]: whether the solution has an error."""
        return np.isfinite(self.high)

    def at(self, threshold: float) -> npt.NDArray[np.bool_]:
        """Returns whether each solution is hit: bool [H]."""
        return np.asarray(~exceeds(self.low, threshold) & exceeds(self.high, threshold))


@dataclass(frozen=True, kw_only=True)
class FirstError:
    """Accuracy in finding first errors, as shares, each with its interval by problem."""

    f1: Estimate
    """Harmonic mean of the two shares; NaN if there are no solutions of one kind."""
    error: Estimate
    """Share of the solutions with an error that are hit; NaN if there are none."""
    right: Estimate
    """Share of the solutions without an error that are hit; NaN if there are none."""
    errors: int
    """Number of solutions with an error."""
    rights: int
    """Number of solutions without one."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A threshold chosen for F1."""

    value: float
    """P(wrong) above which a step is predicted wrong."""
    f1: float
    """F1 on the data it was chosen on."""


def hits(wrong: Ragged, rating: Ragged) -> Hits:
    """Finds the thresholds at which solutions are hit.

    Args:
        wrong: P(wrong) of all steps, in [0, 1].
        rating: -1 wrong, 0 neutral, 1 right, UNRATED. A solution's first error is known if all steps up to
            and including its first -1 are rated, or if it has steps and all of them are rated.

    Raises:
        ValueError: the two differ in their numbers of steps.
    """
    if not np.array_equal(wrong.offsets, rating.offsets):
        raise ValueError("rating: found other numbers of steps than the scores have; allowed: the same")
    ends = rating.values < 0  # wrong or unrated
    read = rating.up_to_first(ends)

    def highest(steps: npt.NDArray[np.bool_]) -> Floats:
        prob = Ragged(values=np.where(steps, wrong.values, -np.inf), offsets=wrong.offsets)
        return prob.reduce(np.maximum, -np.inf)

    end_rating = Ragged(values=np.where(read & ends, rating.values, 0), offsets=rating.offsets)
    end = end_rating.reduce(np.minimum, UNRATED)  # 0 if all steps are right or neutral
    row = np.flatnonzero(end != UNRATED)
    high = np.where(end < 0, highest(read), np.inf)
    return Hits(row=row, low=highest(read & ~ends)[row], high=high[row])


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divides elementwise; NaN where the divisor is 0."""
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def f1_of(error: Floats, right: Floats) -> Floats:
    """Computes the harmonic mean of two shares; 0 where both are 0."""
    total = error + right
    return np.divide(2 * error * right, total, out=np.where(np.isnan(total), np.nan, 0.0), where=total > 0)


def first_error(known: Hits, threshold: float, problem: npt.NDArray[np.integer]) -> FirstError:
    """Computes F1 and the shares it combines, with intervals by problem.

    Args:
        known: thresholds at which solutions are hit.
        threshold: threshold chosen on other solutions.
        problem: [R], the problem of every solution.
    """
    named, of_problem = np.unique(problem[known.row], return_inverse=True)
    problems = len(named)
    hit, error = known.at(threshold), known.error

    def count(selected: npt.NDArray[np.bool_]) -> Floats:
        return np.bincount(of_problem[selected], minlength=problems).astype(np.float64)

    hit_errors_P, errors_P, hit_rights_P, rights_P = map(count, (hit & error, error, hit & ~error, ~error))

    def error_share(weight_PB: Floats) -> Floats:
        return ratio(hit_errors_P @ weight_PB, errors_P @ weight_PB)

    def right_share(weight_PB: Floats) -> Floats:
        return ratio(hit_rights_P @ weight_PB, rights_P @ weight_PB)

    return FirstError(
        f1=bootstrap(lambda weight_PB: f1_of(error_share(weight_PB), right_share(weight_PB)), problems),
        error=bootstrap(error_share, problems),
        right=bootstrap(right_share, problems),
        errors=int(error.sum()),
        rights=int((~error).sum()),
    )


def choose_threshold(known: Hits) -> Threshold:
    """Chooses the threshold with the highest F1, midway among those with equal hits; never on reported data.

    Raises:
        ValueError: there are no solutions with an error, or none without.
    """
    error = known.error
    if error.all() or not error.any():
        raise ValueError(
            f"found {int(error.sum())} solutions with an error and {int((~error).sum())} without; allowed: "
            "some of both"
        )
    edges = np.concatenate([known.low, known.high, [0.0, 1.0]])
    edges = np.unique(edges[(edges >= 0) & (edges <= 1)])
    grid = np.append((edges[:-1] + edges[1:]) / 2, 1.0)

    def passed(values: Floats) -> Floats:
        return np.searchsorted(np.sort(values), reach(grid), side="right").astype(np.float64)

    hit_error = (passed(known.low[error]) - passed(known.high[error])) / error.sum()
    f1 = f1_of(hit_error, passed(known.low[~error]) / (~error).sum())
    best = grid[f1 >= f1.max() - 1e-12]
    value = float(best[np.argmin(np.abs(best - USUAL))])
    return Threshold(value=value, f1=float(f1.max()))
