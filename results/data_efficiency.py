"""Data efficiency: how many times more labels one curve needs to reach what another reaches.

Two curves of best-of-N against labels, one point per budget. One logistic in log labels, shifted for the
second curve, is fitted by least squares to the points' means over seeds and problems::

    best-of-N = lower + (upper - lower) / (1 + exp(-slope (log labels + shift - midpoint)))

with shift 0 for the baseline. The shift is the log of the data efficiency. Its interval is that of any mean
over seeds and problems (``results.intervals``), of the linear influence that every seed and problem has on
the shift: the gradient of the fit times the deviation from the mean curve.

The shift is not identified where the curves reach no common value, where the baseline does not rise, where
the logistic misses the points, or where the points leave every shift possible. The result is then a reason,
not a number. ``docs/data-efficiency.md`` shows by simulation how often the interval holds the truth and how
often it excludes no gain.

Shape letters: K points of both curves, S seeds, P problems.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from results.crossed import Components
from results.intervals import ALPHA, LEAST_PROBLEMS, Estimate, intervals
from results.power import POWER, detectable

Array = npt.NDArray[np.float64]

LEAST_FIT = 0.8
"""Smallest R squared of a fit that is believed; fixed before the reference run."""

LEAST_POINTS = 6
"""Fewest points of both curves: one more than the logistic and its shift have parameters."""

_STEEPEST = 6.0
"""Largest slope, per unit of log labels: from 10% to 90% of the rise within a factor of 2.1."""
_STARTS = 3
_AT_BOUND = 1e-5


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """What one way of choosing labels reaches."""

    labels: Array
    """[points]: labels, ascending, above 0."""
    seeds: npt.NDArray[np.integer]
    """[S]: two curves are compared at the seeds that both have."""
    value: Array
    """[points, S, P]: best-of-N at each number of labels, seed and problem, 0 to 1."""

    def __post_init__(self) -> None:
        allowed = len(self.labels), len(self.seeds)
        if self.value.ndim != 3 or self.value.shape[:2] != allowed or not self.value.shape[2]:
            raise ValueError(
                f"value: found shape {self.value.shape}, allowed [{allowed[0]}, {allowed[1]}, problems]"
            )
        if not len(self.labels) or not (np.diff(self.labels) > 0).all() or self.labels[0] <= 0:
            raise ValueError(f"labels: found {self.labels.tolist()}, allowed one or more, ascending, above 0")

    @property
    def mean(self) -> Array:
        """[points]: over seeds and problems."""
        return np.asarray(self.value.mean(axis=(1, 2)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A logistic in log labels for the baseline, and its shift for the other curve."""

    lower: float
    """Asymptote for few labels, 0 to 1."""
    upper: float
    """Asymptote for many labels, 0 to 1."""
    slope: float
    """Per unit of log labels."""
    midpoint: float
    """Log labels at which the baseline is halfway."""
    shift: float
    """Log of the data efficiency."""
    explained: float
    """Share of the points' variance that the fit explains (R squared), at most 1."""
    shifts: tuple[float, float]
    """The smallest and the largest shift that is tried: the curves' labels just meet."""
    gradient: Array
    """[K]: of the shift by the points' values, the curve's first, then the baseline's."""
    reason: str = ""
    """Why the shift is not identified; empty where it is."""

    def at(self, labels: Array, *, baseline: bool) -> Array:
        """The fitted values of the curve, or of the baseline."""
        position = np.log(labels) + (0.0 if baseline else self.shift)
        rise = self.upper - self.lower
        return np.asarray(self.lower + rise * special.expit(self.slope * (position - self.midpoint)))

    def labels_at(self, value: float, *, baseline: bool) -> float:
        """The labels at which the curve, or the baseline, reaches a value between the asymptotes."""
        risen = special.logit((value - self.lower) / (self.upper - self.lower))
        return float(np.exp(self.midpoint + risen / self.slope - (0.0 if baseline else self.shift)))


@dataclass(frozen=True, kw_only=True)
class Efficiency:
    """A ratio of labels with its 95% interval; NaN where it is not identified."""

    estimate: float
    """How many times more labels the baseline needs; 1 is no gain."""
    lower: float
    """Lower end."""
    upper: float
    """Upper end."""
    fit: float
    """Share of the points' variance that the fit explains (R squared), at most 1."""
    reason: str = ""
    """Why it is not identified; empty where it is."""
    log: Estimate | None = None
    """Its log, with the variances between seeds and problems; None where it is not identified."""

    @property
    def detectable(self) -> float:
        """The smallest efficiency above 1 that this run detects with 80% power; NaN where it is not known."""
        return float(np.exp(self.log.detectable())) if self.log is not None else float("nan")

    def excludes(self, efficiency: float) -> bool:
        """Whether the interval is known and does not hold an efficiency."""
        return self.lower > efficiency or self.upper < efficiency


def estimate_efficiency(curve: Curve, baseline: Curve) -> Efficiency:
    """The data efficiency of a curve over a baseline.

    Args:
        curve: the one that is judged.
        baseline: of the same problems; the estimate says how many times more labels it needs.

    Returns:
        NaN, with a reason, where the curves have no seed in common or fewer than ``LEAST_PROBLEMS`` problems,
        where the baseline does not rise by more than its noise, where the interval holds every shift at which
        the curves have labels in common, and where ``fit_shift`` gives a reason.

    Raises:
        ValueError: the curves have different numbers of problems.
    """
    curve, baseline = _paired(curve, baseline)
    seeds, problems = curve.value.shape[1:]
    if not seeds:
        return _refused("no seed in common")
    if problems < LEAST_PROBLEMS:
        return _refused(f"fewer than {LEAST_PROBLEMS} problems: {problems}")
    fit = fit_shift(curve.labels, curve.mean, baseline.labels, baseline.mean)
    if fit.reason:
        return _refused(fit.reason, fit.explained)
    if not _rises(baseline):
        return _refused("the baseline does not rise by more than its noise", fit.explained)
    value_KSP = np.concatenate([curve.value, baseline.value])
    influence_SP = np.tensordot(fit.gradient, value_KSP - value_KSP.mean(axis=(1, 2), keepdims=True), axes=1)
    (found,) = intervals([fit.shift + influence_SP])
    least, most = fit.shifts
    if found.lower < least and found.upper > most:
        return _refused("the points leave every shift possible", fit.explained)
    return Efficiency(
        estimate=float(np.exp(fit.shift)),
        lower=float(np.exp(found.lower)),
        upper=float(np.exp(found.upper)),
        fit=fit.explained,
        log=found,
    )


def detectable_efficiency(
    components: Components, seeds: int, problems: int, *, alpha: float = ALPHA, wanted: float = POWER
) -> float:
    """The smallest efficiency above 1 that a planned run detects; NaN where nothing varies.

    Args:
        components: of the log of the efficiency in an earlier run with the same budgets, ``Efficiency.log``:
            the variances of the influence of single seeds and problems on the shift.
        seeds: of the planned run.
        problems: of the planned run.
        alpha: two-sided.
        wanted: power.
    """
    return float(np.exp(detectable(components.terms(seeds, problems), alpha, wanted=wanted)))


def fit_shift(labels: Array, value: Array, baseline_labels: Array, baseline_value: Array) -> Fit:
    """Fit the logistic and the shift to the points of two curves.

    Args:
        labels: of the curve's points, ascending, above 0.
        value: at these points, 0 to 1.
        baseline_labels: of the baseline's points.
        baseline_value: at these points.

    Returns:
        The best of several local optima. It has a reason where there are fewer than ``LEAST_POINTS`` points
        or fewer than two of either curve, where the curves reach no common value, where the fit does not
        rise, where no shift within the range of the labels is best, or where the fit explains less than
        ``LEAST_FIT``.
    """
    points = len(labels), len(baseline_labels)
    if sum(points) < LEAST_POINTS or min(points) < 2:
        return _no_fit(
            f"too few points: {points[0]} and {points[1]}, needed 2 each and {LEAST_POINTS} in all"
        )
    if value.max() < baseline_value.min() or baseline_value.max() < value.min():
        return _no_fit("the curves reach no common value")
    value_K = np.concatenate([value, baseline_value])
    log_K = np.log(np.concatenate([labels, baseline_labels]))
    moved_K = np.arange(len(log_K)) < len(labels)
    widest = log_K[~moved_K].max() - log_K[moved_K].min(), log_K[~moved_K].min() - log_K[moved_K].max()
    lowest = np.array([0, 0, 0.1, log_K.min() - 2, widest[1]])
    highest = np.array([1, 1, _STEEPEST, log_K.max() + 2, widest[0]])

    def predicted(theta: Array) -> Array:
        lower, upper, slope, midpoint, shift = theta
        return np.asarray(
            lower + (upper - lower) * special.expit(slope * (log_K + shift * moved_K - midpoint))
        )

    def jacobian(theta: Array) -> Array:
        lower, upper, slope, midpoint, shift = theta
        position = log_K + shift * moved_K - midpoint
        risen = special.expit(slope * position)
        steep = (upper - lower) * risen * (1 - risen)
        return np.stack([1 - risen, risen, steep * position, -steep * slope, steep * slope * moved_K], axis=1)

    tried = [
        optimize.least_squares(
            lambda theta: predicted(theta) - value_K,
            np.clip(start, lowest + 1e-3, highest - 1e-3),
            jac=jacobian,
            bounds=(lowest, highest),
            x_scale=(0.3, 0.3, 1, 1, 0.5),
        )
        for start in _starts(log_K, moved_K, value_K, *widest)
    ]
    best = min(tried, key=lambda one: float(one.cost))
    total = float(((value_K - value_K.mean()) ** 2).sum())
    explained = 1 - 2 * float(best.cost) / total if total > 0 else float("nan")
    free = (best.x > lowest + _AT_BOUND) & (best.x < highest - _AT_BOUND)
    lower, upper, slope, midpoint, shift = map(float, best.x)
    reason = ""
    if not upper > lower:
        reason = "the fitted curve does not rise"
    elif not free[-1]:
        reason = "no shift within the range of the labels is best"
    elif not explained >= LEAST_FIT:
        reason = f"the fit explains {explained:.0%} of the variance, less than {LEAST_FIT:.0%}"
    # A parameter at its bound does not move with the values. The shift is the last of those that are free.
    gradient = np.linalg.pinv(jacobian(best.x)[:, free], rcond=1e-9)[-1] if free[-1] else np.zeros(len(log_K))
    return Fit(
        lower=lower,
        upper=upper,
        slope=slope,
        midpoint=midpoint,
        shift=shift,
        explained=explained,
        shifts=(widest[1], widest[0]),
        gradient=gradient,
        reason=reason,
    )


def _starts(
    log_K: Array, moved_K: npt.NDArray[np.bool_], value_K: Array, high: float, low: float
) -> list[Array]:
    """The best points of a grid of shifts, midpoints and slopes; asymptotes are linear least squares."""
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


def _rises(curve: Curve) -> bool:
    """Whether the slope of a line in log labels is above zero by more than its noise."""
    centered = np.log(curve.labels) - np.log(curve.labels).mean()
    (slope,) = intervals([np.tensordot(centered / (centered**2).sum(), curve.value, axes=1)])
    return slope.lower > 0 or (bool(np.isnan(slope.lower)) and slope.estimate > 0)  # NaN: there is no noise


def _refused(reason: str, fit: float = float("nan")) -> Efficiency:
    nan = float("nan")
    return Efficiency(estimate=nan, lower=nan, upper=nan, fit=fit, reason=reason)


def _no_fit(reason: str) -> Fit:
    nan = float("nan")
    unknown = dict.fromkeys(("lower", "upper", "slope", "midpoint", "shift", "explained"), nan)
    return Fit(**unknown, shifts=(nan, nan), gradient=np.zeros(0), reason=reason)


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
