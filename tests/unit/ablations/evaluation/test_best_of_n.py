from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.evaluation.best_of_n import (
    best_of_n,
    in_top,
    majority,
    over_problems,
    pass_at_n,
    random_choice,
    top_share,
    weighted_vote,
)
from ablations.evaluation.discrimination import auroc, calibration, solution_auroc, step_auroc

ROW = st.tuples(st.sampled_from([-np.inf, 0.1, 0.5, 0.9]), st.booleans(), st.booleans())
POOL = st.integers(1, 6).flatmap(
    lambda m: st.lists(st.lists(ROW, min_size=m, max_size=m), min_size=1, max_size=3)
)


def unzip(pool, kinds):
    return [
        np.array([[row[i] for row in problem] for problem in pool], dtype=kind)
        for i, kind in enumerate(kinds)
    ]


def plain_best(subset):
    finished = [(score, correct) for score, correct, done in subset if done]
    if not finished:
        return 0.0
    top = max(score for score, _ in finished)
    return float(np.mean([correct for score, correct in finished if score == top]))


def test_best_of_n_by_hand():
    # Scores 3 > 2 > 1, correct F T T, all finished. n=1: 2/3. n=2: {3,2} F, {3,1} F, {2,1} T: 1/3.
    # n=3: the best is F: 0.
    score, correct = np.array([[2.0, 3.0, 1.0]]), np.array([[True, False, True]])
    finished = np.ones((1, 3), bool)
    np.testing.assert_allclose(
        best_of_n(score, correct, finished, [1, 2, 3]), [[2 / 3, 1 / 3, 0]], atol=1e-15
    )
    # The best one unfinished: n=1: (0 + 1 + 1) / 3; n=2: each pair has a finished right one: 1
    finished = np.array([[True, False, True]])
    np.testing.assert_allclose(best_of_n(score, correct, finished, [1, 2, 3]), [[2 / 3, 1, 1]], atol=1e-15)
    # A tie at the top, right and wrong: with all three, one half
    tied = np.array([[3.0, 3.0, 1.0]])
    np.testing.assert_allclose(best_of_n(tied, correct, np.ones((1, 3), bool), [3]), [[0.5]])
    # NaN is allowed where unfinished, and -inf still beats what is unfinished
    lost = np.array([[-np.inf, np.nan, np.nan]])
    np.testing.assert_allclose(
        best_of_n(lost, correct, np.array([[True, False, False]]), [1, 3]), [[1 / 3, 1]]
    )


def test_numbers_instead_of_right_and_wrong():
    # Scores 3 > 2 > 1 earn 0.9, 0.4, 0.2. n=1: 1.5 / 3. n=2: {3,2} and {3,1} 0.9, {2,1} 0.4: 2.2 / 3.
    score, earned = np.array([[2.0, 3.0, 1.0]]), np.array([[0.4, 0.9, 0.2]])
    found = best_of_n(score, earned, np.ones((1, 3), bool), [1, 2, 3])
    np.testing.assert_allclose(found, [[0.5, 2.2 / 3, 0.9]])


def test_the_best_scored_by_hand():
    # Best first: 5 wrong; 4 right, wrong (a tie, one half each); 1 right; unread, right; unfinished.
    score = np.array([[4.0, 5.0, 1.0, 4.0, np.nan, 9.0]])
    correct = np.array([[True, False, True, False, True, False]])
    finished = np.array([[True, True, True, True, True, False]])
    found = top_share(score, correct, finished, [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(found, [[0, 0.5 / 2, 1 / 3, 2 / 4, 3 / 5, 3 / 6]])
    # The best two: the second ties with the third. All six: those that have a score.
    assert in_top(score, finished, 1).tolist() == [[False, True, False, False, False, False]]
    assert in_top(score, finished, 2).tolist() == [[True, True, False, True, False, False]]
    assert in_top(score, finished, 6).tolist() == [[True, True, True, True, False, False]]
    # one of all at random, and the best of all: as by random choice and by best-of-N
    np.testing.assert_allclose(found[:, -1], random_choice(correct, finished))
    np.testing.assert_allclose(found[:, 0], best_of_n(score, correct, finished, [6])[:, 0])
    with pytest.raises(ValueError, match=r"ns: found \[7\]; allowed: integers from 1 to 6"):
        in_top(score, finished, 7)


@given(POOL)
@settings(deadline=None)
def test_best_of_n_equals_all_subsets(pool):
    score, correct, finished = unzip(pool, (float, bool, bool))
    ns = range(1, len(pool[0]) + 1)
    expected = [[np.mean([plain_best(s) for s in combinations(problem, n)]) for n in ns] for problem in pool]
    np.testing.assert_allclose(best_of_n(score, correct, finished, list(ns)), expected, atol=1e-12)


def test_best_of_n_is_stable_for_large_pools():
    # An oracle score with c right solutions is right unless the subset misses all of them: pass@n
    M, c = 2000, 3
    correct = np.zeros((1, M), bool)
    correct[0, :c] = True
    ns = [1, 2, 500, 1000, 1997, 1998, 2000]
    expected = [[1 - comb(M - c, n) / comb(M, n) for n in ns]]  # exact integers of Python
    finished = np.ones((1, M), bool)
    np.testing.assert_allclose(best_of_n(correct.astype(float), correct, finished, ns), expected, rtol=1e-11)
    np.testing.assert_allclose(pass_at_n(correct, ns), expected, rtol=1e-11)


@given(POOL)
@settings(deadline=None)
def test_pass_at_n_and_random(pool):
    _, correct, finished = unzip(pool, (float, bool, bool))
    right = correct & finished
    ns = list(range(1, len(pool[0]) + 1))
    expected = [[np.mean([any(s) for s in combinations(row, n)]) for n in ns] for row in right.tolist()]
    np.testing.assert_allclose(pass_at_n(right, ns), expected, atol=1e-12)
    np.testing.assert_allclose(random_choice(correct, finished), pass_at_n(right, [1])[:, 0], atol=1e-12)
    # all scores equal and all finished: a random choice whatever n
    equal = best_of_n(np.zeros(correct.shape), correct, np.ones(correct.shape, bool), ns)
    np.testing.assert_allclose(equal, np.repeat(correct.mean(axis=1)[:, None], len(ns), axis=1), atol=1e-12)


def test_problems_with_different_numbers_of_solutions():
    """Each problem's value is over all subsets of its own solutions, and stays in its place."""
    rng = np.random.default_rng(4)
    counts = [4, 2, 3, 4, 2]
    score = [rng.integers(0, 3, count) / 2 for count in counts]
    correct = [rng.random(count) < 0.5 for count in counts]
    found = over_problems(
        lambda s, c: best_of_n(s, c, np.ones(c.shape, bool), [1, 2]),
        Ragged.from_rows(score),
        Ragged.from_rows(correct, bool),
    )
    expected = [
        [
            np.mean([plain_best(subset) for subset in combinations([(a, b, True) for a, b in rows], n)])
            for n in (1, 2)
        ]
        for rows in (list(zip(s, c, strict=True)) for s, c in zip(score, correct, strict=True))
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    with pytest.raises(
        ValueError, match="columns: found .* solutions per problem; allowed: the same in each"
    ):
        over_problems(lambda a, b: a, Ragged.from_rows([[1], [2, 3]]), Ragged.from_rows([[1, 2], [3]]))


def plain_vote(subset):
    """subset: (weight, code, correct); correct is a property of the code."""
    total: dict[int, float] = {}
    credit: dict[int, float] = {}
    for weight, code, correct in subset:
        if code >= 0:
            total[code] = total.get(code, 0) + weight
            credit[code] = correct
    top = max(total.values(), default=0)
    winners = [code for code, votes in total.items() if votes == top]
    return float(np.mean([credit[code] for code in winners])) if top > 0 else 0.0


def test_majority_by_hand():
    # Codes 7 7 4 and none; 7 is wrong, 4 right. n=1: 1 of 4 draws is right. n=4: 7 wins: 0.
    code, correct = np.array([[7, 7, 4, -1]]), np.array([[False, False, True, False]])
    np.testing.assert_allclose(majority(code, correct, [1, 4], 1, 0), [[0.25, 0]])
    # n=2: {7,7} 0, {7,4} 1/2 twice, {7,-} 0 twice, {4,-} 1: 2/6.
    # n=3: {7,7,4} 0, {7,7,-} 0, {7,4,-} 1/2 twice: 1/4.
    value = majority(code, correct, [2, 3], 4000, 0)
    np.testing.assert_allclose(value, [[1 / 3, 1 / 4]], atol=0.03)  # 4 standard errors: 0.5 / sqrt(4000) * 4
    # no votes at all is wrong, even where the pool calls them correct
    assert majority(np.array([[-1, -1]]), np.array([[True, True]]), [1, 2], 3, 0).tolist() == [[0, 0]]


VOTES = st.integers(1, 6).flatmap(
    lambda m: st.lists(
        st.lists(
            st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.integers(-2, 3)), min_size=m, max_size=m
        ),
        min_size=1,
        max_size=3,
    )
)


@given(VOTES, st.sets(st.integers(0, 3)))
@settings(deadline=None)
def test_votes_are_exact_at_one_and_all(pool, right):
    rows = [[(weight, code, code in right) for weight, code in problem] for problem in pool]
    weight, code, correct = unzip(rows, (float, int, bool))
    M = code.shape[1]
    for ones in (False, True):
        plain = [[(1.0, c, r) for _, c, r in problem] for problem in rows] if ones else rows
        expected = [
            [np.mean([plain_vote([row]) for row in problem]), plain_vote(problem)] for problem in plain
        ]
        if ones:
            value = majority(code, correct, [1, M], 1, 0)
        else:
            value = weighted_vote(weight, code, correct, [1, M], 1, 0)
        np.testing.assert_allclose(value, expected, atol=1e-12)


def test_votes_between_converge_to_all_subsets():
    rng = np.random.default_rng(3)
    code = rng.integers(-1, 3, (4, 6))
    correct, weight = code == 1, rng.integers(0, 3, (4, 6)) / 2
    ns = [2, 3, 5]
    value = weighted_vote(weight, code, correct, ns, 3000, 5)
    for p in range(4):
        rows = list(zip(weight[p], code[p], correct[p], strict=True))
        expected = [np.mean([plain_vote(s) for s in combinations(rows, n)]) for n in ns]
        np.testing.assert_allclose(value[p], expected, atol=0.04)  # 4 * 0.5 / sqrt(3000) = 0.037


def test_majority_is_seeded_and_blind_to_names_and_order_of_ns():
    rng = np.random.default_rng(0)
    code = rng.integers(-1, 4, (30, 16))
    correct = code == 2
    value = majority(code, correct, [1, 2, 8, 16], 5, 1)
    assert (value == majority(code, correct, [1, 2, 8, 16], 5, 1)).all()
    assert (value != majority(code, correct, [1, 2, 8, 16], 5, 2)).any()
    assert (value[:, ::-1] == majority(code, correct, [16, 8, 2, 1], 5, 1)).all()
    renamed = np.where(code < 0, -5, 1000 - 7 * code)
    assert (value == majority(renamed, correct, [1, 2, 8, 16], 5, 1)).all()


ONE = np.ones((2, 3), bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_of_n(ONE * 1.0, ONE, ONE, [1, 4]), "ns: found [1, 4]; allowed: integers from 1 to 3"),
        (lambda: best_of_n(np.ones((2, 2)), ONE, ONE, [1]), "shapes: found {'score_PM': (2, 2)"),
        (lambda: pass_at_n(ONE, [0]), "ns: found [0]; allowed: integers from 1 to 3"),
        (lambda: pass_at_n(ONE, [1.5]), "ns: found [1.5]; allowed: integers from 1 to 3"),
        (lambda: majority(ONE * 1, ONE, [4], 1, 0), "ns: found [4]; allowed: integers from 1 to 3"),
        (lambda: majority(ONE * 1, ONE, [1], 0, 0), "draws: found 0; allowed: an integer >= 1"),
        (
            lambda: weighted_vote(-1.0 * ONE, ONE * 1, ONE, [1], 1, 0),
            "weight_PM: found a negative or not finite",
        ),
        (
            lambda: auroc(np.array([np.nan]), np.array([1])),
            "score: found NaN; allowed: numbers, -inf and inf",
        ),
        (lambda: auroc(np.ones(2), np.ones(3)), "score, label: found (2,), (3,); allowed: two equal lengths"),
        (lambda: calibration(np.ones(2), np.ones(2), 0), "bins: found 0; allowed: an integer >= 1"),
        (lambda: calibration(np.array([1.5]), np.ones(1), 2), "prob: found 1.5 to 1.5; allowed: [0, 1]"),
        (
            lambda: calibration(np.array([]), np.array([]), 2),
            "prob, label: found (0,), (0,); allowed: two equal",
        ),
        (
            lambda: solution_auroc(np.ones(2), ONE[0], ONE[0], np.zeros(3, int)),
            "score, final_correct, finished, problem: found (2,), (3,), (3,), (3,)",
        ),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value).startswith(message)


@given(st.lists(st.tuples(st.sampled_from([-np.inf, 0.0, 1.0, 2.0, 3.0]), st.booleans()), max_size=12))
def test_auroc_equals_all_pairs(rows):
    positive = [score for score, label in rows if label]
    negative = [score for score, label in rows if not label]
    value = auroc(np.array([score for score, _ in rows]), np.array([label for _, label in rows], dtype=bool))
    if not positive or not negative:
        assert np.isnan(value)
    else:
        pairs = [float(p > n) + 0.5 * (p == n) for p in positive for n in negative]
        assert value == pytest.approx(np.mean(pairs))


def test_step_auroc_stops_at_the_first_error():
    # Right steps have P(negative) 0.1, 0.6; neutral 0.2; first errors 0.5 and 0.9. The last step of row 1
    # comes after an error (P(negative) 0.0, "wrong") and would spoil the result. Pairs (right, wrong):
    # 0.1 0.2 below both (4 of 4), 0.6 below 0.9 alone (1 of 2): 5/6.
    negative = np.array([0.1, 0.5, 0.0, 0.6, 0.2, 0.9])
    prob = np.stack([negative, 1 - negative], axis=1)
    lengths = np.array([3, 3])
    scores = StepScores(prob=Ragged.from_lengths(prob, lengths), last=np.zeros(2))
    oracle = Ragged.from_lengths(np.array([1, -1, -1, 1, 0, -1], np.int8), lengths)
    assert step_auroc(scores, oracle) == pytest.approx(5 / 6)
    with pytest.raises(ValueError, match="oracle: found other numbers of steps"):
        step_auroc(scores, Ragged.from_lengths(oracle.values, np.array([2, 4])))
    with pytest.raises(ValueError, match=r"oracle: found \[-100\]; allowed: -1, 0, 1"):
        step_auroc(scores, Ragged.from_lengths(np.full(6, -100), lengths))


def test_solution_auroc_leaves_out_the_unfinished_and_the_unscored():
    score = np.array([0.9, 0.1, 1.0, np.nan])
    right, finished = np.array([True, False, False, False]), np.array([True, True, False, True])
    assert solution_auroc(score, right, finished, np.zeros(4, int)) == 1.0


def test_solution_auroc_compares_solutions_of_the_same_problem():
    """Problem 0: right 0.9 and 0.2, wrong 0.2: a win and a tie, 1.5 of 2. Problem 1: right 0.1, wrong 0.3 and
    0.05: 1 of 2. Problem 2 has no wrong solution. (1.5 + 1) / 4."""
    score = np.array([0.9, 0.2, 0.2, 0.1, 0.3, 0.05, 0.0])
    right = np.array([1, 1, 0, 1, 0, 0, 1], bool)
    problem = np.array([0, 0, 0, 1, 1, 1, 2])
    finished = np.ones(7, bool)
    assert solution_auroc(score, right, finished, problem) == 2.5 / 4
    shifted = score + 10 * problem  # how high a problem's scores are as a whole says nothing
    assert solution_auroc(shifted, right, finished, problem) == 2.5 / 4
    assert np.isnan(solution_auroc(score[6:], right[6:], finished[6:], problem[6:]))
    assert np.isnan(solution_auroc(score[:0], right[:0], finished[:0], problem[:0]))


def test_a_score_that_only_knows_the_problem_tells_nothing():
    """Pass rates of 0.1 to 0.9, which are the scores too: pooled over problems they order most pairs."""
    rng = np.random.default_rng(0)
    problem = np.repeat(np.arange(9), 50)
    score = (problem + 1) / 10
    right = rng.random(len(problem)) < score
    assert auroc(score, right) > 0.75
    assert solution_auroc(score, right, np.ones(len(problem), bool), problem) == 0.5


def test_calibration_by_hand():
    # Two bins. [0, 0.5): 0.1 0.3, one positive: predicted 0.2, observed 0.5. [0.5, 1]: 0.5 1.0, both
    # positive: predicted 0.75, observed 1. Error: (2 * 0.3 + 2 * 0.25) / 4 = 0.275.
    table = calibration(np.array([0.1, 0.3, 0.5, 1.0]), np.array([0, 1, 1, 1]), 2)
    np.testing.assert_allclose(table.mean_predicted, [0.2, 0.75])
    np.testing.assert_allclose(table.observed, [0.5, 1.0])
    assert table.count.tolist() == [2, 2]
    assert table.expected_error == pytest.approx(0.275)
    empty = calibration(np.array([0.9]), np.array([True]), 3)
    assert np.isnan(empty.observed).tolist() == [True, True, False]
    assert empty.expected_error == pytest.approx(0.1)


def test_an_unscored_solution_is_never_chosen_over_a_scored_one():
    """Right but unscored, wrong with -inf, right but unscored: pairs {0,1}, {1,2} choose 1."""
    score, correct = np.array([[np.nan, -np.inf, np.nan]]), np.array([[True, False, True]])
    value = best_of_n(score, correct, np.ones((1, 3), bool), [1, 2, 3])
    assert value == pytest.approx(np.array([[2 / 3, 1 / 3, 0]]))
    half = best_of_n(np.full((1, 2), np.nan), np.array([[True, False]]), np.ones((1, 2), bool), [1, 2])
    assert half == pytest.approx(np.array([[0.5, 0.5]]))  # nothing is scored: chosen at random
