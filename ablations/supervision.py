"""Training targets from labeled solutions: the arms differ here and nowhere else.

A step is incorrect if P(negative) exceeds the threshold (`thresholds.exceeds`); the paper uses 0.20 for its
own large PRM ("Let's Verify Step by Step", arXiv 2305.20050, small-scale synthetic supervision).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.data.solutions import Solutions
from ablations.data.step_scores import StepScores
from ablations.data.thresholds import exceeds
from lightning_modules.encoding import IGNORE
from lightning_modules.step_loss import StepLoss

PAPER_THRESHOLD = 0.20
BETA = 0.05
"""Scale of implicit rewards, the paper's; on validation problems of `facts`, 0.2 and 1 do no better."""
NONE_RIGHT = 1 - 1e-6
"""P(wrong) that only a step without any right rollout exceeds; of fewer than a million rollouts."""


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """Targets of R solutions, for their steps or for whole solutions; exactly one of the two is set."""

    step_target: Ragged | None = None
    """int8 [total steps]: the step's class, or IGNORE (-100) for no target; or float32 [total steps, C]: the
    probability of each class, or zeros for no target."""
    solution_target: npt.NDArray[np.int8] | npt.NDArray[np.float32] | None = None
    """int8 [R]: the solution's class; or float32 [R, C]: the probability of each class."""
    num_classes: int = 2
    """2: wrong, right. 3: negative, neutral, positive."""

    def __post_init__(self) -> None:
        of_steps = self.step_target is not None
        if of_steps == (self.solution_target is not None):
            found = "both" if of_steps else "neither"
            raise ValueError(f"step_target, solution_target: found {found}; allowed: exactly one of them")
        name = "step_target" if of_steps else "solution_target"
        target = self.solution_target if self.step_target is None else self.step_target.values
        assert target is not None
        if target.dtype == np.float32 and target.ndim == 2:
            total = target.sum(axis=1)
            complete = np.isclose(total, 1) | ((total == 0) & of_steps)
            if target.shape[1] != self.num_classes or (target < 0).any() or not complete.all():
                raise ValueError(
                    f"{name}: found {target.shape}, or sums other than 1; allowed: probabilities of "
                    f"{self.num_classes} classes"
                )
        elif target.dtype == np.int8 and target.ndim == 1:
            allowed = [*range(self.num_classes), *([IGNORE] if of_steps else [])]
            if len(strange := np.setdiff1d(target, allowed)):
                raise ValueError(f"{name}: found {strange.tolist()}; allowed: {allowed}")
        else:
            raise ValueError(
                f"{name}: found {target.dtype} {target.shape}; allowed: int8 of one dimension, or float32 of "
                "two"
            )

    def __len__(self) -> int:
        return len(self.step_target if self.step_target is not None else self.solution_target)  # type: ignore[arg-type]


def process(labels: StepScores, threshold: float, soft: bool = False) -> Supervision:
    """Makes process supervision: the step labels up to and including the first incorrect step.

    With three classes, neutral counts as right. A step that the labeler did not judge (NaN) has no target.
    If `soft`, a target is the labeler's probability rather than its decision, and the threshold only decides
    which step is the last one with a target.
    """
    wrong = _wrong(labels, threshold)
    target = _wrong_or_right(labels.prob.values[:, 0]) if soft else ~wrong
    return _judged_steps(wrong, target, labels.prob, num_classes=2)


def process_full(labels: StepScores, threshold: float, soft: bool = False) -> Supervision:
    """Makes process supervision with the labels of all steps, also after the first incorrect one."""
    wrong = _wrong(labels, threshold)
    target = _wrong_or_right(labels.prob.values[:, 0]) if soft else (~wrong).astype(np.int8)
    return Supervision(step_target=Ragged(values=target, offsets=labels.prob.offsets))


def monte_carlo(rollouts: StepScores, soft: bool) -> Supervision:
    """Makes process supervision from rollouts, up to and including the first step without a right one.

    A step is right if any rollout of the generator from it is (Math-Shepherd, arXiv 2312.08935). If `soft`,
    its target is the share of right rollouts.

    Args:
        rollouts: scores whose P(right) is that share.
        soft: whether targets are shares.
    """
    return process(rollouts, NONE_RIGHT, soft)


def consensus(rollouts: StepScores, labels: StepScores, threshold: float) -> Supervision:
    """Makes process supervision where the labeler and rollouts agree (after arXiv 2501.07301, Section 3).

    A step about which they disagree has no target; targets end with the first step that both find incorrect.

    Raises:
        ValueError: the two are of different steps.
    """
    if not np.array_equal(rollouts.prob.offsets, labels.prob.offsets):
        raise ValueError(
            f"rollouts: found {len(rollouts.prob.values)} steps; allowed: the labeler's "
            f"{len(labels.prob.values)}"
        )
    by_rollouts, by_labeler = _wrong(rollouts, NONE_RIGHT), _wrong(labels, threshold)
    target = np.where(by_rollouts == by_labeler, ~by_labeler, IGNORE)
    return _judged_steps(by_rollouts & by_labeler, target, labels.prob, num_classes=2)


def process_neutral(labels: StepScores, threshold: float, soft: bool = False) -> Supervision:
    """Makes process supervision with neutral as a separate class, as in the large PRM.

    A step that is not incorrect is neutral if that is more probable than positive.

    Raises:
        ValueError: the labeler has two classes.
    """
    if labels.n_classes != 3:
        raise ValueError("labels: found two classes; allowed: three, to keep neutral")
    wrong, prob = _wrong(labels, threshold), labels.prob.values
    target = prob if soft else np.where(wrong, 0, np.where(prob[:, 1] > prob[:, 2], 1, 2))
    return _judged_steps(wrong, target, labels.prob, num_classes=3)


def prm_outcome(labels: StepScores, threshold: float, soft: bool = False) -> Supervision:
    """Makes outcome supervision from the labeler: right if and only if no step is incorrect by the same rule.

    If `soft`, the target is the probability that no step is incorrect, the product over the steps, for any
    threshold.

    Raises:
        ValueError: a solution has no steps, so nothing was judged, or a step was not judged (NaN) although
            no step before it is certainly wrong.
    """
    empty = np.flatnonzero(labels.prob.lengths == 0)
    if len(empty):
        raise ValueError(
            f"labels: found {len(empty)} solutions without steps (row {empty[0]}); allowed: none"
        )
    decisive = labels.prob.up_to_first(labels.prob.values[:, 0] == 1)
    if np.isnan(labels.prob.values[decisive, 0]).any():
        raise ValueError(
            "labels: found a step that was not judged, with no certainly wrong one before it; allowed: "
            "labels of all steps up to such a one"
        )
    wrong = _wrong(labels, threshold)
    if soft:
        not_wrong = np.where(decisive, 1 - labels.prob.values[:, 0], 1.0)
        right = Ragged(values=not_wrong, offsets=labels.prob.offsets)
        return Supervision(solution_target=_wrong_or_right(1 - right.reduce(np.multiply, 1.0)))
    return _right_without_wrong_steps(wrong, labels.prob.offsets)


def final_answer(solutions: Solutions) -> Supervision:
    """Makes outcome supervision by checking the final answer."""
    return Supervision(solution_target=solutions.final_correct.astype(np.int8))


def oracle_outcome(ratings: Ragged) -> Supervision:
    """Makes outcome supervision without label noise: right if and only if the oracle rates no step as wrong.

    Args:
        ratings: int8 [total steps] of 1, 0 or -1, one row per solution; -1 is wrong.
    """
    return _right_without_wrong_steps(ratings.values < 0, ratings.offsets)


@dataclass(frozen=True, kw_only=True)
class LabelerArm:
    """A form of supervision from the labeler."""

    targets: Callable[[StepScores, float, bool], Supervision]
    """(labels, threshold, whether targets are soft) -> targets."""
    keeps_neutral: bool = False
    """Whether neutral is a separate class, so that it needs labels of three classes."""
    of_steps: bool = True
    """Whether it needs labels of steps; otherwise labels of whole solutions suffice."""
    soft: bool = False
    """Whether targets are always the labeler's probabilities, whatever the settings say."""
    step_loss: StepLoss = "cross_entropy"
    """Loss for the steps; a ranking takes the labeler's decisions, whatever the settings say."""

    @property
    def not_in_a_pool(self) -> str | None:
        """Why it is unavailable with a pool; None: it is available."""
        return "its labelers know no neutral" if self.keeps_neutral else None


@dataclass(frozen=True, kw_only=True)
class RolloutArm:
    """A form of supervision from rollouts: solutions that the generator continues after each step."""

    targets: Callable[[StepScores, bool], Supervision]
    """(scores whose P(right) is the share of right rollouts, whether targets are soft) -> targets."""
    soft: bool = False
    """Whether targets are shares of right rollouts."""
    not_in_a_pool: ClassVar[None] = None


@dataclass(frozen=True, kw_only=True)
class ConsensusArm:
    """A form of supervision from rollouts and the labeler together."""

    targets: Callable[[StepScores, StepScores, float], Supervision]
    """(scores as in `RolloutArm`, labels, threshold) -> targets."""
    not_in_a_pool: ClassVar[None] = None


@dataclass(frozen=True, kw_only=True)
class AnswerArm:
    """A form of supervision that needs no labeler and does not wait for one."""

    targets: Callable[[Solutions], Supervision]
    """solutions -> targets."""
    beta: float | None = None
    """Scale of implicit rewards (arXiv 2412.01981), by which a language model is trained; None: the model has
    a head, like those of all other arms."""
    not_in_a_pool: ClassVar[None] = None


@dataclass(frozen=True, kw_only=True)
class OracleArm:
    """A form of supervision that only the oracle of an embedded world can give."""

    targets: Callable[[Ragged], Supervision]
    """ratings of the steps -> targets."""
    not_in_a_pool: ClassVar[str] = "it has no oracle"


TARGETS: dict[str, LabelerArm | AnswerArm | OracleArm | RolloutArm | ConsensusArm] = {
    "process": LabelerArm(targets=process),
    "prm_outcome": LabelerArm(targets=prm_outcome, of_steps=False),
    "final_answer": AnswerArm(targets=final_answer),
    "process_neutral": LabelerArm(targets=process_neutral, keeps_neutral=True),
    "oracle_outcome": OracleArm(targets=oracle_outcome),
    "process_soft": LabelerArm(targets=process, soft=True),
    "process_full": LabelerArm(targets=process_full),
    "process_ranking": LabelerArm(targets=process, step_loss="ranking"),
    "monte_carlo_hard": RolloutArm(targets=monte_carlo),
    "monte_carlo_soft": RolloutArm(targets=monte_carlo, soft=True),
    "consensus": ConsensusArm(targets=consensus),
    "implicit": AnswerArm(targets=final_answer, beta=BETA),
}


def rolls_out(arm: str) -> bool:
    """Returns whether an arm needs rollouts."""
    return isinstance(TARGETS[arm], RolloutArm | ConsensusArm)


@dataclass(frozen=True, kw_only=True)
class LabelNoise:
    """Differences of labels from the oracle's, as shares in [0, 1]; NaN if there are no such labels."""

    differing: float
    """Share of labels that differ from the oracle's."""
    false_positives: float
    """Share of "right" labels that the oracle calls wrong."""
    false_negatives: float
    """Share of "wrong" labels that the oracle calls right."""


def label_noise(supervision: Supervision, ratings: Ragged) -> LabelNoise:
    """Compares the labels of solutions, or of their steps up to the first labeled error, with the oracle's.

    A neutral step counts as right. A solution is right if and only if no step is wrong.

    Args:
        supervision: hard targets of R solutions.
        ratings: int8 [total steps] of 1, 0 or -1 of the same R solutions, by the oracle.

    Raises:
        ValueError: the targets are soft, or of other solutions.
    """
    steps = supervision.step_target
    if steps is None:
        labels, truth = supervision.solution_target, oracle_outcome(ratings).solution_target
    else:
        labels, truth = steps.values, (ratings.values >= 0).astype(np.int8)
    assert labels is not None and truth is not None
    if labels.ndim != 1 or len(labels) != len(truth):
        raise ValueError(f"supervision: found labels {labels.shape}; allowed: hard ones ({len(truth)},)")
    right, truly_right = labels[labels != IGNORE] > 0, truth[labels != IGNORE] > 0

    def share(rows: npt.NDArray[np.bool_]) -> float:
        return float((right != truly_right)[rows].mean()) if rows.any() else float("nan")

    return LabelNoise(
        differing=share(np.ones_like(right)), false_positives=share(right), false_negatives=share(~right)
    )


def _wrong_or_right(wrong: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Converts P(wrong) [n] to the probabilities of both classes, float32 [n, 2]."""
    return np.stack([wrong, 1 - wrong], axis=1).astype(np.float32)


def _judged_steps(
    wrong: npt.NDArray[np.bool_], target: npt.NDArray[Any], steps: Ragged, num_classes: int
) -> Supervision:
    """Makes classes [total steps] or probabilities [total steps, C] targets up to the first wrong step."""
    judged = steps.up_to_first(wrong) & ~np.isnan(steps.values[:, 0])
    if target.ndim == 2:
        target = np.where(judged[:, None], target, 0).astype(np.float32)
    else:
        target = np.where(judged, target, IGNORE).astype(np.int8)
    return Supervision(step_target=Ragged(values=target, offsets=steps.offsets), num_classes=num_classes)


def _right_without_wrong_steps(wrong: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64]) -> Supervision:
    """Makes outcome supervision: a solution is right if and only if none of its steps is wrong."""
    any_wrong = Ragged(values=wrong, offsets=offsets).reduce(np.logical_or, 0.0)
    return Supervision(solution_target=(any_wrong == 0).astype(np.int8))


def _wrong(labels: StepScores, threshold: float) -> npt.NDArray[np.bool_]:
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: found {threshold}; allowed: a number in [0, 1]")
    return np.asarray(exceeds(labels.prob.values[:, 0], threshold))
