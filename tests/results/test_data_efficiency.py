"""Estimators of data efficiency, on curves whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from results.data_efficiency import Curve, shift_efficiency, slope_efficiency

LABELS = np.array([1.0, 2, 4, 8, 16, 32])


def curve(labels, value, seeds=3, problems=40, noise=0.0, seed=0):
    """The same value for all seeds and problems, or with noise of its own for each."""
    rng = np.random.default_rng(seed)
    spread = noise * rng.normal(size=(len(labels), seeds, problems))
    return Curve(
        labels=np.asarray(labels),
        seeds=np.arange(seeds),
        value=np.broadcast_to(value[:, None, None], spread.shape) + spread,
    )


def quadratic(labels):
    u = np.log(labels)
    return 0.3 + 0.15 * u - 0.012 * u**2


def logistic(labels):
    return 0.3 + 0.5 / (1 + np.exp(-(np.log(labels) - 1.5)))


def test_a_curve_shifted_by_a_factor():
    """With 2.6 times the labels the baseline reaches the same: exact where the form fits."""
    found = shift_efficiency(curve(LABELS, quadratic(2.6 * LABELS)), curve(LABELS, quadratic(LABELS)))
    assert found.estimate == pytest.approx(2.6, rel=1e-3)
    assert np.isnan([found.lower, found.upper, found.p]).all()  # all problems agree: there is no interval
    assert found.fit == pytest.approx(1) and found.reason == ""
    found = shift_efficiency(curve(LABELS, logistic(2.6 * LABELS)), curve(LABELS, logistic(LABELS)))
    assert found.estimate == pytest.approx(2.6, rel=0.1) and 0.95 < found.fit < 1


def test_the_two_need_not_have_the_same_numbers_of_labels():
    few = np.array([2.0, 6, 12])
    found = shift_efficiency(curve(few, quadratic(2.6 * few)), curve(LABELS, quadratic(LABELS)))
    assert found.estimate == pytest.approx(2.6, rel=1e-3)


def test_a_single_point_is_shifted_onto_the_other_curve():
    """Five points: three coefficients, a shift, one left over. The line of four points is exact for lines."""
    one, few = np.array([2.0]), LABELS[:4]
    found = shift_efficiency(curve(one, quadratic(2.6 * one)), curve(few, quadratic(few)))
    assert found.estimate == pytest.approx(2.6, rel=1e-3)
    one, few = np.array([1.0]), LABELS[:3]
    found = shift_efficiency(curve(one, 0.3 + 0.1 * np.log(2.6 * one)), curve(few, 0.3 + 0.1 * np.log(few)))
    assert found.estimate == pytest.approx(2.6, rel=1e-3)


def test_too_few_points_are_told():
    one, two = LABELS[:1], LABELS[:2]
    found = shift_efficiency(curve(one, quadratic(one)), curve(two, quadratic(two)))
    assert np.isnan(found.estimate) and found.reason == "too few points: 1 and 2"
    found = shift_efficiency(curve(LABELS, quadratic(LABELS)), curve(one, quadratic(one)))
    assert found.reason == "too few points: 6 and 1"
    found = slope_efficiency(curve(one, quadratic(one)), curve(two, quadratic(two)))
    assert np.isnan(found.estimate) and found.reason == "a single point has no slope"


def test_lines_from_a_common_origin():
    """Slopes 0.26 and 0.1 in log labels from 0.2 at one label: 2.6 by the slopes."""
    u = np.log(LABELS)
    found = slope_efficiency(curve(LABELS, 0.2 + 0.26 * u), curve(LABELS, 0.2 + 0.1 * u))
    assert found.estimate == pytest.approx(2.6) and found.fit == pytest.approx(1)


def test_no_gain_is_one_and_the_inverse_is_the_inverse():
    one, other = (
        curve(LABELS, quadratic(factor * LABELS), noise=0.02, seed=s) for s, factor in ((0, 1), (1, 2))
    )
    there, back = shift_efficiency(other, one), shift_efficiency(one, other)
    assert there.estimate == pytest.approx(1 / back.estimate, rel=1e-2)
    same = shift_efficiency(one, one)
    assert same.estimate == pytest.approx(1, abs=1e-6)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Sixty draws of noisy curves: at least 50 intervals hold 2.6 (57 would be 95%)."""
    held = 0
    for seed in range(60):
        made = curve(LABELS, quadratic(2.6 * LABELS), noise=0.2, seed=2 * seed)
        base = curve(LABELS, quadratic(LABELS), noise=0.2, seed=2 * seed + 1)
        found = shift_efficiency(made, base, resamples=200)
        held += bool(found.lower <= 2.6 <= found.upper)
    assert held >= 50


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (np.linspace(0.8, 0.9, 6), np.linspace(0.2, 0.3, 6)),  # no common value
        (np.linspace(0.5, 0.4, 6), np.linspace(0.5, 0.4, 6)),  # falling
    ],
)
def test_what_cannot_be_told(value, base):
    found = shift_efficiency(curve(LABELS, value), curve(LABELS, base))
    assert np.isnan([found.estimate, found.lower, found.upper]).all()
    assert found.reason == "the curves do not overlap or do not rise"


def test_noise_that_hides_the_curves_is_told():
    flat = np.full(6, 0.5)
    found = shift_efficiency(curve(LABELS, flat, noise=0.3), curve(LABELS, flat, noise=0.3, seed=1))
    assert np.isnan(found.estimate) and "do not overlap or do not rise" in found.reason


@pytest.mark.parametrize(
    ("labels", "shape", "message"),
    [
        ([], (0, 1, 4), "labels: found"),
        ([1.0, 2.0], (2, 2, 4), r"value: found shape \(2, 2, 4\), allowed \[2, 1, problems\]"),
        ([2.0, 1.0], (2, 1, 4), "labels: found"),
        ([0.0, 1.0], (2, 1, 4), "labels: found"),
        ([1.0, 2.0], (3, 1, 4), r"value: found shape \(3, 1, 4\), allowed \[2, 1, problems\]"),
        ([1.0, 2.0], (2, 0, 4), "value: found shape"),
    ],
)
def test_malformed_curves(labels, shape, message):
    with pytest.raises(ValueError, match=message):
        Curve(labels=np.array(labels), seeds=np.arange(1), value=np.zeros(shape))


def test_other_problems():
    with pytest.raises(ValueError, match="value: found 40 and 39 problems, allowed the same"):
        slope_efficiency(curve(LABELS, quadratic(LABELS)), curve(LABELS, quadratic(LABELS), problems=39))


@pytest.mark.parametrize("estimator", [shift_efficiency, slope_efficiency])
def test_seeds_are_paired_by_their_number(estimator):
    """Of seeds 0, 1, 2 and 1, 2, 3 the two that both have count, whatever their places."""
    one = curve(LABELS, quadratic(2.6 * LABELS), noise=0.01, seed=1)
    other = curve(LABELS, quadratic(LABELS), noise=0.01, seed=2)
    shifted = replace(other, seeds=np.array([1, 2, 3]))
    by_hand = estimator(
        replace(one, seeds=one.seeds[1:], value=one.value[:, 1:]),
        replace(other, seeds=np.array([1, 2]), value=other.value[:, :2]),
    )
    assert estimator(one, shifted) == by_hand != estimator(one, other)
    order = [2, 0, 1]
    assert estimator(replace(one, seeds=one.seeds[order], value=one.value[:, order]), shifted) == by_hand
    alien = estimator(one, replace(other, seeds=np.array([7, 8, 9])))
    assert np.isnan(alien.estimate) and alien.reason == "no seed in common"


@pytest.mark.parametrize("estimator", [shift_efficiency, slope_efficiency])
def test_a_fit_that_explains_little_is_not_believed(estimator):
    """Both curves rise in zigzag: a common curve exists, but it misses the points."""
    zigzag = np.array([0.3, 0.6, 0.3, 0.65, 0.35, 0.7])
    found = estimator(curve(LABELS, zigzag + 0.02), curve(LABELS, zigzag))
    assert np.isnan(found.estimate) and found.fit < 0.8
    assert found.reason == f"the fit explains {found.fit:.0%} of the variance, less than 80%"


def test_slopes_of_curves_that_reach_no_common_value():
    line = 0.05 * np.log(LABELS)
    found = slope_efficiency(curve(LABELS, 0.7 + line), curve(LABELS, 0.2 + line))
    assert np.isnan(found.estimate) and found.reason == "the curves do not overlap or do not rise"
