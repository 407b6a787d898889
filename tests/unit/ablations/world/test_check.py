import numpy as np
import pytest

from ablations.commands.world_check import Property, format_check, properties
from ablations.data.ragged import Ragged

# Five problems, four solutions each; problem p has p right ones. Codes: the right answer is 1.
CORRECT = np.arange(4) < np.arange(5)[:, None]
ANSWER = CORRECT.astype(np.int64)
# Problem 0's solutions are the same, all others differ.
TEXTS: list[tuple[str, ...]] = [*[("a", "#0")] * 4, *(("a", f"#{i}") for i in range(16))]


def rows(*, lucky: int = 1, neutral: int = 1) -> Ragged:
    """Ratings of three steps a solution: ``lucky`` of the 10 right solutions have a wrong step, as has every
    wrong one; the first ``neutral`` solutions that are right hold a neutral step."""
    rated = []
    for right in CORRECT.ravel():
        steps = [1, 1, 1] if right else [1, 1, -1]
        if right and neutral > 0:
            steps[0], neutral = 0, neutral - 1
        if right and lucky > 0:
            steps[2], lucky = -1, lucky - 1
        rated.append(steps)
    return Ragged.from_rows(rated, dtype=np.int8)


def measured(
    correct: np.ndarray = CORRECT,
    answer: np.ndarray = ANSWER,
    texts: list[tuple[str, ...]] = TEXTS,
    ratings: Ragged | None = None,
    slips: np.ndarray | None = None,
) -> list[Property]:
    return properties(
        correct_PM=correct,
        answer_PM=answer,
        texts=texts,
        ratings=rows(lucky=1, neutral=2) if ratings is None else ratings,
        slips=np.zeros(correct.size, dtype=bool) if slips is None else slips,
    )


def test_values_by_hand() -> None:
    found = {p.name: (p.value, p.holds) for p in measured()}
    assert found == {
        "solutions with a slip": ("0.000", True),
        # (0+1+2+3+4) / 20
        "pass@1": ("0.500", True),
        "quintile means of the pass rate": ("0.00, 0.25, 0.50, 0.75, 1.00", True),
        # All four vote: wrong, wrong, 2 against 2 = half, right, right: 2.5/5. Solvable: all but problem 0.
        "majority below pass@4": ("0.500 below 0.800", True),
        # 1 of 10
        "right answers with a wrong step": ("0.100", True),
        # (1/4 + 4) / 5
        "unique among 4 solutions": ("0.850", True),
        # Of 60 steps: 10 wrong solutions and 1 lucky one have a negative, 2 are neutral: 47, 2, 11.
        "positive, neutral, negative steps": ("0.783, 0.033, 0.183", True),
    }


def failing(found: list[Property]) -> list[str]:
    return [p.name for p in found if not p.holds]


def test_each_property_can_fail() -> None:
    assert failing(measured()) == []
    # 1 neutral of 60 steps is 0.017
    assert failing(measured(ratings=rows(lucky=1, neutral=1))) == ["positive, neutral, negative steps"]
    # none, and 3 of 10, have a wrong step
    name = "right answers with a wrong step"
    assert failing(measured(ratings=rows(lucky=0, neutral=2))) == [name]
    assert failing(measured(ratings=rows(lucky=3, neutral=2))) == [name]
    # 1 of 20 is 0.05
    assert failing(measured(slips=np.arange(20) < 1)) == ["solutions with a slip"]
    # 1/4 each
    assert failing(measured(texts=[("a",)] * 20)) == ["unique among 4 solutions"]
    # Where a lone right answer has all votes, voting is as good as pass@4.
    silent = np.where(CORRECT, 1, -1)
    assert failing(measured(answer=silent)) == ["majority below pass@4"]


def test_a_pass_rate_outside_the_range_and_equal_problems_fail() -> None:
    # Two right solutions everywhere: 0.5, all quintiles alike; ties of two and two give half of 1.
    same = np.tile(np.arange(4) < 2, (5, 1))
    assert failing(measured(same, same.astype(np.int64), ratings=lucky_of(same))) == [
        "quintile means of the pass rate"
    ]
    # One right of four everywhere is 0.25.
    rare = np.tile(np.arange(4) < 1, (5, 1))
    found = measured(rare, rare.astype(np.int64), ratings=lucky_of(rare))
    assert failing(found) == ["pass@1", "quintile means of the pass rate"]


def lucky_of(correct: np.ndarray) -> Ragged:
    """Wrong solutions have a wrong step, and so has the first right one; every solution restates once."""
    flat = correct.ravel().copy()
    flat[np.flatnonzero(flat)[0]] = False
    return Ragged.from_rows([[1, 0, 1] if right else [1, 0, -1] for right in flat], dtype=np.int8)


def test_more_solutions_than_are_studied_are_voted_on_in_part() -> None:
    # 256 solutions, one problem in five solved by all: majority and pass@128 are 0.2 each.
    correct = np.repeat(np.arange(5)[:, None] == 0, 256, axis=1)
    found = measured(
        correct,
        correct.astype(np.int64),
        texts=[(str(i),) for i in range(1280)],
        ratings=Ragged.from_rows([[1]] * 1280, dtype=np.int8),
    )
    assert [p.value for p in found if p.name == "majority below pass@128"] == ["0.200 below 0.200"]


def test_the_table() -> None:
    held = Property(name="pass@1", value="0.500", allowed="0.30 to 0.60", holds=True)
    failed = Property(name="unique", value="0.100", allowed=">= 0.30", holds=False)
    assert format_check("dropped", [held, failed]).split("\n") == [
        "| world `dropped` | measured | must be | holds |",
        "|---|---|---|---|",
        "| pass@1 | 0.500 | 0.30 to 0.60 | yes |",
        "| unique | 0.100 | >= 0.30 | NO |",
    ]


@pytest.mark.parametrize("bound", [6, 12])
def test_bounds_of_the_pass_rate_are_allowed(bound: int) -> None:
    # 6 and 12 of 20 right: 0.30 and 0.60, both within.
    correct = (np.arange(20) < bound).reshape(5, 4)
    found = measured(correct, correct.astype(np.int64), ratings=lucky_of(correct))
    assert {p.name: p.holds for p in found}["pass@1"]
