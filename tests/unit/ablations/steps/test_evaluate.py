"""Rows of cells and reference lines on two problems with two solutions each, worked by hand."""

from pathlib import Path

import numpy as np
import pytest

from ablations.data.artifacts import SCORES, Samples, read_json, write_json, write_ratings
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions, StepScores
from ablations.engine.step import Context
from ablations.steps.evaluate import cell, references
from ablations.steps.evaluation_rows import defined
from ablations.steps.examples import examples
from ablations.steps.records import records
from results.examples import read_examples
from results.records import read_records

RIGHT = ((True, False), (False, False))
"""Which of the solutions of each problem end right."""
POSITIVE = ((0.9, 0.8), (0.6,), (0.5, 0.5), (0.7,))
"""P(right) of the steps of the four solutions. Products: 0.72, 0.6, 0.25, 0.7."""
RATINGS = ((1, 1), (-1,), (1, -1), (-1,))


def context(tmp_path: Path) -> Context:
    return Context(progress=lambda done: None, scratch=tmp_path)


def fold(folder: Path, problems: range = range(2)) -> dict[str, Path]:
    """Artifacts of the test part of a fold with some of the problems."""
    made = {name: folder / name for name in ("samples", "scores", "ratings", "train", "choice")}
    for path in made.values():
        path.mkdir(parents=True)
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
    Samples(problems=named, solutions=Solutions.from_rows(rows)).write(made["samples"])
    held = [2 * p + m for p in problems for m in range(2)]
    StepScores.from_positive(Ragged.from_rows([POSITIVE[i] for i in held])).write(made["scores"] / SCORES)
    write_ratings(made["ratings"], Ragged.from_rows([RATINGS[i] for i in held], dtype=np.int8))
    return made


def write_train(folder: Path, *, solutions_hash: str = "aa", value: float = 0.5, rate: float = 0.1) -> None:
    curve = [{"update": 2, "value": value}, {"update": 4, "value": value + 0.25}]
    facts = {"solutions_hash": solutions_hash, "distinct_solutions": 3, "learning_rate": rate, "curve": curve}
    facts |= {"solutions": 4, "targets": 9, "planned": [2, 4], "best_value": value + 0.25, "validation_n": 2}
    write_json(folder / "train.json", facts)


def rows_of(rows: list[dict], metric: str, key: str = "value") -> list:
    return [row[key] for row in rows if row["metric"] == metric]


def make_cell(tmp_path: Path, arm: str = "process", **train: object) -> list[dict]:
    made = fold(tmp_path / "fold")
    write_train(made["train"], **train)  # type: ignore[arg-type]
    inputs = {
        **{name: made[name] for name in ("samples", "scores", "ratings")},
        "trains": (made["train"],),
    }
    out = tmp_path / "cell"
    out.mkdir()
    cell({"arm": arm, "data_scale": 4, "seed": 1}, inputs, out, context(tmp_path))
    return read_json(out / "rows.json")


def test_a_cell_scored_by_the_product_of_its_steps(tmp_path):
    rows = make_cell(tmp_path)
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
    rows = make_cell(tmp_path, arm="final_answer")
    assert rows_of(rows, "best_of_n") == [0.25, 0.5]
    assert rows_of(rows, "solution_auroc") == [1.0]
    assert {row["labelled_steps"] for row in rows} == {None}  # its nine targets are tokens


def test_folds_stand_side_by_side(tmp_path):
    """Two folds of one problem each: the same rows as one part with both, but for what training says."""
    made = [fold(tmp_path / str(p), range(p, p + 1)) for p in range(2)]
    write_train(made[0]["train"], solutions_hash="aa", value=0.25)
    for p in range(2):
        choice = {"learning_rate": 0.1, "bracketed": False, "grid": [p]}
        write_json(made[p]["choice"] / "choice.json", choice)
    write_train(made[1]["train"], solutions_hash="bb", value=0.75)
    inputs = {name: tuple(m[name] for m in made) for name in ("samples", "scores", "ratings")}
    inputs["trains"] = tuple(m["train"] for m in made)
    inputs["choices"] = tuple(m["choice"] for m in made)
    out = tmp_path / "cell"
    out.mkdir()
    cell({"arm": "process", "data_scale": 4, "seed": 0}, inputs, out, context(tmp_path))
    rows = read_json(out / "rows.json")
    assert rows_of(rows, "best_of_n", "problem_values") == [[0.5, 0.0], [1.0, 0.0]]
    assert rows_of(rows, "step_auroc") == [pytest.approx(6.5 / 9)]
    assert rows_of(rows, "validation_best_of_n") == [0.5, 0.75]  # (0.25 + 0.75) / 2, (0.5 + 1.0) / 2
    assert rows_of(rows, "kept_best_of_n") == [0.75]  # (0.5 + 1.0) / 2
    (joint,) = {row["solutions_hash"] for row in rows}
    assert [fact["grid"] for fact in read_json(out / "chosen.json")] == [[0], [1]]
    assert len(joint) == 64 and {row["distinct_solutions"] for row in rows} == {6}


def test_reference_lines(tmp_path):
    made = fold(tmp_path / "fold")
    inputs = {
        "samples": (made["samples"],),
        "labels": (made["scores"],),
        "ratings": (made["ratings"],),
        "pool_labels": made["scores"],
        "pool_ratings": made["ratings"],
    }
    out = tmp_path / "references"
    out.mkdir()
    config = {"majority_draws": 50, "seed": 0, "bins": 2}
    references(config, inputs, out, context(tmp_path))
    rows = read_json(out / "rows.json")
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
    samples, scores, out = tmp_path / "samples", tmp_path / "scores", tmp_path / "out"
    for folder in (samples, scores, out):
        folder.mkdir()
    problems = [Problem(problem_id="p", text="?", answer="2")]
    Samples(problems=problems, solutions=Solutions.from_rows(rows)).write(samples)
    StepScores.from_positive(Ragged.from_rows([[0.5]] * 5)).write(scores / SCORES)
    config, inputs = {"majority_draws": 20, "seed": 0}, {"samples": (samples,), "labels": (scores,)}
    references(config, inputs, out, context(tmp_path))
    assert rows_of(read_json(out / "rows.json"), "majority")[-1] == pytest.approx(0.5)


def test_an_undefined_metric_has_no_row():
    assert defined("step_auroc", float("nan")) == []
    assert defined("step_auroc", 0.5) == [{"metric": "step_auroc", "value": 0.5}]


def test_a_varied_cell_and_rows_measured_elsewhere(tmp_path):
    """What varies stands in every row; rows that another stage measured are rows of the same cell."""
    made = fold(tmp_path / "fold")
    write_train(made["train"])
    write_json(tmp_path / "rows.json", [{"metric": "rank_correlation", "value": -0.5}])
    inputs = {name: made[name] for name in ("samples", "scores")}
    out = tmp_path / "cell"
    out.mkdir()
    config = {"arm": "process", "data_scale": 4, "seed": 1, "variant": "train_on", "level": 2.0}
    cell(config, inputs | {"trains": made["train"], "further": (tmp_path,)}, out, context(tmp_path))
    rows = read_json(out / "rows.json")
    assert {(row["variant"], row["level"], row["solutions_hash"]) for row in rows} == {
        ("train_on", 2.0, "aa")
    }
    assert rows_of(rows, "rank_correlation") == [-0.5] and rows_of(rows, "best_of_n") == [0.25, 0.5]


def test_records_allow_other_solutions_where_something_else_is_varied(tmp_path):
    """The same arm, data scale and seed; two variants with solutions of their own."""
    cells = []
    for variant, found in {"a": "aa", "b": "bb"}.items():
        make_cell(tmp_path / variant, solutions_hash=found)
        folder = (tmp_path / variant / "cell").rename(tmp_path / f"{variant}-cell")
        rows = read_json(folder / "rows.json")
        write_json(folder / "rows.json", [row | {"variant": variant, "level": 1.0} for row in rows])
        cells.append(folder)
    config = {"experiment": "e", "scale": "smoke", "dataset": "w", "settings": "{}", "revision": "r"}
    records(config, {"cells": tuple(cells), "references": ()}, tmp_path, context(tmp_path))
    frame = read_records(tmp_path / "records.parquet")
    assert set(zip(frame["variant"], frame["solutions_hash"], strict=True)) == {("a", "aa"), ("b", "bb")}


def make_records(tmp_path: Path, hashes: dict[str, str]) -> Path:
    cells = []
    for arm, found in hashes.items():
        make_cell(tmp_path / arm, arm=arm, solutions_hash=found)
        cells.append((tmp_path / arm / "cell").rename(tmp_path / f"{arm}-cell"))
    references = tmp_path / "references"
    references.mkdir()
    write_json(
        references / "rows.json",
        [{"arm": "random", "metric": "random", "n": 1, "value": 0.25, "problem_values": [0.5, 0.0]}],
    )
    config = {
        **{"experiment": "supervision", "scale": "smoke", "dataset": "w"},
        **{"settings": '{"a": 1}', "revision": "r"},
    }
    records(config, {"cells": tuple(cells), "references": references}, tmp_path, context(tmp_path))
    return tmp_path / "records.parquet"


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
    assert not (tmp_path / "records.parquet").exists()


def test_examples_tell_who_chooses_what(tmp_path):
    made = fold(tmp_path / "fold")
    # the arm prefers the other solution of problem 0
    upside_down = tmp_path / "arm"
    upside_down.mkdir()
    inverted = [[1 - value for value in row] for row in POSITIVE]
    StepScores.from_positive(Ragged.from_rows(inverted)).write(upside_down / SCORES)
    config = {"arms": ["process"], "problems": 2, "solutions": 24}
    inputs = {
        **{"samples": made["samples"], "labels": made["scores"]},
        **{"scores": (upside_down,), "ratings": made["ratings"]},
    }
    examples(config, inputs, tmp_path, context(tmp_path))
    first, second = read_examples(tmp_path / "examples.json")
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
