"""Shortcuts to labels, in solutions where it is known which there are."""

import numpy as np
import pytest

from ablations.data.ragged import Ragged
from ablations.evaluation.shortcuts import PROBES, Shortcut, shortcuts
from ablations.supervision import Supervision
from lightning_modules.encoding import IGNORE
from results.schema import SHORTCUTS

PROBLEMS, EACH = 60, 6


def measured(step_labels: list[list[int]] | None = None, **columns: object) -> dict[str, Shortcut]:
    """Measures shortcuts of solutions with the given steps, right answers and labels."""
    steps = columns["steps"]
    right = np.array(columns["right"], dtype=bool)
    supervision = Supervision(solution_target=right.astype(np.int8))
    if step_labels is not None:
        supervision = Supervision(step_target=Ragged.from_rows(step_labels, np.int8))
    return shortcuts(
        supervision,
        columns.get("problems", [f"problem {p}" for p in range(PROBLEMS)]),
        np.repeat(np.arange(PROBLEMS), EACH),
        steps,
        right,
        np.ones(len(right), dtype=bool),
    )


def coin(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, PROBLEMS * EACH)


def test_labels_at_random_have_no_shortcut() -> None:
    random = np.random.default_rng(1)
    steps = [["a" * random.integers(1, 30)] * random.integers(1, 5) for _ in range(PROBLEMS * EACH)]
    found = measured(right=coin(), steps=steps)
    assert set(found) == {"length", "format", "prompt"}  # whole solutions have no position
    for shortcut in found.values():
        assert shortcut.labels.lower < 0.5 < shortcut.labels.upper
        assert abs(shortcut.solutions - 0.5) < 0.1
    assert found["prompt"].solutions == 0.5  # it is the same for all solutions of a problem


def test_a_label_that_follows_the_length_is_found_by_length_alone() -> None:
    right = coin()
    found = measured(right=right, steps=[["aaaa" if good else "aaaaaaaa"] for good in right])
    assert found["length"].labels.estimate == 1
    assert found["length"].solutions == 1  # each right solution is above each wrong one of its problem
    assert found["format"].labels.estimate == 0.5  # both are lower-case letters only
    assert found["prompt"].labels.upper < 0.75


def test_a_mark_in_the_text_is_found_by_format_alone() -> None:
    right = coin()
    found = measured(right=right, steps=[["so it is 4!" if good else "so it is 4."] for good in right])
    assert found["format"].labels.estimate == 1
    assert found["length"].labels.estimate == 0.5


def test_a_hard_kind_of_problem_is_found_by_the_prompt_and_does_not_rank_solutions() -> None:
    easy = np.arange(PROBLEMS) % 2
    right = np.repeat(easy, EACH)
    right[::EACH] = 1 - right[::EACH]  # one of each problem's solutions is different
    problems = [f"{'easy' if e else 'hard'} sum" for e in easy]
    found = measured(right=right, steps=[["a"]] * len(right), problems=problems)
    # 5 of 6 are right in easy problems, 1 of 6 in hard ones. With as many of both kinds: of a right and a
    # wrong one, both in their kind 25/36, both not 1/36, tied 10/36. AUROC = 25/36 + 5/36 = 5/6.
    # Groups of six problems do not have quite as many of both.
    assert found["prompt"].labels.estimate == pytest.approx(5 / 6, abs=0.06)
    assert found["prompt"].solutions == 0.5


def test_the_last_steps_are_found_by_position_and_targets_that_are_missing_do_not_count() -> None:
    labels = [[1, 1, 0, IGNORE] for _ in range(PROBLEMS * EACH)]
    found = measured(labels, right=coin(), steps=[["a", "a", "a", "a"]] * PROBLEMS * EACH)
    assert found["position"].labels.estimate == 1
    assert found["position"].solutions == 0.5  # all solutions have the same steps
    assert found["length"].labels.estimate == 1  # characters before it
    assert found["format"].labels.estimate == 0.5


def test_labels_of_one_kind_leave_nothing_to_predict() -> None:
    assert measured(right=np.ones(PROBLEMS * EACH), steps=[["a"]] * PROBLEMS * EACH) == {}


def test_each_probe_has_its_metrics() -> None:
    assert list(PROBES) == list(SHORTCUTS)
