"""Data efficiency: how many times more labels one curve needs to reach what another reaches.

Each of two curves shows best-of-N against labels, with one point per budget. One logistic in log labels,
shifted between the curves, is fitted by least squares to the points' means over seeds and problems::

    best-of-N = lower + (upper - lower) / (1 + exp(-slope (log labels + shift - midpoint)))

with shift 0 for the baseline. The shift is the log of the data efficiency. Its interval is that of any mean
over seeds and problems (``results.stats.intervals``), computed from the linear influence of every seed and
problem on the shift: the gradient of the fit times the deviation from the mean curve.

The shift is not identified if the curves reach no common value, if the baseline does not rise, if the
logistic misses the points, or if the points leave every shift possible. The result is then a reason, not a
number. ``docs/results/data-efficiency.md`` shows by simulation how often the interval contains the truth and
how often it excludes no gain.

Shape letters: K points of both curves, S seeds, P problems.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from results.stats.crossed import Components
from results.stats.intervals import ALPHA, LEAST_PROBLEMS, NAN, Estimate, mean_interval
from results.stats.power import detectable
from results.stats.shifted_logistic import fit_shift

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Best-of-N that one way of choosing labels reaches."""

    labels: Array
    """Numbers of labels [points], ascending, above 0."""
    seeds: npt.NDArray[np.integer]
    """Seeds [S]; two curves are compared at the seeds that both have."""
    value: Array
    """Best-of-N [points, S, P] at each number of labels, seed and problem, 0 to 1."""

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
        """Mean over seeds and problems [points]."""
        return np.asarray(self.value.mean(axis=(1, 2)))


@dataclass(frozen=True, kw_only=True)
class Efficiency:
    """A ratio of labels with its 95% interval; NaN if it is not identified."""

    estimate: float = NAN
    """How many times more labels the baseline needs; 1 is no gain."""
    lower: float = NAN
    upper: float = NAN
    fit: float = NAN
    """Share of the points' variance that the fit explains (R squared), at most 1."""
    reason: str = ""
    """Why it is not identified; empty if it is."""
    log: Estimate | None = None
    """Its log, with the variances between seeds and problems; None if it is not identified."""

    @property
    def detectable(self) -> float:
        """The smallest efficiency above 1 that this run detects with 80% power; NaN if unknown."""
        return float(np.exp(self.log.detectable())) if self.log is not None else NAN

    def excludes(self, efficiency: float) -> bool:
        """Return whether the interval is known and does not contain an efficiency."""
        return self.lower > efficiency or self.upper < efficiency


def estimate_efficiency(curve: Curve, baseline: Curve) -> Efficiency:
    """Estimate the data efficiency of a curve over a baseline.

    Args:
        curve: the curve being evaluated.
        baseline: on the same problems; the estimate is how many times more labels it needs.

    Returns:
        The estimate. It is NaN, with a reason, if the curves have no seed in common or fewer than
        ``LEAST_PROBLEMS`` problems, if the baseline does not rise by more than its noise, if the interval
        contains every shift at which the curves have labels in common, or if ``fit_shift`` gives a reason.

    Raises:
        ValueError: the curves have different numbers of problems.
    """
    problems = curve.value.shape[2]
    if baseline.value.shape[2] != problems:
        raise ValueError(f"value: found {problems} and {baseline.value.shape[2]} problems, allowed the same")
    seeds, of_curve, of_baseline = np.intersect1d(curve.seeds, baseline.seeds, return_indices=True)
    curve = replace(curve, seeds=seeds, value=curve.value[:, of_curve])
    baseline = replace(baseline, seeds=seeds, value=baseline.value[:, of_baseline])
    if not len(seeds):
        return Efficiency(reason="no seed in common")
    if problems < LEAST_PROBLEMS:
        return Efficiency(reason=f"fewer than {LEAST_PROBLEMS} problems: {problems}")
    fit = fit_shift(curve.labels, curve.mean, baseline.labels, baseline.mean)
    if fit.reason:
        return Efficiency(fit=fit.explained, reason=fit.reason)
    if not _rises(baseline):
        return Efficiency(fit=fit.explained, reason="the baseline does not rise by more than its noise")
    value_KSP = np.concatenate([curve.value, baseline.value])
    influence_SP = np.tensordot(fit.gradient, value_KSP - value_KSP.mean(axis=(1, 2), keepdims=True), axes=1)
    found = mean_interval(fit.shift + influence_SP)
    least, most = fit.shifts
    if found.lower < least and found.upper > most:
        return Efficiency(fit=fit.explained, reason="the points leave every shift possible")
    return Efficiency(
        estimate=float(np.exp(fit.shift)),
        lower=float(np.exp(found.lower)),
        upper=float(np.exp(found.upper)),
        fit=fit.explained,
        log=found,
    )


def detectable_efficiency(components: Components, seeds: int, problems: int) -> float:
    """Return the smallest efficiency above 1 that a planned run detects (``POWER``); NaN if nothing varies.

    Args:
        components: those of ``Efficiency.log`` in an earlier run with the same budgets: the variances of the
            influence of single seeds and problems on the shift.
        seeds: number of seeds of the planned run.
        problems: number of problems of the planned run.
    """
    return float(np.exp(detectable(components.terms(seeds, problems), ALPHA)))


def _rises(curve: Curve) -> bool:
    """Return whether the slope of a line in log labels exceeds zero by more than its noise."""
    centered = np.log(curve.labels) - np.log(curve.labels).mean()
    slope = mean_interval(np.tensordot(centered / (centered**2).sum(), curve.value, axes=1))
    return slope.lower > 0 or (bool(np.isnan(slope.lower)) and slope.estimate > 0)  # NaN: there is no noise
