"""Files of scores as arrays, whatever their format."""

import json

import numpy as np
import pytest

from ablations.first_error import UNRATED
from ablations.scored import read_scored


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
    assert found.finals.correct_PM.tolist() == [[True, False], [False, True]]
    assert found.finals.finished_PM.tolist() == [[True, False], [True, True]]
    votes = found.finals.voted_PM
    assert votes[0, 1] == votes[1, 0] == -1 and votes[0, 0] >= 0 and votes[1, 1] not in (-1, votes[0, 0])


def test_scored_samples_of_a_problem_may_stand_apart(tmp_path):
    found = read_scored(write(tmp_path / "samples.jsonl", *SAMPLES))
    assert found.labelers == ("rating_probs", "prm_score", "orm_score") and not found.rated
    assert found.problems == ("p", "q") and found.problem_R.tolist() == [0, 1, 0, 1]
    assert found.finals.row_PM.tolist() == [[0, 2], [1, 3]]
    assert found.finals.correct_PM.tolist() == [[True, True], [False, False]]
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
        ValueError, match=r"trl.jsonl: solution 1: found a label of P\(wrong\) 0.25; allowed: rat"
    ):
        read_scored(write(tmp_path / "trl.jsonl", *rows))


def test_faults_are_named(tmp_path):
    path = tmp_path / "a.jsonl"
    paths = [
        {"problem": "p", "steps": ["a"], "ratings": [1], "step_scores": {"one": [0.5]}},
        {"problem": "p", "steps": ["a"], "ratings": [1]},
    ]
    with pytest.raises(
        ValueError, match="a.jsonl: solution 2: found scores of nobody; allowed: of one, as of the"
    ):
        read_scored(write(path, *paths))
    with pytest.raises(ValueError, match="found 1 to 2 solutions a problem; allowed: as many for each"):
        read_scored(write(path, *SAMPLES[:3]))
    with pytest.raises(
        ValueError, match="solution 1: found nothing of its final answer; allowed: right or wrong"
    ):
        read_scored(write(path, SAMPLES[0] | {"is_correct": None}))
    with pytest.raises(
        ValueError, match=r"a.jsonl:1: field step_scores.one\[0\]: found 2; allowed: a number in"
    ):
        read_scored(write(path, paths[0] | {"step_scores": {"one": [2]}}))
    with pytest.raises(
        ValueError, match="a.jsonl:1: field step_scores.one: found 2 items; allowed: 1, one a step"
    ):
        read_scored(write(path, paths[0] | {"step_scores": {"one": [1, 1]}}))
    with pytest.raises(ValueError, match="found no row"):
        read_scored(write(path))
