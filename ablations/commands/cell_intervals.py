"""Intervals for a cell's AUROCs, from scores in the store; its records hold only plain numbers."""

from pathlib import Path

import numpy as np

from ablations.data.artifacts import Ratings, Samples
from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.engine.store import Store
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS, neutral_positive
from ablations.evaluation.step_metrics import auroc_interval, judged, within_problems_interval
from ablations.steps.evaluation_rows import EvaluatedSolutions
from results.stats.intervals import Estimate


def auroc_intervals(store: Store, inputs: dict[str, list[str]], arm: str) -> dict[str, Estimate]:
    """Estimates a cell's AUROCs on the test solutions of all folds, with intervals by problem.

    Args:
        store: the artifact store.
        inputs: addresses of the cell's inputs.
        arm: the cell's arm.

    Returns:
        Metric -> estimate, for solution and step AUROC; no step AUROC without ratings of the steps, and
        nothing if the artifacts are no longer in the store.
    """
    needed = {name: inputs.get(name, []) for name in ("samples", "scores", "ratings")}
    if any(store.fault(address) is not None for given in needed.values() for address in given):
        return {}

    def folders(name: str) -> tuple[Path, ...]:
        return tuple(store.root / address for address in needed[name])

    solutions = EvaluatedSolutions([Samples.read(folder) for folder in folders("samples")])
    scores = [StepScores.read(folder) for folder in folders("scores")]
    score = np.concatenate([SCORINGS[SCORING_OF[arm]](one) for one in scores])
    seen = solutions.finished & ~np.isnan(score)
    of_solutions = score[seen], solutions.correct[seen], solutions.problem[seen]
    found = {"solution_auroc": within_problems_interval(*of_solutions)}
    if needed["ratings"]:
        rating = Ragged.concatenate([Ratings.read(folder).steps for folder in folders("ratings")])
        seen = judged(rating)
        prob = np.concatenate([neutral_positive(one).values for one in scores])
        problem = solutions.problem[rating.row_index]
        found["step_auroc"] = auroc_interval(prob[seen], rating.values[seen] >= 0, problem[seen])
    return found
