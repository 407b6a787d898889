"""Draws, generations and ratings on solutions of the embedded world."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from ablations.data.annotations import Annotations
from ablations.data.artifacts import (
    ACQUIRED,
    ANNOTATIONS,
    OPINION,
    SCORES,
    Samples,
    labelled_rows,
    read_json,
    write_json,
)
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions, StepScores
from ablations.engine.step import Context
from ablations.steps import collect, train_prm
from ablations.steps.train_student import draw_rows
from ablations.world.annotator import up_to_first_error
from ablations.world.arithmetic.oracle import judge
from ablations.world.arithmetic.problems import parse_problem
from ablations.world.bases import shipped_base

PROBLEM = "a+8b-5:47"
RIGHT = ("47a+8=55", "55b-5=50", "#50")
WRONG = ("47a+8=45", "45b-5=40", "#40")
NO_ERRORS = {"world": "dropped", "easy_error": 0.0, "hard_error": 0.0, "seed": 0}


def make(problems=2, texts=(RIGHT, WRONG, WRONG, WRONG[:1] + ("#45",))) -> Samples:
    rows = [
        Solution(
            problem_id=f"p{p}", sample=m, steps=s, answer=s[-1][1:], finished=True, final_correct=s is RIGHT
        )
        for p in range(problems)
        for m, s in enumerate(texts)
    ]
    named = [Problem(problem_id=f"p{p}", text=PROBLEM, answer="50") for p in range(problems)]
    return Samples(problems=named, solutions=Solutions.from_rows(rows))


@pytest.fixture
def stage(tmp_path):
    """Runs a stage; the samples are `make()`."""
    (tmp_path / "samples").mkdir()
    make().write(tmp_path / "samples")

    def run(function, config, name="out", **inputs):
        for folder in (name, f"{name}-scratch"):
            (tmp_path / folder).mkdir()
        context = Context(progress=lambda done: None, scratch=tmp_path / f"{name}-scratch")
        function(config, {"samples": tmp_path / "samples"} | inputs, tmp_path / name, context)
        return tmp_path / name

    return run


def chosen(tmp_path, name, rows):
    (tmp_path / name).mkdir()
    write_json(tmp_path / name / ACQUIRED, {"rows": rows})
    return tmp_path / name


def opinion(tmp_path, convincing):
    (tmp_path / "opinion").mkdir()
    table = pa.table({"convincing": np.array(convincing, dtype=float), "entropy": np.zeros(len(convincing))})
    pq.write_table(table, tmp_path / "opinion" / OPINION)
    return tmp_path / "opinion"


def test_a_generation_by_hand(stage, tmp_path):
    """Row 0 ends right, 1 and 2 are one text, of which row 1 was rated: row 3 is left; of problem 1 row 7."""
    heard = opinion(tmp_path, [-1, -2, -2, -3, -1, -4, -4, -3])
    rated = (chosen(tmp_path, "first", [1]), chosen(tmp_path, "second", [4]))
    config = {"selection": "per_problem", "chosen": 1}
    out = stage(collect.collected, config, opinion=heard, labelled=rated)
    facts = read_json(out / ACQUIRED)
    assert facts["rows"] == [3, 7] and facts["ends_right"] == 0 and facts["distinct"] == 2
    assert facts["convincing"] == pytest.approx(np.exp(-3))


def test_a_generation_may_be_empty(stage, tmp_path):
    rated = (chosen(tmp_path, "all", list(range(8))),)
    config = {"selection": "whole_set", "chosen": 2}
    out = stage(collect.collected, config, opinion=opinion(tmp_path, [0] * 8), labelled=rated)
    assert read_json(out / ACQUIRED) == {"rows": [], "ends_right": None, "distinct": 0, "convincing": None}
    annotated = stage(train_prm.annotated, NO_ERRORS, name="annotated", chosen=out)
    assert len(Annotations.read(annotated / ANNOTATIONS)) == 0


def test_ratings_are_out_of_a_generations_reach(stage, tmp_path):
    """Neither an annotator's ratings nor the labeler's scores are an opinion."""
    rated = (chosen(tmp_path, "first", [0]),)
    ratings = stage(train_prm.annotated, NO_ERRORS, name="ratings", chosen=rated[0])
    scores = StepScores.from_positive(Ragged.from_rows([[0.5] * len(s) for s in make().steps()]))
    scores.write(ratings / SCORES)
    with pytest.raises(FileNotFoundError, match=OPINION):
        config = {"selection": "per_problem", "chosen": 1}
        stage(collect.collected, config, opinion=ratings, labelled=rated)


def test_what_is_joined_stands_once(stage, tmp_path):
    parts = (chosen(tmp_path, "a", [0, 5]), chosen(tmp_path, "b", [1, 5]))
    assert labelled_rows(stage(collect.joined, {}, chosen=parts)).tolist() == [0, 1, 5]


def test_as_many_are_drawn_as_were_collected(stage, tmp_path):
    counted = stage(collect.drawn, {"count": 2, "seed": 3}, name="counted")
    assert labelled_rows(counted).tolist() == np.sort(draw_rows(make(), 2, 3)).tolist()
    three = chosen(tmp_path, "three", [0, 1, 2])
    like = labelled_rows(stage(collect.drawn, {"seed": 3}, name="like", as_many_as=three))
    assert len(like) == 3 and set(like) < set(labelled_rows(counted))


@given(problems=st.integers(1, 5), total=st.integers(1, 20), seed=st.integers(0, 9))
def test_totals_are_spread_over_the_problems(problems, total, seed):
    total = min(total, problems * 4)
    rows = collect.draw_total(make(problems), total, seed)
    count_P = np.bincount(rows // 4, minlength=problems)
    assert len(set(rows)) == total and rows.tolist() == sorted(rows)
    assert count_P.max() - count_P.min() <= 1


def test_the_annotator_stops_at_the_first_error(stage, tmp_path):
    """Only the chosen rows, whichever problem they solve: row 5 is wrong from its first step on."""
    out = stage(train_prm.annotated, NO_ERRORS, chosen=chosen(tmp_path, "rows", [4, 5]))
    found = Annotations.read(out / ANNOTATIONS)
    assert found.rows.tolist() == [4, 5]
    expected = [list(up_to_first_error(judge(parse_problem(PROBLEM), steps))) for steps in (RIGHT, WRONG)]
    assert found.ratings == expected == [[1, 1, 1], [-1, None, None]]


def test_a_prm_on_all_ratings_is_the_labeler(stage, tmp_path):
    """In two generations of annotations, or with the annotator inside: the same weights."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "model").symlink_to(shipped_base("dropped", "small"))
    config = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "precision": "32-true"} | NO_ERRORS
    base = {"base": tmp_path / "base"}
    whole = stage(train_prm.labeler, config, name="whole", **base)
    parts = tuple(
        stage(
            train_prm.annotated, NO_ERRORS, name=f"part-{rows[0]}", chosen=chosen(tmp_path, str(rows), rows)
        )
        for rows in ([1, 2, 6], [0, 3, 4, 5, 7])
    )
    prm = stage(train_prm.large_prm, config, name="prm", annotations=parts, **base)
    weights = [load_file(folder / "model" / "model.safetensors") for folder in (whole, prm)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    # Two right solutions of three steps, and six that are wrong at once: 2 * 3 + 6 rated steps.
    facts = {"solutions": 8, "rated_steps": 12, "updates": 4}
    assert read_json(whole / "labeler.json") == read_json(prm / "labeler.json") == facts
    more = stage(train_prm.large_prm, config | {"min_updates": 5}, name="more", annotations=parts[:1], **base)
    # Three solutions are one update an epoch, two in all: fewer than five.
    assert read_json(more / "labeler.json")["updates"] == 5


def test_solutions_are_taken_with_their_problems():
    """Row 5 is of the second problem, the only one that is left."""
    found = make().take([5])
    assert [problem.problem_id for problem in found.problems] == ["p1"] and len(found.prompts()) == 1
