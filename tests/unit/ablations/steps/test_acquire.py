"""The steps of active learning on artifacts made by hand."""

import numpy as np
import pytest
from given import given, run

from ablations.data.artifacts import OPINION, ChosenRows, Opinion, Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.engine.step import Made
from ablations.steps.acquire import Acquire, step_codes, step_entropy
from ablations.steps.collect import DrawRows, draw_rows

SAMPLES = Made[Samples](at="samples", kind=Samples)
ZEROS = np.zeros(6)


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
    found = Samples(
        problems=[Problem(problem_id=f"p{p}", text="?", answer="1") for p in range(2)],
        solutions=Solutions.from_rows(rows),
    )
    given(tmp_path, SAMPLES.at, found)
    return found


def choose(root, acquisition, budget, *, convincing=ZEROS, entropy=ZEROS, taken=None):
    """What is chosen by one opinion, as a step that reads it gets it."""
    opinion = given(root, "opinion", Opinion(convincing=convincing, entropy=entropy))
    step = Acquire(
        samples=SAMPLES, opinions=(opinion,), taken=taken, acquisition=acquisition, budget=budget, seed=0
    )
    given(root, "out", run(step, root))
    return ChosenRows.read(root / "out")


def test_what_is_chosen_and_what_it_is_like(tmp_path, samples):
    """Of each problem the wrong one that convinces more: row 0 (0.5 against 0.25) and row 3."""
    convincing = np.log([0.5, 0.5, 0.25, 0.1, 0.1, 0.9])
    found = choose(tmp_path, "convincing_wrong_answers", 1, convincing=convincing)
    assert found.rows.tolist() == [0, 3] and found.distinct == 2 and found.ends_right == 0
    assert found.convincing == pytest.approx((0.5 + 0.1) / 2)


def test_two_of_three_distinct(tmp_path, samples):
    found = choose(tmp_path, "uncertainty", 2, entropy=np.arange(6.0))
    assert found.rows.tolist() == [0, 2, 3, 5] and found.ends_right == 0.25


def test_what_is_labeled_is_handed_on(tmp_path, samples):
    """Rows 0 and 5 are labeled: of the first problem row 2 is left, of the second row 3."""
    before = given(tmp_path, "before", ChosenRows(rows=np.array([5]), taken=np.array([0])))
    found = choose(tmp_path, "convincing_wrong_answers", 1, taken=before)
    assert found.rows.tolist() == [2, 3] and found.taken.tolist() == [0, 5]
    assert found.labeled.tolist() == [0, 2, 3, 5]


@pytest.mark.parametrize("scale", [1, 2])
def test_what_is_drawn_is_what_a_training_draws(tmp_path, samples, scale):
    found = run(DrawRows(samples=SAMPLES, count=scale, seed=3), tmp_path)
    assert found.labeled.tolist() == sorted(draw_rows(samples, scale, 3).tolist())
    assert found.distinct <= 2 * scale


def test_the_labels_of_the_labeler_are_out_of_reach(tmp_path, samples):
    """An acquisition that is given the labeler's artifact finds no opinion there, whatever it passes for."""
    positive = Ragged.from_rows([[0.5] * len(s) for s in samples.steps()])
    labels = given(tmp_path, "labels", StepScores.from_positive(positive))
    taken_for_an_opinion = Made[Opinion](at=labels.at, kind=Opinion)
    for opinion, error, message in (
        (taken_for_an_opinion, FileNotFoundError, OPINION),
        (labels, AttributeError, "convincing"),
    ):
        step = Acquire(samples=SAMPLES, opinions=(opinion,), acquisition="uncertainty", budget=1, seed=0)
        with pytest.raises(error, match=message):
            run(step, tmp_path)


def test_entropy_by_hand():
    """(ln 2 + 0) / 2 for chances 0.5 and 1; 0 for a solution without steps."""
    found = step_entropy(StepScores.from_positive(Ragged.from_rows([[0.5, 1.0], []])))
    assert found == pytest.approx([np.log(2) / 2, 0])


def test_equal_steps_have_equal_codes(samples):
    codes = step_codes(samples)
    assert codes.lengths.tolist() == [2, 2, 1] * 2
    assert codes.row(0).tolist() == codes.row(4).tolist() and len(set(codes.values.tolist())) == 3
