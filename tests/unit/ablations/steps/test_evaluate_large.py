"""Rows of the large models on two problems with three solutions each, worked by hand."""

import numpy as np
import pytest

from ablations.data.annotations import Annotations
from ablations.data.artifacts import (
    ANNOTATIONS,
    LABELER,
    SCORES,
    Samples,
    read_json,
    write_json,
    write_ratings,
)
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions, StepScores
from ablations.engine.step import Context
from ablations.steps import evaluate_large

ANSWERS = (("1", "2", "2"), ("1", "2", "3"))
"""Of the solutions of two problems; the right answer is 1, the last solution of each is unfinished."""
POSITIVE = ((0.9, 0.8), (0.5, 0.4), (0.9, 0.9), (0.5, 0.4), (0.9, 0.7), (1.0, 1.0))
"""P(right) of their steps. Products: 0.72, 0.2, 0.81; 0.2, 0.63, 1. At the last step: 0.8, 0.4; 0.4, 0.7."""


@pytest.fixture
def stage(tmp_path):
    """Runs a stage on the samples, with scores and ratings of them."""
    for name in ("samples", "scores", "ratings", "model", "train", "choice", "out"):
        (tmp_path / name).mkdir()
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
    Samples(problems=problems, solutions=Solutions.from_rows(rows)).write(tmp_path / "samples")
    StepScores.from_positive(Ragged.from_rows(POSITIVE)).write(tmp_path / "scores" / SCORES)
    write_ratings(tmp_path / "ratings", Ragged.from_rows([(1, 1), (-1, 1)] * 3, dtype=np.int8))
    write_json(tmp_path / "model" / LABELER, {"solutions": 7, "rated_steps": 20})
    write_json(tmp_path / "train" / "train.json", {"solutions": 9, "targets": 99, "curve": []})
    write_json(
        tmp_path / "choice" / "choice.json", {"learning_rate": 1, "bracketed": False, "grid": ["both"]}
    )

    def run(function, config, *names, **inputs):
        given = {name: tmp_path / name for name in ("samples", "scores", *names)} | inputs
        context = Context(progress=lambda done: None, scratch=tmp_path)
        function(config, given, tmp_path / "out", context)
        return read_json(tmp_path / "out" / "rows.json")

    return run


def values(rows, metric, key="value", **which):
    rows = [row for row in rows if row["metric"] == metric and which.items() <= row.items()]
    return [row[key] for row in rows]


def test_the_rows_of_a_prm(stage):
    """Best of 3: of problem 0 the first (0.72, the unfinished cannot win), right; of problem 1 the second.

    Best of 1: one of three is right in both.
    """
    rows = stage(evaluate_large.scorer, {"arm": "large_prm"}, "ratings", "model")
    assert values(rows, "best_of_n", "n") == [1, 2, 3]
    assert values(rows, "best_of_n", "problem_values")[0] == pytest.approx([1 / 3, 1 / 3])
    assert values(rows, "best_of_n", "problem_values")[2] == [1.0, 0.0]
    assert values(rows, "step_auroc") != []
    shared = {"arm": "large_prm", "labelled_solutions": 7, "labelled_steps": 20}
    assert all(row.items() >= shared.items() for row in rows)


def test_the_rows_of_an_orm_whose_learning_rate_was_chosen(stage, tmp_path):
    config = {"arm": "large_orm", "acquisition": "both"}
    rows = stage(evaluate_large.scorer, config, "train", "choice")
    shared = {"arm": "large_orm", "acquisition": "both", "labelled_solutions": 9, "labelled_steps": None}
    assert all(row.items() >= shared.items() for row in rows)
    # Last step: 0.8 > 0.4 of problem 0, 0.4 < 0.7 of problem 1.
    assert values(rows, "best_of_n", "problem_values")[2] == [1.0, 0.0]
    (told,) = read_json(tmp_path / "out" / "chosen.json")
    rates = {"choice": "choice", "grid": ["both"], "bracketed": False}
    assert told == {"solutions": 9, "targets": 99} | rates


def test_votes_are_weighted_by_the_chance_to_be_right(stage, tmp_path):
    """Of three: 0.72 for 1 against 0.2 for 2; 0.2 against 0.63. The unfinished, surest, has no vote."""
    rows = stage(evaluate_large.votes, {"arm": "large_prm", "draws": 10, "seed": 0}, "model")
    assert values(rows, "weighted_vote", "problem_values")[2] == [1.0, 0.0]
    assert values(rows, "weighted_vote", "single_draw") == [False, False, True]
    rows = stage(evaluate_large.votes, {"arm": "large_orm", "draws": 10, "seed": 0}, "train")
    assert values(rows, "weighted_vote", "labelled_solutions") == [9, 9, 9]


def test_the_weights():
    scores = StepScores.from_positive(Ragged.from_rows([[0.5, 0.4], [0.9]]))
    assert evaluate_large.vote_weights(scores, "product") == pytest.approx([0.2, 0.9])
    assert evaluate_large.vote_weights(scores, "last_token") == pytest.approx([0.4, 0.9])


def test_statistics_of_the_collected_data(stage, tmp_path):
    """Phase 1: rows 0 (right) and 1 with steps 1 1, -1. Generation 1: row 4 with 0 -1; generation 2: none."""
    parts = [
        Annotations(rows=np.array([0, 1]), ratings=[[1, 1], [-1, None]]),
        Annotations(rows=np.array([4]), ratings=[[0, -1]]),
        Annotations.join([]),
    ]
    folders = []
    for index, part in enumerate(parts):
        folders.append(tmp_path / f"g{index}")
        folders[-1].mkdir()
        part.write(folders[-1] / ANNOTATIONS)
    rows = stage(evaluate_large.generations, {}, annotations=tuple(folders))
    both = [row for row in rows if "variant" not in row]
    # In all one of three ends right; of five rated steps 1, 1 and 0 are right.
    assert values(both, "ends_right") == [pytest.approx(1 / 3)]
    assert values(both, "right_steps") == [pytest.approx(3 / 5)]
    assert {(row["labelled_solutions"], row["labelled_steps"]) for row in both} == {(3, 5)}
    assert values(rows, "ends_right", variant="phase") == [1 / 2, 0]
    assert values(rows, "right_steps", variant="phase") == [pytest.approx(2 / 3), 1 / 2]
    assert values(rows, "right_steps", "level", variant="generation") == [0, 1]  # nothing in generation 2


def test_quintiles_have_their_own_problems(stage, tmp_path):
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
    (tmp_path / "difficulty").mkdir()
    other.write(tmp_path / "difficulty")
    config = {"arms": ["large_prm"], "draws": 10, "seed": 0}
    scores = (tmp_path / "scores",)
    rows = stage(evaluate_large.by_quintile, config, "difficulty", scores=scores)
    assert {row["variant"] for row in rows} == {"quintile"} and {row["level"] for row in rows} == {1, 3}
    for level, best in ((1, 0.0), (3, 1.0)):  # problem 1 is the easier one
        assert values(rows, "best_of_n", "problem_values", level=level)[2] == [best]
        assert values(rows, "random", "problem_values", level=level) == [[pytest.approx(1 / 3)]]
        # Votes of the two finished ones are a tie of a right and a wrong answer.
        assert values(rows, "majority", level=level)[2] == pytest.approx(0.5)
        assert values(rows, "pass_at_n", level=level)[2] == 1
