"""The step `MeasureStability` on artifacts made by hand."""

import numpy as np
import pytest
from given import given, run

from ablations.data.artifacts import ChosenRows, Opinion, Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.steps.evaluation_rows import Rows
from ablations.steps.measure_stability import MeasureStability

STEPS = (("a", "b"), ("a", "b"), ("c",), ("d", "e"))
"""Of the four solutions of each problem; the first two are equal."""
RIGHT = (True, True, False, False)
LABELS = ((0.9, 0.9), (0.9, 0.9), (0.3,), (0.9, 0.1))
"""The labeler's P(right): a step is incorrect if 1 - P exceeds 0.2."""


def opinion(prob):
    """Of a selector by which the steps are right with these probabilities."""
    convincing = np.array([np.log(row).sum() for row in prob])
    scores = StepScores.from_positive(Ragged.from_rows(prob))
    return Opinion(convincing=convincing, entropy=np.zeros(len(prob)), scores=scores)


def fold(root, name, problems, *, now, before, rows, taken=()):
    """One fold's artifacts; `now` and `before` are P(right) of the steps by the two selectors."""
    solutions = [
        Solution(problem_id=p, sample=m, steps=STEPS[m], answer="1", finished=True, final_correct=RIGHT[m])
        for p in problems
        for m in range(4)
    ]
    named = [Problem(problem_id=p, text=f"{p}?", answer="1") for p in problems]
    artifacts = {
        "samples": Samples(problems=named, solutions=Solutions.from_rows(solutions)),
        "labels": StepScores.from_positive(Ragged.from_rows(LABELS * len(problems))),
        "chosen": ChosenRows(rows=np.array(rows), taken=np.array(taken, dtype=np.int64)),
        "opinions": opinion(now),
        "previous": opinion(before),
    }
    return {of: given(root, f"{name}/{of}", artifact) for of, artifact in artifacts.items()}


NOW = ((0.9, 0.9), (0.9, 0.9), (0.4,), (0.9, 0.3))
"""Products 0.81, 0.81, 0.4, 0.27."""
BEFORE = ((0.8, 0.8), (0.8, 0.8), (0.7,), (0.6, 0.9))
"""Products 0.64, 0.64, 0.7, 0.54."""


def measured(root, folds, without=()):
    inputs = {name: tuple(made[name] for made in folds) for name in folds[0] if name not in without}
    step = MeasureStability(threshold=0.2, similarity=0.7, bins=2, **inputs)
    given(root, "out", run(step, root))
    return {row["metric"]: row for row in Rows.read(root / "out").rows}


def test_a_round_by_hand(tmp_path):
    """Of one problem row 0 is labeled, rows 1 (its equal) and 3 are chosen, by the selector before."""
    made = fold(tmp_path, "f", ["p"], now=NOW, before=BEFORE, rows=[1, 3], taken=[0])
    found = measured(tmp_path, [made])
    value = {metric: row["value"] for metric, row in found.items()}
    assert value["chosen_right"] == 0.5 and value["chosen_error_free"] == 0.5
    assert value["chosen_steps_right"] == 0.75  # right, right; right, wrong
    assert value["chosen_repeats"] == 0.5  # row 1
    # The chosen by the selector before: 0.8, 0.8, 0.6 right, 0.9 wrong, all in the upper bin: 3.1/4 - 3/4.
    assert value["chosen_calibration_error"] == pytest.approx(0.025)
    assert value["chosen_agreement"] == 0  # the wrong one stands above all
    # Distinct texts, rows 0, 2, 3, by the selector taught: 0.9, 0.9, 0.9 right, and 0.4, 0.3 wrong. Upper
    # bin: 0.9 - 1, three of them; lower: 0.35 - 0, two. (3 * 0.1 + 2 * 0.35) / 5 = 0.2.
    assert value["pool_calibration_error"] == pytest.approx(0.2) and value["pool_agreement"] == 1
    # 0.81, 0.4, 0.27 against 0.64, 0.7, 0.54: ranks 3 2 1 and 2 3 1: 1 - 6 * 2 / (3 * 8) = 0.5.
    assert value["rank_correlation"] == pytest.approx(0.5)
    assert found["rank_correlation"]["problem_values"] == pytest.approx([0.5])


def test_the_first_round_has_no_selector_before_it(tmp_path):
    made = fold(tmp_path, "f", ["p"], now=NOW, before=BEFORE, rows=[0])
    found = measured(tmp_path, [made], without=("previous",))
    assert set(found) == {
        *("chosen_right", "chosen_error_free", "chosen_steps_right", "chosen_repeats"),
        *("pool_calibration_error", "pool_agreement"),
    }
    assert found["chosen_repeats"]["value"] == 0 and found["chosen_error_free"]["value"] == 1


def test_a_problem_of_several_folds_stands_once(tmp_path):
    """Problem q is in both folds: correlations 0.5 and 1, mean 0.75; p is in the first alone, 0.5."""
    one = fold(tmp_path, "1", ["p", "q"], now=NOW * 2, before=BEFORE * 2, rows=[1, 7])
    two = fold(tmp_path, "2", ["q"], now=NOW, before=NOW, rows=[2])
    found = measured(tmp_path, [one, two])
    assert found["rank_correlation"]["problem_values"] == pytest.approx([0.5, 0.75])
    assert found["rank_correlation"]["value"] == pytest.approx(0.625)
    # Chosen: rows 1 and 3 of the first fold's problems, row 2 of the second's: one of three is right.
    assert found["chosen_right"]["value"] == pytest.approx(1 / 3)
    assert found["chosen_steps_right"]["value"] == pytest.approx(3 / 5)
