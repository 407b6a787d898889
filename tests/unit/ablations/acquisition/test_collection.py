"""What is rated next: generations by hand, and what holds of any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.acquisition.collection import SELECTIONS, collect
from ablations.acquisition.strategies import Candidates
from ablations.data.ragged import Ragged

NONE = np.zeros(0, dtype=np.int64)


def pool(right, score, text=None, problem=None, sample=None):
    count = len(right)
    return Candidates(
        problem=np.zeros(count, dtype=np.int64) if problem is None else np.array(problem),
        sample=np.arange(count) if sample is None else np.array(sample),
        steps=Ragged.from_rows([[t] for t in (range(count) if text is None else text)], dtype=np.int64),
        final_correct=np.array(right, dtype=bool),
        convincing=np.array([score], dtype=np.float64),
        entropy=np.zeros(count),
    )


TWO = pool(
    right=[0, 1, 0, 0, 0, 0],
    score=[-3, -1, -2, -9, -5, -7],
    problem=[0, 0, 0, 1, 1, 1],
    sample=[0, 1, 2] * 2,
)
"""Wrong ones of problem 0: rows 2 (-2) and 0 (-3); of problem 1: rows 4 (-5), 5 (-7) and 3 (-9)."""


def test_per_problem_by_hand():
    assert collect("per_problem", TWO, NONE, 1).tolist() == [2, 4]
    assert collect("per_problem", TWO, NONE, 2).tolist() == [0, 2, 4, 5]


def test_the_whole_set_by_hand():
    """K = 1 of two problems: the two most convincing, -2 and -3, both of problem 0. K = 2: four of five."""
    assert collect("whole_set", TWO, NONE, 1).tolist() == [0, 2]
    assert collect("whole_set", TWO, NONE, 2).tolist() == [0, 2, 4, 5]


def test_what_was_rated_is_not_rated_again():
    assert collect("per_problem", TWO, np.array([2, 4]), 1).tolist() == [0, 5]
    assert collect("whole_set", TWO, np.array([2]), 1).tolist() == [0, 4]


def test_fewer_are_bought_where_too_few_are_wrong():
    """Problem 0 has two wrong ones, 1 has three: five in all of the six that K = 3 asks for."""
    for selection in SELECTIONS:
        assert collect(selection, TWO, NONE, 3).tolist() == [0, 2, 3, 4, 5]
        assert collect(selection, TWO, np.array([0, 2, 3, 4, 5]), 3).tolist() == []
    assert collect("per_problem", TWO, np.array([0, 2]), 2).tolist() == [4, 5]


def test_a_text_is_rated_once():
    """Rows 0, 1 and 3 are one text: the first drawn stands for it, and none once any of them was rated."""
    known = pool([0] * 4, [-1, -1, -2, -1], text=[7, 7, 8, 7])
    assert collect("per_problem", known, NONE, 2).tolist() == [0, 2]
    assert collect("per_problem", known, np.array([3]), 2).tolist() == [2]


def test_equal_texts_of_two_problems_are_two_solutions():
    known = pool([0, 0], [-1, -2], text=[7, 7], problem=[0, 1], sample=[0, 0])
    assert collect("per_problem", known, np.array([0]), 1).tolist() == [1]


@pytest.mark.parametrize(
    ("selection", "k", "message"),
    [
        ("luck", 1, "selection: found 'luck'; allowed: per_problem, whole_set"),
        ("per_problem", 0, "k: found 0; allowed: 1 or more"),
    ],
)
def test_what_is_not_allowed(selection, k, message):
    with pytest.raises(ValueError, match=message):
        collect(selection, TWO, NONE, k)


@given(data=st.data(), selection=st.sampled_from(list(SELECTIONS)), k=st.integers(1, 4))
def test_whatever_the_pool(data, selection, k):
    count = data.draw(st.integers(1, 24))
    draw = lambda values: data.draw(st.lists(values, min_size=count, max_size=count))  # noqa: E731
    problem = np.array(draw(st.integers(0, 2)))
    text = draw(st.integers(0, 5))
    right_of = data.draw(st.lists(st.booleans(), min_size=18, max_size=18))
    right = [right_of[6 * p + t] for p, t in zip(problem, text, strict=True)]  # equal texts end alike
    score = [float(value) for value in draw(st.integers(-3, 0))]
    known = pool(right, score, text, problem)
    labeled = np.array([row for row in range(count) if data.draw(st.booleans())], dtype=np.int64)
    chosen = collect(selection, known, labeled, k)

    texts = [(int(problem[row]), text[row]) for row in range(count)]
    bought = [texts[row] for row in chosen]
    assert chosen.tolist() == sorted(set(chosen.tolist())) and len(set(bought)) == len(bought)
    assert not known.final_correct[chosen].any()
    assert not set(bought) & {texts[row] for row in labeled}
    wrong = {texts[row] for row in range(count) if not right[row]} - {texts[row] for row in labeled}
    if selection == "whole_set":
        assert len(chosen) == min(len(wrong), k * (problem.max() + 1))
    else:
        for p in range(3):
            assert sum(q == p for q, _ in bought) == min(sum(q == p for q, _ in wrong), k)

    order = np.array(data.draw(st.permutations(range(count))))
    place = np.argsort(order)
    again = collect(selection, known.take(order), place[labeled], k)
    assert sorted(order[again].tolist()) == chosen.tolist()
