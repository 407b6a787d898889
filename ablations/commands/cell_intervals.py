"""Intervals for a cell's AUROCs, from scores in the store; its records hold only plain numbers."""

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
        inputs: addresses of the cell's inputs; empty if it is unknown.

    Returns:
        Metric -> estimate, for solution and step AUROC; no step AUROC without ratings of the steps, and
        nothing if the artifacts are no longer in the store.
    """
    names = ("samples", "scores", "ratings")
    addresses = {name: inputs.get(name, []) for name in names}
    if not inputs or any(store.fault(address) is not None for name in names for address in addresses[name]):
        return {}
    folders = {name: [store.root / address for address in addresses[name]] for name in names}
    solutions = EvaluatedSolutions([Samples.read(folder) for folder in folders["samples"]])
    scores = [StepScores.read(folder) for folder in folders["scores"]]
    score = np.concatenate([SCORINGS[SCORING_OF[arm]](fold_scores) for fold_scores in scores])
    known = solutions.finished & ~np.isnan(score)
    estimates = {
        "solution_auroc": within_problems_interval(
            score[known], solutions.correct[known], solutions.problem[known]
        )
    }
    if folders["ratings"]:
        rating = Ragged.concatenate([Ratings.read(folder).steps for folder in folders["ratings"]])
        rated = judged(rating)
        prob = np.concatenate([neutral_positive(fold_scores).values for fold_scores in scores])
        problem = solutions.problem[rating.row_index]
        estimates["step_auroc"] = auroc_interval(prob[rated], rating.values[rated] >= 0, problem[rated])
    return estimates
