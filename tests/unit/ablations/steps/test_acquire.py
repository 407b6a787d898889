"""The stages of active learning on folders made by hand."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ablations.data.artifacts import (
    ACQUIRED,
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
from ablations.steps.acquire import acquired, step_codes, step_entropy
from ablations.steps.collect import drawn
from ablations.steps.train_student import draw_rows

CONFIG = {"wrong_fraction": 0.8, "similarity": 0.7, "seed": 0}


@pytest.fixture
def samples(tmp_path):
    """Two problems with three solutions each; the first two of each are equal, all are wrong but the last."""
    steps = [("a", "b"), ("a", "b"), ("c",)] * 2
    rows = [
        Solution(
            problem_id=f"p{i // 3}", sample=i % 3, steps=s, answer="1", finished=True, final_correct=i == 5
        )
        for i, s in enumerate(steps)
    ]
    (tmp_path / "samples").mkdir()
    found = Samples(
        problems=[Problem(problem_id=f"p{p}", text="?", answer="1") for p in range(2)],
        solutions=Solutions.from_rows(rows),
    )
    found.write(tmp_path / "samples")
    return found


def choose(tmp_path, acquisition, budget, opinion, **more):
    for name in ("opinion", "out", "scratch"):
        (tmp_path / name).mkdir()
    pq.write_table(pa.table(opinion), tmp_path / "opinion" / OPINION)
    acquired(
        CONFIG | {"acquisition": acquisition, "budget": budget},
        {"samples": tmp_path / "samples", "opinions": (tmp_path / "opinion",)} | more,
        tmp_path / "out",
        Context(progress=lambda done: None, scratch=tmp_path / "scratch"),
    )
    return read_json(tmp_path / "out" / ACQUIRED)


def test_what_is_chosen_and_what_it_is_like(tmp_path, samples):
    """Of each problem the wrong one that convinces more: row 0 (0.5 against 0.25) and row 3."""
    opinion = {"convincing": np.log([0.5, 0.5, 0.25, 0.1, 0.1, 0.9]), "entropy": np.zeros(6)}
    found = choose(tmp_path, "convincing_wrong_answers", 1, opinion)
    assert found["rows"] == [0, 3] and found["distinct"] == 2 and found["ends_right"] == 0
    assert found["convincing"] == pytest.approx((0.5 + 0.1) / 2)


def test_two_of_three_distinct(tmp_path, samples):
    found = choose(tmp_path, "uncertainty", 2, {"convincing": np.zeros(6), "entropy": np.arange(6.0)})
    assert found["rows"] == [0, 2, 3, 5] and found["ends_right"] == 0.25


def test_what_is_labelled_is_handed_on(tmp_path, samples):
    """Rows 0 and 5 are labelled: of the first problem row 2 is left, of the second row 3."""
    (tmp_path / "before").mkdir()
    write_json(tmp_path / "before" / ACQUIRED, {"rows": [5], "taken": [0]})
    opinion = {"convincing": np.zeros(6), "entropy": np.zeros(6)}
    found = choose(tmp_path, "convincing_wrong_answers", 1, opinion, taken=tmp_path / "before")
    assert found["rows"] == [2, 3] and found["taken"] == [0, 5]
    assert labelled_rows(tmp_path / "out").tolist() == [0, 2, 3, 5]


@pytest.mark.parametrize("scale", [1, 2])
def test_what_is_drawn_is_what_a_training_draws(tmp_path, samples, scale):
    context = Context(progress=lambda done: None, scratch=tmp_path)
    drawn({"count": scale, "seed": 3}, {"samples": tmp_path / "samples"}, tmp_path, context)
    assert labelled_rows(tmp_path).tolist() == sorted(draw_rows(samples, scale, 3).tolist())
    assert read_json(tmp_path / ACQUIRED)["distinct"] <= 2 * scale


def test_the_labels_of_the_labeler_are_out_of_reach(tmp_path, samples):
    """An acquisition that is given the labeler's artifact finds no opinion in it."""
    for name in ("labels", "out", "scratch"):
        (tmp_path / name).mkdir()
    StepScores.from_positive(Ragged.from_rows([[0.5] * len(s) for s in samples.steps()])).write(
        tmp_path / "labels" / SCORES
    )
    with pytest.raises(FileNotFoundError, match=OPINION):
        acquired(
            CONFIG | {"acquisition": "uncertainty", "budget": 1},
            {"samples": tmp_path / "samples", "opinions": (tmp_path / "labels",)},
            tmp_path / "out",
            Context(progress=lambda done: None, scratch=tmp_path / "scratch"),
        )


def test_entropy_by_hand():
    """(ln 2 + 0) / 2 for chances 0.5 and 1; 0 for a solution without steps."""
    found = step_entropy(StepScores.from_positive(Ragged.from_rows([[0.5, 1.0], []])))
    assert found == pytest.approx([np.log(2) / 2, 0])


def test_equal_steps_have_equal_codes(samples):
    codes = step_codes(samples)
    assert codes.lengths.tolist() == [2, 2, 1] * 2
    assert codes.row(0).tolist() == codes.row(4).tolist() and len(set(codes.values.tolist())) == 3
