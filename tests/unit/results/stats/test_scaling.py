"""Scaling curves: draws, fits and back-tests, on curves whose answer is known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from results.stats.crossed import mean_squares
from results.stats.data_efficiency import Curve
from results.stats.scaling import (
    REACH,
    BackTest,
    Shapes,
    back_test,
    fit_scalings,
    mean_draws,
    predictable,
    summarize_draws,
)

LABELS = np.array([100.0, 300.0, 800.0, 2400.0])
TRUTHS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "power": lambda x: 0.9 - 0.5 * (x / 100) ** -0.5,
    "logistic": lambda x: 0.4 + 0.4 / (1 + np.exp(-1.2 * (np.log(x) - np.log(600)))),
    "line": lambda x: 0.3 + 0.1 * np.log(x / 100),
    "flat": lambda x: np.full_like(x, 0.5),
}


def curve(value: np.ndarray, labels: np.ndarray = LABELS, seeds: int = 4, problems: int = 40) -> Curve:
    """Every seed and problem has the same value."""
    shape = (len(labels), seeds, problems)
    return Curve(
        labels=labels, seeds=np.arange(seeds), value=np.broadcast_to(value[:, None, None], shape).copy()
    )


def noisy(truth: Callable[[np.ndarray], np.ndarray], labels: np.ndarray, seeds: int, seed: int) -> Curve:
    """Deviations of seeds (0.03 at each point), of 100 problems (0.3, at all points) and of both (0.2)."""
    rng = np.random.default_rng(seed)
    exact = curve(truth(labels), labels, seeds, 100)
    of_seeds = rng.normal(0, 0.03, (len(labels), seeds, 1))
    rest = rng.normal(0, 0.2, exact.value.shape) + rng.normal(0, 0.3, 100)
    return replace(exact, value=exact.value + of_seeds + rest)


def test_draws_vary_as_the_crossed_model_says() -> None:
    """Their variance is that of the mean's terms, with the residual twice: MS_problem / (S P) of problems."""
    value = noisy(TRUTHS["power"], LABELS, 40, 0).value
    draws = mean_draws(value, 20_000)
    assert draws.mean(axis=0) == pytest.approx(value.mean(axis=(1, 2)), abs=1e-3)
    for k in range(len(LABELS)):
        found = mean_squares(value[k])
        expected = (found.seed + found.problem) / (40 * 100)
        # A t with 39 degrees of freedom has a variance of 39 / 37, which applies to the part of seeds.
        assert draws[:, k].var() == pytest.approx(expected, rel=0.08)
    assert np.corrcoef(draws.T)[0, 1] > 0.7  # problems are the same at all points


def test_draws_of_few_seeds_have_the_tails_of_t() -> None:
    """Three seeds at -1, 0 and 1: the standard error is 1 / sqrt(3), t_2 at 97.5% is 4.303."""
    value = np.broadcast_to(np.array([-1.0, 0.0, 1.0])[None, :, None], (1, 3, 2))
    lower, upper = np.quantile(mean_draws(value, 40_000)[:, 0], [0.025, 0.975])
    assert (lower, upper) == pytest.approx((-2.484, 2.484), rel=0.06)


def test_shapes_by_hand() -> None:
    shapes = Shapes(
        slope=np.array([1.0, 2.0, 0.0]),
        midpoint=np.array([-np.inf, np.log(100), -np.inf]),
        least=100,
        most=1600,
    )
    # (x / 100)^-1, 1 / (1 + (x / 100)^2), and a line that ends after four doublings
    assert shapes.fall(np.array([100.0, 200.0, 400.0])) == pytest.approx(
        np.array([[1, 1 / 2, 1 / 4], [1 / 2, 1 / 5, 1 / 17], [1, 3 / 4, 1 / 2]])
    )


@pytest.mark.parametrize("name", TRUTHS)
def test_an_exact_curve_is_found_again(name: str) -> None:
    (scaling,) = fit_scalings([curve(TRUTHS[name](LABELS))], 1.0)
    between, beyond = np.array([200.0, 1500.0]), np.array([2 * LABELS[-1]])
    assert scaling.at(between).mean(axis=0) == pytest.approx(TRUTHS[name](between), abs=0.015)
    assert scaling.at(beyond).mean(axis=0) == pytest.approx(TRUTHS[name](beyond), abs=0.03)
    assert scaling.at(200.0).shape == (2000,) and scaling.at(between).shape == (2000, 2)


def test_every_draw_rises_within_its_bounds() -> None:
    """Also where points fall, lie above the ceiling, or below zero."""
    for value in ([0.9, 0.6, 0.4, 0.3], [0.2, 0.5, 0.8, 1.1], [-0.2, 0.0, 0.1, 0.4]):
        (scaling,) = fit_scalings([curve(np.array(value))], 0.8, resamples=200)
        found = scaling.at(np.geomspace(100, 9600, 30))
        assert (np.diff(found, axis=1) >= -1e-12).all()
        assert found.min() >= 0 and found.max() <= 0.8 + 1e-12
    (falling,) = fit_scalings([curve(np.array([0.9, 0.6, 0.4, 0.3]))], 1.0, resamples=200)
    assert falling.at(1000.0) == pytest.approx(0.55)  # the mean: weights are equal, and it may not fall


def test_the_fit_is_the_least_squares_fit_within_its_bounds() -> None:
    """Against a search over all allowed ends, given the shape of each draw."""
    value = np.array([0.3, 0.62, 0.6, 0.9])
    (scaling,) = fit_scalings([curve(value)], 0.8, resamples=20)
    ends = np.linspace(0, 0.8, 161)
    low, high = np.meshgrid(ends, ends)
    low, high = low[low <= high], high[low <= high]
    for fall, found in zip(scaling.shapes.fall(LABELS), scaling.at(LABELS), strict=True):
        tried = low[:, None] * fall + high[:, None] * (1 - fall)
        least = ((tried - value) ** 2).sum(axis=1).min()
        assert ((found - value) ** 2).sum() <= least + 1e-9


def test_draws_of_two_curves_are_paired() -> None:
    """Two curves from the same seeds and problems differ by less than each varies."""
    one = noisy(TRUTHS["power"], LABELS, 5, 0)
    other = replace(one, value=one.value - 0.1)
    first, second = (scaling.at(1000.0) for scaling in fit_scalings([one, other], 2.0))
    assert (first - second).mean() == pytest.approx(0.1, abs=0.01)
    assert (first - second).std() < 0.7 * first.std()


@pytest.mark.parametrize("name", TRUTHS)
def test_intervals_contain_the_truth(name: str) -> None:
    """In 60 experiments of 5 seeds, at 3 times the largest of 3 points. At 95%, fewer than 51 of 60 have a
    chance below 1 in 1000."""
    at, inside, widths = 3 * 800.0, 0, []
    truth = float(TRUTHS[name](np.array([at]))[0])
    for seed in range(60):
        (scaling,) = fit_scalings([noisy(TRUTHS[name], LABELS[:3], 5, seed)], 1.0, resamples=400)
        found = summarize_draws(scaling.at(at))
        inside += found.lower <= truth <= found.upper
        widths.append(found.upper - found.lower)
    assert inside >= 51
    assert np.mean(widths) < 0.3  # of the whole range, 0 to 1


def test_what_can_be_back_tested_by_hand() -> None:
    """From 3 points on: 800 is 4 times 200, and 900 is more."""
    assert REACH == 4
    labels = np.array([50.0, 100.0, 200.0, 800.0, 900.0])
    assert predictable(labels, 3) == [(3, 3), (4, 4)]
    assert predictable(np.array([1.0, 2.0, 3.0, 12.0]), 3) == [(3, 3)]
    assert predictable(labels[:3], 3) == []


def test_a_back_test_sees_neither_the_point_nor_the_problems() -> None:
    """Even problems solve 0.2 more; what is observed at the last point changes no prediction."""
    one = noisy(TRUTHS["power"], LABELS, 4, 0)
    one.value[:, :, ::2] += 0.2
    ceiling = np.ones(100)
    first, second = back_test(one, ceiling, 3, 3)
    assert first.observed == pytest.approx(one.value[3, :, 1::2].mean())
    assert second.observed == pytest.approx(one.value[3, :, ::2].mean())
    assert first.last == pytest.approx(one.value[2, :, ::2].mean())
    assert first.predicted > second.predicted + 0.1 and second.observed > first.observed + 0.1
    moved = replace(one, value=np.concatenate([one.value[:3], one.value[3:] - 0.3]))
    assert back_test(moved, ceiling, 3, 3)[0].predicted == pytest.approx(first.predicted, abs=1e-9)


def test_a_miss_by_hand() -> None:
    """0.9 is 0.3 above 0.6, whose interval ends 0.1 above it: 3. 0.5 is 0.1 below, of 0.2: one half."""
    test = BackTest(fitted=(1.0,), labels=2.0, predicted=0.6, lower=0.4, upper=0.7, observed=0.9, last=0.5)
    assert test.miss == pytest.approx(3) and not test.inside
    below = replace(test, observed=0.5)
    assert below.miss == pytest.approx(0.5) and below.inside
