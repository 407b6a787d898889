"""Scaling curves: best-of-N against labels, with the uncertainty of points, parameters and shape.

A curve rises from ``low`` to ``high`` in one of many shapes g::

    best-of-N = low g(labels) + high (1 - g(labels)),    0 <= low <= high <= pass@N

where g falls from 1 to 0: a power of the labels (the usual saturating power law), a logistic in log labels,
which may start slowly, or a straight line in log labels, which does not saturate within reach. Given a shape,
the fit is a weighted least squares in two parameters with a closed form. Shapes are weighed by how well they
fit the points, so that where the points leave the shape open, predictions differ as much as the shapes that
fit.

Every draw takes one shape by these weights and fits it to drawn points: the means that other seeds and
problems might have given. Draws are paired across curves, so differences between curves are too.

Shape letters: C curves, K points, S seeds, P problems, B draws, G shapes, X places where curves are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from results.stats.crossed import mean_squares
from results.stats.data_efficiency import Curve
from results.stats.intervals import LEVEL, RESAMPLES, Estimate

Array = npt.NDArray[np.float64]

MISFIT = 0.01
"""Standard deviation of a point from a curve of a known shape, apart from noise: no formula is exact."""
REACH = 4.0
"""Multiple of the largest number of labels in the fit up to which a curve is read."""
_LINE, _POWERS = 0.15, 0.45
"""Prior weights of the line and of all powers; the rest is that of the logistics. Chosen by simulation."""
_SLOPES = np.geomspace(0.125, 4, 11)
_SPACING = 0.5
"""Distance between the midpoints of logistics, in log labels."""
_BEYOND = 1.5
"""How far midpoints may lie outside the points, in log labels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shapes:
    """Shapes g of curves, falling from 1 to 0."""

    slope: Array
    """Slopes [G] per unit of log labels; 0 for the straight line."""
    midpoint: Array
    """Log labels [G] at which a logistic is halfway; -inf for powers of the labels."""
    least: float
    """Labels at which powers and the line are 1."""
    most: float
    """Labels at which the line is 0: as far as curves are read."""

    def fall(self, labels: Array) -> Array:
        """Return g at some labels: [G, X]."""
        log = np.log(labels)
        power = np.exp(-self.slope[:, None] * np.maximum(log - np.log(self.least), 0))
        midpoint = np.where(np.isfinite(self.midpoint), self.midpoint, 0.0)[:, None]
        logistic = special.expit(-self.slope[:, None] * (log - midpoint))
        line = np.clip(1 - (log - np.log(self.least)) / np.log(self.most / self.least), 0, 1)
        curved = np.where(np.isfinite(self.midpoint)[:, None], logistic, power)
        return np.where(self.slope[:, None] == 0, line, curved)

    def take(self, index: npt.NDArray[np.integer]) -> "Shapes":
        """Return the shapes at some indices."""
        return replace(self, slope=self.slope[index], midpoint=self.midpoint[index])


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """Draws of a fitted curve."""

    shapes: Shapes
    """Shape of each draw."""
    low: Array
    """Value [B] where g is 1."""
    high: Array
    """Value [B] where g is 0."""

    def at(self, labels: Array | float) -> Array:
        """Return the draws at some labels: [B, X], or [B] at one number of labels."""
        fall_BX = self.shapes.fall(np.atleast_1d(np.asarray(labels, dtype=np.float64)))
        value_BX = self.low[:, None] * fall_BX + self.high[:, None] * (1 - fall_BX)
        return value_BX if np.ndim(labels) else value_BX[:, 0]


@dataclass(frozen=True, kw_only=True)
class BackTest:
    """A prediction of a point that the fit did not see, on problems that it did not see."""

    fitted: tuple[float, ...]
    """Labels of the points in the fit."""
    labels: float
    """Labels of the point predicted."""
    predicted: float
    lower: float
    upper: float
    """The 95% interval, including the noise of what was observed."""
    observed: float
    last: float
    """Value of the last point in the fit: what one would predict without a curve."""

    @property
    def inside(self) -> bool:
        """Whether the interval contains what was observed."""
        return self.lower <= self.observed <= self.upper

    @property
    def miss(self) -> float:
        """How far it lies from the prediction, in multiples of the distance to the interval's end."""
        error = self.observed - self.predicted
        end = self.upper if error > 0 else self.lower
        return abs(error) / max(abs(end - self.predicted), 1e-12)


def mean_draws(value_KSP: Array, resamples: int = RESAMPLES, seed: int = 0) -> Array:
    """Draw the means that other seeds and problems might have given: [B, K], paired across points.

    The deviations of seeds and problems get random weights. Over draws, the covariance is that of the means
    in the crossed model (``results.stats.crossed``; the residual counts twice, which is little), with the
    tails of Student's t over seeds.
    """
    _, seeds, problems = value_KSP.shape
    rng = np.random.default_rng(seed)
    mean_K1 = value_KSP.mean(axis=(1, 2))[:, None]
    weight_BS = rng.standard_normal((resamples, seeds)) / np.sqrt(seeds * (seeds - 1))
    weight_BS *= np.sqrt((seeds - 1) / rng.chisquare(seeds - 1, (resamples, 1)))
    weight_BP = rng.standard_normal((resamples, problems)) / np.sqrt(problems * (problems - 1))
    of_seeds = weight_BS @ (value_KSP.mean(axis=2) - mean_K1).T
    of_problems = weight_BP @ (value_KSP.mean(axis=1) - mean_K1).T
    return np.asarray(mean_K1[:, 0] + of_seeds + of_problems)


def fit_scalings(
    curves: Sequence[Curve], ceiling: float, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Scaling]:
    """Fit curves that were measured with the same seeds on the same problems.

    Args:
        curves: C curves with two points or more each, S seeds (2 or more) and P problems (2 or more).
        ceiling: pass@N, which no curve exceeds.
        resamples: B.
        seed: seed of the draws.
    """
    draws_BK = mean_draws(np.concatenate([curve.value for curve in curves]), resamples, seed)
    ends = np.cumsum([len(curve.labels) for curve in curves])[:-1]
    rng = np.random.default_rng([seed, 1])
    parts = np.split(draws_BK, ends, axis=1)
    return [_fit(curve, part, ceiling, rng) for curve, part in zip(curves, parts, strict=True)]


def _fit(curve: Curve, draws_BK: Array, ceiling: float, rng: np.random.Generator) -> Scaling:
    """Fit one curve to its mean, for the weights of the shapes, and to each draw."""
    shapes, prior_G = _grid(curve.labels)
    of_seeds_K = mean_squares(curve.value).terms[0].variance
    weight_K = 1 / (of_seeds_K + MISFIT**2)
    fall_GK = shapes.fall(curve.labels)
    low_G, high_G = _ends(fall_GK, np.broadcast_to(curve.mean, fall_GK.shape), weight_K, ceiling)
    fitted_GK = low_G[:, None] * fall_GK + high_G[:, None] * (1 - fall_GK)
    squares_G = ((fitted_GK - curve.mean) ** 2 * weight_K).sum(axis=1)
    share_G = prior_G * np.exp(-(squares_G - squares_G.min()) / 2)
    taken_B = rng.choice(len(share_G), size=len(draws_BK), p=share_G / share_G.sum())
    low_B, high_B = _ends(fall_GK[taken_B], draws_BK, weight_K, ceiling)
    return Scaling(shapes=shapes.take(taken_B), low=low_B, high=high_B)


def _grid(labels: Array) -> tuple[Shapes, Array]:
    """Return all shapes and their prior weights."""
    log = np.log(labels)
    midpoints = np.arange(log[0] - _BEYOND, log[-1] + _BEYOND + 1e-9, _SPACING)
    powers = [(slope, -np.inf) for slope in _SLOPES]
    logistics = [(slope, midpoint) for midpoint in midpoints for slope in _SLOPES]
    kinds = [(_LINE, [(0.0, -np.inf)]), (_POWERS, powers), (1 - _LINE - _POWERS, logistics)]
    slope_G, midpoint_G = np.array([shape for _, kind in kinds for shape in kind]).T
    most = REACH * float(labels[-1])
    shapes = Shapes(slope=slope_G, midpoint=midpoint_G, least=float(labels[0]), most=most)
    return shapes, np.concatenate([np.full(len(kind), share / len(kind)) for share, kind in kinds])


def _ends(fall_BK: Array, value_BK: Array, weight_K: Array, ceiling: float) -> tuple[Array, Array]:
    """Return the least-squares low and high [B] with 0 <= low <= high <= ceiling.

    The optimum is the unconstrained one, or lies on an edge of the triangle of allowed values.
    """
    rise_BK = 1 - fall_BK

    def total(*factors: Array) -> Array:
        return np.asarray((np.prod(np.broadcast_arrays(*factors), axis=0) * weight_K).sum(axis=1))

    ff, fr, rr = total(fall_BK, fall_BK), total(fall_BK, rise_BK), total(rise_BK, rise_BK)
    fy, ry = total(fall_BK, value_BK), total(rise_BK, value_BK)
    determinant = ff * rr - fr**2
    known = determinant > 1e-12 * ff * rr
    scale = np.where(known, determinant, 1.0)
    low, high = (rr * fy - fr * ry) / scale, (ff * ry - fr * fy) / scale
    allowed = known & (low >= 0) & (low <= high) & (high <= ceiling)
    flat = np.clip((value_BK * weight_K).sum(axis=1) / weight_K.sum(), 0, ceiling)
    top = np.full_like(flat, ceiling)
    least = np.finfo(np.float64).tiny
    edges = [
        (flat, flat),
        (np.zeros_like(flat), np.clip(ry / np.maximum(rr, least), 0, ceiling)),
        (np.clip((fy - fr * ceiling) / np.maximum(ff, least), 0, ceiling), top),
    ]
    cost_EB = np.stack(
        [total((lo[:, None] * fall_BK + hi[:, None] * rise_BK - value_BK) ** 2) for lo, hi in edges]
    )
    best_B, every = cost_EB.argmin(axis=0), np.arange(len(flat))
    on_edge = [np.stack([edge[end] for edge in edges])[best_B, every] for end in (0, 1)]
    return np.where(allowed, low, on_edge[0]), np.where(allowed, high, on_edge[1])


def summarize_draws(draws_B: Array, *, level: float = LEVEL, problems: int = 0, seeds: int = 0) -> Estimate:
    """Return the mean of draws with the percentiles of an interval at a level."""
    lower, upper = np.quantile(draws_B, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(
        estimate=float(draws_B.mean()), lower=float(lower), upper=float(upper), problems=problems, seeds=seeds
    )


def back_test(
    curve: Curve, ceiling_P: Array, fitted: int, target: int, *, resamples: int = RESAMPLES
) -> tuple[BackTest, BackTest]:
    """Predict a point from the first points, on each half of the problems from the other half.

    Args:
        curve: all points.
        ceiling_P: pass@N of each problem.
        fitted: number of points in the fit, 2 or more.
        target: index of the point to predict.
        resamples: B.

    Returns:
        Predictions for the problems with odd and with even numbers.
    """
    found = []
    for seen, unseen in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        part = Curve(labels=curve.labels[:fitted], seeds=curve.seeds, value=curve.value[:fitted, :, seen])
        (scaling,) = fit_scalings([part], float(ceiling_P[seen].mean()), resamples=resamples)
        held_out = mean_squares(curve.value[target, :, unseen])
        rng = np.random.default_rng(2)
        noise = sum(np.sqrt(term.variance) * rng.standard_t(term.df, resamples) for term in held_out.terms)
        predicted = summarize_draws(scaling.at(float(curve.labels[target])) + noise)
        found.append(
            BackTest(
                fitted=tuple(map(float, part.labels)),
                labels=float(curve.labels[target]),
                predicted=predicted.estimate,
                lower=predicted.lower,
                upper=predicted.upper,
                observed=float(held_out.mean),
                last=float(part.mean[-1]),
            )
        )
    return found[0], found[1]


def predictable(labels: Array, least: int) -> list[tuple[int, int]]:
    """List (number of points in the fit, index of a later point within reach) of a curve's back-tests."""
    return [
        (fitted, target)
        for fitted in range(least, len(labels))
        for target in range(fitted, len(labels))
        if labels[target] <= REACH * labels[fitted - 1]
    ]
