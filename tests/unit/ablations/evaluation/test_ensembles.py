"""Combined scores of three members, worked by hand."""

import numpy as np
import pytest

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.evaluation.ensembles import COMBINERS, log_right
from results.vocabulary import ENSEMBLES, ONE_MODEL


@pytest.mark.parametrize(
    ("combiner", "expected"),
    [
        ("mean_score", -2.0),  # (-1 - 1 - 4) / 3
        ("lowest_score", -4.0),
        ("lower_bound", -2.0 - np.sqrt(2.0)),  # deviations 1, 1, -2: variance (1 + 1 + 4) / 3 = 2
    ],
)
def test_by_hand(combiner, expected):
    # One solution with a score by each; one to which a member gives probability 0; one that a member cannot
    # read; one on which all agree.
    score_KR = np.array([[-1.0, 0.0, np.nan, -1.0], [-1.0, -np.inf, -1.0, -1.0], [-4.0, -1.0, -1.0, -1.0]])
    np.testing.assert_allclose(COMBINERS[combiner](score_KR), [expected, -np.inf, np.nan, -1.0])


def test_every_combiner_has_a_name_for_display():
    assert list(ENSEMBLES) == [ONE_MODEL, *COMBINERS]


def test_scores_are_logarithms_of_the_probability_of_being_right():
    right = Ragged.from_rows([[0.5, 0.5], [0.9]])
    scores = StepScores.from_positive(right)
    np.testing.assert_allclose(log_right(scores, "product"), np.log([0.25, 0.9]))
    np.testing.assert_allclose(log_right(scores, "last_token"), np.log([0.5, 0.9]))
    never = StepScores.from_positive(Ragged.from_rows([[0.5, 0.0]]))
    assert list(log_right(never, "last_token")) == list(log_right(never, "product")) == [-np.inf]
