"""Right answers that are reached by wrong reasoning, and how a reward model scores them.

Shape letters: R solutions in all.
"""

from dataclasses import dataclass

import numpy as np

from ablations.data.ragged import Ragged
from ablations.evaluation.discrimination import Bools, solution_auroc
from ablations.evaluation.solution_metrics import ScoredSolutions


def has_wrong_step(ratings: Ragged) -> Bools:
    """Returns which solutions have a step that the oracle rates as wrong: bool [R]."""
    return ratings.reduce(np.minimum, 0.0) < 0


@dataclass(frozen=True, kw_only=True)
class FalsePositives:
    """Order of the scores of right answers with wrong reasoning; NaN where there are no such pairs."""

    sound_above: float
    """Share of pairs of right answers to a problem, one by sound and one by wrong reasoning, in which the
    sound one scores higher; a tie counts one half."""
    flawed_above: float
    """Share of pairs of a right answer by wrong reasoning and a wrong answer to the same problem in which the
    right one scores higher; a tie counts one half."""


def compare_scores(of: ScoredSolutions, flawed: Bools) -> FalsePositives:
    """Compares scores of right answers by wrong reasoning with those of other solutions of the same problem.

    Args:
        of: R finished or unfinished solutions; unfinished and unscored ones are left out.
        flawed: bool [R]: whether a solution has a wrong step.
    """
    return FalsePositives(
        sound_above=solution_auroc(of.score, ~flawed, of.finished & of.correct, of.problem),
        flawed_above=solution_auroc(of.score, of.correct, of.finished & (flawed | ~of.correct), of.problem),
    )
