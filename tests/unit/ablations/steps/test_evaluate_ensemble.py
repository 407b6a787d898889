"""The step that evaluates one model or an ensemble by large N, on two problems worked by hand."""

import numpy as np
import pytest
from given import given, run

from ablations.data.artifacts import Ratings, Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.steps.evaluate_ensemble import EvaluateEnsemble
from ablations.steps.evaluation_rows import Rows

RIGHT = [[True, True, False, False], [True, False, False, False]]
"""Whether each of four solutions ends right, per problem; its answer is 1 or another number."""
RATINGS = [[1, -1, 1, 1], [1, 1, 1, 1]]
"""The oracle's rating of the only step of each: the second right answer has a wrong step."""
FIRST = [[0.5, 0.8, 0.9, 0.1], [0.6, 0.5, 0.4, 0.3]]
"""P(right) by the first model: it prefers a wrong solution to problem 0."""
SECOND = [[0.5, 0.8, 0.1, 0.1], [0.6, 0.5, 0.9, 0.3]]
"""P(right) by the second: it prefers a wrong solution to problem 1."""


def samples():
    rows = [
        Solution(
            problem_id=f"p{problem}",
            sample=m,
            steps=("x",),
            answer="1" if right else f"9{m}",
            finished=True,
            final_correct=right,
        )
        for problem, rights in enumerate(RIGHT)
        for m, right in enumerate(rights)
    ]
    problems = [Problem(problem_id=f"p{problem}", text=f"{problem}?", answer="1") for problem in range(2)]
    return Samples(problems=problems, solutions=Solutions.from_rows(rows))


def scores(right):
    return StepScores.from_positive(Ragged.from_rows([[p] for p in np.ravel(right)]))


def evaluated(root, members, combiner=None, cell=None):
    root.mkdir(exist_ok=True)
    drawn = given(root, "samples", samples())
    made = tuple(given(root, f"scores{i}", scores(one)) for i, one in enumerate(members))
    ratings = Ragged.from_rows([[one] for one in np.ravel(RATINGS)], dtype=np.int8)
    step = EvaluateEnsemble(
        arm="final_answer",
        data_scale=4,
        combiner=combiner,
        scores=made,
        samples=drawn,
        ratings=given(root, "ratings", Ratings(steps=ratings)),
        validation_scores=made[:1] * len(made),
        validation=drawn,
        cell=None if cell is None else given(root, "cell", cell),
    )
    return run(step, root)


def values(rows, metric, n=4):
    (row,) = [row for row in rows.rows if (row["metric"], row.get("n")) == (metric, n)]
    return row["problem_values"]


CELL = {
    "arm": "final_answer",
    "acquisition": "uniform",
    "data_scale": 4,
    "seed": 7,
    "solutions_hash": "h",
    "distinct_solutions": 3,
    "labelled_solutions": 4,
    "labelled_steps": None,
}


def test_one_model_by_hand(tmp_path):
    cell = Rows(rows=[CELL | {"metric": "best_of_n", "value": 0.5}], chosen=[{"threshold": None}])
    found = evaluated(tmp_path, [FIRST], cell=cell)
    # Best of all four: problem 0 the wrong one of 0.9, problem 1 the right one of 0.6.
    assert values(found, "best_of_n") == values(found, "best_of_n_error_free") == [0.0, 1.0]
    np.testing.assert_allclose(values(found, "believed_right"), [0.9, 0.6])
    # Best of two of problem 0, by descending P: wrong, right with a wrong step, right, wrong. The 6 pairs are
    # won by the first 3 times, by the second 2 times, by the third once.
    np.testing.assert_allclose(values(found, "best_of_n", 2), [(2 + 1) / 6, 3 / 6])
    np.testing.assert_allclose(values(found, "best_of_n_error_free", 2), [1 / 6, 3 / 6])
    believed = [(3 * 0.9 + 2 * 0.8 + 0.5) / 6, (3 * 0.6 + 2 * 0.5 + 0.4) / 6]
    np.testing.assert_allclose(values(found, "believed_right", 2), believed)
    # The best-scored two: wrong and right; right and wrong. All of them: pass@1.
    np.testing.assert_allclose(values(found, "top_right", 2), [0.5, 0.5])
    np.testing.assert_allclose(values(found, "top_right"), [0.5, 0.25])
    # Votes: for 1, 0.5 + 0.8 = 1.3 against 0.9 and 0.1; for 1, 0.6 against 0.5, 0.4 and 0.3.
    assert values(found, "weighted_vote") == [1.0, 1.0]
    # Pairs of a right and a wrong one in order: 2 of 4 and 3 of 3. Among the best two: 0 of 1 and 1 of 1.
    aurocs = {row["n"]: row["value"] for row in found.rows if row["metric"] == "top_auroc"}
    assert aurocs == {2: 0.5, 4: pytest.approx(5 / 7)}  # the best-scored one alone makes no pair
    assert values(found, "kept_best_of_n") == [0.0, 1.0]
    shared = {"variant": "one_model", "seed": 7, "solutions_hash": "h", "labelled_solutions": 4}
    assert all(shared.items() <= row.items() for row in found.rows) and found.chosen == cell.chosen
    assert len({row["cell"] for row in found.rows}) == 1


def test_an_ensemble_corrects_what_its_members_do_not_share(tmp_path):
    # Mean of logarithms, as geometric means. Problem 0: 0.5, 0.8, sqrt(0.09) = 0.3, 0.1. Problem 1: 0.6, 0.5,
    # sqrt(0.36) = 0.6, 0.3: the right one ties with a wrong one.
    mean = evaluated(tmp_path / "mean", [FIRST, SECOND], "mean_score")
    np.testing.assert_allclose(values(mean, "best_of_n"), [1.0, 0.5])
    np.testing.assert_allclose(values(mean, "best_of_n_error_free"), [0.0, 0.5])
    np.testing.assert_allclose(values(mean, "believed_right"), [0.8, 0.6])
    # The lowest: 0.5, 0.8, 0.1, 0.1 and 0.6, 0.5, 0.4, 0.3.
    lowest = evaluated(tmp_path / "lowest", [FIRST, SECOND], "lowest_score")
    assert values(lowest, "best_of_n") == [1.0, 1.0] and lowest.chosen is None
    assert all("seed" not in row and "cell" not in row for row in lowest.rows)
    assert {row["variant"] for row in lowest.rows} == {"lowest_score"}
    # On validation problems both members are the first model here, which is wrong on problem 0.
    assert values(lowest, "kept_best_of_n") == [0.0, 1.0]
