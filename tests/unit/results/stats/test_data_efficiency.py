"""The estimate of data efficiency, on curves whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.efficiency import experiment, finds_gain

from results.stats.crossed import Components
from results.stats.data_efficiency import (
    Curve,
    Efficiency,
    detectable_efficiency,
    estimate_efficiency,
)

FEW = np.array([1.5, 2, 3, 4, 6])
LABELS = np.array([1.0, 2, 3, 4, 6, 8, 12, 16])


def curve(labels, value, seeds=3, problems=40, noise=0.0, seed=0):
    """The same value for all seeds and problems, or with noise of its own for each."""
    rng = np.random.default_rng(seed)
    spread = noise * rng.normal(size=(len(labels), seeds, problems))
    return Curve(
        labels=np.asarray(labels),
        seeds=np.arange(seeds),
        value=np.broadcast_to(value[:, None, None], spread.shape) + spread,
    )


def logistic(labels):
    return 0.3 + 0.5 / (1 + np.exp(-1.4 * (np.log(labels) - 1.2)))


def saturating(labels):
    """No logistic: a power law that approaches 0.85."""
    return 0.85 - 0.5 * labels**-0.7


@pytest.mark.parametrize("factor", [0.4, 1.0, 1.5, 2.6, 4.0])
def test_a_shifted_curve(factor):
    """With `factor` times the labels the baseline reaches the same: exact, as the form is right."""
    found = estimate_efficiency(curve(FEW, logistic(factor * FEW)), curve(LABELS, logistic(LABELS)))
    assert found.estimate == pytest.approx(factor, rel=1e-4)
    assert np.isnan([found.lower, found.upper]).all()  # all problems agree: there is no interval
    assert found.fit == pytest.approx(1) and found.reason == ""


@pytest.mark.parametrize(("form", "error"), [(saturating, 0.03), (lambda u: 0.3 + 0.15 * np.log(u), 0.01)])
def test_curves_of_another_form(form, error):
    """A power law and a straight line: near enough to a logistic over the budgets."""
    found = estimate_efficiency(curve(FEW, form(2.0 * FEW)), curve(LABELS, form(LABELS)))
    assert found.estimate == pytest.approx(2.0, rel=error) and found.fit > 0.99


def test_the_inverse_is_the_inverse():
    one, other = (curve(LABELS, logistic(f * LABELS), noise=0.02, seed=s) for s, f in ((0, 1), (1, 2)))
    there, back = estimate_efficiency(other, one), estimate_efficiency(one, other)
    assert there.estimate == pytest.approx(1 / back.estimate, rel=1e-3)
    assert there.lower == pytest.approx(1 / back.upper, rel=1e-2)
    same = estimate_efficiency(one, one)
    assert same.estimate == pytest.approx(1, abs=1e-4)


def test_the_interval_follows_the_seeds():
    """Seed 0 has 1.3 times the labels' worth of seed 1, and seed 2 is between them; no other noise. The
    interval is that of the three shifts -0.131, 0.131, 0: t_{.975, 2} * 0.131 / sqrt(3) = 0.326."""
    factors = 2.0 * np.exp(np.array([-1, 1, 0]) * np.log(1.3) / 2)
    value_KS = np.stack([logistic(factor * FEW) for factor in factors], axis=1)
    made = Curve(labels=FEW, seeds=np.arange(3), value=np.repeat(value_KS[:, :, None], 6, axis=2))
    found = estimate_efficiency(made, curve(LABELS, logistic(LABELS), problems=6))
    half = 4.302652729911275 * np.log(1.3) / 2 / np.sqrt(3)
    assert np.log(found.estimate) == pytest.approx(np.log(2), abs=0.01)
    assert np.log(found.upper / found.estimate) == pytest.approx(half, rel=0.03)
    assert np.log(found.estimate / found.lower) == pytest.approx(half, rel=0.03)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (FEW[:1], LABELS, "too few points: 1 and 8, needed 2 each and 6 in all"),
        (FEW, LABELS[:1], "too few points: 5 and 1, needed 2 each and 6 in all"),
        (FEW[:2], LABELS[:3], "too few points: 2 and 3, needed 2 each and 6 in all"),
    ],
)
def test_too_few_points(one, other, message):
    found = estimate_efficiency(curve(one, logistic(one)), curve(other, logistic(other)))
    assert np.isnan([found.estimate, found.lower, found.upper]).all() and found.reason == message


@pytest.mark.parametrize(
    ("value", "base", "reason"),
    [
        (np.linspace(0.8, 0.9, 8), np.linspace(0.2, 0.3, 8), "the curves reach no common value"),
        (np.linspace(0.5, 0.4, 8), np.linspace(0.5, 0.4, 8), "the fitted curve does not rise"),
        (np.full(8, 0.75), logistic(LABELS), "no shift within the range of the labels is best"),
    ],
)
def test_a_shift_that_is_not_identified(value, base, reason):
    found = estimate_efficiency(curve(LABELS, value), curve(LABELS, base))
    assert np.isnan([found.estimate, found.lower, found.upper]).all()
    assert found.reason == reason
    assert not found.excludes(1) and not found.excludes(2.6)


def test_a_curve_on_the_plateau_does_not_determine_the_shift():
    """At 4 times 4 labels the curve is within 0.0003 of its asymptote: the noise covers every shift."""
    late = np.array([4.0, 6, 8, 12])
    steep = 0.3 + 0.5 / (1 + np.exp(-6 * (np.log([*(4 * late), *LABELS]) - 0.7)))
    one, other = curve(late, steep[:4], noise=0.1), curve(LABELS, steep[4:], noise=0.1, seed=1)
    found = estimate_efficiency(one, other)
    assert np.isnan(found.lower) and found.reason


def test_noise_that_hides_the_rise():
    flat = np.full(8, 0.5)
    found = estimate_efficiency(curve(LABELS, flat, noise=0.3), curve(LABELS, flat, noise=0.3, seed=1))
    assert np.isnan(found.estimate) and found.reason


def test_a_fit_that_explains_little_is_not_believed():
    """Both curves rise in zigzag: a common curve exists, but it misses the points."""
    zigzag = np.array([0.3, 0.6, 0.3, 0.65, 0.35, 0.7, 0.4, 0.75])
    found = estimate_efficiency(curve(LABELS, zigzag + 0.02), curve(LABELS, zigzag))
    assert np.isnan(found.estimate) and found.fit < 0.8
    assert found.reason == f"the fit explains {found.fit:.0%} of the variance, less than 80%"


def test_fewer_problems_than_can_show_anything():
    found = estimate_efficiency(
        curve(FEW, logistic(FEW), problems=5), curve(LABELS, logistic(LABELS), problems=5)
    )
    assert found.reason == "fewer than 6 problems: 5"


@pytest.mark.parametrize(
    ("lower", "upper", "excluded"),
    [(0.5, 2.7, []), (1.1, 2.5, [1, 2.6]), (2.7, 4.0, [1, 2.6]), (1.2, 3.0, [1]), (np.nan, np.nan, [])],
)
def test_what_an_interval_excludes(lower, upper, excluded):
    found = Efficiency(estimate=1.5, lower=lower, upper=upper, fit=1.0)
    assert [value for value in (1, 2.6) if found.excludes(value)] == excluded


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
        estimate_efficiency(curve(FEW, logistic(FEW)), curve(LABELS, logistic(LABELS), problems=39))


def test_seeds_are_paired_by_their_number():
    """Of seeds 0, 1, 2 and 1, 2, 3 the two that both have, whatever their places."""
    one = curve(LABELS, logistic(2.6 * LABELS), noise=0.01, seed=1)
    other = curve(LABELS, logistic(LABELS), noise=0.01, seed=2)
    shifted = replace(other, seeds=np.array([1, 2, 3]))
    by_hand = estimate_efficiency(
        replace(one, seeds=one.seeds[1:], value=one.value[:, 1:]),
        replace(other, seeds=np.array([1, 2]), value=other.value[:, :2]),
    )
    assert estimate_efficiency(one, shifted) == by_hand != estimate_efficiency(one, other)
    order = [2, 0, 1]
    again = estimate_efficiency(replace(one, seeds=one.seeds[order], value=one.value[:, order]), shifted)
    assert again == by_hand
    alien = estimate_efficiency(one, replace(other, seeds=np.array([7, 8, 9])))
    assert np.isnan(alien.estimate) and alien.reason == "no seed in common"


def test_the_smallest_efficiency_that_can_be_detected():
    """By hand for many seeds and problems, where t is normal: the shift must be 1.960 + 0.842 = 2.802
    standard errors. 0.4^2 / 10^4 + 0.9^2 / 10^5 + 9 / 10^9 = 2.4109e-5: exp(2.802 * 0.0049101) = 1.01385."""
    parts = Components(seed=0.4**2, problem=0.9**2, residual=9.0)
    assert detectable_efficiency(parts, 10**4, 10**5) == pytest.approx(1.01385, abs=2e-5)
    few, many = (detectable_efficiency(parts, seeds, 300) for seeds in (5, 10))
    assert few > many > 1


def test_a_simulation_of_coverage_and_power():
    """Forty experiments with ten seeds and a true efficiency of 1.5: none is refused, at least 35 intervals
    hold it (38 would be 95%), at least 24 exclude 1, and what a run says it could detect is about right."""
    rng = np.random.default_rng(0)
    drawn = [experiment(rng, "on the rise", 1.5, 10, "Gaussian", problems=100) for _ in range(40)]
    found = [estimate_efficiency(*pair) for pair in drawn]
    assert not any(one.reason for one in found)
    assert sum(not one.excludes(1.5) for one in found) >= 35
    power = np.mean([one.lower > 1 for one in found])
    assert power >= 0.6
    assert np.mean([finds_gain(*pair) for pair in drawn]) >= 0.6
    assert 1.3 < np.median([one.detectable for one in found]) < 1.7
