"""First-error F1: hand-worked, and held against the definition read off step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.data.ragged import Ragged
from ablations.evaluation.first_error import UNRATED, choose_threshold, f1_of, first_error, hits

WRONG = Ragged.from_rows([[0.1, 0.7, 0.9], [0.6, 0.2, 0.9], [0.4, 0.9], [0.1, 0.2], [0.1, 0.8]])
RATING = Ragged.from_rows(
    [[1, -1, UNRATED], [1, 0, -1], [-1, UNRATED], [1, 1], [0, 1]], np.int8
)  # first errors 1, 2, 0, none, none
EACH = np.arange(5)


def test_by_hand():
    """At 0.5 the first steps above it are 1, 0, 1, none, 1: hit, miss, miss, hit, miss."""
    found = hits(WRONG, RATING)
    assert found.at(0.5).tolist() == [True, False, False, True, False]
    assert found.error.tolist() == [True, True, True, False, False]
    f1 = first_error(found, 0.5, EACH)
    assert (f1.errors, f1.rights) == (3, 2)
    assert f1.error.estimate == pytest.approx(1 / 3) and f1.right.estimate == pytest.approx(1 / 2)
    assert f1.f1.estimate == pytest.approx(0.4)  # 2 * 1/3 * 1/2 / (1/3 + 1/2) = 1/3 * 6/5
    # of resamples of the problems 0.6^5 + 0.4^5 = 9% are of one kind and have no F1: too many for an interval
    assert np.isnan([f1.f1.lower, f1.f1.upper]).all()
    # a step is wrong above the threshold, not at it: at 0.7 the first solution's error is missed
    assert found.at(0.7)[0] == np.False_ and found.at(0.6999)[0]
    assert found.at(0.8).tolist() == [False, True, False, True, True]


def test_what_is_not_known_is_left_out():
    rating = Ragged.from_rows([[1, UNRATED, -1], [UNRATED, -1], [1, UNRATED], [], [0, -1, 1]], np.int8)
    wrong = Ragged.from_rows([[0.1, 0.2, 0.3], [0.1, 0.2], [0.1, 0.2], [], [0.1, 0.9, 0.1]])
    assert hits(wrong, rating).row.tolist() == [4]


def test_an_unrated_step_before_the_error_hides_nothing_that_the_ratings_say():
    """Which step is the first wrong one is open where one before it has no rating."""
    rating = Ragged.from_rows([[1, UNRATED, -1]], np.int8)
    assert not len(hits(Ragged.from_rows([[0.1, 0.2, 0.3]]), rating).row)


def test_one_problem_has_no_interval_and_one_kind_no_f1():
    f1 = first_error(hits(WRONG, RATING), 0.5, np.zeros(5, int))
    assert f1.f1.estimate == pytest.approx(0.4) and np.isnan([f1.f1.lower, f1.f1.upper]).all()
    only = hits(WRONG.take([0, 1]), RATING.take([0, 1]))
    f1 = first_error(only, 0.5, np.arange(2))
    assert f1.error.estimate == 0.5 and f1.rights == 0
    assert np.isnan(f1.right.estimate) and np.isnan(f1.f1.estimate) and np.isnan(f1.f1.upper)
    with pytest.raises(
        ValueError, match="found 2 solutions with an error and 0 without; allowed: some of both"
    ):
        choose_threshold(only)
    assert f1_of(np.zeros(1), np.zeros(1)).tolist() == [0.0]
    with pytest.raises(ValueError, match="rating: found other numbers of steps"):
        hits(WRONG.take([0]), RATING.take([2]))


def test_the_interval_resamples_problems():
    """Two problems, all hit in one and none in the other: the share is the first one's weight, the 95%
    interval of 0, 1/2, 1 with chances 1/4, 1/2, 1/4 goes from 0 to 1."""
    wrong = Ragged.from_rows([[0.9], [0.9], [0.1], [0.1]])
    rating = Ragged.from_rows([[-1], [-1], [-1], [-1]], np.int8)
    f1 = first_error(hits(wrong, rating), 0.5, np.array([7, 7, 3, 3]))
    assert (f1.error.lower, f1.error.estimate, f1.error.upper) == (0.0, 0.5, 1.0)


def plain_f1(wrong, rating, threshold):
    """As ProcessBench's script has it: predictions against labels, one solution at a time."""
    kinds = {True: [], False: []}
    for probs, rated in zip(wrong, rating, strict=True):
        label = rated.index(-1) if -1 in rated else -1
        prediction = next((i for i, prob in enumerate(probs) if prob > threshold), -1)
        kinds[label != -1].append(prediction == label)
    error, right = (sum(kind) / len(kind) for kind in (kinds[True], kinds[False]))
    return 2 * error * right / (error + right) if error + right else 0.0


PROB = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0])


@st.composite
def solutions(draw):
    """Of both kinds, up to four steps each, ratings after the error or none."""
    wrong, rating = [], []
    for error in (True, False, *draw(st.lists(st.booleans(), max_size=6))):
        length = draw(st.integers(1, 4))
        wrong.append(draw(st.lists(PROB, min_size=length, max_size=length)))
        rated = draw(st.lists(st.sampled_from([0, 1]), min_size=length, max_size=length))
        if error:
            at = draw(st.integers(0, length - 1))
            rated[at:] = [-1, *draw(st.lists(st.sampled_from([-1, 1, UNRATED]), min_size=3))][: length - at]
        rating.append(rated)
    return wrong, rating


@given(solutions(), st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.3, 0.5, 0.6, 0.95, 1.0]))
@settings(max_examples=80, deadline=None)
def test_it_is_the_definition(given_, threshold):
    wrong, rating = given_
    found = hits(Ragged.from_rows(wrong), Ragged.from_rows(rating, np.int8))
    f1 = first_error(found, threshold, np.arange(len(wrong)))
    assert f1.f1.estimate == pytest.approx(plain_f1(wrong, rating, threshold))


@given(solutions())
@settings(max_examples=80, deadline=None)
def test_the_chosen_threshold_is_the_best(given_):
    wrong, rating = given_
    chosen = choose_threshold(hits(Ragged.from_rows(wrong), Ragged.from_rows(rating, np.int8)))
    assert chosen.f1 == pytest.approx(plain_f1(wrong, rating, chosen.value))
    grid = np.arange(0, 1.025, 0.025)
    assert chosen.f1 == pytest.approx(max(plain_f1(wrong, rating, threshold) for threshold in grid))


def test_of_equal_thresholds_that_nearest_to_one_half():
    """All from 0.2 to below 0.9 are right in both; between 0.2 and 0.9 the middle is 0.55."""
    found = hits(Ragged.from_rows([[0.2, 0.9], [0.1]]), Ragged.from_rows([[1, -1], [1]], np.int8))
    chosen = choose_threshold(found)
    assert chosen.value == pytest.approx(0.55) and chosen.f1 == 1.0
