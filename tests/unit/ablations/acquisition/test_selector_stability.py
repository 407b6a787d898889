"""Steadiness and what might unsettle it: by hand, and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ablations.acquisition.selector_stability import JudgedSteps, mark_repeats, rank_correlation
from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from lightning_modules.encoding import IGNORE


def test_rank_correlation_by_hand():
    """Problem 0: ranks 1 2 3 4 against 2 1 3 4, 1 - 6 * (1 + 1) / (4 * 15) = 0.8. Problem 1: turned round.

    Problem 2 has one solution and no order; problem 3 is tied by the second score.
    """
    problem = np.array([0, 0, 0, 0, 1, 1, 1, 2, 3, 3])
    one = np.array([-4.0, -3, -2, -1, -1, -2, -np.inf, 0, 1, 2])
    two = np.array([0.2, 0.1, 0.3, 0.4, 1, 2, 3, 5, 7, 7])
    found = rank_correlation(one, two, problem)
    assert found[:2] == pytest.approx([0.8, -1]) and np.isnan(found[2]) and found[3] == 0


def test_solutions_may_stand_in_any_order():
    rng = np.random.default_rng(0)
    problem, one, two = rng.integers(0, 3, 30), rng.normal(size=30), rng.normal(size=30)
    shuffle = rng.permutation(30)
    there = rank_correlation(one[shuffle], two[shuffle], problem[shuffle])
    assert there == pytest.approx(rank_correlation(one, two, problem))


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([-np.inf, -3, -1, 0]), st.sampled_from([-2.0, -1.5, 0])),
        min_size=1,
        max_size=30,
    )
)
def test_rank_correlation_is_that_of_scipy(rows):
    problem, one, two = (np.array(column) for column in zip(*rows, strict=True))
    found = rank_correlation(one, two, problem)
    assert len(found) == problem.max() + 1
    for p, value in enumerate(found):
        a, b = one[problem == p], two[problem == p]
        if len(a) < 2:
            assert np.isnan(value)
        elif len(set(a)) == 1 or len(set(b)) == 1:  # undefined in scipy
            assert value == 0
        else:
            assert value == pytest.approx(spearmanr(a, b).statistic)


def test_rank_correlation_refuses_what_has_no_rank():
    with pytest.raises(ValueError, match="one, two: found NaN; allowed: numbers, -inf and inf"):
        rank_correlation(np.array([0, np.nan]), np.zeros(2), np.zeros(2, int))
    with pytest.raises(ValueError, match=r"one, two, problem: found \(2,\), \(3,\), \(2,\); allowed: equal"):
        rank_correlation(np.zeros(2), np.zeros(3), np.zeros(2, int))


def test_repeats_by_hand():
    """Row 3 repeats row 0, which was taken; row 4 has its steps, but another problem; row 2 repeats row 1.

    Of rows 1 and 2, chosen together, the first named is no repetition.
    """
    steps = Ragged.from_rows([[1, 2], [7, 8], [8, 7], [1, 2], [1, 2]], dtype=np.int64)
    problem = np.array([0, 0, 0, 0, 1])
    taken, chosen = np.array([0]), np.array([1, 2, 3, 4])
    assert mark_repeats(steps, problem, taken, chosen, 0.7).tolist() == [False, True, True, False]
    turned = np.array([4, 2, 1, 3])
    assert mark_repeats(steps, problem, taken, turned, 0.7).tolist() == [False, False, True, True]
    none = np.zeros(0, np.int64)
    assert mark_repeats(steps, problem, none, chosen, 0.7).tolist() == [False, True, False, False]
    assert mark_repeats(steps, problem, taken, none, 0.7).tolist() == []


def test_judged_steps_by_hand():
    """Steps with a label: P(right) 0.9 right, 0.6 wrong, 0.8 right. Two bins: all lie in the upper one.

    Its mean is 2.3 / 3, its share of right ones 2 / 3: the error is 0.1. Both right ones are above the wrong.
    """
    scores = StepScores.from_positive(Ragged.from_rows([[0.9, 0.6, 0.1], [0.8]]))
    target = Ragged.from_rows([[1, 0, IGNORE], [1]], dtype=np.int8)
    found = JudgedSteps.of(scores, target)
    assert found.wrong == pytest.approx([0.1, 0.4, 0.2]) and found.label.tolist() == [True, False, True]
    assert found.calibration_error(2) == pytest.approx(0.1) and found.agreement() == 1
    twice = JudgedSteps.concatenate([found, found])
    assert len(twice.label) == 6 and twice.calibration_error(2) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="target: found other numbers of steps than the scores have"):
        JudgedSteps.of(scores, Ragged.from_rows([[1, 0], [1, 1]], dtype=np.int8))


def test_agreement_needs_both_kinds_of_steps():
    assert np.isnan(JudgedSteps(wrong=np.array([0.1, 0.2]), label=np.array([True, True])).agreement())
