import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.ragged import Ragged
from ablations.scoring import SCORINGS
from ablations.solutions import StepScores

# One solution of two steps (negative, neutral, positive), an empty one before and after it, one of one step.
PROB = np.array([[0.2, 0.3, 0.5], [0.4, 0.2, 0.4], [0.1, 0.0, 0.9]])
SCORES = StepScores(
    prob=Ragged.from_lengths(PROB, np.array([0, 2, 0, 1, 0])), last=np.array([0.1, 0.2, 0.3, 0.4, 0.5])
)
HAND = {
    "product": (np.log(0.8 * 0.6), np.log(0.9)),  # 0.3 + 0.5 = 0.8; 0.2 + 0.4 = 0.6
    "product_neutral_negative": (np.log(0.5 * 0.4), np.log(0.9)),
    "minimum": (0.6, 0.9),
    "minimum_neutral_negative": (0.4, 0.9),
    "mean": (0.7, 0.9),  # (0.8 + 0.6) / 2
    "geometric_mean": (np.log(0.8 * 0.6) / 2, np.log(0.9)),
    "last_step": (0.6, 0.9),
}


@pytest.mark.parametrize("name", HAND)
def test_by_hand(name):
    first, second = HAND[name]
    result = SCORINGS[name](SCORES)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, [-np.inf, first, -np.inf, second, -np.inf], rtol=1e-14)


def test_last_token_needs_no_steps():
    assert SCORINGS["last_token"](SCORES).tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert set(SCORINGS) == {*HAND, "last_token"}


def test_two_classes():
    prob = np.array([[0.2, 0.8], [0.4, 0.6]])
    scores = StepScores(prob=Ragged.from_lengths(prob, np.array([2])), last=np.zeros(1))
    for name in ("product", "product_neutral_negative"):
        np.testing.assert_allclose(SCORINGS[name](scores), [np.log(0.48)], rtol=1e-14)


def test_product_of_many_sure_steps_stays_distinct():
    # 1 - 1e-9 rounds to 1 in float32, and 400 steps of 1e-3 underflow as a plain product even in float64
    def product(positive):
        return SCORINGS["product"](StepScores.from_positive(Ragged.from_rows(positive)))

    sure = product([[1 - 1e-9], [1 - 2e-9]])
    assert sure[0] > sure[1]
    long = product([[1e-3] * 400, [1e-3] * 401])
    assert np.isfinite(long).all() and long[0] > long[1]


def test_probability_zero_is_minus_infinity_without_a_warning():
    scores = StepScores.from_positive(Ragged.from_rows([[1.0, 0.0], [0.5, 0.5]]))
    assert SCORINGS["product"](scores).tolist() == [-np.inf, 2 * np.log(0.5)]
    assert SCORINGS["geometric_mean"](scores).tolist() == [-np.inf, np.log(0.5)]


@given(st.lists(st.lists(st.floats(0.01, 1), max_size=5), min_size=1, max_size=6))
def test_against_a_plain_loop(rows):
    scores = StepScores.from_positive(Ragged.from_rows(rows))
    plain = {
        "product": lambda row: np.log(row).sum(),
        "minimum": min,
        "mean": np.mean,
        "geometric_mean": lambda row: np.log(row).mean(),
        "last_step": lambda row: row[-1],
    }
    for name, fold in plain.items():
        expected = [fold(row) if row else -np.inf for row in rows]
        np.testing.assert_allclose(SCORINGS[name](scores), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", SCORINGS)
def test_every_scoring_judges_each_solution_alone(name):
    idx = [3, 1, 0]
    assert SCORINGS[name](SCORES.take(idx)).tolist() == SCORINGS[name](SCORES)[idx].tolist()
