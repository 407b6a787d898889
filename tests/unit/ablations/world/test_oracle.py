import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.world.arithmetic.authors import Author, write_solution
from ablations.world.arithmetic.oracle import NEGATIVE, NEUTRAL, POSITIVE, final_answer, judge
from ablations.world.arithmetic.problems import PART, WorldProblem, apply, draw_problem, parse_problem
from ablations.world.worlds import WORLDS

ALPHABET = "0123456789abcdefgh+-*=#:~\n"
PROBLEM = parse_problem("a+8b-5c*3:47")  # 47+8=55, 55-5=50, 50*3=150


@st.composite
def right_solutions(draw: st.DrawFn) -> tuple[WorldProblem, tuple[str, ...]]:
    """A problem and an expert's solution of it in any style."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shares = st.floats(0, 1)
    author = Author(rules={}, split_share=draw(shares), restate_share=draw(shares))
    problem = draw_problem(rng, operations=(2, 8))
    return problem, write_solution(problem, author, rng)


@pytest.mark.parametrize(
    ("steps", "ratings"),
    [
        ("47a+8=55 55b-5=50 50c*3=50 #50", (1, 1, 1, 1)),
        # done in parts: 47+3=50, 50+5=55; 55-1=54, 54-4=50
        ("~47a+3=50 50a+5=55 ~55b-1=54 54b-4=50 50c*3=50 #50", (1, 1, 1, 1, 1, 1)),
        # in three: 47+1=48, 48+1=49, 49+6=55
        ("~47a+1=48 ~48a+1=49 49a+6=55", (1, 1, 1)),
        # a wrong part: 47+5 is not 42, but 42+3=45 follows from it
        ("~47a+5=42 42a+3=45 45b-5=40", (-1, 1, 1)),
        # a part that does not say so: 47+3=50, 50+5=55 does step a once more; 55-5=50 follows from it
        ("47a+3=50 50a+5=55 55b-5=50", (-1, -1, 1)),
        # a part that is all there is to do
        ("~47a+8=55 55b-5=50", (-1, 1)),
        # restated
        ("=47 47a+8=55 =55 =55 55b-5=50 50c*3=50 =50 #50", (0, 1, 0, 0, 1, 1, 0, 1)),
        ("47a+8=55 =45", (1, -1)),
        # 47+8 is not 45, but 45-5=40 and 40*3=120 follow from it, and so does the answer
        ("47a+8=45 45b-5=40 40c*3=20 #20", (-1, 1, 1, 1)),
        # a wrong restatement is what later lines go on from: 45-5=40
        ("47a+8=55 =45 45b-5=40", (1, -1, 1)),
        # going on from the right total after a wrong one is wrong: 45-5 is not 50
        ("47a+8=45 45b-5=50", (-1, -1)),
        ("47a+8=45 55b-5=50", (-1, -1)),
        # and so is any other total than the one before: 57-5=52
        ("47a+8=55 57b-5=52 52c*3=56", (1, -1, 1)),
        # the answer line before everything is done
        ("#47", (-1,)),
        ("47a+8=55 55b-5=50 #50", (1, 1, -1)),
        ("47a+8=55 55b-5=50 50c*3=50 #55", (1, 1, 1, -1)),
        # a part of a step is not the step: 47+3=50
        ("~47a+3=50 #50", (1, -1)),
        # step b is skipped: 55*3=165
        ("47a+8=55 55c*3=65 #65", (1, -1, 1)),
        # the second part of step a is skipped: 50-5=45
        ("~47a+3=50 50b-5=45 45c*3=35", (1, -1, 1)),
        # more than what is left of step a: 50+6=56
        ("~47a+3=50 50a+6=56", (1, -1)),
        ("~47a+3=50 ~50a+6=56", (1, -1)),
        # another operand, symbol or letter, the arithmetic right
        ("47a+9=56", (-1,)),
        ("47a-8=39", (-1,)),
        ("47b+8=55", (-1,)),
        ("47a+0=47", (-1,)),
        ("~47a+0=47", (-1,)),
        # a product is done at once: 50*2=100, and 0*1=0 does not make up for it
        ("47a+8=55 55b-5=50 50c*2=00 00c*1=00 #00", (1, 1, -1, -1, 1)),
        ("47a+8=55 55b-5=50 ~50c*2=00 00c*1=00 #00", (1, 1, -1, -1, 1)),
        # a step after the last: 50+1=51
        ("47a+8=55 55b-5=50 50c*3=50 50d+1=51 #51", (1, 1, 1, -1, 1)),
        ("", ()),
    ],
)
def test_ratings_by_hand(steps: str, ratings: tuple[int, ...]) -> None:
    assert judge(PROBLEM, steps.split()) == ratings


def test_after_a_wrong_operand_of_a_product_the_next_step_follows() -> None:
    # 47*3=141; 47*2=94 is not asked for, 94+1=95 goes on from it
    problem = parse_problem("a*3b+1:47")
    assert judge(problem, ["47a*3=41", "41b+1=42", "#42"]) == (1, 1, 1)
    assert judge(problem, ["47a*2=94", "94b+1=95", "#95"]) == (-1, 1, 1)
    assert judge(problem, ["~47a*2=94", "94b+1=95", "#95"]) == (-1, 1, 1)


@pytest.mark.parametrize(
    "line",
    [
        "",
        " ",
        "47a+8=55 ",
        " 47a+8=55",
        "47a+8=55\n",
        "\n47a+8=55",
        "47a+8=5",
        "47a+8=055",
        "~~47a+3=50",
        "~=47",
        "~#47",
        "47a+8:55",
        "a+8=55",
        "7a+8=55",
        "47+8=55",
        "47a+b8=55",
        "47a8=55",
        "47",
        "#",
        "?",
    ],
)
def test_text_of_no_form_is_negative(line: str) -> None:
    assert judge(PROBLEM, [line]) == (NEGATIVE,)


@pytest.mark.parametrize("line", ["47a+8=٥٥", "47a+٨=55", "٤٧a+8=55", "=٤٧", "=\uff14\uff17", "#٥٠"])
def test_digits_of_other_scripts_are_no_digits(line: str) -> None:
    assert judge(PROBLEM, [line]) == (NEGATIVE,)
    assert final_answer([line]) is None


@pytest.mark.parametrize(
    ("steps", "answer"),
    [
        (["47a+8=55", "#55"], "55"),
        (["#05"], "05"),
        ([], None),
        (["#55", "=55"], None),
        (["47a+8=55"], None),
        (["#5"], None),
        (["#555"], None),
        (["#55\n"], None),
    ],
)
def test_final_answer(steps: list[str], answer: str | None) -> None:
    assert final_answer(steps) == answer


@given(right_solutions())
@settings(max_examples=150, deadline=None)
def test_a_right_solution_in_any_style_has_no_negative(
    solution: tuple[WorldProblem, tuple[str, ...]],
) -> None:
    problem, steps = solution
    expected = tuple(NEUTRAL if step.startswith("=") else POSITIVE for step in steps)
    assert judge(problem, steps) == expected
    assert final_answer(steps) == problem.answer


def restates_the_end(steps: tuple[str, ...], index: int) -> bool:
    """Whether a line stands between the last operation and the answer line."""
    return all(step.startswith(("=", "#")) for step in steps[index:])


@given(right_solutions())
@settings(max_examples=12, deadline=None)
def test_any_other_character_makes_a_right_solution_wrong(
    solution: tuple[WorldProblem, tuple[str, ...]],
) -> None:
    """Save where a restatement of the final total and the answer line turn into each other."""
    problem, steps = solution
    for index, step in enumerate(steps):
        for place, old in enumerate(step):
            for new in ALPHABET:
                mutated = (*steps[:index], step[:place] + new + step[place + 1 :], *steps[index + 1 :])
                swap = place == 0 and {old, new} == {"=", "#"} and restates_the_end(steps, index)
                assert (NEGATIVE in judge(problem, mutated)) == (new != old and not swap), (problem, mutated)


def test_a_restatement_and_an_answer_line_that_say_the_same_are_both_right() -> None:
    steps = ["47a+8=55", "55b-5=50", "50c*3=50"]
    assert judge(PROBLEM, [*steps, "#50", "#50"]) == (1, 1, 1, 1, 1)
    assert judge(PROBLEM, [*steps, "=50"]) == (1, 1, 1, 0)
    assert final_answer([*steps, "=50"]) is None  # not a right solution: it never answers


@given(right_solutions(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_skipped_step_is_negative(
    solution: tuple[WorldProblem, tuple[str, ...]], data: st.DataObject
) -> None:
    problem, steps = solution
    doing = [index for index, step in enumerate(steps) if step[0] not in "=#"]
    skipped = data.draw(st.sampled_from(doing))
    assert NEGATIVE in judge(problem, steps[:skipped] + steps[skipped + 1 :])


@given(right_solutions(), st.data())
@settings(max_examples=100, deadline=None)
def test_an_answer_line_before_the_last_step_is_negative(
    solution: tuple[WorldProblem, tuple[str, ...]], data: st.DataObject
) -> None:
    problem, steps = solution
    last = max(index for index, step in enumerate(steps) if step[0] not in "=#")
    place = data.draw(st.integers(0, last))
    total = steps[place - 1][-2:] if place else f"{problem.start:02d}"
    early = (*steps[:place], f"#{total}")
    assert judge(problem, early) == (*judge(problem, steps[:place]), NEGATIVE)


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_an_author_is_negative_exactly_where_his_arithmetic_is_wrong(seed: int) -> None:
    rng = np.random.default_rng(seed)
    text = WORLDS["dropped"].draw_problem(rng)
    problem, steps = parse_problem(text), WORLDS["dropped"].write_solution(text, rng)
    total = problem.start
    for step, rating in zip(steps, judge(problem, steps), strict=True):
        stated = int(step[-2:])
        if step[0] not in "=#":
            _, _, _, symbol, part = tuple(step.removeprefix(PART).split("=")[0])
            assert (rating == POSITIVE) == (apply(symbol, total, int(part)) == stated)
            assert rating != NEUTRAL
        else:
            assert rating == (POSITIVE if step[0] == "#" else NEUTRAL)
        total = stated


LINES = st.one_of(
    st.text(max_size=8),
    st.text(ALPHABET, max_size=8),
    st.from_regex(r"\A~?\d\d[a-h][+\-*]\d=\d\d\Z"),
    st.from_regex(r"\A[=#]\d\d\Z"),
)


@given(st.integers(0, 2**32), st.lists(LINES, max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_lines_get_one_rating_each_from_what_stands_before(seed: int, steps: list[str]) -> None:
    problem = draw_problem(np.random.default_rng(seed))
    ratings = judge(problem, steps)
    assert len(ratings) == len(steps)
    assert set(ratings) <= {POSITIVE, NEUTRAL, NEGATIVE}
    for end in range(len(steps)):
        assert judge(problem, steps[:end]) == ratings[:end]
