"""Choice of a training run's checkpoint, and its early end, both by validation problems."""

from collections.abc import Callable
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from ablations.data.artifacts import Samples
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.steps.evaluation_rows import EvaluatedSolutions
from ablations.steps.score import score_encoded
from lightning_modules.divergence import check_finite
from lightning_modules.encoding import Encoded
from lightning_modules.process_group import ALONE, Group
from lightning_modules.reward_model import RewardModel
from lightning_modules.sharding import gather_weights


class Validation:
    """Best-of-N on validation problems, as the arm scores solutions."""

    def __init__(
        self, samples: Samples, encoded: list[Encoded], *, arm: str, n: int, group: Group = ALONE
    ) -> None:
        """
        Args:
            samples: the validation samples.
            encoded: the same, as the model reads them.
            arm: form of supervision, which decides how solutions are scored.
            n: N, unless a problem has fewer solutions; then their number.
            group: processes that evaluate together.
        """
        self.solutions = EvaluatedSolutions([samples])
        self.encoded, self.group = encoded, group
        self.scoring = SCORINGS[SCORING_OF[arm]]
        self.n = min(n, self.solutions.smallest)

    def __call__(self, model: RewardModel) -> float:
        score = self.scoring(score_encoded(model, self.encoded, group=self.group))
        return float(self.solutions.best_of(score, [self.n]).mean())


class KeepBest(Callback):
    """Evaluates evenly spaced checkpoints, keeps the weights of the best, and ends training on a plateau.

    Among equally good checkpoints, the latest is kept. A plateau is a number of consecutive evaluations, none
    of which is better than the best before them. The learning rate then falls to zero as at the end of every
    training run, and training ends at the next evaluation. The callback's state is saved with that of the
    training run, so a killed run resumes as if it had not been killed.
    """

    def __init__(
        self,
        judge: Callable[[RewardModel], float],
        *,
        updates: int,
        evaluations: int,
        patience: int | None = None,
        falling: int = 1,
        report_validation: Callable[[float, float], None] = lambda share, value: None,
    ) -> None:
        """
        Args:
            judge: model -> its value, in [0, 1].
            updates: maximum number of updates.
            evaluations: number of checkpoints that are evaluated over all updates.
            patience: evaluations in a plateau; None: training never ends early.
            falling: updates over which the learning rate falls to zero.
            report_validation: called after each evaluation with the share of ``updates`` done and the value.
        """
        self.judge, self.report_validation, self.updates = judge, report_validation, updates
        self.patience, self.falling = patience, falling
        self.at = {round(updates * (i + 1) / evaluations) for i in range(evaluations)} - {0}
        self.curve: list[tuple[int, float]] = []
        """(update, value) of each evaluation."""
        self.best_update, self.best_value = 0, -1.0
        self.best_state: dict[str, torch.Tensor] = {}
        self.end: int | None = None
        """Number of updates after which training ends, if a plateau was seen."""

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        module.end = self.end
        self._stop(trainer)

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *args: Any) -> None:
        last = self.curve[-1][0] if self.curve else 0
        if trainer.global_step in self.at and trainer.global_step != last:
            self._evaluate(trainer, module)
        self._stop(trainer)

    def _evaluate(self, trainer: lightning.Trainer, module: Any) -> None:
        check_finite(trainer, module)
        module.eval()
        value = self.judge(module)
        module.train()
        self.curve.append((trainer.global_step, value))
        if trainer.logger is not None:
            module.log("validation_best_of_n", value)
        if value >= self.best_value:
            self.best_update, self.best_value = trainer.global_step, value
            self.best_state = gather_weights(module)
        if self.end is None and self._on_plateau():
            later = [at for at in self.at if at >= trainer.global_step + self.falling]
            self.end = module.end = min(later, default=None)
        if trainer.is_global_zero:
            self.report_validation(trainer.global_step / self.updates, value)

    def _on_plateau(self) -> bool:
        values = [value for _, value in self.curve]
        return self.patience is not None and len(values) - 1 - values.index(max(values)) >= self.patience

    def _stop(self, trainer: lightning.Trainer) -> None:
        if self.end is not None and trainer.global_step >= self.end:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Returns the state to save."""
        names = ("curve", "best_update", "best_value", "best_state", "end")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` returned."""
        vars(self).update(state)
