"""Evaluation of a PRM's detection of wrong steps on held-out problems."""

from __future__ import annotations

import numpy as np

from ablations.data.json_files import Json
from ablations.evaluation.step_metrics import auroc_interval
from ablations.steps.encoded_ratings import Branches
from lightning_modules.encoding import IGNORE
from lightning_modules.reward_model import CLASSES, RewardModel
from lightning_modules.scoring import score


def evaluate_prm(model: RewardModel, branches: Branches, problem: np.ndarray) -> dict[str, Json]:
    """Computes step AUROC with its interval, loss, and accuracy by class, over all labeled steps.

    Args:
        model: a PRM with three classes.
        branches: held-out branches.
        problem: int64, the problem of each of the branches' solutions.

    Returns:
        Plain JSON; null where a number is undefined.
    """
    counts = [len(encoded.step_end) for encoded in branches.encoded]
    target = np.concatenate([target[:n] for target, n in zip(branches.targets, counts, strict=True)])
    problem = np.repeat(problem[branches.solution], counts)
    labeled = target != IGNORE
    prob = score(model, branches.encoded).prob[labeled]
    target, problem = target[labeled].astype(np.int64), problem[labeled]
    # A probability is 0 in float64 only where a logit is off by hundreds; its log must remain finite.
    given = np.maximum(prob[np.arange(len(target)), target], np.finfo(np.float64).tiny)
    hit = prob.argmax(axis=1) == target
    auroc = auroc_interval(-prob[:, 0], target > 0, problem)
    return {
        "problems": len(np.unique(problem)),
        "labels": len(target),
        "step_auroc": {name: _number(getattr(auroc, name)) for name in ("estimate", "lower", "upper")},
        "loss": float(-np.log(given).mean()),
        "accuracy": float(hit.mean()),
        "by_class": {
            name: {
                "labels": int((target == c).sum()),
                "accuracy": float(hit[target == c].mean()) if (target == c).any() else None,
            }
            for c, name in enumerate(CLASSES[3])
        },
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
