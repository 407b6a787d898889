import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.world.arithmetic.problems import (
    Operation,
    WorldProblem,
    apply,
    draw_problem,
    parse_problem,
)


@st.composite
def world_problems(draw: st.DrawFn) -> WorldProblem:
    """Any problem that the documentation allows."""
    operations = []
    for letter in "abcdefgh"[: draw(st.integers(2, 8))]:
        symbol = draw(st.sampled_from("+-*"))
        operand = draw(st.integers(2, 4) if symbol == "*" else st.integers(1, 9))
        operations.append(Operation(letter=letter, symbol=symbol, operand=operand))
    return WorldProblem(start=draw(st.integers(0, 99)), operations=tuple(operations))


@pytest.mark.parametrize(
    ("symbol", "total", "operand", "result"),
    [
        ("+", 47, 8, 55),
        ("+", 95, 8, 3),  # 103 - 100
        ("-", 42, 8, 34),
        ("-", 3, 8, 95),  # -5 + 100
        ("*", 47, 3, 41),  # 141 - 100
        ("*", 99, 4, 96),  # 396 - 300
    ],
)
def test_apply(symbol: str, total: int, operand: int, result: int) -> None:
    assert apply(symbol, total, operand) == result


def test_a_problem_by_hand() -> None:
    problem = parse_problem("a+8b-5c*3:47")
    assert problem.start == 47
    assert problem.operations == (
        Operation(letter="a", symbol="+", operand=8),
        Operation(letter="b", symbol="-", operand=5),
        Operation(letter="c", symbol="*", operand=3),
    )
    assert problem.totals == (55, 50, 50)  # 47+8, 55-5, 150-100
    assert problem.answer == "50"


def test_the_start_and_the_answer_have_two_digits() -> None:
    problem = parse_problem("a-5b+1:08")
    assert problem.text == "a-5b+1:08"
    assert problem.answer == "04"  # 8-5=3, 3+1=4


@given(world_problems())
def test_a_problems_text_reads_back(problem: WorldProblem) -> None:
    assert parse_problem(problem.text) == problem


@pytest.mark.parametrize(
    "text",
    [
        "",
        "47",
        ":47",
        "a+8b-5",
        "a+8b-5:",
        "a+8b-5:4",
        "a+8b-5:470",
        "a+8b-5:47\n",
        " a+8b-5:47",
        "a8b-5:47",
        "a/8b-5:47",
        "a+12b-5:47",
        "+8-5:47",
        "+8a-5b:47",
        "a+8i-5:47",
        "a+8b-5:47:47",
        "b+8c-5:47",  # starts at b
        "a+8c-5:47",  # leaves b out
        "a+8a-5:47",
        "b+8a-5:47",
        "a+1b+1c+1d+1e+1f+1g+1h+1a+1:00",  # a ninth operation
    ],
)
def test_what_is_no_problem_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        parse_problem(text)


@pytest.mark.parametrize("text", ["a+0b-5:47", "a*1b-5:47", "a*5b-5:47", "a+8:47", "a+\u0668b-5:47"])
def test_what_is_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        parse_problem(text)


def test_the_error_names_the_text_and_its_letters() -> None:
    with pytest.raises(ValueError, match=r"'b\+8c-5:47' names its steps 'bc'; allowed: 'ab'"):
        parse_problem("b+8c-5:47")


def test_drawn_problems_keep_to_the_documented_ranges() -> None:
    rng = np.random.default_rng(1)
    drawn = [draw_problem(rng) for _ in range(2000)]
    assert {len(problem.operations) for problem in drawn} == set(range(2, 8))
    assert {len(draw_problem(rng, operations=(2, 3)).operations) for _ in range(50)} == {2, 3}
    assert {problem.start for problem in drawn} == set(range(100))
    operands: dict[str, set[int]] = {"+": set(), "-": set(), "*": set()}
    for problem in drawn:
        assert "".join(op.letter for op in problem.operations) == "abcdefgh"[: len(problem.operations)]
        for op in problem.operations:
            operands[op.symbol].add(op.operand)
    assert operands == {"+": set(range(1, 10)), "-": set(range(1, 10)), "*": {2, 3, 4}}
