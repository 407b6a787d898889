import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.world.arithmetic.arithmetic_world import ArithmeticWorld
from ablations.world.arithmetic.authors import (
    EXPERT,
    STYLES,
    Author,
    HeldMisconception,
    borrow_dropped,
    carry_dropped,
    draw_author,
    product_carry_dropped,
    write_solution,
)
from ablations.world.arithmetic.problems import apply, draw_problem, parse_problem
from ablations.world.worlds import WORLDS

OPERANDS = {"+": range(1, 10), "-": range(1, 10), "*": range(2, 5)}
OVERFLOWS: dict[str, Callable[[int, int], bool]] = {
    "+": lambda units, operand: units + operand >= 10,
    "-": lambda units, operand: units < operand,
    "*": lambda units, operand: units * operand >= 10,
}
DROPPED = WORLDS["dropped"]
assert isinstance(DROPPED, ArithmeticWorld)
MISCONCEPTIONS = DROPPED.misconceptions
HELD = list(MISCONCEPTIONS)
HELD_IDS = [m.rule.__name__ for m in HELD]


@pytest.mark.parametrize(
    ("rule", "total", "operand", "result"),
    [
        # 7+8=15: the 5 is written, the ten is forgotten. Right: 55.
        (carry_dropped, 47, 8, 45),
        # 5+8=13 -> 3, tens 9 stay. Right: 103 - 100 = 3.
        (carry_dropped, 95, 8, 93),
        # 12-8=4 with a borrowed ten, tens 4 stay. Right: 34.
        (borrow_dropped, 42, 8, 44),
        # 13-8=5 with a borrowed ten, tens 0 stay. Right: -5 + 100 = 95.
        (borrow_dropped, 3, 8, 5),
        # 7*3=21 -> 1, 4*3=12 -> 2. Right: 141 - 100 = 41.
        (product_carry_dropped, 47, 3, 21),
    ],
)
def test_misconceptions_by_hand(
    rule: Callable[[int, int], int], total: int, operand: int, result: int
) -> None:
    assert rule(total, operand) == result


@pytest.mark.parametrize("held", HELD, ids=HELD_IDS)
def test_a_misconception_errs_exactly_where_the_units_overflow(held: HeldMisconception) -> None:
    for total in range(100):
        for operand in OPERANDS[held.symbol]:
            wrong = held.rule(total, operand)
            right = apply(held.symbol, total, operand)
            assert 0 <= wrong <= 99
            assert wrong % 10 == right % 10
            assert (wrong != right) == OVERFLOWS[held.symbol](total % 10, operand), (total, operand)


@pytest.mark.parametrize(
    ("world", "lines"),
    [
        # 47+8=55, 55-8=47, 47*3=141
        (None, ("47a+8=55", "55b-8=47", "47c*3=41", "#41")),
        # 5|4 carry dropped; 15-8=7, borrow dropped: 47; 1 and 12 -> 21
        ("dropped", ("47a+8=45", "45b-8=47", "47c*3=21", "#21")),
    ],
)
def test_solutions_by_hand(world: str | None, lines: tuple[str, ...]) -> None:
    problem = parse_problem("a+8b-8c*3:47")
    rules = {m.symbol: m.rule for m in MISCONCEPTIONS} if world else {}
    author = Author(rules=rules, split_share=0.0, restate_share=0.0)
    assert write_solution(problem, author, np.random.default_rng(0)) == lines


def test_a_misconception_spoils_its_own_operation_alone() -> None:
    author = Author(rules={"-": borrow_dropped}, split_share=0.0, restate_share=0.0)
    lines = write_solution(parse_problem("a+8b-8c*3:47"), author, np.random.default_rng(0))
    assert lines == ("47a+8=55", "55b-8=57", "57c*3=71", "#71")  # 55-8 without the borrow: 57; 57*3=171


def test_who_splits_and_restates_everything() -> None:
    author = Author(rules={}, split_share=1.0, restate_share=1.0)
    for seed in range(20):
        first, echo, second, *rest = write_solution(
            parse_problem("a+8b-1c*3:47"), author, np.random.default_rng(seed)
        )
        part = int(first[5])
        assert 1 <= part <= 7
        assert first == f"~47a+{part}={47 + part}"  # a part only, as ~ says
        assert echo == f"={47 + part}"
        assert second == f"{47 + part}a+{8 - part}=55"
        # One cannot be split, and a product is not: 55-1=54, 54*3=162.
        assert rest == ["=55", "55b-1=54", "=54", "54c*3=62", "=62", "#62"]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_an_authors_answer_does_not_depend_on_his_style(seed: int) -> None:
    """Units overflow once at most when an operation is done in two, so that the misconception shows once."""
    rng = np.random.default_rng(seed)
    problem = draw_problem(rng)
    rules = draw_author(MISCONCEPTIONS, rng).rules
    answers = {
        write_solution(problem, Author(rules=rules, split_share=split, restate_share=restate), rng)[-1]
        for split, restate in ((0.0, 0.0), (0.3, 0.25), (1.0, 1.0))
    }
    assert len(answers) == 1


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_expert_is_right(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = draw_problem(rng)
    lines = write_solution(problem, EXPERT, rng)
    assert lines[-1] == f"#{problem.answer}"
    assert [int(line[-2:]) for line in lines[:-1]] == list(problem.totals)


def test_how_many_authors_hold_what() -> None:
    rng = np.random.default_rng(0)
    drawn = 3000
    misconceptions = MISCONCEPTIONS
    authors = [draw_author(misconceptions, rng) for _ in range(drawn)]
    for m in misconceptions:
        holders = sum(author.rules.get(m.symbol) is m.rule for author in authors)
        assert abs(holders - m.share * drawn) < 5 * math.sqrt(drawn * m.share * (1 - m.share)), m.symbol
    # Independently: those who hold none are (1-0.75)*(1-0.4)*(1-0.35) = 0.0975 of all.
    none = sum(not author.rules for author in authors)
    expected = math.prod(1 - m.share for m in misconceptions)
    assert expected == pytest.approx(0.0975)
    assert abs(none - expected * drawn) < 5 * math.sqrt(drawn * expected * (1 - expected))
    styles = Counter((author.split_share, author.restate_share) for author in authors)
    assert set(styles) == set(STYLES)
    assert all(abs(n - drawn / 4) < 5 * math.sqrt(drawn * 3 / 16) for n in styles.values())


def test_the_same_seed_draws_the_same_author_and_solution() -> None:
    problem = parse_problem("a+8b-8c*3d+9e-7:47")

    def solution(seed: int) -> tuple[str, ...]:
        rng = np.random.default_rng(seed)
        return write_solution(problem, draw_author(MISCONCEPTIONS, rng), rng)

    assert [solution(seed) for seed in range(20)] == [solution(seed) for seed in range(20)]
    assert len({solution(seed) for seed in range(20)}) > 5
