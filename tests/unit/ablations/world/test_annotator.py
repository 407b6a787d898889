import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.world.annotator import CLASS_OF, Annotator, up_to_first_error
from ablations.world.world import NEGATIVE, NEUTRAL, POSITIVE
from ablations.world.worlds import WORLDS

ALPHABET = "0123456789abcdefgh+-*=#:~\n"


WORLD = WORLDS["dropped"]
judge = WORLD.judge


def solutions(count: int, seed: int = 0) -> list[tuple[str, tuple[str, ...]]]:
    rng = np.random.default_rng(seed)
    problems = [WORLD.draw_problem(rng) for _ in range(count)]
    return [(problem, WORLD.write_solution(problem, rng)) for problem in problems]


def annotator(*, name: str = "ann", easy: float, hard: float) -> Annotator:
    return Annotator(name=name, easy_error=easy, hard_error=hard)


# 47+8 carries and is hard; 55-1 does not borrow, the restatement and the answer compute nothing: all easy.
CASES = [
    ("a+8b-1:47", "47a+8=55 55b-1=54 =54 #54", (1, 1, 0, 1), (True, False, False, False)),
    # wrong: 47+8=45 by a dropped carry; 45-8 borrows, right is 37; 47*3=141: the 1 carries a 2
    ("a+8b-8c*3:47", "47a+8=45 45b-8=47 47c*3=41 #41", (-1, -1, 1, 1), (True, True, True, False)),
    # 42*3=126: 2*3=6 carries nothing; 26-6: 6-6=0 borrows nothing; 20+9: 0+9=9
    ("a*3b-6c+9:42", "42a*3=26 26b-6=20 20c+9=29 =28", (1, 1, 1, -1), (False, False, False, False)),
    # a part: 47+3=50 carries, 50+5=55 does not
    ("a+8b-5:47", "~47a+3=50 50a+5=55", (1, 1), (True, False)),
    # hard is what the written total makes so: 45+5=50 after the wrong restatement, not 44+5=49
    ("a+1b+5:43", "43a+1=44 =45 45b+5=50 #50", (1, -1, 1, 1), (False, False, True, False)),
]


@pytest.mark.parametrize(("text", "steps", "truth", "hard"), CASES)
def test_which_steps_are_hard(text: str, steps: str, truth: tuple[int, ...], hard: tuple[bool, ...]) -> None:
    """An annotator who errs on all hard steps, or on all easy ones, shows which they are."""
    problem, lines = text, steps.split()
    assert annotator(easy=0, hard=0).rate(WORLD, problem, lines) == truth == judge(problem, lines)
    wrong = {POSITIVE: NEGATIVE, NEUTRAL: NEGATIVE, NEGATIVE: POSITIVE}
    on_hard = tuple(wrong[t] if h else t for t, h in zip(truth, hard, strict=True))
    on_easy = tuple(t if h else wrong[t] for t, h in zip(truth, hard, strict=True))
    assert annotator(easy=0, hard=1).rate(WORLD, problem, lines) == on_hard
    assert annotator(easy=1, hard=0).rate(WORLD, problem, lines) == on_easy


def is_hard(line: str) -> bool:
    if line[0] in "=#":
        return False
    _, units_digit, _, symbol, digit = tuple(line.removeprefix("~").split("=")[0])
    units, operand = int(units_digit), int(digit)
    return {"+": units + operand >= 10, "-": units < operand, "*": units * operand >= 10}[symbol]


def test_error_rates_are_the_stated_ones() -> None:
    errors = {True: [0, 0], False: [0, 0]}
    rater = annotator(easy=0.03, hard=0.2)
    for problem, steps in solutions(500):
        for line, rated, truth in zip(
            steps, rater.rate(WORLD, problem, steps), judge(problem, steps), strict=True
        ):
            count = errors[is_hard(line)]
            count[0] += rated != truth
            count[1] += 1
    for hard, rate in ((True, 0.2), (False, 0.03)):
        wrong, rated = errors[hard]
        assert rated > 800
        assert abs(wrong - rate * rated) < 4 * math.sqrt(rated * rate * (1 - rate)), (hard, wrong, rated)


def test_errors_belong_to_the_annotator() -> None:
    one, same, other = (annotator(name=name, easy=0.3, hard=0.3) for name in ("ann", "ann", "ben"))
    both = neither = 0
    for problem, steps in solutions(100):
        ratings, truth = one.rate(WORLD, problem, steps), judge(problem, steps)
        assert same.rate(WORLD, problem, steps) == ratings
        for a, b, t in zip(ratings, other.rate(WORLD, problem, steps), truth, strict=True):
            both += a != t and b != t
            neither += (a != t) != (b != t)
    # Errors of two who err independently in 0.3: on one of them 2*0.3*0.7 = 0.42, on both 0.09.
    share = both / (both + neither)
    assert share == pytest.approx(0.09 / 0.51, abs=0.08)


def test_a_careless_annotator_errs_where_a_careful_one_does() -> None:
    """The errors of the smaller rate are among those of the larger."""
    careful, careless = annotator(easy=0.05, hard=0.1), annotator(easy=0.2, hard=0.4)
    seen = 0
    for problem, steps in solutions(100):
        truth = judge(problem, steps)
        few, many = careful.rate(WORLD, problem, steps), careless.rate(WORLD, problem, steps)
        assert all(b != t for a, b, t in zip(few, many, truth, strict=True) if a != t)
        seen += sum(a != t for a, t in zip(few, truth, strict=True))
    assert seen > 20


@given(st.integers(0, 2**32), st.lists(st.text(ALPHABET, max_size=8), max_size=8))
@settings(max_examples=100, deadline=None)
def test_any_lines_get_one_rating_each_from_what_stands_before(seed: int, steps: list[str]) -> None:
    problem = WORLD.draw_problem(np.random.default_rng(seed))
    rater = annotator(easy=0.4, hard=0.6)
    ratings = rater.rate(WORLD, problem, steps)
    assert len(ratings) == len(steps)
    assert set(ratings) <= {POSITIVE, NEUTRAL, NEGATIVE}
    for end in range(len(steps)):
        assert rater.rate(WORLD, problem, steps[:end]) == ratings[:end]


def test_a_digit_that_is_no_number_is_rated_too() -> None:
    assert annotator(easy=0, hard=0).rate(WORLD, "a+8b-5:47", ["47a+²=55"]) == (NEGATIVE,)


@pytest.mark.parametrize(
    ("ratings", "kept"),
    [
        ((1, 0, -1, 1, -1), (1, 0, -1, None, None)),
        ((-1, 1), (-1, None)),
        ((1, 1, -1), (1, 1, -1)),
        ((1, 0, 1), (1, 0, 1)),
        ((), ()),
    ],
)
def test_up_to_first_error(ratings: tuple[int, ...], kept: tuple[int | None, ...]) -> None:
    assert up_to_first_error(ratings) == kept


def test_classes_are_ordered_negative_neutral_positive() -> None:
    assert [CLASS_OF[rating] for rating in (-1, 0, 1)] == [0, 1, 2]
