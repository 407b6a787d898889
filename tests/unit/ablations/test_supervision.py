import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.data.ragged import Ragged
from ablations.data.solutions import Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.supervision import (
    IGNORE,
    TARGETS,
    ConsensusArm,
    LabelerArm,
    LabelNoise,
    RolloutArm,
    Supervision,
    consensus,
    final_answer,
    label_noise,
    monte_carlo,
    oracle_outcome,
    prm_outcome,
    process,
    process_full,
    process_neutral,
    rolls_out,
)


def labels(rows):
    """Two-class labels from rows of P(negative)."""
    negative = Ragged.from_rows(rows)
    prob = np.stack([negative.values, 1 - negative.values], axis=1)
    return StepScores(prob=Ragged(values=prob, offsets=negative.offsets), last=np.zeros(len(rows)))


# P(negative) a step; 0.20 itself is not above the threshold 0.20
ROWS = [[0.1, 0.20, 0.0], [0.1, 0.21, 0.0, 0.9], [0.9], [0.0, 0.3]]


def test_process_by_hand():
    target = process(labels(ROWS), 0.20).step_target
    assert target.values.dtype == np.int8
    assert [target.row(i).tolist() for i in range(4)] == [
        [1, 1, 1],
        [1, 0, IGNORE, IGNORE],  # step 2 is the first wrong one: what follows has no target
        [0],
        [1, 0],
    ]


def test_prm_outcome_by_hand():
    target = prm_outcome(labels(ROWS), 0.20).solution_target
    assert target.dtype == np.int8
    assert target.tolist() == [1, 0, 0, 0]
    assert prm_outcome(labels(ROWS), 0.3).solution_target.tolist() == [1, 0, 0, 1]


UNJUDGED = [[0.0, 1.0, np.nan, np.nan], [0.5, 1.0, np.nan], [0.1]]
"""A judge's labels: no step after one that is certainly wrong has one."""


def unjudged(rows):
    wrong = Ragged.from_rows(rows)
    return StepScores.from_positive(Ragged(values=1 - wrong.values, offsets=wrong.offsets))


def test_what_the_labeler_did_not_judge_has_no_target():
    """At 0.20 the second solution ends at its first step. At 1 nothing is wrong, but NaN is not right."""
    given = unjudged(UNJUDGED)
    for threshold, expected in (
        (0.20, [[1, 0, IGNORE, IGNORE], [0, IGNORE, IGNORE], [1]]),
        (0.9, [[1, 0, IGNORE, IGNORE], [1, 0, IGNORE], [1]]),
        (1.0, [[1, 1, IGNORE, IGNORE], [1, 1, IGNORE], [1]]),
    ):
        target = process(given, threshold).step_target
        assert [target.row(i).tolist() for i in range(3)] == expected
    soft = process(given, 1.0, soft=True).step_target
    assert soft.row(0).tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
    assert prm_outcome(given, 0.20).solution_target.tolist() == [0, 0, 1]
    # of the product, a step that is certainly wrong leaves 0, whatever follows
    np.testing.assert_allclose(
        prm_outcome(given, 0.20, soft=True).solution_target, [[1, 0], [1, 0], [0.1, 0.9]], rtol=1e-6
    )


@pytest.mark.parametrize("soft", [False, True])
def test_an_outcome_needs_the_judgment_that_decides_it(soft):
    with pytest.raises(ValueError, match="labels: found a step that was not judged, with no certainly wrong"):
        prm_outcome(unjudged([[0.9, np.nan]]), 0.20, soft=soft)


def test_soft_targets_by_hand():
    """The same steps have a target as under hard ones; of a solution right is the product: 0.9 * 0.8 * 1."""
    target = process(labels(ROWS), 0.20, soft=True).step_target
    assert target.values.dtype == np.float32
    found = [np.round(target.row(i).astype(float), 6).tolist() for i in range(4)]
    assert found[0] == [[0.1, 0.9], [0.2, 0.8], [0, 1]] and found[2] == [[0.9, 0.1]]
    assert found[1] == [[0.1, 0.9], [0.21, 0.79], [0, 0], [0, 0]]
    outcome = prm_outcome(labels(ROWS), 0.20, soft=True).solution_target
    assert outcome[:, 1].tolist() == pytest.approx([0.9 * 0.8, 0.9 * 0.79 * 0.1, 0.1, 0.7])
    assert outcome.sum(axis=1).tolist() == pytest.approx([1] * 4)


def test_soft_neutral_targets_are_the_labelers_three():
    found = process_neutral(three([[[0.1, 0.6, 0.3], [0.5, 0.25, 0.25], [0, 0, 1]]]), 0.20, soft=True)
    expected = [[0.1, 0.6, 0.3], [0.5, 0.25, 0.25], [0, 0, 0]]  # the second is incorrect: it is the last
    assert np.round(found.step_target.values.astype(float), 6).tolist() == expected
    assert found.num_classes == 3


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=5), min_size=1))
def test_a_sure_labelers_soft_targets_are_its_hard_ones(rows):
    hard, soft = (process(labels(rows), 0.20, soft=flag).step_target for flag in (False, True))
    assert (soft.values.sum(axis=1) == (hard.values != IGNORE)).all()
    assert (soft.values[hard.values != IGNORE].argmax(axis=1) == hard.values[hard.values != IGNORE]).all()
    hard, soft = (prm_outcome(labels(rows), 0.20, soft=flag).solution_target for flag in (False, True))
    assert soft[:, 1].tolist() == hard.tolist()


def test_neutral_counts_as_right():
    prob = np.array([[0.1, 0.9, 0.0], [0.3, 0.0, 0.7]])  # a sure neutral; a positive with P(negative) = 0.3
    scores = StepScores(prob=Ragged.from_lengths(prob, np.array([2])), last=np.zeros(1))
    assert process(scores, 0.20).step_target.values.tolist() == [1, 0]


def three(rows):
    """Three-class labels from rows of (negative, neutral, positive)."""
    values = np.array([step for row in rows for step in row], dtype=np.float64).reshape(-1, 3)
    prob = Ragged.from_lengths(values, np.array([len(row) for row in rows]))
    return StepScores(prob=prob, last=np.zeros(len(rows)))


def test_neutral_is_kept_by_hand():
    """Class 1 where neutral is more probable than positive, unless P(negative) > 0.20; of equals positive."""
    rows = [
        [(0.1, 0.2, 0.7), (0.1, 0.5, 0.4), (0.2, 0.4, 0.4)],
        [(0.0, 0.9, 0.1), (0.3, 0.6, 0.1), (0.0, 1.0, 0.0)],  # the second is incorrect, what follows has none
    ]
    found = process_neutral(three(rows), 0.20)
    assert found.num_classes == 3 and found.step_target.values.dtype == np.int8
    assert [found.step_target.row(i).tolist() for i in range(2)] == [[2, 1, 2], [1, 0, IGNORE]]


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4), min_size=1))
def test_without_its_neutral_class_it_is_process_supervision(rows):
    """0 stays 0, neutral and positive become right: targets, lengths and what is left out are the same."""
    labeled = three([[(a / 20, b / 20, 1 - (a + b) / 20) for a, b in row] for row in rows])
    kept, plain = process_neutral(labeled, 0.20), process(labeled, 0.20)
    assert np.minimum(kept.step_target.values, 1).tolist() == plain.step_target.values.tolist()
    assert kept.step_target.offsets.tolist() == plain.step_target.offsets.tolist()


def test_final_answer_and_arms():
    rows = [
        Solution(
            problem_id="a", sample=s, steps=("x",) * len(row), answer="1", finished=True, final_correct=s < 2
        )
        for s, row in enumerate(ROWS)
    ]
    solutions = Solutions.from_rows(rows)
    assert final_answer(solutions).solution_target.tolist() == [1, 1, 0, 0]
    targets = {
        name: arm.targets(labels(ROWS), 0.20) if isinstance(arm, LabelerArm) else arm.targets(solutions)
        for name, arm in TARGETS.items()
        if name not in ("process_neutral", "oracle_outcome")  # no neutral in these labels, no ratings
        and not rolls_out(name)
    }
    assert list(targets) == [
        *("process", "prm_outcome", "final_answer", "process_soft", "process_full", "process_ranking"),
        "implicit",
    ]
    assert {len(target) for target in targets.values()} == {4}
    assert targets["process"].step_target.values.tolist() == [1, 1, 1, 1, 0, IGNORE, IGNORE, 0, 1, 0]
    assert targets["prm_outcome"].solution_target.tolist() == [1, 0, 0, 0]
    assert targets["final_answer"].solution_target.tolist() == [1, 1, 0, 0]
    assert targets["implicit"].solution_target.tolist() == [1, 1, 0, 0]


def test_full_length_labels_by_hand():
    """Those after the first wrong step, too; soft ones are the labeler's probabilities."""
    target = process_full(labels(ROWS), 0.20).step_target
    assert target.values.dtype == np.int8
    assert [target.row(i).tolist() for i in range(4)] == [[1, 1, 1], [1, 0, 1, 0], [0], [1, 0]]
    soft = process_full(labels(ROWS), 0.20, soft=True).step_target
    assert np.round(soft.row(1).astype(float), 6).tolist() == [[0.1, 0.9], [0.21, 0.79], [0, 1], [0.9, 0.1]]


# P(wrong) by four rollouts each: only a share of 0 of them is wrong
ROLLOUTS = [[0.0, 0.25, 0.0], [0.75, 0.75, 1.0, 1.0], [1.0], [1.0, 1.0]]


def test_monte_carlo_labels_by_hand():
    hard = monte_carlo(labels(ROLLOUTS), soft=False).step_target
    assert [hard.row(i).tolist() for i in range(4)] == [[1, 1, 1], [1, 1, 0, IGNORE], [0], [0, IGNORE]]
    soft = monte_carlo(labels(ROLLOUTS), soft=True).step_target
    assert soft.row(1).tolist() == [[0.75, 0.25], [0.75, 0.25], [1, 0], [0, 0]]
    assert soft.row(3).tolist() == [[1, 0], [0, 0]]
    # of 100,000 rollouts, one right is enough
    assert monte_carlo(labels([[1 - 1e-5]]), soft=False).step_target.values.tolist() == [1]


def test_consensus_by_hand():
    """Wrong are, by the labeler, none, 2 and 4, 1, 2; by rollouts, none, 3 and 4, 1, 1 and 2."""
    target = consensus(labels(ROLLOUTS), labels(ROWS), 0.20).step_target
    assert target.values.dtype == np.int8
    assert [target.row(i).tolist() for i in range(4)] == [
        [1, 1, 1],
        [1, IGNORE, IGNORE, 0],
        [0],
        [IGNORE, 0],
    ]
    with pytest.raises(ValueError, match="^rollouts: found 1 steps; allowed: the labeler's 10$"):
        consensus(labels([[1.0]]), labels(ROWS), 0.20)


def test_arms_that_roll_out():
    kinds = {name: type(arm) for name, arm in TARGETS.items() if rolls_out(name)}
    assert kinds == {
        "monte_carlo_hard": RolloutArm,
        "monte_carlo_soft": RolloutArm,
        "consensus": ConsensusArm,
    }
    assert [name for name, arm in TARGETS.items() if getattr(arm, "soft", False)] == [
        "process_soft",
        "monte_carlo_soft",
    ]


def ratings(rows):
    return Ragged.from_rows(rows, np.int8)


def test_oracle_outcome_by_hand():
    """Right: only 1 and 0 (neutral), or no step at all."""
    found = oracle_outcome(ratings([[1, 0, 1], [1, -1, 1], [-1], [], [0]]))
    assert found.solution_target.tolist() == [1, 0, 0, 1, 1] and found.solution_target.dtype == np.int8


def test_label_noise_of_outcomes_by_hand():
    """Labels 1 1 1 0 0, the oracle 1 1 0 0 1: 2 of 5 differ; 1 of 3 right labels, 1 of 2 wrong ones."""
    given = Supervision(solution_target=np.array([1, 1, 1, 0, 0], np.int8))
    found = label_noise(given, ratings([[1], [0, 1], [1, -1], [-1], [1]]))
    assert found == LabelNoise(differing=2 / 5, false_positives=1 / 3, false_negatives=1 / 2)


def test_label_noise_of_steps_by_hand():
    """Labels 1 1 1 | 1 0 (two ignored) | 0 | 1 0, the oracle 1 1 0 | 1 0 | 1 | 1 0: 2 of 8 differ.

    Right labels: 5, of which the third is wrong; wrong labels: 3, of which the sixth is right. What follows
    the first labeled error counts nowhere.
    """
    truth = ratings([[1, 0, -1], [1, -1, -1, 1], [1], [1, -1]])
    found = label_noise(process(labels(ROWS), 0.20), truth)
    assert found == LabelNoise(differing=2 / 8, false_positives=1 / 5, false_negatives=1 / 3)


def test_label_noise_without_labels_of_one_kind():
    found = label_noise(Supervision(solution_target=np.ones(2, np.int8)), ratings([[1], [-1]]))
    assert (found.differing, found.false_positives) == (0.5, 0.5) and np.isnan(found.false_negatives)
    assert label_noise(oracle_outcome(ratings([[1], [-1]])), ratings([[1], [-1]])).differing == 0


def test_label_noise_of_neutral_labels():
    """Neutral counts as right: classes 2 1 0 against ratings 1 0 -1."""
    given = Supervision(step_target=Ragged.from_rows([[2, 1, 0]], np.int8), num_classes=3)
    assert label_noise(given, ratings([[1, 0, -1]])).differing == 0


@given(st.lists(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.9]), min_size=1, max_size=5), min_size=1))
def test_arms_against_a_plain_loop(rows):
    target = process(labels(rows), 0.20).step_target
    for i, row in enumerate(rows):
        expected, over = [], False
        for negative in row:
            expected.append(IGNORE if over else int(negative <= 0.20))
            over = over or negative > 0.20
        assert target.row(i).tolist() == expected
    outcome = prm_outcome(labels(rows), 0.20).solution_target
    assert outcome.tolist() == [int(max(row) <= 0.20) for row in rows]
    # the two arms see the same errors: an outcome is wrong exactly where a step target is 0
    assert outcome.tolist() == [int(0 not in target.row(i)) for i in range(len(rows))]


def test_solution_without_steps():
    assert process(labels([[], [0.9], []]), 0.2).step_target.lengths.tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match=r"found 2 solutions without steps \(row 0\); allowed: none"):
        prm_outcome(labels([[], [0.9], []]), 0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: process(labels(ROWS), 1.5), "threshold: found 1.5; allowed: a number in [0, 1]"),
        (
            lambda: prm_outcome(labels(ROWS), float("nan")),
            "threshold: found nan; allowed: a number in [0, 1]",
        ),
        (
            lambda: label_noise(process(labels(ROWS), 0.2, True), Ragged.from_rows(ROWS, np.int8)),
            "supervision: found labels (10, 2); allowed: hard ones (10,)",
        ),
        (lambda: Supervision(), "step_target, solution_target: found neither; allowed: exactly one of them"),
        (
            lambda: Supervision(
                step_target=Ragged.from_rows([[1]], np.int8), solution_target=np.ones(1, np.int8)
            ),
            "step_target, solution_target: found both; allowed: exactly one of them",
        ),
        (
            lambda: Supervision(solution_target=np.array([True])),
            "solution_target: found bool (1,); allowed: int8 of one dimension, or float32 of two",
        ),
        (
            lambda: Supervision(solution_target=np.array([1, IGNORE], np.int8)),
            "solution_target: found [-100]; allowed: [0, 1]",
        ),
        (
            lambda: Supervision(step_target=Ragged.from_rows([[1, 2]], np.int8)),
            "step_target: found [2]; allowed: [0, 1, -100]",
        ),
        (
            lambda: Supervision(step_target=Ragged.from_rows([[2, 3]], np.int8), num_classes=3),
            "step_target: found [3]; allowed: [0, 1, 2, -100]",
        ),
        (
            lambda: process_neutral(labels(ROWS), 0.20),
            "labels: found two classes; allowed: three, to keep neutral",
        ),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message
