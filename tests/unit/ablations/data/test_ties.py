"""Scores that are equal up to floating-point rounding tie wherever scores are compared."""

from fractions import Fraction
from itertools import combinations, permutations

import numpy as np
import pytest

from ablations.acquisition.strategies import best_of_each
from ablations.data.ragged import Ragged
from ablations.data.rank_statistics import centered_ranks
from ablations.data.ties import level
from ablations.evaluation.best_of_n import best_of_n, weighted_vote
from ablations.evaluation.discrimination import auroc, bin_of, calibration
from ablations.evaluation.scoring_rules import REDUCERS
from ablations.evaluation.step_metrics import auroc_interval

SUM, ROUND = 0.1 + 0.2 + 0.3, 0.6
"""0.6000000000000001 and 0.6."""


def test_the_two_spellings_of_a_number_differ():
    assert SUM > ROUND and 1 - 0.9 < 0.1


def test_level_by_hand():
    assert level(np.array([SUM, ROUND, -SUM, -ROUND])).tolist() == [ROUND, ROUND, -SUM, -SUM]
    others = [-np.inf, -1.0, 0.0, 1e-300, 2e-300, 1.0, 1 + 1e-11, np.inf]
    assert level(np.array(others)).tolist() == others
    assert level(np.array([])).tolist() == []
    assert level(np.array([np.inf, -np.inf, np.inf])).tolist() == [np.inf, -np.inf, np.inf]
    assert np.isnan(level(np.array([1.0, np.nan]))).tolist() == [False, True]
    # Neighboring float32 numbers, and log-products of 1,000 steps that differ in one, are different scores.
    near = np.float32([0.9, np.nextafter(np.float32(0.9), np.float32(1))]).astype(np.float64)
    assert len(set(level(near).tolist())) == 2
    logs = 999 * np.log(0.9) + np.log(near)
    assert len(set(level(logs).tolist())) == 2
    # Each group has its own values.
    assert level(np.array([SUM, ROUND, SUM]), np.array([0, 1, 1])).tolist() == [SUM, ROUND, ROUND]


@pytest.mark.parametrize("reduction", ["product", "mean", "geometric mean", "minimum"])
def test_the_order_of_the_steps_does_not_matter(reduction):
    """All orders of five probabilities: one score, whatever the last digits are."""
    rows = list(permutations([0.1, 0.2, 0.3, 0.7, 0.9]))
    score = REDUCERS[reduction](Ragged.from_rows(rows))
    assert len(set(level(score).tolist())) == 1
    if reduction != "minimum":
        assert len(set(score.tolist())) > 1


def test_best_of_n_equals_exact_arithmetic():
    """Products of tenths against all subsets, with exact fractions for the scores."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        factors = [rng.permutation([2, 3, 6, 1][: rng.integers(2, 5)]).tolist() for _ in range(5)]
        correct = rng.random(5) < 0.5
        score = REDUCERS["product"](Ragged.from_rows([[x / 10 for x in row] for row in factors]))
        exact = [np.prod([Fraction(x, 10) for x in row]) for row in factors]
        expected = []
        for n in range(1, 6):
            values = []
            for subset in combinations(range(5), n):
                top = max(exact[i] for i in subset)
                values.append(np.mean([correct[i] for i in subset if exact[i] == top]))
            expected.append(np.mean(values))
        found = best_of_n(score[None], correct[None], np.ones((1, 5), bool), [1, 2, 3, 4, 5])
        np.testing.assert_allclose(found[0], expected, atol=1e-12)


def test_votes_with_equal_totals_tie():
    # One answer has the votes 0.1, 0.2 and 0.3, the other one 0.6: one half, whichever order is drawn.
    weight, code = np.array([[0.1, 0.2, 0.3, 0.6]]), np.array([[0, 0, 0, 1]])
    for right in (0, 1):
        assert weighted_vote(weight, code, code == right, [4], 1, 0).tolist() == [[0.5]]


def test_auroc_counts_ties_one_half():
    score, right = np.array([SUM, ROUND]), np.array([True, False])
    assert auroc(score, right) == auroc(score, ~right) == 0.5
    assert auroc_interval(score, right, np.array([0, 1])).estimate == 0.5


def test_ranks_of_ties_are_equal():
    group = np.zeros(3, np.int64)
    assert centered_ranks(group, np.array([SUM, ROUND, 1.0]), 1).tolist() == [-0.5, -0.5, 1.0]


def test_of_tied_candidates_the_first_drawn_is_taken():
    problem, share = np.zeros(3, np.int64), np.array([1])
    assert best_of_each(problem, np.array([0.5, ROUND, SUM]), share).tolist() == [1]
    assert best_of_each(problem, np.array([0.5, SUM, ROUND]), share).tolist() == [1]


def test_a_probability_at_an_edge_is_in_the_bin_above():
    prob = np.array([1 - 0.9, 0.1, 1 - 0.8, 0.0999, 1.0])
    assert bin_of(prob, 10).tolist() == [1, 1, 2, 0, 9]
    assert calibration(prob, np.ones(5), 10).count.tolist() == [1, 2, 1, 0, 0, 0, 0, 0, 0, 1]
