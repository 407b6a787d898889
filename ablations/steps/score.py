"""The step that scores every step of many solutions with a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ablations.data.artifacts import Samples
from ablations.data.models import TrainedModel
from ablations.data.ragged import Ragged
from ablations.data.states import States
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.steps.base_model import CausalModel
from ablations.steps.state_rows import StateRows
from lightning_modules.process_group import ALONE, Group

if TYPE_CHECKING:
    from lightning_modules.encoding import Encoded
    from lightning_modules.reward_model import RewardModel


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelOnSamples:
    """A model, and samples to score."""

    model: Step[TrainedModel]
    samples: Step[Samples]
    base: Step[CausalModel] | None = None
    """Base of the model, if it is an adapter."""
    states: tuple[Step[States], ...] = ()
    """States of the samples, for a head on a frozen trunk, which reads them instead of tokens."""
    device: str = "cpu"
    max_length: int | None = None
    """Maximum tokens of a solution; steps beyond it are unscored; None: no limit."""

    def scores(self, context: Context) -> StepScores:
        """Computes the class probabilities of every step."""
        from ablations.steps.encoded_samples import encode_samples
        from lightning_modules.positions import check_lengths
        from lightning_modules.reward_model import RewardModel
        from lightning_modules.tokenization import load_tokenizer

        folder = context.read(self.model).folder
        base = None if self.base is None else context.read(self.base).folder
        model = RewardModel.from_folder(folder, base=base).eval().to(self.device)
        if self.states:
            rows = StateRows(layer=model.backbone.config.layer, pooled=model.backbone.config.pooled)
            encoded = rows.encoded(States.join(context.read_all(self.states)), context.read(self.samples))
            rows.attach(model.backbone)
        else:
            tokenizer = load_tokenizer(folder)
            encoded = encode_samples(context.folder(self.samples), tokenizer, self.max_length)
            check_lengths(model.backbone, encoded)
        return score_encoded(model, encoded, context.progress, context.group)


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreSolutions(ModelOnSamples, Step[StepScores], name="scores", spreads=True):
    """Scores samples with a model."""

    def run(self, context: Context) -> StepScores:
        return self.scores(context)


def score_encoded(
    model: RewardModel,
    encoded: list[Encoded],
    progress: Callable[[float], None] | None = None,
    group: Group = ALONE,
) -> StepScores:
    """Scores all steps; steps that were cut away, and the ends of their solutions, are unscored (NaN).

    Raises:
        ValueError: the model returns a number that is not finite.
    """
    from lightning_modules.scoring import score

    scored = score(model, encoded, progress=progress, group=group)
    if not (np.isfinite(scored.prob).all() and np.isfinite(scored.last).all()):
        raise ValueError("scores: found NaN or infinity from the model; allowed: probabilities in [0, 1]")
    counts = np.diff(scored.offsets)
    cut = np.array([e.cut_steps for e in encoded], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts + cut)])
    prob = np.full((int(offsets[-1]), scored.prob.shape[1]), np.nan)
    prob[np.arange(len(scored.prob)) + np.repeat(offsets[:-1] - scored.offsets[:-1], counts)] = scored.prob
    last = np.where(cut > 0, np.nan, scored.last)
    return StepScores(prob=Ragged(values=prob, offsets=offsets), last=last)
