"""Data is split by problem, never by row."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ablations.formats.held_out import HeldOut
from ablations.formats.questions import normalized
from ablations.formats.rated_solutions import Branch, Rated
from ablations.steps.prm_on_labels import distinct, problem_numbers, split_held_out

PROBLEMS = st.lists(st.text(min_size=1, max_size=6), max_size=30)


def rated(problem):
    branch = Branch(steps=("a",), ratings=(1,))
    return Rated(name="here", problem=problem, branches=(branch,))


@given(PROBLEMS, PROBLEMS, st.floats(0, 0.99), st.integers(0, 5))
def test_no_problem_lies_on_both_sides(problems, more, share, seed):
    held_out = HeldOut(share=share, seed=seed)
    # the same problem again, spaced and capitalized otherwise
    rows = [rated(text) for problem in problems for text in (problem, f" {problem.upper()}\n", problem)]
    learned, held = split_held_out(rows, held_out)
    assert sorted([*map(id, learned), *map(id, held)]) == sorted(map(id, rows))
    assert not {normalized(one.problem) for one in learned} & {normalized(one.problem) for one in held}
    # other data around it changes nothing
    others, both = [rated(problem) for problem in more], {id(one) for one in held}
    _, again = split_held_out([*others, *reversed(rows)], HeldOut(share=share, seed=seed))
    assert {id(one) for one in again} - set(map(id, others)) == both


@given(st.integers(0, 5), st.floats(0, 0.98), st.floats(0, 0.98))
def test_a_smaller_share_is_within_a_larger_one(seed, one, other):
    small, large = sorted((one, other))
    problems = [f"problem {number}" for number in range(50)]
    assert {p for p in problems if p in HeldOut(share=small, seed=seed)} <= {
        p for p in problems if p in HeldOut(share=large, seed=seed)
    }


def test_the_share_is_the_one_that_was_asked_for():
    problems = [f"problem {number}" for number in range(4000)]
    for seed in (0, 1):
        count = sum(problem in HeldOut(share=0.1, seed=seed) for problem in problems)
        assert 343 <= count <= 457  # 400, within three standard deviations: sqrt(4000 * 0.1 * 0.9) = 19
    both = sum(p in HeldOut(share=0.1, seed=0) and p in HeldOut(share=0.1, seed=1) for p in problems)
    assert both <= 60  # 40 where seeds draw independently
    assert not any(problem in HeldOut() for problem in problems)


def test_equal_solutions_are_judged_once():
    """Equal in problem, steps and ratings, whatever file they are from."""
    other = Rated(name="there", problem="p", branches=(Branch(steps=("a",), ratings=(-1,)),))
    rows = [rated("p"), rated("q"), rated(" P"), other]
    assert distinct(rows) == [rows[0], rows[1], other]
    assert problem_numbers(rows).tolist() == [0, 1, 0, 0]


def test_all_problems_of_files_are_held_out(tmp_path):
    math = tmp_path / "test.jsonl"
    math.write_text(json.dumps({"problem": "Find  $X$.", "solution": "$1$"}) + "\n")
    held_out = HeldOut.of([math], share=0.0, seed=0)
    learned, held = split_held_out([rated("find $x$."), rated("Find $y$.")], held_out)
    assert [one.problem for one in held] == ["find $x$."]
    assert [one.problem for one in learned] == ["Find $y$."]
