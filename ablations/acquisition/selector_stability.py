"""Stability of a selector from round to round, and what might disturb it.

Shape letters: R solutions of P problems, L chosen ones.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablations.acquisition.strategies import Rows, near_duplicates
from ablations.data.ragged import Ragged
from ablations.data.rank_statistics import centered_ranks, correlation
from ablations.data.step_scores import StepScores
from ablations.evaluation.discrimination import auroc, calibration
from lightning_modules.encoding import IGNORE

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def rank_correlation(one: Floats, two: Floats, problem: npt.NDArray[np.integer]) -> Floats:
    """Computes Spearman's rank correlation of two scores of the same solutions, within each problem.

    Args:
        one: [R]; -inf and ties are allowed, NaN is not.
        two: [R].
        problem: [R], 0..P-1.

    Returns:
        float64 [P], -1 to 1. NaN if a problem has fewer than two solutions, because it has no order; 0 if it
        has two or more, but one of the scores ties all of them.

    Raises:
        ValueError: unequal lengths or a NaN score.
    """
    if not one.shape == two.shape == problem.shape:
        raise ValueError(
            f"one, two, problem: found {one.shape}, {two.shape}, {problem.shape}; allowed: equal lengths"
        )
    if np.isnan(one).any() or np.isnan(two).any():
        raise ValueError("one, two: found NaN; allowed: numbers, -inf and inf")
    count_P = np.bincount(problem)
    a, b = (centered_ranks(problem, score, len(count_P)) for score in (one, two))
    return np.where(count_P < 2, np.nan, correlation(problem, a, b, len(count_P)))


def mark_repeats(
    steps: Ragged, problem: npt.NDArray[np.integer], taken: Rows, chosen: Rows, similarity: float
) -> Bools:
    """Marks the chosen rows that are near-duplicates of rows taken before or of other chosen rows.

    Args:
        steps: int64, steps of R solutions; equal codes are equal texts of steps.
        problem: [R], 0..P-1.
        taken: rows labeled before.
        chosen: L rows.
        similarity: minimum Jaccard similarity between the steps of near-duplicates, 0 to 1.

    Returns:
        bool [L], in the order of ``chosen``.
    """
    rows = np.concatenate([taken, chosen])
    order = np.argsort(problem[rows], kind="stable")  # within each problem, taken rows come first
    marked = np.zeros(len(rows), dtype=bool)
    for group in np.split(order, np.flatnonzero(np.diff(problem[rows][order])) + 1):
        marked[group] = near_duplicates(steps.take(rows[group]), similarity)
    return marked[len(taken) :]


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedSteps:
    """A selector's verdicts on steps that have a label."""

    wrong: Floats
    """[n]: its P(negative); the complement would round small values away."""
    label: Bools
    """[n]: whether the step is right according to the labeler."""

    @classmethod
    def of(cls, scores: StepScores, target: Ragged) -> "JudgedSteps":
        """Takes the steps up to each solution's first incorrect one.

        Args:
            scores: the selector's scores of R solutions.
            target: int8 [total steps] of 1, 0 and IGNORE, as made by ``ablations.supervision.process``.

        Raises:
            ValueError: the two differ in their numbers of steps.
        """
        if not np.array_equal(scores.prob.offsets, target.offsets):
            raise ValueError("target: found other numbers of steps than the scores have; allowed: the same")
        judged = (target.values != IGNORE) & ~np.isnan(scores.prob.values[:, 0])  # NaN: not read
        return cls(wrong=scores.prob.values[judged, 0], label=target.values[judged] == 1)

    @classmethod
    def concatenate(cls, parts: "list[JudgedSteps]") -> "JudgedSteps":
        """Concatenates the steps of several folds."""
        return cls(
            wrong=np.concatenate([part.wrong for part in parts]),
            label=np.concatenate([part.label for part in parts]),
        )

    def calibration_error(self, bins: int) -> float:
        """Computes the expected calibration error of P(the step is right), over bins of equal width."""
        return calibration(1 - self.wrong, self.label, bins).expected_error

    def agreement(self) -> float:
        """Computes the area under the ROC curve; NaN if all steps are right or all are wrong."""
        return auroc(-self.wrong, self.label)
