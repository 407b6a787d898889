"""Files of scores as arrays, whatever their format."""

import json

import numpy as np
import pytest

from ablations.evaluation.first_error import UNRATED
from ablations.evaluation.score_file import read_scored


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sample(number, answer, correct, scores, **more):
    steps = [f"step {i}" for i in range(len(next(iter(scores.values()), [0])))]
    made = {
        "sample": number,
        "steps": steps,
        "answer": answer,
        "final_correct": correct,
        "step_scores": scores,
    }
    return made | more


def by_problem(values):
    return [values.row(p).tolist() for p in range(len(values))]


POOL = [
    {
        "problem_id": "p0",
        "problem": "1 + 1?",
        "answer": "2",
        "samples": [
            sample(0, "2", True, {"prm": [0.5, 0.25], "labels": [1, 0]}),
            sample(1, "3", False, {"prm": [1], "labels": [1]}, finished=False),
        ],
    },
    {
        "problem_id": "p1",
        "problem": "2 + 2?",
        "answer": "4",
        "samples": [
            sample(0, None, False, {"prm": [0.75], "labels": [0]}),
            sample(1, "4", True, {"prm": [0.0], "labels": [1]}),
        ],
    },
]
SAMPLES = [
    {
        "problem": problem,
        "ground_truth_answer": "2",
        "steps": ["a", "b"],
        "rating_probs": [{"-1": 0.2, "0": 0.3, "1": 0.5}, {"-1": 0.1, "0": 0.0, "1": 0.895}],
        "answer": "2",
        "is_correct": number % 2 == 0,
        "prm_score": number / 4,
        "orm_score": 0.5,
    }
    for number, problem in enumerate(["p", "q", "P ", "q"])
]


def test_a_pool(tmp_path):
    found = read_scored(write(tmp_path / "pool.jsonl", *POOL))
    assert found.form == "pool" and found.labelers == ("prm",) and found.problems == ("1 + 1?", "2 + 2?")
    assert found.problem_R.tolist() == [0, 0, 1, 1]
    assert found.rating.values.tolist() == [1, -1, 1, -1, 1] and found.rated
    assert found.steps["prm"].prob.values[:, 1].tolist() == [0.5, 0.25, 1, 0.75, 0]
    assert by_problem(found.finals.correct) == [[True, False], [False, True]]
    assert by_problem(found.finals.finished) == [[True, False], [True, True]]
    votes = by_problem(found.finals.voted)
    assert votes[0][1] == votes[1][0] == -1 and votes[0][0] >= 0 and votes[1][1] not in (-1, votes[0][0])
    assert found.finals.most_n == 2 and not found.notes


def test_ungraded_solutions_are_left_out(tmp_path):
    """Of p, 2 of 3 are graded and stay; of q, 1 of 3, which is less than half; of r, 1 of 2: half."""
    grades = {"p": [True, None, False], "q": [None, True, None], "r": [None, True]}
    rows = [SAMPLES[0] | {"problem": p, "is_correct": one} for p, some in grades.items() for one in some]
    found = read_scored(write(tmp_path / "samples.jsonl", *rows))
    assert by_problem(found.finals.rows) == [[0, 2], [7]]
    assert by_problem(found.finals.correct) == [[True, False], [True]]
    assert (found.finals.ungraded, found.finals.surplus, found.finals.left_out) == (4, 1, ("'q'",))
    assert len(found.problem_R) == 8  # steps are still judged
    assert found.notes == (
        "Ungraded solutions left out of best-of-N and votes: 4.",
        "Problems left out because more than half of their solutions are ungraded: 1 ('q'); graded solutions "
        "left out with them: 1.",
        "Problems have 1 to 2 graded solutions: all are used, and N goes up to 1, so that every N is "
        "measured on the same 2 problems.",
    )
    none = read_scored(write(tmp_path / "none.jsonl", *[row | {"is_correct": None} for row in rows]))
    assert none.finals is None


def test_an_answer_of_white_space_is_no_vote(tmp_path):
    rows = [SAMPLES[0] | {"answer": answer, "is_correct": False} for answer in ("", " ", "\n", None, "0")]
    assert read_scored(write(tmp_path / "a.jsonl", *rows)).finals.voted.values.tolist() == [-1] * 4 + [0]


def test_soft_labels_of_a_pool_are_the_scores_of_a_labeler(tmp_path):
    """As when scored samples were converted. Labels of 0 and 1 alone are ratings."""
    samples = [sample(i, "2", True, {"labels": [1, soft]}) for i, soft in enumerate([0.0, 0.75])]
    row = POOL[0] | {"samples": samples}
    found = read_scored(write(tmp_path / "pool.jsonl", row))
    assert found.labelers == ("labels",) and not found.rated
    assert found.steps["labels"].prob.values[:, 1].tolist() == [1, 0, 1, 0.75]
    assert "The scores called labels are probabilities" in found.notes[0]
    found = read_scored(write(tmp_path / "pool.jsonl", row | {"samples": samples[:1]}))
    assert found.labelers == () and found.rating.values.tolist() == [1, -1] and not found.notes


def test_scored_samples_of_a_problem_may_stand_apart(tmp_path):
    found = read_scored(write(tmp_path / "samples.jsonl", *SAMPLES))
    assert found.labelers == ("rating_probs", "prm_score", "orm_score") and not found.rated
    assert found.problems == ("p", "q") and found.problem_R.tolist() == [0, 1, 0, 1]
    assert by_problem(found.finals.rows) == [[0, 2], [1, 3]]
    assert by_problem(found.finals.correct) == [[True, True], [False, False]]
    assert found.whole["prm_score"].tolist() == [0, 0.25, 0.5, 0.75]
    prob = found.steps["rating_probs"].prob.values
    np.testing.assert_allclose(prob[:2], [[0.2, 0.3, 0.5], [0.1 / 0.995, 0, 0.895 / 0.995]])
    assert found.only(["orm_score"]).labelers == ("orm_score",)
    with pytest.raises(
        ValueError, match="labeler: found 'x'; allowed with samples.jsonl: rating_probs, prm_score"
    ):
        found.only(["x"])


def test_rated_paths_with_scores(tmp_path):
    rows = [
        {
            "problem": "p",
            "steps": ["a", "b"],
            "ratings": [0, None],
            "step_scores": {"one": [0.5, 1], "two": [1, 0]},
        },
        {"problem": "p", "steps": ["a"], "ratings": [-1], "step_scores": {"two": [1], "one": [0.25]}},
    ]
    found = read_scored(write(tmp_path / "paths.jsonl", *rows))
    assert found.finals is None and found.labelers == ("one", "two")
    assert found.rating.values.tolist() == [0, UNRATED, -1]
    assert found.steps["one"].prob.values[:, 1].tolist() == [0.5, 1, 0.25]


def test_certain_probabilities_are_ratings(tmp_path):
    rows = [{"prompt": "p", "completions": ["a", "b"], "labels": [1.0, 0.0]}]
    assert read_scored(write(tmp_path / "trl.jsonl", *rows)).rating.values.tolist() == [1, -1]
    rows[0]["labels"][0] = 0.75
    with pytest.raises(
        ValueError,
        match=r"trl.jsonl: solution 1 \(problem 'p'\): found a label of P\(wrong\) 0.25; allowed: rat",
    ):
        read_scored(write(tmp_path / "trl.jsonl", *rows))


def test_faults_are_named(tmp_path):
    path = tmp_path / "a.jsonl"
    paths = [
        {"problem": "p", "steps": ["a"], "ratings": [1], "step_scores": {"one": [0.5]}},
        {"problem": "p", "steps": ["a"], "ratings": [1]},
    ]
    with pytest.raises(
        ValueError, match=r"a.jsonl: solution 2 \(problem 'p'\): found scores of nobody; allowed: of one, as"
    ):
        read_scored(write(path, *paths))
    with pytest.raises(
        ValueError, match=r"a.jsonl:1: field step_scores.one\[0\]: found 2; allowed: a number in"
    ):
        read_scored(write(path, paths[0] | {"step_scores": {"one": [2]}}))
    with pytest.raises(
        ValueError, match="a.jsonl:1: field step_scores.one: found 2 items; allowed: 1, one per step"
    ):
        read_scored(write(path, paths[0] | {"step_scores": {"one": [1, 1]}}))
    with pytest.raises(ValueError, match="found no row"):
        read_scored(write(path))
