"""Data efficiency: how many times more labels one curve needs to reach what another reaches.

Two curves of best-of-N against labels, each a point a data scale. Primary is the horizontal shift between
them: one quadratic in log labels (a line where there are four points in all), shifted for the second curve,
is fitted to the points of both, and the shift, exponentiated, is the efficiency. Beside it stands the ratio
of the slopes of two lines of best fit in log labels, which is what "Let's Verify Step by Step" (arXiv
2305.20050, Section 4.2) reports: it describes how steeply the curves rise, and is no ratio of labels.

A fit is believed only if it explains most of what the points differ by (``LEAST_FIT``).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from results.differences import p_value
from results.intervals import LEAST_PROBLEMS, LEVEL, RESAMPLES, ROUNDING, resample_weights, seed_half_width

Array = npt.NDArray[np.float64]
LEAST_FIT = 0.8
"""Least R squared of a fit that is believed; fixed before the reference run."""
_GRID = 801
_MOST_DEGREE = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """What one way of choosing labels reaches."""

    labels: Array
    """[K]: labels a problem, ascending, above 0."""
    seeds: npt.NDArray[np.integer]
    """[S]: which seeds; two curves are compared at those that both have."""
    value: Array
    """[K, S, P]: best-of-N at each number of labels, seed and problem, 0 to 1."""

    def __post_init__(self) -> None:
        allowed = len(self.labels), len(self.seeds)
        if self.value.ndim != 3 or self.value.shape[:2] != allowed or not self.value.shape[2]:
            raise ValueError(
                f"value: found shape {self.value.shape}, allowed [{allowed[0]}, {allowed[1]}, problems]"
            )
        if not len(self.labels) or not (np.diff(self.labels) > 0).all() or self.labels[0] <= 0:
            raise ValueError(f"labels: found {self.labels.tolist()}, allowed one or more, ascending, above 0")


@dataclass(frozen=True, kw_only=True)
class Efficiency:
    """A ratio of labels with its 95% interval; NaN where it cannot be told."""

    estimate: float
    """How many times more labels the baseline needs; 1 is no gain."""
    lower: float
    """Lower end."""
    upper: float
    """Upper end."""
    fit: float
    """Share of the points' variance that the fit explains (R squared), at most 1."""
    reason: str = ""
    """Why it cannot be told; empty where it can."""

    @property
    def p(self) -> float:
        """Two-sided, of no gain: a normal test on the log whose 95% interval is the one given."""
        if not self.estimate > 0:
            return float("nan")
        estimate, lower, upper = (float(np.log(value)) for value in (self.estimate, self.lower, self.upper))
        return p_value(estimate, lower, upper)


def shift_efficiency(curve: Curve, baseline: Curve, *, resamples: int = RESAMPLES) -> Efficiency:
    """The horizontal shift between the two curves, as a ratio of labels.

    The interval is that of ``results.intervals``, on the log: percentiles of a bootstrap over problems, and
    a t-corrected term for the seeds.

    Args:
        curve: what is judged.
        baseline: of the same problems; the estimate says how many times more labels it needs.
        resamples: of the bootstrap over problems.

    Returns:
        NaN, with a reason, where they have no seed in common or fewer than ``LEAST_PROBLEMS`` problems, where
        there are fewer than four points or one of the baseline, where the curves reach no common value, where
        the fit does not rise or explains less than ``LEAST_FIT``, or where some seed or more than 2.5% of the
        resamples do not overlap or rise.
    """
    curve, baseline = _paired(curve, baseline)
    if len(curve.labels) + len(baseline.labels) < 4 or len(baseline.labels) < 2:
        return _untold(f"too few points: {len(curve.labels)} and {len(baseline.labels)}")
    log_a, log_b = np.log(curve.labels), np.log(baseline.labels)
    return _estimated(lambda a, b: _shift(log_a, a, log_b, b), curve, baseline, resamples)


def slope_efficiency(curve: Curve, baseline: Curve) -> Efficiency:
    """The paper's ratio of slopes of two lines of best fit in log labels; descriptive.

    Curves and result are those of ``shift_efficiency``; NaN too where a line has a single point.
    """
    curve, baseline = _paired(curve, baseline)
    if min(len(curve.labels), len(baseline.labels)) < 2:
        return _untold("a single point has no slope")
    log_a, log_b = np.log(curve.labels), np.log(baseline.labels)
    return _estimated(lambda a, b: _slopes(log_a, a, log_b, b), curve, baseline, RESAMPLES)


Fitted = tuple[Array, Array]
"""Log of the efficiency [B], NaN where it cannot be told, and R squared [B]."""


def _estimated(
    fit: Callable[[Array, Array], Fitted], curve: Curve, baseline: Curve, resamples: int
) -> Efficiency:
    seeds, problems = curve.value.shape[1:]
    if not seeds:
        return _untold("no seed in common")
    if problems < LEAST_PROBLEMS:
        return _untold(f"fewer than {LEAST_PROBLEMS} problems: {problems}")
    weight_PB = resample_weights(problems, resamples)
    everything = np.full((problems, 1), 1 / problems)
    mean_a, mean_b = curve.value.mean(axis=1), baseline.value.mean(axis=1)
    centre, explained = (float(found[0]) for found in fit(mean_a @ everything, mean_b @ everything))
    if np.isnan(centre):
        return _untold("the curves do not overlap or do not rise", explained)
    if explained < LEAST_FIT:
        return _untold(
            f"the fit explains {explained:.0%} of the variance, less than {LEAST_FIT:.0%}", explained
        )
    boot_B = fit(mean_a @ weight_PB, mean_b @ weight_PB)[0]
    if np.isnan(boot_B).mean() > (1 - LEVEL) / 2:  # or the percentile of that end does not exist
        share = np.isnan(boot_B).mean()
        return _untold(f"in {share:.0%} of the resamples the curves do not overlap or do not rise", explained)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(boot_B, [tail, 100 - tail])
    of_seed = fit(curve.value.mean(axis=2), baseline.value.mean(axis=2))[0]
    if seeds > 1 and np.isnan(of_seed).any():
        failed = int(np.isnan(of_seed).sum())
        reason = f"in {failed} of {seeds} seeds the curves do not overlap or do not rise"
        return _untold(reason, explained)
    by_seed = seed_half_width(of_seed) if seeds > 1 else 0.0
    if max(high - low, by_seed) <= ROUNDING:  # all problems and seeds agree: there is no interval
        low = high = float("nan")
    return Efficiency(
        estimate=float(np.exp(centre)),
        lower=float(np.exp(centre - np.hypot(centre - low, by_seed))),
        upper=float(np.exp(centre + np.hypot(high - centre, by_seed))),
        fit=explained,
    )


def _untold(reason: str, fit: float = float("nan")) -> Efficiency:
    nan = float("nan")
    return Efficiency(estimate=nan, lower=nan, upper=nan, fit=fit, reason=reason)


def _shift(log_a: Array, value_a: Array, log_b: Array, value_b: Array) -> Fitted:
    """Least squares over all shifts at which the curves overlap: one projection a shift, all B at once."""
    value_KB = np.concatenate([value_a, value_b])
    degree = min(_MOST_DEGREE, len(value_KB) - 3)  # one point more than the coefficients and the shift
    total_B = ((value_KB - value_KB.mean(axis=0)) ** 2).sum(axis=0)
    shifts = np.linspace(log_b[0] - log_a[-1], log_b[-1] - log_a[0], _GRID)
    centred_KB = value_KB - value_KB.mean(axis=0)
    error_GB = np.empty((_GRID, value_KB.shape[1]))
    rising_GB = np.empty((_GRID, value_KB.shape[1]), dtype=bool)
    for g, shift in enumerate(shifts):
        position = np.concatenate([log_a + shift, log_b])
        q, r = np.linalg.qr(np.vander(position, degree + 1))
        within = q.T @ centred_KB  # what the curve explains, in an orthonormal basis
        error_GB[g] = np.maximum(total_B - (within**2).sum(axis=0), 0)
        ends = np.vander(np.array([position.min(), position.max()]), degree + 1)
        rising_GB[g] = np.diff(ends, axis=0)[0] @ np.linalg.solve(r, within) > 0
    best_B = error_GB.argmin(axis=0)
    column = np.arange(value_KB.shape[1])
    inside = (best_B > 0) & (best_B < _GRID - 1) & rising_GB[best_B, column]
    near_B = np.clip(best_B, 1, _GRID - 2)
    left, mid, right = (error_GB[near_B + step, column] for step in (-1, 0, 1))
    bend = left - 2 * mid + right
    polish = np.where(bend > 0, 0.5 * (left - right) / np.where(bend > 0, bend, 1), 0.0)
    found = shifts[near_B] + polish * (shifts[1] - shifts[0])
    explained = 1 - error_GB[best_B, column] / np.where(total_B > 0, total_B, 1)
    return np.where(inside & _overlap(value_a, value_b), found, np.nan), explained


def _slopes(log_a: Array, value_a: Array, log_b: Array, value_b: Array) -> Fitted:
    slopes, error, total = [], np.zeros(value_a.shape[1]), np.zeros(value_a.shape[1])
    for position, value_KB in ((log_a, value_a), (log_b, value_b)):
        basis = np.vander(position, 2)
        coefficient, *_ = np.linalg.lstsq(basis, value_KB, rcond=None)
        slopes.append(coefficient[0])
        error += ((value_KB - basis @ coefficient) ** 2).sum(axis=0)
        total += ((value_KB - value_KB.mean(axis=0)) ** 2).sum(axis=0)
    told = (slopes[0] > 0) & (slopes[1] > 0) & _overlap(value_a, value_b)
    ratio = np.where(told, slopes[0], 1) / np.where(told, slopes[1], 1)
    return np.where(told, np.log(ratio), np.nan), 1 - error / np.where(total > 0, total, 1)


def _overlap(value_a: Array, value_b: Array) -> npt.NDArray[np.bool_]:
    """Whether the curves [K, B] reach a common value."""
    return (value_a.max(axis=0) >= value_b.min(axis=0)) & (value_b.max(axis=0) >= value_a.min(axis=0))


def _paired(curve: Curve, baseline: Curve) -> tuple[Curve, Curve]:
    """Both at the seeds that both have."""
    if curve.value.shape[2] != baseline.value.shape[2]:
        raise ValueError(
            f"value: found {curve.value.shape[2]} and {baseline.value.shape[2]} problems, allowed the same"
        )
    seeds, *places = np.intersect1d(curve.seeds, baseline.seeds, return_indices=True)
    one, other = (
        replace(of, seeds=seeds, value=of.value[:, at])
        for of, at in zip((curve, baseline), places, strict=True)
    )
    return one, other
