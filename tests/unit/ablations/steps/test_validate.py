"""The rows of a trial on two validation problems with two solutions each, worked by hand."""

from pathlib import Path
from typing import Any

import pytest
from given import given as made
from given import run
from hypothesis import given
from hypothesis import strategies as st
from trained import trained

from ablations.data.artifacts import Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.steps.evaluation_rows import Rows
from ablations.steps.validate import ValidateStudent, passed_over

POINT = {"learning_rate": 0.1, "batch_size": 4, "max_updates": 3, "threshold": 0.2}
TRAINED = trained(
    solutions=6,
    threshold=0.3,
    curve=((2, 0.5), (3, 0.25)),
    best_update=2,
    best_value=0.5,
    updates=3,
    planned=(2, 3),
)


def judge(root: Path, arm: str, **more: Any) -> tuple[list[Any], list[Any]]:
    """Rows and what was chosen. Only the first solution of each problem ends right."""
    rows = [
        Solution(
            problem_id=f"p{p}", sample=m, steps=("a", "b"), answer="1", finished=True, final_correct=m == 0
        )
        for p in range(2)
        for m in range(2)
    ]
    problems = [Problem(problem_id=f"p{p}", text="?", answer="1") for p in range(2)]
    samples = Samples(problems=problems, solutions=Solutions.from_rows(rows))
    # products 0.09, 0.64 and 0.25, 0.2; last steps 0.1, 0.8 and 0.5, 0.8
    positive = Ragged.from_rows([[0.9, 0.1], [0.8, 0.8], [0.5, 0.5], [0.25, 0.8]])
    values: dict[str, Any] = {"validation_n": 2, "shown": ((None, None),)}
    step = ValidateStudent(
        arm=arm,
        data_scale=3,
        seed=1,
        batch_size=4,
        hyperparameters=POINT,
        train=made(root, "train", TRAINED),
        samples=made(root, "samples", samples),
        scores=made(root, "scores", StepScores.from_positive(positive)),
        **values | more,
    )
    made(root, "validated", run(step, root))
    found = Rows.read(root / "validated")
    assert found.chosen is not None
    return found.rows, found.chosen


def test_process_supervision_is_judged_by_the_product_of_its_steps(tmp_path):
    """Of the first problem the wrong one (0.64 > 0.09) is chosen, of the second the right (0.25 > 0.2)."""
    rows, _ = judge(tmp_path, "process")
    kept, *course = rows
    assert (kept["metric"], kept["n"], kept["single_draw"]) == ("kept_best_of_n", 2, True)
    assert kept["problem_values"] == [0.0, 1.0] and kept["value"] == 0.5
    assert [(row["metric"], row["n"], row["value"]) for row in course] == [
        *(("validation_best_of_n", 2, 0.5), ("validation_best_of_n", 3, 0.25))
    ]
    shared = {"arm": "process", "acquisition": "uniform", "data_scale": 3, "seed": 1, "solutions_hash": "aa"}
    shared |= {"distinct_solutions": 3, "labelled_solutions": 6, "labelled_steps": 9}
    assert all(row.items() >= (shared | {"variant": None, "level": None}).items() for row in rows)


def test_outcomes_are_judged_at_the_last_token(tmp_path):
    """Both wrong ones end at 0.8: above 0.1, and above 0.5."""
    rows, _ = judge(tmp_path, "final_answer")
    assert rows[0]["problem_values"] == [0.0, 0.0] and rows[0]["labelled_steps"] is None


def test_a_smaller_n_is_an_expectation(tmp_path):
    rows, _ = judge(tmp_path, "process", validation_n=1)
    assert rows[0]["problem_values"] == [0.5, 0.5] and not rows[0]["single_draw"]


def test_no_more_than_were_drawn(tmp_path):
    assert judge(tmp_path, "process", validation_n=8)[0][0]["n"] == 2


def test_a_point_is_shown_on_every_curve_that_it_lies_on(tmp_path):
    shown = ((None, None), ("learning_rate", 0.1), ("batch_size", 4.0))
    rows, _ = judge(tmp_path, "process", shown=shown)
    assert [(row["variant"], row["level"]) for row in rows] == [one for one in shown for _ in range(3)]
    assert rows[0] == rows[3] | {"variant": None, "level": None}


def test_what_was_chosen_and_what_it_took(tmp_path):
    """Three updates of 4 with 6 solutions: a pass of 4 and 2, then 4 of the next one: 10."""
    _, (point,) = judge(tmp_path, "process")
    assert point["threshold"] == 0.3  # as the training says
    assert point["updates"] == 3 and point["passed_over"] == 10
    assert point["max_updates"] == 3 and "curve" not in point and "planned" not in point


@pytest.mark.parametrize(
    ("updates", "solutions", "batch_size", "passed"),
    [(2, 6, 4, 6), (3, 6, 4, 10), (5, 6, 3, 15), (2, 3, 64, 6), (1, 6, 4, 4)],
)
def test_passed_over_by_hand(updates, solutions, batch_size, passed):
    assert passed_over(updates, solutions, batch_size) == passed


@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 20))
def test_passed_over_counts_the_batches(updates, solutions, batch_size):
    rest = [min(batch_size, solutions - at) for at in range(0, solutions, batch_size)]
    assert passed_over(updates, solutions, batch_size) == sum(rest[u % len(rest)] for u in range(updates))
