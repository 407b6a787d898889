"""One trial of a study: a reward model trained at a suggested point, evaluated on validation problems."""

import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import optuna

from ablations.engine.machine import Machine
from ablations.engine.run import make_here
from ablations.engine.step import ordered
from ablations.engine.store import Store
from ablations.experiments.fold import TrainingFold
from ablations.experiments.hyperparameters import HyperparametersSettings
from ablations.experiments.trials import Hyperparameters, trial
from ablations.steps.evaluation_rows import Rows
from ablations.steps.validate import ValidateStudent
from ablations.supervision import TARGETS, LabelerArm
from results.analyses.sensitivity import METRIC
from sweeps.spaces import Categorical, Range, Space
from sweeps.study import ARTIFACTS


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Best-of-N on validation problems as a function of an Optuna trial; larger is better."""

    settings: HyperparametersSettings
    """All settings that are not searched, including the share of labels."""
    fold: TrainingFold
    """Data for training and evaluation."""
    arm: str
    """Form of supervision."""
    space: Space
    """Hyperparameters to search."""
    store: Store
    """Store of artifacts."""
    machine: Machine
    """Devices for training and scoring."""

    @cached_property
    def ranges(self) -> dict[str, Range | Categorical]:
        """Ranges of the hyperparameters that this arm has."""
        ranges = dict(self.space.of_all)
        if isinstance(TARGETS[self.arm], LabelerArm):
            ranges |= self.space.of_labeler
        if isinstance(multiples := ranges.get("max_updates"), Categorical):
            students = self.settings.students
            counts = {max(round(m * students.max_updates), students.evaluations) for m in multiples.values}
            ranges["max_updates"] = Categorical(values=tuple(sorted(counts)))
        return ranges

    def __call__(self, asked: optuna.Trial) -> float:
        """Trains and evaluates at a suggested point.

        Returns:
            Share of validation problems solved by best-of-N.

        Raises:
            optuna.TrialPruned: the trial was not promising; its unfinished work is deleted.
            Diverged: the training diverged.
        """
        point: dict[str, Any] = {name: _suggest(asked, name, values) for name, values in self.ranges.items()}
        task = self.task(replace(self.settings.center, **point))
        asked.set_user_attr(ARTIFACTS, [step.address for step in ordered([task])])

        def report_validation(share: float, value: float) -> None:
            asked.report(value, round(100 * share))
            if asked.should_prune():
                raise optuna.TrialPruned(f"after {share:.0%} of the updates")

        try:
            make_here(task, self.store, self.machine, report_validation=report_validation)
        except optuna.TrialPruned:
            shutil.rmtree(self.store.workspace(task.train.key))
            raise
        rows = Rows.read(self.store.path(task)).rows
        return float(np.mean([row["value"] for row in rows if row["metric"] == METRIC]))

    def task(self, point: Hyperparameters) -> ValidateStudent:
        """Returns the step that trains and evaluates at a point."""
        return trial(
            self.settings.students,
            self.fold,
            arm=self.arm,
            data_scale=self.settings.data_scale,
            point=point,
            seed=0,
        )


def _suggest(asked: optuna.Trial, name: str, values: Range | Categorical) -> float | bool:
    if isinstance(values, Categorical):
        return asked.suggest_categorical(name, values.values)
    return asked.suggest_float(name, values.low, values.high, log=values.log)
