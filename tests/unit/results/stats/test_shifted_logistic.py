"""The fit of one logistic curve and its shift."""

import numpy as np
import pytest

from results.stats.shifted_logistic import fit_shift

FEW = np.array([1.5, 2, 3, 4, 6])
LABELS = np.array([1.0, 2, 3, 4, 6, 8, 12, 16])


def logistic(labels):
    return 0.3 + 0.5 / (1 + np.exp(-1.4 * (np.log(labels) - 1.2)))


def test_the_whole_fit():
    fit = fit_shift(FEW, logistic(2.6 * FEW), LABELS, logistic(LABELS))
    found = fit.lower, fit.upper, fit.slope, fit.midpoint, fit.shift
    assert found == pytest.approx((0.3, 0.8, 1.4, 1.2, np.log(2.6)), abs=1e-4)
    np.testing.assert_allclose(fit.at(FEW, baseline=False), logistic(2.6 * FEW), atol=1e-6)
    np.testing.assert_allclose(fit.at(LABELS, baseline=True), logistic(LABELS), atol=1e-6)
    # Halfway, at 0.55, the baseline has e^1.2 = 3.32 labels, and the curve 2.6 times fewer.
    assert fit.labels_at(0.55, baseline=True) == pytest.approx(np.exp(1.2), rel=1e-4)
    assert fit.labels_at(0.55, baseline=False) == pytest.approx(np.exp(1.2) / 2.6, rel=1e-4)


def test_the_gradient_is_the_derivative_of_the_shift():
    """Each point in turn is moved by 0.0001, and the curves are fitted anew."""
    rng = np.random.default_rng(0)
    one, other = logistic(2.0 * FEW), logistic(LABELS)
    one, other = one + 0.01 * rng.normal(size=len(one)), other + 0.01 * rng.normal(size=len(other))
    fit = fit_shift(FEW, one, LABELS, other)
    moved = []
    for index in range(len(one) + len(other)):
        step = 1e-4 * (np.arange(len(one) + len(other)) == index)
        there = fit_shift(FEW, one + step[: len(one)], LABELS, other + step[len(one) :]).shift
        moved.append((there - fit.shift) / 1e-4)
    # The gradient leaves out the curvature of the residuals, which are small here.
    np.testing.assert_allclose(fit.gradient, moved, atol=0.15 * np.abs(moved).max())


@pytest.mark.parametrize("factor", [0.25, 1.0, 8.0])
@pytest.mark.parametrize("slope", [0.7, 3.0])
def test_the_fit_finds_the_optimum_from_its_own_starts(factor, slope):
    def value(labels):
        return 0.1 + 0.8 / (1 + np.exp(-slope * (np.log(labels) - 0.9)))

    fit = fit_shift(LABELS, value(factor * LABELS), LABELS, value(LABELS))
    assert fit.explained == pytest.approx(1, abs=1e-6)
    assert fit.shift == pytest.approx(np.log(factor), abs=1e-2)
