"""Which checkpoint of a training is kept: the one that does best on validation problems."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from ablations.evaluation import best_of_n
from ablations.scoring import SCORING_OF, SCORINGS
from ablations.stages.judged import Judged
from ablations.stages.scores import score_encoded
from lightning_modules.divergence import check_finite
from lightning_modules.encoding import encode_all
from lightning_modules.group import ALONE, Group
from lightning_modules.reward_model import RewardModel
from lightning_modules.sharding import whole_state


class Validation:
    """Best-of-N on validation problems, as the arm scores solutions."""

    def __init__(self, folder: Path, tokenizer: Any, config: dict[str, Any], group: Group = ALONE) -> None:
        self.held = Judged((folder,))
        samples = self.held.samples[0]
        self.encoded = encode_all(
            tokenizer, samples.prompts(), samples.steps(), max_length=config["max_length"]
        )
        self.scoring = SCORINGS[SCORING_OF[config["arm"]]]
        self.n = min(config["validation_n"], self.held.smallest)
        self.group = group

    def __call__(self, model: RewardModel) -> float:
        score = self.scoring(score_encoded(model, self.encoded, group=self.group))
        value_P = self.held.each(
            partial(best_of_n, ns=[self.n]), score, self.held.correct, self.held.finished
        )
        return float(value_P.mean())


class KeepBest(Callback):
    """Judges evenly spaced checkpoints and keeps the weights of the best; of equals the later.

    What it knows is part of a training's state, so that one that was killed goes on as if it had not been.
    """

    def __init__(
        self,
        judge: Callable[[RewardModel], float],
        *,
        updates: int,
        evaluations: int,
        judged: Callable[[float, float], None] = lambda share, value: None,
    ) -> None:
        self.judge, self.judged, self.updates = judge, judged, updates
        self.at = {round(updates * (i + 1) / evaluations) for i in range(evaluations)} - {0}
        self.curve: list[dict[str, float]] = []
        self.best_update, self.best_value = 0, -1.0
        self.best_state: dict[str, torch.Tensor] = {}

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *args: Any) -> None:
        if trainer.global_step not in self.at or (
            self.curve and self.curve[-1]["update"] == trainer.global_step
        ):
            return
        check_finite(trainer, module)
        module.eval()
        value = self.judge(module)
        module.train()
        self.curve.append({"update": trainer.global_step, "value": value})
        if trainer.logger is not None:
            module.log("validation_best_of_n", value)
        if value >= self.best_value:
            self.best_update, self.best_value = trainer.global_step, value
            self.best_state = whole_state(module)
        if trainer.is_global_zero:
            self.judged(trainer.global_step / self.updates, value)

    def state_dict(self) -> dict[str, Any]:
        """For the state of a training."""
        return {name: getattr(self, name) for name in ("curve", "best_update", "best_value", "best_state")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken."""
        for name, value in state.items():
            setattr(self, name, value)
