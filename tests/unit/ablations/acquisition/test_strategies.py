"""Acquisitions: one problem by hand each, and what holds of all of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.acquisition.strategies import (
    ACQUISITION_STRATEGIES,
    AcquisitionSettings,
    Candidates,
    _fraction_of,
    acquire,
    near_duplicates,
)
from ablations.data.artifacts import Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.steps.collect import draw_rows

DEFAULTS = AcquisitionSettings()
DISTINCT = [name for name, one in ACQUISITION_STRATEGIES.items() if one.distinct]


def candidates(right, convincing, steps=None, problem=None, entropy=None, others=()):
    count = len(right)
    steps = [[i] for i in range(count)] if steps is None else steps
    return Candidates(
        problem=np.zeros(count, dtype=np.int64) if problem is None else np.array(problem),
        sample=np.arange(count),
        steps=Ragged.from_rows(steps, dtype=np.int64),
        final_correct=np.array(right, dtype=bool),
        convincing=np.array([convincing, *others], dtype=np.float64),
        entropy=np.array(entropy or np.zeros(count), dtype=np.float64),
    )


def chosen(name, known, budget, given=DEFAULTS, seed=0):
    return acquire(name, known, budget, given, seed).tolist()


def test_convincing_wrong_answers_by_hand():
    """Budget 5: 0.8 * 5 = 4 wrong ones, rows 1, 3, 5, 6; of the rest row 0 is best."""
    right = [1, 0, 1, 0, 1, 0, 0, 0]
    score = [-0.1, -0.5, -0.3, -0.6, -0.2, -0.7, -0.8, -0.9]
    assert chosen("convincing_wrong_answers", candidates(right, score), 5) == [0, 1, 3, 5, 6]
    # With a share of 0 they are the most convincing, whatever their answer: rows 0, 4, 2, 1, 3.
    none = AcquisitionSettings(wrong_fraction=0)
    assert chosen("convincing_wrong_answers", candidates(right, score), 5, none) == [0, 1, 2, 3, 4]


def test_what_remains_fills_the_share_of_too_few_wrong_ones():
    """Four wanted, one there (row 2): the other four are the most convincing right ones."""
    score = [-0.1, -0.2, -9, -0.3, -0.4, -0.5]
    assert chosen("convincing_wrong_answers", candidates([1, 1, 0, 1, 1, 1], score), 5) == [0, 1, 2, 3, 4]


def test_a_text_is_bought_once():
    """Rows 0, 1 and 2 are one text; the first drawn stands for it."""
    known = candidates([0] * 4, [-0.1, -0.1, -0.1, -5], steps=[[1, 2], [1, 2], [1, 2], [3]])
    assert chosen("convincing_wrong_answers", known, 2) == [0, 3]
    message = "budget: found 3 solutions per problem, 3 in all; allowed: 2 in all"
    with pytest.raises(ValueError, match=message):
        chosen("convincing_wrong_answers", known, 3)
    assert len(chosen("uniform", known, 3)) == 3


def test_a_short_problem_leaves_its_share_to_the_one_with_most_left():
    """Problem 0 has one text, 1 has four, 2 has three: shares 1, 3, 2 of a budget of 2 each."""
    problem, steps = [0, 0, 1, 1, 1, 1, 2, 2, 2], [[1], [1], [1], [2], [3], [4], [1], [2], [3]]
    known = candidates([0] * 9, -np.arange(9), steps=steps, problem=problem)
    assert chosen("convincing_wrong_answers", known, 2) == [0, 2, 3, 4, 6, 7]


def test_four_in_five_whatever_the_budget():
    """Ten problems, one wrong and one more convincing right solution each: of ten labels eight are wrong.

    Of a budget of two each all are bought; of three problems round(2.4) = 2.
    """
    known = candidates([1, 0] * 10, [-1, -2] * 10, problem=np.repeat(np.arange(10), 2))
    for seed in range(5):
        rows = chosen("convincing_wrong_answers", known, 1, seed=seed)
        assert sorted(row // 2 for row in rows) == list(range(10)) and sum(row % 2 for row in rows) == 8
        assert chosen("diverse", known, 1, seed=seed) == rows
    assert len({tuple(chosen("convincing_wrong_answers", known, 1, seed=seed)) for seed in range(5)}) > 1
    assert chosen("convincing_wrong_answers", known, 2) == list(range(20))
    assert sum(row % 2 for row in chosen("convincing_wrong_answers", known.take(np.arange(6)), 1)) == 2


def test_uncertainty_by_hand():
    assert chosen("uncertainty", candidates([0] * 4, [0] * 4, entropy=[0.1, 0.6, 0.3, 0.5]), 2) == [1, 3]


def test_disagreement_by_hand():
    """Chances by the two selectors: (0.9, 0.8), (0.9, 0.2), (0.1, 0.1), (0.5, 0.2): 1 and 3 differ most."""
    known = candidates([0] * 4, np.log([0.9, 0.9, 0.1, 0.5]), others=[np.log([0.8, 0.2, 0.1, 0.2])])
    assert chosen("disagreement", known, 2) == [1, 3]
    with pytest.raises(ValueError, match="found one selector; allowed for disagreement: two or more"):
        chosen("disagreement", candidates([0] * 4, [0] * 4), 2)


def test_diverse_by_hand():
    """Row 1 shares 3 of 4 steps with row 0 (0.75 >= 0.7), row 2 shares 1 of 6, row 3 4 of 5 with row 2.

    All answers are wrong.
    """
    steps = [[1, 2, 3], [1, 2, 3, 4], [1, 5, 6, 7], [1, 5, 6, 7, 8], [9]]
    known = candidates([0] * 5, [-1, -2, -3, -4, -5], steps=steps)
    assert chosen("diverse", known, 3) == [0, 2, 4]
    assert chosen("diverse", known, 4) == [0, 1, 2, 4]  # then the best of the near-duplicates
    assert chosen("convincing_wrong_answers", known, 3) == [0, 1, 2]


def test_diverse_takes_a_near_duplicate_last():
    """Of a budget of 2 round(1.6) = 2 go to wrong ones, rows 0 and 1; but row 1 resembles row 0."""
    known = candidates([0, 0, 1], [-1, -2, -3], steps=[[1, 2, 3], [1, 2, 3, 4], [9]])
    assert chosen("diverse", known, 2) == [0, 2]
    assert chosen("convincing_wrong_answers", known, 2) == [0, 1]


def test_diverse_takes_what_resembles_the_labeled_last():
    """Row 0 is labeled; row 1 shares 3 of 4 steps with it, row 2 none."""
    known = candidates([0, 0, 0], [-1, -2, -3], steps=[[1, 2, 3], [1, 2, 3, 4], [9]])
    assert acquire("diverse", known, 1, DEFAULTS, 0, taken=np.array([0])).tolist() == [2]
    assert acquire("diverse", known, 2, DEFAULTS, 0, taken=np.array([0])).tolist() == [1, 2]


def test_a_right_one_that_is_not_chosen_sets_nothing_back():
    """The right row 0 convinces most, and the wrong row 1 resembles it; both bought are wrong ones."""
    known = candidates([1, 0, 0], [-1, -2, -3], steps=[[1, 2, 3], [1, 2, 3, 4], [9]])
    assert chosen("diverse", known, 2) == [1, 2]


def test_no_selector_to_ask():
    known = replace(candidates([0] * 3, [0] * 3), convincing=np.zeros((0, 3)))
    assert chosen("uniform_distinct", known, 2) and chosen("uniform", known, 2)
    with pytest.raises(ValueError, match="found no selector; allowed for diverse: one or more"):
        chosen("diverse", known, 1)


@st.composite
def pools(draw):
    """Three problems with up to eight solutions of few steps, so that equal texts are common."""
    sizes = draw(st.lists(st.integers(3, 8), min_size=3, max_size=3))
    count = sum(sizes)
    steps = draw(
        st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=3), min_size=count, max_size=count)
    )
    scores = st.lists(st.sampled_from([-0.1, -1.0, -3.0]), min_size=count, max_size=count)
    return Candidates(
        problem=np.repeat(np.arange(3), sizes),
        sample=np.concatenate([np.arange(size) for size in sizes]),
        steps=Ragged.from_rows(steps, dtype=np.int64),
        final_correct=np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count))),
        convincing=np.array([draw(scores), draw(scores)]),
        entropy=-np.array(draw(scores)),
    )


def texts(known, rows):
    return [(int(known.problem[r]), tuple(known.steps.row(int(r)).tolist())) for r in rows]


@settings(max_examples=50, deadline=None)
@given(known=pools(), budget=st.integers(1, 3), seed=st.integers(0, 5), order=st.integers(0, 100))
@pytest.mark.parametrize("name", ACQUISITION_STRATEGIES)
def test_every_acquisition(name, known, budget, seed, order):
    """Exactly the budget, no row twice, no text twice where promised, whatever the order of the input."""
    available = len(set(texts(known, range(len(known))))) if name in DISTINCT else len(known)
    if available < 3 * budget:
        with pytest.raises(ValueError, match="in all, as many as there are to choose from"):
            chosen(name, known, budget, seed=seed)
        return
    rows = chosen(name, known, budget, seed=seed)
    assert len(rows) == len(set(rows)) == 3 * budget and rows == sorted(rows)
    assert rows == chosen(name, known, budget, seed=seed)
    if name in DISTINCT:
        assert len(set(texts(known, rows))) == len(rows)
    shuffle = np.random.default_rng(order).permutation(len(known))
    again = [int(shuffle[row]) for row in chosen(name, known.take(shuffle), budget, seed=seed)]
    assert sorted(again) == rows


@pytest.mark.parametrize("name", ["uniform", "uniform_distinct"])
def test_uniform_draws_by_the_seed_alone(name):
    """Each of six solutions is in a third of 600 budgets of two: 200 times, give or take five deviations."""
    known = candidates([0] * 6, np.arange(6))
    counts = np.bincount([row for seed in range(600) for row in chosen(name, known, 2, seed=seed)])
    assert (abs(counts - 200) < 5 * np.sqrt(600 * 1 / 3 * 2 / 3)).all()
    assert set(chosen(name, known, 2, seed=7)) < set(chosen(name, known, 3, seed=7))  # nested


def test_uniform_is_what_the_arms_of_the_first_experiment_are_given():
    rows = [
        Solution(problem_id=f"p{p}", sample=m, steps=("s",), answer=None, finished=True, final_correct=False)
        for p in range(5)
        for m in range(8)
    ]
    samples = Samples(
        problems=[Problem(problem_id=f"p{p}", text="?", answer="1") for p in range(5)],
        solutions=Solutions.from_rows(rows),
    )
    known = candidates([0] * 40, np.zeros(40), problem=np.repeat(np.arange(5), 8))
    for scale in (1, 3, 8):
        drawn = draw_rows(samples, scale, seed=4)
        assert acquire("uniform", known, scale, DEFAULTS, (4, 17)).tolist() == sorted(drawn.tolist())


@pytest.mark.parametrize("field", ["wrong_fraction", "similarity"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_shares_outside_their_range(field, value):
    with pytest.raises(ValueError, match=f"{field}: found {value}; allowed: 0 to 1"):
        AcquisitionSettings(**{field: value})


def test_what_is_labeled_is_left_out_with_all_of_its_equals():
    """Row 0 is labeled; row 1 says the same. Of rows 2, 3 and 4 the two most convincing are 2 and 4."""
    known = candidates([0] * 5, [-1, -1, -2, -4, -3], steps=[[1], [1], [2], [3], [4]])
    found = acquire("convincing_wrong_answers", known, 2, DEFAULTS, 0, taken=np.array([0]))
    assert found.tolist() == [2, 4]
    assert acquire("uniform", known, 3, DEFAULTS, 0, taken=np.array([1])).tolist() == [2, 3, 4]
    message = "budget: found 4 solutions per problem, 4 in all; allowed: 3 in all"
    with pytest.raises(ValueError, match=message):
        acquire("uniform", known, 4, DEFAULTS, 0, taken=np.array([0]))


def test_a_problem_that_is_labeled_out_leaves_its_share_to_others():
    """Problem 1, the last one, has nothing left: both of the budget of one each go to problem 0."""
    known = candidates([0] * 4, [-1, -2, -3, -4], problem=[0, 0, 0, 1])
    assert acquire("uncertainty", known, 1, DEFAULTS, 0, taken=np.array([3])).tolist() == [0, 1]


def test_a_uniform_share_by_hand():
    """A quarter of four problems' one solution each is one: three of the most convincing stay, one is drawn.

    The drawn one may be the most convincing as well, so over 400 draws it is another in two of three.
    """
    known = candidates([0] * 12, [-1, -2, -3] * 4, problem=np.repeat(np.arange(4), 3))
    best = {0, 3, 6, 9}
    found = [
        set(acquire("convincing_wrong_answers", known, 1, DEFAULTS, seed, uniform_share=0.25).tolist())
        for seed in range(400)
    ]
    others = [rows - best for rows in found]
    assert all(len(rows) == 4 and len(other) <= 1 for rows, other in zip(found, others, strict=True))
    # 400 * 2 / 3 = 267, give or take four deviations of sqrt(400 * 2 / 3 * 1 / 3) = 9.4
    assert abs(sum(map(len, others)) - 267) < 38
    assert len(set.union(*others)) == 8  # no problem and no solution is spared
    assert {row for rows in found for row in rows} == set(range(12))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_uniform_share_outside_its_range(share):
    with pytest.raises(ValueError, match=f"uniform_share: found {share}; allowed: 0 to 1"):
        acquire("uniform", candidates([0], [0]), 1, DEFAULTS, 0, uniform_share=share)


@settings(max_examples=50, deadline=None)
@given(
    known=pools(),
    budget=st.integers(1, 2),
    seed=st.integers(0, 5),
    order=st.integers(0, 100),
    share=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    data=st.data(),
)
@pytest.mark.parametrize("name", ACQUISITION_STRATEGIES)
def test_every_round(name, known, budget, seed, order, share, data):
    """Exactly the budget, no text that is labeled, twice the same, whatever the order of the input."""
    taken = data.draw(st.lists(st.integers(0, len(known) - 1), unique=True, max_size=6))

    def bought(candidates, labeled):
        rows = np.array(labeled, dtype=np.int64)
        found = acquire(name, candidates, budget, DEFAULTS, seed, taken=rows, uniform_share=share)
        return found.tolist()

    labeled = set(texts(known, taken))
    left = [row for row in range(len(known)) if texts(known, [row])[0] not in labeled]
    available = len(set(texts(known, left))) if name in DISTINCT else len(left)
    if available < 3 * budget:
        with pytest.raises(ValueError, match="in all, as many as there are to choose from"):
            bought(known, taken)
        return
    rows = bought(known, taken)
    assert len(rows) == len(set(rows)) == 3 * budget and rows == sorted(rows)
    assert set(rows) <= set(left) and rows == bought(known, taken)
    if name in DISTINCT:
        assert len(set(texts(known, rows))) == len(rows)
    shuffle = np.random.default_rng(order).permutation(len(known))
    place = np.argsort(shuffle)  # where a row went
    again = bought(known.take(shuffle), [int(place[row]) for row in taken])
    assert sorted(int(shuffle[row]) for row in again) == rows


@given(
    share=st.lists(st.integers(0, 9), min_size=1, max_size=8).map(np.array),
    fraction=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_a_part_of_every_share(share, fraction, seed):
    """Its sum is that of the whole; each is within its share, and rounded down or one more."""
    part = _fraction_of(share, fraction, np.random.default_rng(seed))
    assert part.sum() == round(fraction * int(share.sum()))
    assert (part >= np.floor(fraction * share)).all() and (part <= share).all()
    assert (part <= np.floor(fraction * share) + 1).all()


def test_near_duplicates_by_hand():
    """Text 1 shares 3 of 4 steps with text 0; text 2 as many with text 1, which is marked and not asked."""
    texts = Ragged.from_rows([[1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [2, 3, 4]], dtype=np.int64)
    # Text 2 has 2 of 5 steps in common with text 0. Text 3: 2 of 4 with text 0, 3 of 4 with text 2.
    assert near_duplicates(texts, 0.7).tolist() == [False, True, False, True]
    assert near_duplicates(texts, 0.8).tolist() == [False] * 4
