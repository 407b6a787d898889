"""Right answers by wrong reasoning, and how they are scored, by hand."""

import numpy as np
import pytest

from ablations.data.ragged import Ragged
from ablations.evaluation.false_positives import compare_scores, has_wrong_step
from ablations.evaluation.solution_metrics import ScoredSolutions


def test_a_wrong_step_anywhere() -> None:
    ratings = Ragged.from_rows([[1, 1], [1, -1, 1], [], [0]], dtype=np.int8)
    assert has_wrong_step(ratings).tolist() == [False, True, False, False]


def scored(score: list[float], correct: str, finished: str, problem: list[int]) -> ScoredSolutions:
    return ScoredSolutions(
        score=np.array(score),
        correct=np.array([c == "1" for c in correct]),
        finished=np.array([c == "1" for c in finished]),
        problem=np.array(problem),
        n_steps=np.ones(len(score), np.int64),
    )


def test_order_of_scores_by_hand() -> None:
    """Problem 0: sound 0.9 and 0.4, flawed 0.5, wrong 0.5 and 0.1; problem 1: flawed 0.7, wrong 0.8.

    Sound above flawed: 0.9 > 0.5 and 0.4 < 0.5, 1 of 2. Flawed above wrong: 0.5 = 0.5 is a half, 0.5 > 0.1,
    and 0.7 < 0.8: 1.5 of 3. The unfinished flawed solution with 0.0 is left out.
    """
    of = scored([0.9, 0.4, 0.5, 0.5, 0.1, 0.0, 0.7, 0.8], "11100110", "11111011", [0] * 6 + [1] * 2)
    flawed = np.array([0, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
    found = compare_scores(of, flawed)
    assert (found.sound_above, found.flawed_above) == (pytest.approx(0.5), pytest.approx(0.5))


def test_without_flawed_right_answers_nothing_is_defined() -> None:
    found = compare_scores(scored([0.9, 0.1], "10", "11", [0, 0]), np.array([False, True]))
    assert np.isnan([found.sound_above, found.flawed_above]).all()
