"""The stage that scores every step of many solutions with a model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.artifacts import MODEL, SCORES
from ablations.data.ragged import Ragged
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, one
from ablations.steps.base_model import base_of
from ablations.steps.encoded_samples import encode_samples
from lightning_modules.encoding import Encoded
from lightning_modules.positions import check_lengths
from lightning_modules.process_group import ALONE, Group
from lightning_modules.reward_model import RewardModel
from lightning_modules.scoring import score
from lightning_modules.tokenization import load_tokenizer


def scores(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the probabilities of every step. Inputs: model, samples, base (optional; of adapters)."""
    found = scored(config, inputs, context)
    if context.group.first:
        found.write(out / SCORES)


def scored(config: dict[str, Any], inputs: Inputs, context: Context) -> StepScores:
    """Scores samples with a model, both from ``inputs``."""
    folder = one(inputs, "model")
    base = base_of(inputs).folder if "base" in inputs else None
    tokenizer = load_tokenizer(folder / MODEL)
    model = RewardModel.from_folder(folder / MODEL, base=base).eval().to(config["device"])
    encoded = encode_samples(one(inputs, "samples"), tokenizer, config["max_length"])
    check_lengths(model.backbone, encoded)
    return score_encoded(model, encoded, context.progress, context.group)


def score_encoded(
    model: RewardModel,
    encoded: list[Encoded],
    progress: Callable[[float], None] | None = None,
    group: Group = ALONE,
) -> StepScores:
    """Scores all steps; steps that were cut away are unscored (NaN), and so is their solution's end.

    Raises:
        ValueError: the model returns a number that is not finite.
    """
    found = score(model, encoded, progress=progress, group=group)
    if not (np.isfinite(found.prob).all() and np.isfinite(found.last).all()):
        raise ValueError("scores: found NaN or infinity from the model; allowed: probabilities in [0, 1]")
    judged = np.diff(found.offsets)
    cut = np.array([e.cut_steps for e in encoded], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(judged + cut)])
    prob = np.full((int(offsets[-1]), found.prob.shape[1]), np.nan)
    within = np.arange(len(found.prob)) - np.repeat(found.offsets[:-1], judged)
    prob[np.repeat(offsets[:-1], judged) + within] = found.prob
    last = np.where(cut > 0, np.nan, found.last)
    return StepScores(prob=Ragged(values=prob, offsets=offsets), last=last)
