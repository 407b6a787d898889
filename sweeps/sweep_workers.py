"""Workers of a sweep: processes on this machine, each with its own connection to the storage."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna

from ablations.engine.machine import Machine
from ablations.engine.processes import context_of, one_thread, take_environment
from ablations.engine.ranks import Devices, RankFailed, take_gpus
from ablations.engine.run import run_tasks
from ablations.engine.store import Store
from ablations.experiments.hyperparameters import HyperparametersSettings, training_fold
from sweeps.spaces import SPACES
from sweeps.study import HEARTBEAT, Studies, storage_of


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Everything that a worker needs."""

    space: str
    """Key in ``SPACES``."""
    settings: HyperparametersSettings
    """Settings that are not searched."""
    trials: int
    """Number of trials per arm."""
    storage: str
    """URL of the storage."""
    store: Path
    """Folder of artifacts."""
    heartbeat: int = HEARTBEAT
    """Seconds between two heartbeats of a worker."""
    devices: Devices = Devices()
    """Devices of a trial's model, for training and scoring; the ranks know nothing of the storage."""

    @property
    def studies(self) -> Studies:
        """The studies, on their own connection to the storage."""
        name = "-".join(filter(None, [self.space, self.settings.scale, self.settings.source.world]))
        storage = storage_of(self.storage, self.heartbeat)
        return Studies(name=name, arms=self.settings.arms, storage=storage)

    def objective(self, arm: str) -> Callable[[optuna.Trial], float]:
        """Returns the function to maximize for an arm."""
        from sweeps.objective import Objective  # only workers need torch

        return Objective(
            settings=self.settings,
            fold=training_fold(self.settings),
            arm=arm,
            space=SPACES[self.space],
            store=Store(self.store),
            machine=Machine(devices=self.devices),
        )


class WorkersDied(RankFailed):
    """All workers of a sweep died."""


def run(sweep: Sweep, workers: int) -> None:
    """Plans the trials, makes their shared inputs, and works until none is left.

    Raises:
        WorkersDied: all workers died. If only some die, the others continue, and retry their trials.
        RunFailed: the shared inputs could not be made.
    """
    with sweep.studies as studies:
        studies.plan(sweep.trials)
    fold = training_fold(sweep.settings)
    needed = (fold.base, fold.train, fold.train_labels, fold.validation)
    run_tasks(needed, Store(sweep.store), workers, machine=Machine(devices=sweep.devices))
    if workers == 1:
        work(sweep, 0)
        return
    context = context_of(cuda=sweep.settings.device == "cuda")
    with one_thread():
        environment = dict(os.environ)
        processes = [
            context.Process(target=_work_in_process, args=(environment, sweep, number))
            for number in range(workers)
        ]
        for process in processes:
            process.start()
    try:
        for process in processes:
            process.join()
    except KeyboardInterrupt:
        for process in processes:
            process.terminate()
        raise
    if all(process.exitcode for process in processes):
        raise WorkersDied(f"all {workers} workers died")


def work(sweep: Sweep, number: int) -> None:
    """Runs one worker."""
    if sweep.settings.device == "cuda":
        take_gpus(number, sweep.devices.devices)
    optuna.logging.set_verbosity(logging.WARNING)
    logging.getLogger("optuna.study._optimize").addFilter(_drop_traceback)
    with one_thread(), sweep.studies as studies:
        studies.work(sweep.objective, number)


def _work_in_process(environment: dict[str, str], sweep: Sweep, number: int) -> None:
    take_environment(environment)
    work(sweep, number)


def _drop_traceback(record: logging.LogRecord) -> bool:
    """Drops the traceback from what Optuna logs about a trial whose training diverged."""
    from lightning_modules.divergence import Diverged

    if record.exc_info and isinstance(record.exc_info[1], Diverged):
        record.exc_info = None
    return True
