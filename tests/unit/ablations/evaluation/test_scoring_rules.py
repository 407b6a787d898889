import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.evaluation.scoring_rules import (
    REDUCERS,
    SCORING_OF,
    SCORINGS,
    over_steps,
    product,
    strategies,
)
from ablations.supervision import TARGETS
from results.analyses.scoring import STRATEGIES
from results.vocabulary import STUDENT_ARMS

# One solution of two steps (negative, neutral, positive), an empty one before and after it, one of one step.
PROB = np.array([[0.2, 0.3, 0.5], [0.4, 0.2, 0.4], [0.1, 0.0, 0.9]])
SCORES = StepScores(
    prob=Ragged.from_lengths(PROB, np.array([0, 2, 0, 1, 0])), last=np.array([0.1, 0.2, 0.3, 0.4, 0.5])
)
# Good is right, 0.3 + 0.5 = 0.8, 0.2 + 0.4 = 0.6 and 0.0 + 0.9 = 0.9; or positive alone: 0.5, 0.4, 0.9.
HAND = {
    "product, neutral positive": (np.log(0.8 * 0.6), np.log(0.9)),
    "minimum, neutral positive": (0.6, 0.9),
    "mean, neutral positive": (0.7, 0.9),  # (0.8 + 0.6) / 2
    "geometric mean, neutral positive": (np.log(0.8 * 0.6) / 2, np.log(0.9)),
    "last step, neutral positive": (0.6, 0.9),
    "product, neutral negative": (np.log(0.5 * 0.4), np.log(0.9)),
    "minimum, neutral negative": (0.4, 0.9),
    "mean, neutral negative": (0.45, 0.9),  # (0.5 + 0.4) / 2
    "geometric mean, neutral negative": (np.log(0.5 * 0.4) / 2, np.log(0.9)),
    "last step, neutral negative": (0.4, 0.9),
}


@pytest.mark.parametrize("name", HAND)
def test_by_hand(name):
    first, second = HAND[name]
    result = strategies(3)[name](SCORES)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, [-np.inf, first, -np.inf, second, -np.inf], rtol=1e-14)


def test_results_knows_the_same_strategies():
    assert [*strategies(2), *strategies(3)] == list(STRATEGIES)
    assert list(strategies(3)) == list(HAND)
    for name, strategy in STRATEGIES.items():
        reduced = over_steps(strategy.reduction, strategy.neutral or "positive")(SCORES)
        assert reduced.tolist() == (strategies(2) | strategies(3))[name](SCORES).tolist()


def test_the_papers_strategy_is_a_product_with_neutral_as_right():
    assert product(SCORES).tolist() == strategies(3)["product, neutral positive"](SCORES).tolist()
    assert SCORINGS[SCORING_OF["process"]] is SCORINGS[SCORING_OF["process_neutral"]] is product
    assert set(TARGETS) == set(STUDENT_ARMS)
    assert set(SCORING_OF) == {*STUDENT_ARMS, "labeler", "large_prm", "large_orm"}


def test_last_token_needs_no_steps():
    assert SCORINGS["last_token"](SCORES).tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_of_two_classes_neutral_is_neither():
    prob = np.array([[0.2, 0.8], [0.4, 0.6]])
    scores = StepScores(prob=Ragged.from_lengths(prob, np.array([2])), last=np.zeros(1))
    np.testing.assert_allclose(strategies(2)["product"](scores), [np.log(0.48)], rtol=1e-14)
    for reduction in REDUCERS:
        assert over_steps(reduction, "negative")(scores) == over_steps(reduction)(scores)


def test_product_of_many_sure_steps_stays_distinct():
    # 1 - 1e-9 rounds to 1 in float32, and 400 steps of 1e-3 underflow as a plain product even in float64
    def of(positive):
        return product(StepScores.from_positive(Ragged.from_rows(positive)))

    sure = of([[1 - 1e-9], [1 - 2e-9]])
    assert sure[0] > sure[1]
    long = of([[1e-3] * 400, [1e-3] * 401])
    assert np.isfinite(long).all() and long[0] > long[1]


def test_probability_zero_is_minus_infinity_without_a_warning():
    scores = StepScores.from_positive(Ragged.from_rows([[1.0, 0.0], [0.5, 0.5]]))
    assert product(scores).tolist() == [-np.inf, 2 * np.log(0.5)]
    assert strategies(2)["geometric mean"](scores).tolist() == [-np.inf, np.log(0.5)]


def test_what_follows_a_step_of_probability_zero_does_not_count():
    """It may have no score; otherwise a step without a score leaves its solution without one."""
    good = Ragged.from_rows([[0.5, 0.0, np.nan], [0.5, np.nan], [0.0, 0.5], [0.5, 0.5]])
    scores = StepScores.from_positive(good)
    np.testing.assert_array_equal(product(scores), [-np.inf, np.nan, -np.inf, np.log(0.25)])
    np.testing.assert_array_equal(over_steps("minimum")(scores), [0, np.nan, 0, 0.5])
    np.testing.assert_array_equal(over_steps("mean")(scores), [np.nan, np.nan, 0.25, 0.5])
    np.testing.assert_array_equal(over_steps("last step")(scores), [np.nan, np.nan, 0.5, 0.5])


@given(st.lists(st.lists(st.floats(0.01, 1), max_size=5), min_size=1, max_size=6))
def test_against_a_plain_loop(rows):
    scores = StepScores.from_positive(Ragged.from_rows(rows))
    plain = {
        "product": lambda row: np.log(row).sum(),
        "minimum": min,
        "mean": np.mean,
        "geometric mean": lambda row: np.log(row).mean(),
        "last step": lambda row: row[-1],
    }
    for name, fold in plain.items():
        expected = [fold(row) if row else -np.inf for row in rows]
        np.testing.assert_allclose(strategies(2)[name](scores), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", [*HAND, "last_token"])
def test_every_scoring_judges_each_solution_alone(name):
    idx, scoring = [3, 1, 0], (strategies(3) | SCORINGS)[name]
    assert scoring(SCORES.take(idx)).tolist() == scoring(SCORES)[idx].tolist()
