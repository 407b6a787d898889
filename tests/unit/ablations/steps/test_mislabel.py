"""Labels with errors, the errors of labels, and the audit of scores, by hand or on an embedded world."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given import given, run

from ablations.data.artifacts import Ratings, Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.engine.step import Made
from ablations.steps.audit import AuditFalsePositives
from ablations.steps.mislabel import MeasureLabeler, Mislabel
from ablations.world.labeling_errors import KINDS_OF_ERRORS
from ablations.world.world import draw_problems
from ablations.world.worlds import world_of

WORLD = "facts"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Made[Any]]]:
    """Twenty solutions by authors to each of 30 problems, the first of each twice, and their ratings."""
    root, world, rng = tmp_path_factory.mktemp("drawn"), world_of(WORLD), np.random.default_rng(0)
    rows, ratings, problems = [], [], []
    for p, text in enumerate(draw_problems(world, "train", 30, 0)):
        problems.append(Problem(problem_id=f"p{p}", text=text, answer=world.answer(text)))
        written = [world.write_solution(text, rng) for _ in range(19)]
        for m, lines in enumerate([*written, written[0]]):
            found = world.final_answer(lines)
            rows.append(
                Solution(
                    problem_id=f"p{p}",
                    sample=m,
                    steps=lines,
                    answer=found or "",
                    finished=True,
                    final_correct=found == problems[-1].answer,
                )
            )
            ratings.append(world.judge(text, lines))
    samples = Samples(problems=problems, solutions=Solutions.from_rows(rows))
    return root, {
        "samples": given(root, "samples", samples),
        "ratings": given(root, "ratings", Ratings(steps=Ragged.from_rows(ratings, dtype=np.int8))),
    }


def labels(drawn: tuple[Path, dict[str, Made[Any]]], **more: Any) -> np.ndarray:
    """P(negative) of every step."""
    root, made = drawn
    return run(Mislabel(world=WORLD, **made, **more), root).prob.values[:, 0]


def truth(drawn: tuple[Path, dict[str, Made[Any]]]) -> np.ndarray:
    return Ratings.read(drawn[0] / "ratings").steps.values < 0


def test_without_errors_the_labels_are_the_oracles(drawn: Any) -> None:
    assert (labels(drawn) == truth(drawn)).all()
    for kind in KINDS_OF_ERRORS:
        assert (labels(drawn, errors=kind, dose=0.0) == truth(drawn)).all()


@pytest.mark.parametrize("kind", KINDS_OF_ERRORS)
def test_errors_at_a_larger_dose_include_those_at_a_smaller_one(drawn: Any, kind: str) -> None:
    before = np.zeros(len(truth(drawn)), dtype=bool)
    for dose in (0.1, 0.2, 0.4):
        flipped = labels(drawn, errors=kind, dose=dose) != truth(drawn)
        assert (flipped >= before).all() and flipped.sum() > before.sum()
        before = flipped


def test_the_same_labeler_errs_on_the_same_lines_and_another_one_elsewhere(drawn: Any) -> None:
    found = Ragged(
        values=labels(drawn, errors="random", dose=0.3),
        offsets=Ratings.read(drawn[0] / "ratings").steps.offsets,
    )
    for p in range(30):  # the last solution of each problem repeats the first
        assert (found.row(20 * p) == found.row(20 * p + 19)).all()
    assert (found.values != labels(drawn, errors="random", dose=0.3, seed=1)).mean() > 0.3


@pytest.mark.parametrize("kind", KINDS_OF_ERRORS)
def test_the_measured_balanced_error_is_the_dose(drawn: Any, kind: str) -> None:
    """On 4,000 steps with 400 wrong ones, many of them repeated: to within 5 points."""
    root, made = drawn
    step = Mislabel(world=WORLD, **made, errors=kind, dose=0.25)
    given(root, f"labels-{kind}", run(step, root))
    measure = MeasureLabeler(
        variant=kind,
        level=0.25,
        labels=Made(at=f"labels-{kind}", kind=StepScores),
        threshold=0.5,
        ratings=made["ratings"],
    )
    found = {row["metric"]: row["value"] for row in run(measure, root).rows}
    assert (found["missed_errors"] + found["false_alarms"]) / 2 == pytest.approx(0.25, abs=0.05)
    if kind == "favors_positive":
        assert found["false_alarms"] == 0


def test_a_labelers_errors_by_hand(tmp_path: Path) -> None:
    """Judged: right 0.1, 0.3 | wrong 0.6 (after it, 0.9 does not count) | right 0.0, wrong 0.2.

    At a threshold of 0.2, false alarms are 1 of 3 (0.3), missed errors 1 of 2 (0.2), wrong labels 2 of 5.
    """
    negative = [[0.1, 0.3], [0.6, 0.9], [0.0, 0.2]]
    labeled = StepScores.from_positive(Ragged.from_rows([[1 - p for p in row] for row in negative]))
    step = MeasureLabeler(
        variant="large_prm",
        level=0.2,
        labels=given(tmp_path, "labels", labeled),
        threshold=0.2,
        ratings=given(
            tmp_path,
            "ratings",
            Ratings(steps=Ragged.from_rows([[1, 0], [-1, 1], [1, -1]], dtype=np.int8)),
        ),
    )
    rows = run(step, tmp_path).rows
    assert {row["metric"]: row["value"] for row in rows} == {
        "missed_errors": pytest.approx(1 / 2),
        "false_alarms": pytest.approx(1 / 3),
        "wrong_labels": pytest.approx(2 / 5),
    }
    assert {(row["arm"], row["variant"], row["level"]) for row in rows} == {("labeler", "large_prm", 0.2)}


def test_the_audit_by_hand(tmp_path: Path) -> None:
    """Problem 0: sound 0.8, flawed 0.9, wrong 0.1; problem 1: sound 0.9, wrong 0.5, wrong 0.2."""
    score, right = (0.8, 0.9, 0.1, 0.9, 0.5, 0.2), (True, True, False, True, False, False)
    rows = [
        Solution(
            problem_id=f"p{i // 3}",
            sample=i % 3,
            steps=(f"{i}",),
            answer="1" if right[i] else "2",
            finished=True,
            final_correct=right[i],
        )
        for i in range(6)
    ]
    named = [Problem(problem_id=f"p{p}", text=f"{p}?", answer="1") for p in range(2)]
    step = AuditFalsePositives(
        arm="process",
        samples=given(tmp_path, "samples", Samples(problems=named, solutions=Solutions.from_rows(rows))),
        scores=given(
            tmp_path, "scores", StepScores.from_positive(Ragged.from_rows([[one] for one in score]))
        ),
        ratings=given(
            tmp_path,
            "ratings",
            Ratings(steps=Ragged.from_rows([[1], [-1], [-1], [1], [-1], [-1]], dtype=np.int8)),
        ),
    )
    found = run(step, tmp_path).rows
    won = {row["n"]: row["problem_values"] for row in found if row["metric"] == "flawed_wins"}
    # of three solutions, one is flawed and right; it wins the two pairs that it is in, and all three
    assert won == {
        1: pytest.approx([1 / 3, 0]),
        2: pytest.approx([2 / 3, 0]),
        3: pytest.approx([1, 0]),
    }
    others = {row["metric"]: row["value"] for row in found if row["metric"] != "flawed_wins"}
    assert others == {"sound_above_flawed": 0.0, "flawed_above_wrong": 1.0}
