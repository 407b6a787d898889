import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import SHARED_DATA
from pool_files import write_pool

from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.evaluation.best_of_n import best_of_n, random_choice
from ablations.evaluation.scoring_rules import product
from ablations.formats import pool_records
from ablations.formats.labeled_solution import Probabilities
from ablations.formats.pool import read_pool
from ablations.formats.questions import normalized

REAL = SHARED_DATA / "bon_gsm8k" / "gsm8k_100x32.jsonl.gz"


def sample(number, steps, **more):
    return {"sample": number, "steps": steps, "answer": "2", "final_correct": True, **more}


def problem(name, samples):
    return {"problem_id": name, "problem": f"{name}?", "answer": "2", "samples": samples}


def test_read_by_hand(tmp_path):
    rows = [
        problem("b", [sample(0, ["x", "y"], step_scores={"prm": [0.25, 1]})]),
        problem(
            "a",
            [
                sample(
                    4,
                    ["z"],
                    answer=None,
                    final_correct=False,
                    finished=False,
                    step_scores={"prm": [0.5]},
                    extra=1,
                )
            ],
        ),
    ]
    path = tmp_path / "pool.jsonl"
    path.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    pool = read_pool(path, "prm")
    assert pool.problems == [
        Problem(problem_id="b", text="b?", answer="2"),
        Problem(problem_id="a", text="a?", answer="2"),
    ]
    assert pool.solutions.problem_ids == ["b", "a"]
    assert pool.solutions.row(0) == Solution(
        problem_id="b", sample=0, steps=("x", "y"), answer="2", finished=True, final_correct=True
    )
    assert pool.solutions.row(1) == Solution(
        problem_id="a", sample=4, steps=("z",), answer=None, finished=False, final_correct=False
    )
    # P(negative) = 1 - P(good), then P(good); the last token's is the last step's
    assert pool.labels.prob.values.tolist() == [[0.75, 0.25], [0, 1], [0.5, 0.5]]
    assert pool.labels.prob.lengths.tolist() == [2, 1]
    assert pool.labels.last.tolist() == [1.0, 0.5]
    assert pool.labelers == ("prm",)
    assert read_pool(path, None).labels is None


@pytest.mark.parametrize(
    ("scores", "right"),
    [((0.25, 1, 0.0), (0.25, 1.0, 0.0)), ((-2.0, 0, 800), (1 / (1 + np.exp(2.0)), 0.5, 1.0))],
)
def test_scores_of_whole_solutions(scores, right, tmp_path):
    """Probabilities as they are, any other numbers as logits; the steps before the last are sure."""
    steps = [["a", "b", "c"], ["a"], ["a", "b"]]
    samples = [
        sample(i, one, solution_scores={"orm": score})
        for i, (one, score) in enumerate(zip(steps, scores, strict=True))
    ]
    path = tmp_path / "pool.jsonl"
    path.write_text(json.dumps(problem("a", samples)))
    pool = read_pool(path, "orm")
    assert (pool.labelers, pool.solution_labelers) == ((), ("orm",))
    assert pool.labels.prob.row(0)[:, 1].tolist() == [1.0, 1.0, pytest.approx(right[0])]
    np.testing.assert_allclose(np.exp(product(pool.labels)), right)
    np.testing.assert_allclose(pool.labels.last, right)
    with pytest.raises(ValueError, match=r"labeler: found \"prm\"; allowed: a labeler of this pool \(orm\)"):
        read_pool(path, "prm")


def test_steps_without_a_label(tmp_path):
    """Null after a score of 0; as scores and as labels they survive, and a number after null is a fault."""
    path, other = tmp_path / "pool.jsonl", tmp_path / "other.jsonl"
    row = problem("a", [sample(0, ["x", "y", "z"], step_scores={"judge": [1, 0, None], "prm": [0, 0, 0]})])
    path.write_text(json.dumps(row))
    pool = read_pool(path, "judge")
    np.testing.assert_array_equal(pool.labels.prob.values, [[0, 1], [1, 0], [np.nan, np.nan]])
    np.testing.assert_array_equal(pool.labels.last, [np.nan])
    assert product(pool.labels) == [-np.inf]
    (record,) = pool_records.FORMAT.read(path)
    pool_records.FORMAT.write(other, [record])
    assert json.loads(other.read_text())["samples"][0]["step_scores"] == row["samples"][0]["step_scores"]
    (record,) = pool_records.FORMAT.read(path, labeler="judge")
    assert record.labels == (Probabilities.of_right(1), Probabilities.of_right(0), None)
    row["samples"][0]["step_scores"]["judge"] = [0, None, 0]
    path.write_text(json.dumps(row))
    with pytest.raises(ValueError, match=r"step_scores.judge\[2\]: found 0; allowed: null, as before it"):
        read_pool(path, "judge")


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"orm": "1"}, 'samples[1].solution_scores.orm: found "1"; allowed: a finite number'),
        ({"orm": True}, "samples[1].solution_scores.orm: found true; allowed: a finite number"),
        ({"orm": float("inf")}, "samples[1].solution_scores.orm: found Infinity; allowed: a finite number"),
        ({}, "samples[1].solution_scores: found none; allowed: the same labelers in every sample (orm)"),
        ({"prm": 1}, 'samples[1].solution_scores.prm: found "prm"; allowed: another name than a labeler of'),
        ([1], "samples[1].solution_scores: found [1]; allowed: an object: labeler name -> number"),
    ],
)
def test_faults_in_scores_of_whole_solutions(scores, message, tmp_path):
    samples = [
        sample(i, ["a"], step_scores={"prm": [1]}, solution_scores=one)
        for i, one in enumerate([{"orm": 1}, scores])
    ]
    path = tmp_path / "pool.jsonl"
    path.write_text(json.dumps(problem("a", samples)))
    with pytest.raises(ValueError) as caught:
        read_pool(path, None)
    assert str(caught.value).startswith(f"{path}:1: field {message}")


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)


@given(st.data())
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("name", ["pool.jsonl", "pool.jsonl.gz"])
def test_round_trip(tmp_path_factory, name, data):
    path = tmp_path_factory.mktemp("pool") / name
    ids = data.draw(st.lists(words, min_size=1, max_size=3, unique=True))
    asked = data.draw(st.lists(words, min_size=len(ids), max_size=len(ids), unique_by=normalized))
    problems = [
        Problem(problem_id=problem_id, text=text, answer=data.draw(st.text(max_size=3)))
        for problem_id, text in zip(ids, asked, strict=True)
    ]
    rows = []
    size = data.draw(st.integers(1, 3))
    for one in problems:
        for number in range(size):
            finished, answer = data.draw(st.booleans()), data.draw(st.none() | words)
            rows.append(
                Solution(
                    problem_id=one.problem_id,
                    sample=number,
                    steps=tuple(data.draw(st.lists(words, min_size=1, max_size=3))),
                    answer=answer,
                    finished=finished,
                    final_correct=finished and bool((answer or "").strip()) and data.draw(st.booleans()),
                )
            )
    graded = [data.draw(st.booleans()) for _ in rows]
    scores = [
        data.draw(st.lists(st.floats(0, 1), min_size=len(r.steps), max_size=len(r.steps))) for r in rows
    ]
    solutions = Solutions.from_rows(rows)
    write_pool(path, problems, solutions, {"prm": Ragged.from_rows(scores)})
    pool = read_pool(path, "prm")
    assert pool.problems == problems
    assert [pool.solutions.row(i) for i in range(len(rows))] == rows
    assert pool.solutions.content_hash() == solutions.content_hash()
    assert pool.labels.prob.values[:, 1].tolist() == [score for row in scores for score in row]
    assert pool.labelers == ("prm",)
    assert [file.name for file in path.parent.iterdir()] == [name]
    assert pool.graded.all() and pool.describe_left_out() is None

    # some of them ungraded: a record's None in `convert` and a mask here are the same bytes
    write_pool(path, problems, solutions, {"prm": Ragged.from_rows(scores)}, graded=np.array(graded))
    kept = read_pool(path, "prm", keep_ungraded=True)
    assert kept.graded.tolist() == graded and kept.describe_left_out() is None
    for i, known in enumerate(graded):
        assert kept.solutions.row(i) == (rows[i] if known else replace(rows[i], final_correct=False))
    again = path.with_name(f"again-{name}")
    pool_records.FORMAT.write(again, pool_records.FORMAT.read(path))
    assert list(pool_records.FORMAT.read(again)) == list(pool_records.FORMAT.read(path))
    assert [record.correct is not None for record in pool_records.FORMAT.read(again)] == graded


def test_ungraded_solutions_are_left_out(tmp_path):
    """Of four each: p0 has 3 graded, p1 2 (half, so that it stays), p2 1 (left out), p3 4."""
    graded = {"p0": [1, 0, 1, 1], "p1": [0, 1, 0, 1], "p2": [1, 0, 0, 0], "p3": [1, 1, 1, 1]}
    rows = [
        problem(
            name,
            [
                sample(
                    10 + i,
                    [f"{name} {i}"],
                    final_correct=True if known else None,
                    step_scores={"prm": [i / 4]},
                )
                for i, known in enumerate(there)
            ],
        )
        for name, there in graded.items()
    ]
    path = tmp_path / "pool.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    pool = read_pool(path, "prm")
    assert [one.problem_id for one in pool.problems] == pool.solutions.problem_ids == ["p0", "p1", "p3"]
    assert pool.solutions.sample.tolist() == [10, 12, 13, 11, 13, 10, 11, 12, 13]
    assert pool.labels.prob.values[:, 1].tolist() == [0, 0.5, 0.75, 0.25, 0.75, 0, 0.25, 0.5, 0.75]
    assert pool.graded.all() and len(pool.graded) == 9
    # ungraded 1 + 2 + 3; graded and left out: p2's one
    assert (pool.ungraded, pool.surplus, pool.left_out) == (6, 1, ("p2",))
    assert pool.describe_left_out() == (
        "Ungraded solutions are left out: 6, and 1 graded ones of problems that are left out; "
        "each of 3 problems keeps 2 to 4. Best-of-N is for N up to 2, the solutions of problem p1, "
        "the fewest of all, as ungraded solutions are left out. "
        "Left out whole, more than half of their solutions being ungraded: 1 problems (p2)."
    )
    everything = read_pool(path, "prm", keep_ungraded=True)
    assert len(everything.solutions) == 16 and everything.labels.prob.values[:, 1].tolist()[:4] == [
        0,
        0.25,
        0.5,
        0.75,
    ]


def solution(name="a", number=0, steps=("x",)):
    return Solution(
        problem_id=name, sample=number, steps=steps, answer=None, finished=True, final_correct=False
    )


@pytest.mark.parametrize(
    ("names", "rows", "scores", "message"),
    [
        (
            "b",
            [solution()],
            None,
            "problems: found other problems than the solutions'; allowed: the same in the",
        ),
        ("", [], None, "solutions: found none; allowed: one or more"),
        ("a", [solution()], [[0.5, 0.5]], "scores['prm']: found other numbers of steps"),
        (
            "a",
            [solution()],
            [[1.5]],
            "{path}:1: field samples[0].step_scores.prm[0]: found 1.5; allowed: a number",
        ),
        (
            "ab",
            [solution(), solution("b")],
            None,
            '{path}:2: field problem: found "?"; allowed: another problem than line 1\'s',
        ),
        (
            "a",
            [solution(steps=())],
            None,
            "{path}:1: field samples[0].steps: found []; allowed: an array, not empty",
        ),
    ],
)
def test_write_refuses_what_read_would(names, rows, scores, message, tmp_path):
    path = tmp_path / "pool.jsonl"
    problems = [Problem(problem_id=name, text="?", answer="2") for name in names]
    given_scores = {"prm": Ragged.from_rows(scores)} if scores else None
    with pytest.raises(ValueError) as caught:
        write_pool(path, problems, Solutions.from_rows(rows), given_scores)
    assert str(caught.value).startswith(message.replace("{path}", str(path)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not REAL.exists(), reason="the real pool is not here")
def test_real_pool():
    pool = read_pool(REAL, "qwen_prm")
    assert len(pool.problems) == 100 and len(pool.solutions) == 3200
    assert "qwen_prm" in pool.labelers
    correct = pool.solutions.per_problem(pool.solutions.final_correct)
    finished = pool.solutions.per_problem(pool.solutions.finished)
    mixed = (correct.any(axis=1) & ~correct.all(axis=1)).sum()
    assert mixed == 37  # problems with both right and wrong solutions
    best = best_of_n(pool.solutions.per_problem(product(pool.labels)), correct, finished, [1, 32])
    np.testing.assert_allclose(best[:, 0], random_choice(correct, finished), atol=1e-12)
    assert best[:, 1].mean() > best[:, 0].mean()
