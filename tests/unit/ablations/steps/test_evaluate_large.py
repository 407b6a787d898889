"""Rows of the large models on two problems with three solutions each, worked by hand."""

from dataclasses import asdict

import numpy as np
import pytest
from given import given, run
from trained import trained

from ablations.data.annotations import Annotations
from ablations.data.artifacts import Ratings, Samples
from ablations.data.models import LargePrm, LargePrmFacts, RateChoice, TrainedStudent, TriedRate
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.engine.step import Made
from ablations.steps.evaluate_large import (
    DescribeGenerations,
    EvaluateLarge,
    EvaluateQuintiles,
    EvaluateVotes,
    vote_weights,
)
from ablations.steps.evaluation_rows import Rows

ANSWERS = (("1", "2", "2"), ("1", "2", "3"))
"""Of the solutions of two problems; the right answer is 1, the last solution of each is unfinished."""
POSITIVE = ((0.9, 0.8), (0.5, 0.4), (0.9, 0.9), (0.5, 0.4), (0.9, 0.7), (1.0, 1.0))
"""P(right) of their steps. Products: 0.72, 0.2, 0.81; 0.2, 0.63, 1. At the last step: 0.8, 0.4; 0.4, 0.7."""


TESTED = {
    "samples": Made[Samples](at="samples", kind=Samples),
    "scores": Made[StepScores](at="scores", kind=StepScores),
}
RATINGS = Made[Ratings](at="ratings", kind=Ratings)
PRM = Made[LargePrm](at="prm", kind=LargePrm)
ORM = Made[TrainedStudent](at="train", kind=TrainedStudent)


@pytest.fixture
def evaluate(tmp_path):
    """Runs a step on the samples, with scores and ratings of them, and returns what it writes."""
    rows = [
        Solution(
            problem_id=f"p{p}",
            sample=m,
            steps=(f"{p}{m}", "s"),
            answer=None if m == 2 else ANSWERS[p][m],
            finished=m != 2,
            final_correct=m != 2 and ANSWERS[p][m] == "1",
        )
        for p in range(2)
        for m in range(3)
    ]
    problems = [Problem(problem_id=f"p{p}", text="?", answer="1") for p in range(2)]
    given(tmp_path, "samples", Samples(problems=problems, solutions=Solutions.from_rows(rows)))
    given(tmp_path, "scores", StepScores.from_positive(Ragged.from_rows(POSITIVE)))
    given(tmp_path, "ratings", Ratings(steps=Ragged.from_rows([(1, 1), (-1, 1)] * 3, dtype=np.int8)))
    given(tmp_path, "prm", LargePrm(facts=LargePrmFacts(solutions=7, rated_steps=20, updates=1)))
    given(tmp_path, "train", trained(solutions=9, targets=99))

    def written(step):
        given(tmp_path, step.key, run(step, tmp_path))
        return Rows.read(tmp_path / step.key)

    return written


def values(rows, metric, key="value", **which):
    rows = [row for row in rows if row["metric"] == metric and which.items() <= row.items()]
    return [row[key] for row in rows]


def test_the_rows_of_a_prm(evaluate):
    """Best of 3: of problem 0 the first (0.72, the unfinished cannot win), right; of problem 1 the second.

    Best of 1: one of three is right in both.
    """
    rows = evaluate(EvaluateLarge(arm="large_prm", prm=PRM, ratings=RATINGS, **TESTED)).rows
    assert values(rows, "best_of_n", "n") == [1, 2, 3]
    assert values(rows, "best_of_n", "problem_values")[0] == pytest.approx([1 / 3, 1 / 3])
    assert values(rows, "best_of_n", "problem_values")[2] == [1.0, 0.0]
    assert values(rows, "step_auroc") != []
    shared = {"arm": "large_prm", "labelled_solutions": 7, "labelled_steps": 20}
    assert all(row.items() >= shared.items() for row in rows)


def test_the_rows_of_an_orm_whose_learning_rate_was_chosen(evaluate, tmp_path):
    grid = (TriedRate(learning_rate=1.0, validation=0.5, trainings=2),)
    choice = given(tmp_path, "choice", RateChoice(learning_rate=1.0, bracketed=False, grid=grid))
    found = evaluate(EvaluateLarge(arm="large_orm", acquisition="both", train=ORM, choice=choice, **TESTED))
    shared = {"arm": "large_orm", "acquisition": "both", "labelled_solutions": 9, "labelled_steps": None}
    assert all(row.items() >= shared.items() for row in found.rows)
    # Last step: 0.8 > 0.4 of problem 0, 0.4 < 0.7 of problem 1.
    assert values(found.rows, "best_of_n", "problem_values")[2] == [1.0, 0.0]
    (told,) = found.chosen
    rates = {"choice": "choice", "bracketed": False}
    rates["grid"] = [{"learning_rate": 1.0, "validation": 0.5, "trainings": 2}]
    facts = asdict(trained(solutions=9, targets=99).known)
    for name in ("curve", "planned", "checkpoint", "untaught"):  # rows hold the first two, others are empty
        del facts[name]
    assert told == facts | rates


def test_votes_are_weighted_by_the_chance_to_be_right(evaluate):
    """Of three: 0.72 for 1 against 0.2 for 2; 0.2 against 0.63. The unfinished, surest, has no vote."""
    rows = evaluate(EvaluateVotes(arm="large_prm", draws=10, seed=0, prm=PRM, **TESTED)).rows
    assert values(rows, "weighted_vote", "problem_values")[2] == [1.0, 0.0]
    assert values(rows, "weighted_vote", "single_draw") == [False, False, True]
    rows = evaluate(EvaluateVotes(arm="large_orm", draws=10, seed=0, train=ORM, **TESTED)).rows
    assert values(rows, "weighted_vote", "labelled_solutions") == [9, 9, 9]


def test_the_weights():
    scores = StepScores.from_positive(Ragged.from_rows([[0.5, 0.4], [0.9]]))
    assert vote_weights(scores, "product") == pytest.approx([0.2, 0.9])
    assert vote_weights(scores, "last_token") == pytest.approx([0.4, 0.9])


def test_statistics_of_the_collected_data(evaluate, tmp_path):
    """Phase 1: rows 0 (right) and 1 with steps 1 1, -1. Generation 1: row 4 with 0 -1; generation 2: none."""
    parts = [
        Annotations(rows=np.array([0, 1]), ratings=[[1, 1], [-1, None]]),
        Annotations(rows=np.array([4]), ratings=[[0, -1]]),
        Annotations.join([]),
    ]
    annotations = tuple(given(tmp_path, f"g{index}", part) for index, part in enumerate(parts))
    rows = evaluate(DescribeGenerations(samples=TESTED["samples"], annotations=annotations)).rows
    both = [row for row in rows if "variant" not in row]
    # In all one of three ends right; of five rated steps 1, 1 and 0 are right.
    assert values(both, "ends_right") == [pytest.approx(1 / 3)]
    assert values(both, "right_steps") == [pytest.approx(3 / 5)]
    assert {(row["labelled_solutions"], row["labelled_steps"]) for row in both} == {(3, 5)}
    assert values(rows, "ends_right", variant="phase") == [1 / 2, 0]
    assert values(rows, "right_steps", variant="phase") == [pytest.approx(2 / 3), 1 / 2]
    assert values(rows, "right_steps", "level", variant="generation") == [0, 1]  # nothing in generation 2


def test_quintiles_have_their_own_problems(evaluate, tmp_path):
    """Problem 1 is solved in one other sample of three, problem 0 in none: levels 1 and 3 of two problems."""
    other = Samples(
        problems=[Problem(problem_id=f"p{p}", text="?", answer="1") for p in range(2)],
        solutions=Solutions.from_rows(
            Solution(
                problem_id=f"p{p}",
                sample=m,
                steps=("s",),
                answer="1",
                finished=True,
                final_correct=p == 1 and m == 0,
            )
            for p in range(2)
            for m in range(3)
        ),
    )
    step = EvaluateQuintiles(
        samples=TESTED["samples"],
        difficulty=given(tmp_path, "difficulty", other),
        arms=("large_prm",),
        scores=(TESTED["scores"],),
        draws=10,
        seed=0,
    )
    rows = evaluate(step).rows
    assert {row["variant"] for row in rows} == {"quintile"} and {row["level"] for row in rows} == {1, 3}
    for level, best in ((1, 0.0), (3, 1.0)):  # problem 1 is the easier one
        assert values(rows, "best_of_n", "problem_values", level=level)[2] == [best]
        assert values(rows, "random", "problem_values", level=level) == [[pytest.approx(1 / 3)]]
        # Votes of the two finished ones are a tie of a right and a wrong answer.
        assert values(rows, "majority", level=level)[2] == pytest.approx(0.5)
        assert values(rows, "pass_at_n", level=level)[2] == 1
