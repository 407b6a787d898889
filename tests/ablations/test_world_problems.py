import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.world.problems import (
    SPLITS,
    Operation,
    Split,
    WorldProblem,
    apply,
    draw_problem,
    draw_problems,
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


@pytest.mark.parametrize(
    ("text", "split"),
    [
        # First byte of the SHA-256 of the text, and its last decimal digit: 0-4, 5, 6-7, 8, 9 are the splits.
        ("a+8b-5c*3:47", "pretraining"),  # 01 = 1 -> 1
        ("a-9b*2:05", "pretraining"),  # 5e = 94 -> 4
        ("a+2b+1:00", "test"),  # 95 = 149 -> 9
    ],
)
def test_a_problems_split_is_the_hash_of_its_text(text: str, split: str) -> None:
    assert parse_problem(text).split == split


def test_shares_of_the_splits() -> None:
    rng = np.random.default_rng(0)
    drawn = 3000
    counts = Counter(draw_problem(rng).split for _ in range(drawn))
    # Of 256 bytes, the last digits 0-5 stand for 26 each and 6-9 for 25 each.
    bytes_of: dict[Split, int] = {
        "pretraining": 130,
        "labeler": 26,
        "train": 50,
        "validation": 25,
        "test": 25,
    }
    assert set(counts) == set(bytes_of)
    for split, number in bytes_of.items():
        share = number / 256
        assert abs(counts[split] - share * drawn) < 5 * math.sqrt(drawn * share * (1 - share)), split


def test_drawn_problems_keep_to_the_documented_ranges() -> None:
    rng = np.random.default_rng(1)
    drawn = [draw_problem(rng) for _ in range(2000)]
    assert {len(problem.operations) for problem in drawn} == set(range(2, 8))
    assert {len(draw_problem(rng, max_operations=3).operations) for _ in range(50)} == {2, 3}
    assert {problem.start for problem in drawn} == set(range(100))
    operands: dict[str, set[int]] = {"+": set(), "-": set(), "*": set()}
    for problem in drawn:
        assert "".join(op.letter for op in problem.operations) == "abcdefgh"[: len(problem.operations)]
        for op in problem.operations:
            operands[op.symbol].add(op.operand)
    assert operands == {"+": set(range(1, 10)), "-": set(range(1, 10)), "*": {2, 3, 4}}


@pytest.mark.parametrize("split", SPLITS)
def test_draws_of_a_split_are_distinct_and_of_it(split: Split) -> None:
    problems = draw_problems(split, 60, seed=3)
    assert len({problem.text for problem in problems}) == 60
    assert {problem.split for problem in problems} == {split}


def test_no_problem_is_drawn_for_two_splits() -> None:
    texts = [problem.text for split in SPLITS for problem in draw_problems(split, 150, seed=0)]
    assert len(set(texts)) == 150 * len(SPLITS)


@given(st.sampled_from(SPLITS), st.integers(0, 25), st.integers(0, 25), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_first_problems_do_not_depend_on_how_many_are_drawn(
    split: Split, first: int, more: int, seed: int
) -> None:
    few = draw_problems(split, first, seed)
    many = draw_problems(split, first + more, seed)
    assert len(few) == first
    assert many[:first] == few


def test_problems_have_no_more_operations_than_are_asked_for() -> None:
    drawn = draw_problems("train", 60, seed=0, max_operations=3)
    assert {len(problem.operations) for problem in drawn} == {2, 3}


def test_another_seed_draws_other_problems() -> None:
    assert draw_problems("train", 20, seed=0) != draw_problems("train", 20, seed=1)
