"""Step metrics with intervals: the plain metric at equal weights, and a bootstrap done by repeating steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.data.ragged import Ragged
from ablations.evaluation.discrimination import auroc, calibration, solution_auroc
from ablations.evaluation.first_error import UNRATED
from ablations.evaluation.step_metrics import (
    auroc_interval,
    calibration_interval,
    judged,
    within_problems_interval,
)
from results.stats.intervals import resample_weights

PROB = np.array([0.95, 0.95, 0.15, 0.15, 0.5, 0.5, 0.85, 0.3])
RIGHT = np.array([1, 0, 0, 1, 1, 0, 1, 0], bool)
PROBLEM = np.array([4, 4, 2, 2, 9, 9, 9, 2])


def repeated(metric):
    """Percentiles of a metric over the resamples, each made by repeating the problems' steps."""
    found = []
    for weight in resample_weights(3).T:
        times = np.rint(weight * 3).astype(int)[np.searchsorted([2, 4, 9], PROBLEM)]
        found.append(metric(np.repeat(PROB, times), np.repeat(RIGHT, times)))
    known = [value for value in found if np.isfinite(value)]
    return np.percentile(known, [2.5, 97.5])


def test_auroc_by_hand():
    """Of 4 x 4 pairs: 0.95 beats three and ties one, 0.85 beats three, 0.5 beats 0.3 and 0.15 and ties 0.5,
    0.15 ties one: 3.5 + 3 + 2.5 + 0.5 = 9.5 of 16."""
    found = auroc_interval(PROB, RIGHT, PROBLEM)
    assert found.estimate == pytest.approx(9.5 / 16)
    np.testing.assert_allclose([found.lower, found.upper], repeated(auroc), atol=1e-12)


def test_auroc_within_problems_by_hand():
    """Problem 4: a tie. Problem 2: 0.15 below 0.3, and a tie with 0.15. Problem 9: 0.5 ties, 0.85 wins. In
    all 0.5 + 0.5 + 1.5 of 1 + 2 + 2 pairs; a resample counts each problem's as often as it was drawn."""
    found = within_problems_interval(PROB, RIGHT, PROBLEM)
    assert found.estimate == pytest.approx(2.5 / 5) == solution_auroc(PROB, RIGHT, np.ones(8, bool), PROBLEM)
    counts = resample_weights(3) * 3
    values = counts.T @ [0.5, 0.5, 1.5] / (counts.T @ [2, 1, 2])  # problems 2, 4, 9
    np.testing.assert_allclose([found.lower, found.upper], np.percentile(values, [2.5, 97.5]), atol=1e-12)
    alike = within_problems_interval(PROBLEM / 10, RIGHT, PROBLEM)  # constant within each problem
    assert alike.estimate == 0.5 and np.isnan([alike.lower, alike.upper]).all()
    assert np.isnan(within_problems_interval(PROB, np.ones(8, bool), PROBLEM).estimate)


def test_calibration_by_hand():
    """Bins at 0.95 (2, half right: gap 0.45), 0.15 (2, half right: 0.35), 0.5 (2, half right: 0), 0.85 (1,
    right: 0.15) and 0.3 (1, wrong: 0.3): (2 * 0.45 + 2 * 0.35 + 0.15 + 0.3) / 8 = 0.25625."""
    found = calibration_interval(PROB, RIGHT, PROBLEM, 10)
    assert found.estimate == pytest.approx(0.25625)
    assert found.estimate == pytest.approx(calibration(PROB, RIGHT, 10).expected_error)
    reference = repeated(lambda prob, right: calibration(prob, right, 10).expected_error)
    np.testing.assert_allclose([found.lower, found.upper], reference, atol=1e-12)


def test_steps_after_an_error_and_without_a_rating_are_not_judged():
    rating = Ragged.from_rows([[1, -1, 1, UNRATED], [UNRATED, 0, 1], []], np.int8)
    assert judged(rating).tolist() == [True, True, False, False, False, True, True]


def test_one_kind_of_steps_has_no_auroc():
    found = auroc_interval(PROB, np.ones(8, bool), PROBLEM)
    assert np.isnan([found.estimate, found.lower, found.upper]).all()


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_equal_weights_give_the_plain_metric(steps):
    prob, right, problem = (np.array(column) for column in zip(*steps, strict=True))
    prob = prob / 10
    found = auroc_interval(prob, right, problem)
    np.testing.assert_allclose(found.estimate, auroc(prob, right))  # NaN equals NaN here
    error = calibration_interval(prob, right, problem, 5)
    assert error.estimate == pytest.approx(calibration(prob, right, 5).expected_error)
    if len(set(problem.tolist())) == 1 or np.isnan(error.lower):  # one problem, or all alike: no interval
        assert np.isnan([error.lower, error.upper]).all()
    else:
        assert error.lower <= error.upper
