"""Rows of cells and reference lines on two problems with two solutions each, worked by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given import given, run
from trained import trained

from ablations.data.artifacts import EXAMPLES, RECORDS, Ratings, Samples
from ablations.data.models import RateChoice, TriedRate
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.engine.step import Made
from ablations.steps.evaluate import CompareWithLabeler, EvaluateCell, EvaluateReferences
from ablations.steps.evaluation_rows import Rows, defined
from ablations.steps.examples import PickExamples
from ablations.steps.records import GatherRecords
from results.examples import read_examples
from results.records import read_records

RIGHT = ((True, False), (False, False))
"""Which of the solutions of each problem end right."""
POSITIVE = ((0.9, 0.8), (0.6,), (0.5, 0.5), (0.7,))
"""P(right) of the steps of the four solutions. Products: 0.72, 0.6, 0.25, 0.7."""
RATINGS = ((1, 1), (-1,), (1, -1), (-1,))


def fold(root: Path, name: str = "fold", problems: range = range(2)) -> dict[str, Made]:
    """Samples, scores and ratings of the test part of a fold with some of the problems."""
    rows = [
        Solution(
            problem_id=f"p{p}",
            sample=m,
            steps=tuple(f"{p}{m}{s}" for s in range(len(POSITIVE[2 * p + m]))),
            answer="1" if RIGHT[p][m] else "2",
            finished=(p, m) != (1, 1),
            final_correct=RIGHT[p][m],
        )
        for p in problems
        for m in range(2)
    ]
    named = [Problem(problem_id=f"p{p}", text=f"{p}?", answer="1") for p in problems]
    held = [2 * p + m for p in problems for m in range(2)]
    artifacts = {
        "samples": Samples(problems=named, solutions=Solutions.from_rows(rows)),
        "scores": StepScores.from_positive(Ragged.from_rows([POSITIVE[i] for i in held])),
        "ratings": Ratings(steps=Ragged.from_rows([RATINGS[i] for i in held], dtype=np.int8)),
    }
    return {of: given(root, f"{name}/{of}", artifact) for of, artifact in artifacts.items()}


def rows_of(rows: list[dict], metric: str, key: str = "value") -> list:
    return [row[key] for row in rows if row["metric"] == metric]


def make_cell(root: Path, arm: str = "process", solutions_hash: str = "aa", **more: Any) -> Rows:
    """The cell of one fold, as a step that reads it gets it."""
    made = {name: (one,) for name, one in fold(root).items()}
    train = given(root, "train", trained(solutions_hash=solutions_hash))
    step = EvaluateCell(arm=arm, data_scale=4, seed=1, trains=(train,), **made | more)
    given(root, "cell", run(step, root))
    return Rows.read(root / "cell")


def test_a_cell_scored_by_the_product_of_its_steps(tmp_path):
    rows = make_cell(tmp_path).rows
    # N = 1: problem 0 has one right of two. Problem 1 none.
    # N = 2: of problem 0 the first, 0.72 > 0.6, is chosen and right. Problem 1: its finished one is wrong.
    assert rows_of(rows, "best_of_n") == [0.25, 0.5]
    assert rows_of(rows, "best_of_n", "problem_values") == [[0.5, 0.0], [1.0, 0.0]]
    assert rows_of(rows, "best_of_n", "n") == [1, 2]
    assert rows_of(rows, "best_of_n", "single_draw") == [False, True]
    # Finished: 0.72 right, 0.6 and 0.25 wrong: both pairs in order.
    assert rows_of(rows, "solution_auroc") == [1.0]
    # Steps up to the first wrong: right 0.9, 0.8, 0.5; wrong 0.6, 0.5, 0.7. Of nine pairs 0.9 and 0.8 win
    # three each, 0.5 loses two and ties one: 6.5 / 9.
    assert rows_of(rows, "step_auroc") == [pytest.approx(6.5 / 9)]
    assert rows_of(rows, "validation_best_of_n") == [0.5, 0.75]
    assert rows_of(rows, "validation_best_of_n", "n") == [2, 4]
    assert rows_of(rows, "kept_best_of_n") == [0.75] and rows_of(rows, "kept_best_of_n", "n") == [2]
    shared = {"arm": "process", "acquisition": "uniform", "data_scale": 4, "seed": 1}
    shared |= {"solutions_hash": "aa", "distinct_solutions": 3, "labelled_solutions": 4, "labelled_steps": 9}
    assert all(row.items() >= shared.items() for row in rows)


def test_a_cell_scored_at_the_last_token(tmp_path):
    """Last scores are 0.8, 0.6, 0.5, 0.7: the same choice in problem 0."""
    rows = make_cell(tmp_path, arm="final_answer").rows
    assert rows_of(rows, "best_of_n") == [0.25, 0.5]
    assert rows_of(rows, "solution_auroc") == [1.0]
    assert {row["labelled_steps"] for row in rows} == {None}  # its nine targets are tokens


def test_the_labeler_says_which_steps_are_wrong(tmp_path):
    """P(wrong) exceeds 0.4 where the oracle says wrong: the same 6.5 of 9 pairs."""
    made = fold(tmp_path)
    positive = [[0.5 if rating < 0 else 0.75 for rating in ratings] for ratings in RATINGS]
    labels = given(tmp_path, "labels", StepScores.from_positive(Ragged.from_rows(positive)))
    step = CompareWithLabeler(scores=(made["scores"],), labels=(labels,), threshold=0.4)
    given(tmp_path, "compared", run(step, tmp_path))
    (row,) = Rows.read(tmp_path / "compared").rows
    assert row == {"metric": "step_auroc_by_labeler", "value": pytest.approx(6.5 / 9)}
    # at 0.5 no step is wrong
    step = CompareWithLabeler(scores=(made["scores"],), labels=(labels,), threshold=0.5)
    given(tmp_path, "none", run(step, tmp_path))
    assert Rows.read(tmp_path / "none").rows == []


def test_folds_stand_side_by_side(tmp_path):
    """Two folds of one problem each: the same rows as one part with both, but for what training says."""
    made = [fold(tmp_path, str(p), range(p, p + 1)) for p in range(2)]
    tried = [{"learning_rate": 0.1, "validation": float(p), "trainings": 1} for p in range(2)]
    choices = [RateChoice(learning_rate=0.1, bracketed=False, grid=(TriedRate(**one),)) for one in tried]
    of_training = {"aa": ((2, 0.25), (4, 0.5)), "bb": ((2, 0.75), (4, 1.0))}
    trains = [
        trained(solutions_hash=found, curve=curve, best_value=curve[-1][1])
        for found, curve in of_training.items()
    ]
    step = EvaluateCell(
        arm="process",
        data_scale=4,
        seed=0,
        trains=tuple(given(tmp_path, f"{p}/train", train) for p, train in enumerate(trains)),
        choices=tuple(given(tmp_path, f"{p}/choice", choice) for p, choice in enumerate(choices)),
        scores=tuple(one["scores"] for one in made),
        samples=tuple(one["samples"] for one in made),
        ratings=tuple(one["ratings"] for one in made),
    )
    given(tmp_path, "cell", run(step, tmp_path))
    cell = Rows.read(tmp_path / "cell")
    rows = cell.rows
    assert rows_of(rows, "best_of_n", "problem_values") == [[0.5, 0.0], [1.0, 0.0]]
    assert rows_of(rows, "step_auroc") == [pytest.approx(6.5 / 9)]
    assert rows_of(rows, "validation_best_of_n") == [0.5, 0.75]  # (0.25 + 0.75) / 2, (0.5 + 1.0) / 2
    assert rows_of(rows, "kept_best_of_n") == [0.75]  # (0.5 + 1.0) / 2
    (joint,) = {row["solutions_hash"] for row in rows}
    assert [fact["grid"] for fact in cell.chosen] == [[one] for one in tried]
    assert len(joint) == 64 and {row["distinct_solutions"] for row in rows} == {6}


def test_reference_lines(tmp_path):
    made = fold(tmp_path)
    step = EvaluateReferences(
        samples=(made["samples"],),
        labels=(made["scores"],),
        ratings=(made["ratings"],),
        pool_labels=made["scores"],
        pool_ratings=made["ratings"],
        majority_draws=50,
        seed=0,
        bins=2,
    )
    given(tmp_path, "references", run(step, tmp_path))
    rows = Rows.read(tmp_path / "references").rows
    assert rows_of(rows, "random") == [0.25] and rows_of(rows, "random", "problem_values") == [[0.5, 0.0]]
    assert rows_of(rows, "pass_at_n") == [0.25, 0.5]
    # Two different answers are a tie of one vote each, shared: problem 0 earns one half at N = 2 as at N = 1.
    assert rows_of(rows, "majority")[1] == pytest.approx(0.25)
    assert rows_of(rows, "best_of_n") == [0.25, 0.5]  # the labeler's
    for metric in ("step_auroc", "pool_step_auroc"):  # on test samples, and on those of the students
        assert rows_of(rows, metric) == [pytest.approx(6.5 / 9)]
    # Bins [0, 0.5) and [0.5, 1]: all six judged steps lie in the second; mean
    # (0.9 + 0.8 + 0.6 + 0.5 + 0.5 + 0.7) / 6 = 4 / 6, and three of them are right.
    (bin_,) = [row for row in rows if row["metric"] == "calibration"]
    assert (bin_["n"], bin_["count"], bin_["value"]) == (1, 6, 0.5) and bin_["x"] == pytest.approx(4 / 6)
    assert {row["arm"] for row in rows} == {"random", "oracle", "majority", "labeler"}


def test_an_unfinished_solution_has_no_vote(tmp_path):
    """Four finished votes 2, 2, 3, 3 and an unfinished 3, which would have broken the tie."""
    answers, finished = ("2", "2", "3", "3", "3"), (True, True, True, True, False)
    rows = [
        Solution(problem_id="p", sample=m, steps=("s",), answer=a, finished=f, final_correct=f and a == "2")
        for m, (a, f) in enumerate(zip(answers, finished, strict=True))
    ]
    problems = [Problem(problem_id="p", text="?", answer="2")]
    samples = given(tmp_path, "samples", Samples(problems=problems, solutions=Solutions.from_rows(rows)))
    labels = given(tmp_path, "labels", StepScores.from_positive(Ragged.from_rows([[0.5]] * 5)))
    step = EvaluateReferences(samples=(samples,), labels=(labels,), majority_draws=20, seed=0)
    assert rows_of(run(step, tmp_path).rows, "majority")[-1] == pytest.approx(0.5)


def test_an_undefined_metric_has_no_row():
    assert defined("step_auroc", float("nan")) == []
    assert defined("step_auroc", 0.5) == [{"metric": "step_auroc", "value": 0.5}]


def test_a_varied_cell_and_rows_measured_elsewhere(tmp_path):
    """What varies stands in every row; rows that another step measured are rows of the same cell."""
    further = given(tmp_path, "further", Rows(rows=[{"metric": "rank_correlation", "value": -0.5}]))
    rows = make_cell(tmp_path, variant="train_on", level=2.0, ratings=(), further=(further,)).rows
    assert {(row["variant"], row["level"], row["solutions_hash"]) for row in rows} == {
        ("train_on", 2.0, "aa")
    }
    assert rows_of(rows, "rank_correlation") == [-0.5] and rows_of(rows, "best_of_n") == [0.25, 0.5]


def test_records_allow_other_solutions_where_something_else_is_varied(tmp_path):
    """The same arm, data scale and seed; two variants with solutions of their own."""
    cells = {
        f"{variant}-cell": make_cell(tmp_path / variant, solutions_hash=found, variant=variant, level=1.0)
        for variant, found in {"a": "aa", "b": "bb"}.items()
    }
    frame = read_records(gather(tmp_path, cells))
    assert set(zip(frame["variant"], frame["solutions_hash"], strict=True)) == {("a", "aa"), ("b", "bb")}


def gather(root: Path, cells: dict[str, Rows], references: Rows | None = None) -> Path:
    """The file of the records of some cells."""
    step = GatherRecords(
        experiment="supervision",
        scale="smoke",
        dataset="w",
        settings='{"a": 1}',
        revision="r",
        cells=tuple(given(root, name, cell) for name, cell in cells.items()),
        references=None if references is None else given(root, "references", references),
    )
    given(root, "records", run(step, root))
    return root / "records" / RECORDS


def make_records(root: Path, hashes: dict[str, str]) -> Path:
    cells = {
        f"{arm}-cell": make_cell(root / arm, arm=arm, solutions_hash=found) for arm, found in hashes.items()
    }
    line = {"arm": "random", "metric": "random", "n": 1, "value": 0.25, "problem_values": [0.5, 0.0]}
    return gather(root, cells, Rows(rows=[line]))


def test_records_hold_all_rows(tmp_path):
    frame = read_records(make_records(tmp_path, {"process": "aa", "final_answer": "aa"}))
    assert len(frame) == 1 + 2 * 7  # best-of-1, best-of-2, two AUROCs, two points of the curve, the one kept
    assert frame["cell"].dropna().unique().tolist() == ["process-cell", "final_answer-cell"]
    assert frame.loc[frame["metric"] == "random", "cell"].isna().all()


def test_records_stop_where_arms_saw_different_solutions(tmp_path):
    allowed = "aa, that of the other arms"
    with pytest.raises(ValueError) as caught:
        make_records(tmp_path, {"process": "aa", "final_answer": "bb"})
    found = "solutions of final_answer at data scale 4, seed 1: found hash bb"
    assert str(caught.value) == f"{found}; allowed: {allowed}"
    assert not list(tmp_path.rglob(RECORDS))


def test_examples_tell_who_chooses_what(tmp_path):
    made = fold(tmp_path)
    # the arm prefers the other solution of problem 0
    inverted = [[1 - value for value in row] for row in POSITIVE]
    upside_down = given(tmp_path, "arm", StepScores.from_positive(Ragged.from_rows(inverted)))
    step = PickExamples(
        samples=made["samples"],
        arms=("process",),
        scores=(upside_down,),
        labels=made["scores"],
        ratings=made["ratings"],
        problems=2,
        solutions=24,
    )
    given(tmp_path, "examples", run(step, tmp_path))
    first, second = read_examples(tmp_path / "examples" / EXAMPLES)
    # labeler: 0.72 > 0.6. Arm: 0.1 * 0.2 = 0.02 < 0.4
    assert {s["sample"]: s["chosen_by"] for s in first["solutions"]} == {0: ["labeler"], 1: ["process"]}
    # the other solution of problem 1 is unfinished and never chosen
    assert {s["sample"]: s["chosen_by"] for s in second["solutions"]} == {0: ["process", "labeler"], 1: []}
    assert [step["oracle"] for step in second["solutions"][0]["steps"]] == [1, -1]
    assert first["solutions"][0]["solution_scores"]["labeler"] == pytest.approx(np.log(0.72))


def test_up_to_the_first_error():
    ratings = Ragged.from_rows([[1, -1, 1, -1], [0, 1], [-1, -1]], dtype=np.int8)
    assert ratings.up_to_first(ratings.values < 0).tolist() == [
        *(True, True, False, False),
        *(True, True),
        *(True, False),
    ]
