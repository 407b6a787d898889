"""One logistic curve in log labels, fitted to the points of two curves, one of which is shifted.

Shape letters: K points of both curves, G points of a grid of starts.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from results.stats.intervals import NAN

Array = npt.NDArray[np.float64]

LEAST_FIT = 0.8
"""Smallest R squared of an accepted fit; fixed before the reference run."""

LEAST_POINTS = 6
"""Fewest points of both curves together: one more than the parameters of the logistic and its shift."""

_STEEPEST = 6.0
"""Largest slope, per unit of log labels: from 10% to 90% of the rise within a factor of 2.1."""
_STARTS = 3
_AT_BOUND = 1e-5
_MOST_STEPS = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A logistic in log labels for the baseline, and its shift for the other curve; NaN without a fit."""

    lower: float = NAN
    """Asymptote for few labels, 0 to 1."""
    upper: float = NAN
    """Asymptote for many labels, 0 to 1."""
    slope: float = NAN
    """Slope per unit of log labels."""
    midpoint: float = NAN
    """Log labels at which the baseline is halfway."""
    shift: float = NAN
    """Log of the data efficiency."""
    explained: float = NAN
    """Share of the points' variance that the fit explains (R squared), at most 1."""
    shifts: tuple[float, float] = (NAN, NAN)
    """The smallest and largest shifts tried, at which the curves' labels just meet."""
    gradient: Array = field(default_factory=lambda: np.zeros(0))
    """Gradient [K] of the shift with respect to the points' values: the curve's, then the baseline's."""
    reason: str = ""
    """Why the shift is not identified; empty if it is."""

    def at(self, labels: Array, *, baseline: bool) -> Array:
        """Return the fitted values of the curve, or of the baseline."""
        position = np.log(labels) + (0.0 if baseline else self.shift)
        rise = self.upper - self.lower
        return np.asarray(self.lower + rise * special.expit(self.slope * (position - self.midpoint)))

    def labels_at(self, value: float, *, baseline: bool) -> float:
        """Return the labels at which the curve, or the baseline, reaches a value between the asymptotes."""
        risen = special.logit((value - self.lower) / (self.upper - self.lower))
        return float(np.exp(self.midpoint + risen / self.slope - (0.0 if baseline else self.shift)))


def fit_shift(labels: Array, value: Array, baseline_labels: Array, baseline_value: Array) -> Fit:
    """Fit the logistic and the shift to the points of two curves.

    Args:
        labels: labels of the curve's points, ascending, above 0.
        value: values at these points, 0 to 1.
        baseline_labels: labels of the baseline's points.
        baseline_value: values at these points.

    Returns:
        The best of several local optima. It has a reason if there are fewer than ``LEAST_POINTS`` points or
        fewer than two of either curve, if the curves reach no common value, if the fit does not rise, if no
        shift within the range of the labels is best, or if the fit explains less than ``LEAST_FIT``.
    """
    points = len(labels), len(baseline_labels)
    if sum(points) < LEAST_POINTS or min(points) < 2:
        return Fit(
            reason=f"too few points: {points[0]} and {points[1]}, needed 2 each and {LEAST_POINTS} in all"
        )
    if value.max() < baseline_value.min() or baseline_value.max() < value.min():
        return Fit(reason="the curves reach no common value")
    value_K = np.concatenate([value, baseline_value])
    log_K = np.log(np.concatenate([labels, baseline_labels]))
    moved_K = np.arange(len(log_K)) < len(labels)
    widest = log_K[~moved_K].max() - log_K[moved_K].min(), log_K[~moved_K].min() - log_K[moved_K].max()
    lowest = np.array([0, 0, 0.1, log_K.min() - 2, widest[1]])
    highest = np.array([1, 1, _STEEPEST, log_K.max() + 2, widest[0]])

    def residual(theta: Array) -> Array:
        lower, upper, slope, midpoint, shift = theta
        risen = special.expit(slope * (log_K + shift * moved_K - midpoint))
        return np.asarray(lower + (upper - lower) * risen - value_K)

    def jacobian(theta: Array) -> Array:
        lower, upper, slope, midpoint, shift = theta
        position = log_K + shift * moved_K - midpoint
        risen = special.expit(slope * position)
        steep = (upper - lower) * risen * (1 - risen)
        return np.stack([1 - risen, risen, steep * position, -steep * slope, steep * slope * moved_K], axis=1)

    fits = [
        optimize.least_squares(
            residual,
            np.clip(start, lowest + 1e-3, highest - 1e-3),
            jac=jacobian,
            bounds=(lowest, highest),
            x_scale=(0.3, 0.3, 1, 1, 0.5),
            max_nfev=_MOST_STEPS,
        )
        for start in _starts(log_K, moved_K, value_K, *widest)
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    total = float(((value_K - value_K.mean()) ** 2).sum())
    explained = 1 - 2 * float(best.cost) / total if total > 0 else NAN
    free = (best.x > lowest + _AT_BOUND) & (best.x < highest - _AT_BOUND)
    lower, upper, slope, midpoint, shift = map(float, best.x)
    reason = ""
    if not upper > lower:
        reason = "the fitted curve does not rise"
    elif not free[-1]:
        reason = "no shift within the range of the labels is best"
    elif not explained >= LEAST_FIT:
        reason = f"the fit explains {explained:.0%} of the variance, less than {LEAST_FIT:.0%}"
    # A parameter at its bound does not move with the values. The shift is the last free parameter.
    gradient = np.linalg.pinv(jacobian(best.x)[:, free], rcond=1e-9)[-1] if free[-1] else np.zeros(len(log_K))
    return Fit(
        lower=lower,
        upper=upper,
        slope=slope,
        midpoint=midpoint,
        shift=shift,
        explained=explained,
        shifts=(float(widest[1]), float(widest[0])),
        gradient=gradient,
        reason=reason,
    )


def _starts(
    log_K: Array, moved_K: npt.NDArray[np.bool_], value_K: Array, high: float, low: float
) -> list[Array]:
    """Return the best points of a grid of shifts, midpoints and slopes, with least-squares asymptotes."""
    grid = np.meshgrid(
        np.linspace(low, high, 15)[1:-1], np.linspace(log_K.min(), log_K.max(), 7), [0.5, 1.0, 2.0, 4.0]
    )
    shift_G, midpoint_G, slope_G = (axis.ravel() for axis in grid)
    risen_GK = special.expit(slope_G[:, None] * (log_K + shift_G[:, None] * moved_K - midpoint_G[:, None]))
    centered_GK = risen_GK - risen_GK.mean(axis=1, keepdims=True)
    rise_G = centered_GK @ (value_K - value_K.mean()) / (centered_GK**2).sum(axis=1)
    lower_G = value_K.mean() - rise_G * risen_GK.mean(axis=1)
    error_G = ((value_K - lower_G[:, None] - rise_G[:, None] * risen_GK) ** 2).sum(axis=1)
    order = np.argsort(error_G, kind="stable")
    firsts = [order[np.flatnonzero(shift_G[order] == shift)[0]] for shift in dict.fromkeys(shift_G[order])]
    theta_G5 = np.stack([lower_G, lower_G + rise_G, slope_G, midpoint_G, shift_G], axis=1)
    return list(theta_G5[firsts[:_STARTS]])
