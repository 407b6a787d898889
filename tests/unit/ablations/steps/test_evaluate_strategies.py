"""The step that evaluates scoring strategies on two problems, in a fold each, worked by hand."""

import numpy as np
import pytest
from given import given, run

from ablations.data.artifacts import Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.steps.evaluate_strategies import EvaluateStrategies, length_rows
from ablations.steps.evaluation_rows import Rows

# Problem 0: a right solution of three steps and a wrong one of one step. Problem 1: three right ones, of one,
# two and three steps. (negative, neutral, positive) of each step.
STEPS = [
    [[0.1, 0.5, 0.4]] * 3,  # right 0.9 each: product 0.729, minimum 0.9; positive alone 0.4: 0.064
    [[0.2, 0.0, 0.8]],  # right 0.8; positive alone 0.8
    [[0.1, 0.0, 0.9]],
    [[0.1, 0.0, 0.9]] * 2,
    [[0.1, 0.0, 0.9]] * 3,
]
OF_PROBLEM = {0: [0, 1], 1: [2, 3, 4]}
RIGHT = [True, False, True, True, True]


def fold(root, problem, classes=3):
    """Samples and scores of one problem; unfinished solutions fill it up to three."""
    held = OF_PROBLEM[problem]
    rows = [
        Solution(
            problem_id=f"p{problem}",
            sample=m,
            steps=tuple(f"{i}{s}" for s in range(len(STEPS[i]))),
            answer="1",
            finished=True,
            final_correct=RIGHT[i],
        )
        for m, i in enumerate(held)
    ]
    prob = [STEPS[i] for i in held]
    while len(rows) < 3:  # an unfinished solution fills up, long and of the highest score
        rows.append(
            Solution(
                problem_id=f"p{problem}",
                sample=len(rows),
                steps=("x",) * 9,
                answer=None,
                finished=False,
                final_correct=False,
            )
        )
        prob.append([[0.0, 0.0, 1.0]] * 9)
    named = [Problem(problem_id=f"p{problem}", text=f"{problem}?", answer="1")]
    samples = given(root, f"{problem}/samples", Samples(problems=named, solutions=Solutions.from_rows(rows)))
    values = np.array([step for row in prob for step in row])
    if classes == 2:
        values = np.stack([values[:, 0], values[:, 1] + values[:, 2]], axis=1)
    ragged = Ragged.from_lengths(values, np.array([len(row) for row in prob]))
    scores = StepScores(prob=ragged, last=np.zeros(len(prob)))
    return samples, given(root, f"{problem}/scores", scores)


def evaluated(root, classes=3, **more):
    """What the step writes."""
    samples, scores = zip(*(fold(root, problem, classes) for problem in (0, 1)), strict=True)
    step = EvaluateStrategies(arm="labeler", samples=samples, scores=scores, **more)
    given(root, "out", run(step, root))
    return Rows.read(root / "out")


def of(rows, variant, metric, n=None):
    (row,) = [row for row in rows if (row["variant"], row["metric"], row.get("n")) == (variant, metric, n)]
    return row


def test_the_grid_by_hand(tmp_path):
    rows = evaluated(tmp_path).rows
    # Problem 0: the product prefers the wrong one, 0.729 < 0.8; the minimum the right one, 0.9 > 0.8. With
    # neutral as negative the right one's steps are 0.4: it loses under either.
    chosen = {
        "product, neutral positive": 0.0,
        "minimum, neutral positive": 1.0,
        "mean, neutral positive": 1.0,
        "geometric mean, neutral positive": 1.0,
        "last step, neutral positive": 1.0,
        **{
            f"{reduction}, neutral negative": 0.0
            for reduction in ("product", "minimum", "mean", "geometric mean", "last step")
        },
    }
    found = {
        row["variant"]: row["problem_values"][0]
        for row in rows
        if row["metric"] == "best_of_n" and row["n"] == 3
    }
    assert found == chosen
    assert {row["arm"] for row in rows} == {"labeler"}
    assert of(rows, "minimum, neutral positive", "best_of_n", 3)["value"] == 1.0
    assert of(rows, "minimum, neutral positive", "best_of_n", 3)["single_draw"]


def test_the_length_correlation_by_hand(tmp_path):
    """Problem 1 alone has three equally right solutions: 0.9, 0.81, 0.729 fall with 1, 2, 3 steps."""
    rows = evaluated(tmp_path).rows
    found = of(rows, "product, neutral positive", "length_correlation")
    assert (found["value"], found["problem_values"]) == (pytest.approx(-1), pytest.approx([-1]))
    assert of(rows, "minimum, neutral positive", "length_correlation")["value"] == 0  # 0.9 for all three


def test_two_classes_have_half_the_grid(tmp_path):
    rows = evaluated(tmp_path, classes=2).rows
    assert {row["variant"] for row in rows} == {"product", "minimum", "mean", "geometric mean", "last step"}
    assert of(rows, "product", "best_of_n", 3)["problem_values"][0] == 0.0


def test_rows_of_a_cell_are_its_own(tmp_path):
    shared = {"arm": "process", "acquisition": "uniform", "data_scale": 4, "seed": 1, "solutions_hash": "aa"}
    shared |= {"distinct_solutions": 3, "labelled_solutions": 4, "labelled_steps": 9}
    own = [{"metric": "best_of_n", "n": 1, "value": 0.5} | shared]
    cell = given(tmp_path, "cell-key", Rows(rows=own, chosen=[{"learning_rate": 0.1}]))
    found = evaluated(tmp_path, cell=cell)
    assert all(row.items() >= (shared | {"cell": "cell-key"}).items() for row in found.rows)
    assert found.chosen == [{"learning_rate": 0.1}]


def test_no_lengths_no_row():
    assert length_rows(np.array([np.nan, np.nan])) == []
    (row,) = length_rows(np.array([0.5, np.nan, 0.0]))
    assert (row["value"], row["problem_values"]) == (0.25, [0.5, 0.0])
