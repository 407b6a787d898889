"""Data efficiency: how many times more labels one curve needs to reach what another reaches.

Two curves of best-of-N against labels, one point per budget. One logistic in log labels, shifted for the
second curve, is fitted by least squares to the points' means over seeds and problems::

    best-of-N = lower + (upper - lower) / (1 + exp(-slope (log labels + shift - midpoint)))

with shift 0 for the baseline. The shift is the log of the data efficiency. Its interval is that of any mean
over seeds and problems (``results.stats.intervals``), of the linear influence that every seed and problem has
on the shift: the gradient of the fit times the deviation from the mean curve.

The shift is not identified where the curves reach no common value, where the baseline does not rise, where
the logistic misses the points, or where the points leave every shift possible. The result is then a reason,
not a number. ``docs/results/data-efficiency.md`` shows by simulation how often the interval holds the
truth and how often it excludes no gain.

Shape letters: K points of both curves, S seeds, P problems.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from results.stats.crossed import Components
from results.stats.intervals import ALPHA, LEAST_PROBLEMS, Estimate, intervals
from results.stats.power import POWER, detectable
from results.stats.shifted_logistic import fit_shift

Array = npt.NDArray[np.float64]


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


def _rises(curve: Curve) -> bool:
    """Whether the slope of a line in log labels is above zero by more than its noise."""
    centered = np.log(curve.labels) - np.log(curve.labels).mean()
    (slope,) = intervals([np.tensordot(centered / (centered**2).sum(), curve.value, axes=1)])
    return slope.lower > 0 or (bool(np.isnan(slope.lower)) and slope.estimate > 0)  # NaN: there is no noise


def _refused(reason: str, fit: float = float("nan")) -> Efficiency:
    nan = float("nan")
    return Efficiency(estimate=nan, lower=nan, upper=nan, fit=fit, reason=reason)


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
