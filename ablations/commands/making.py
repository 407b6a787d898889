"""Making the steps of a command: like a run's, but the first failure ends it."""

from __future__ import annotations

from collections.abc import Sequence

from ablations.engine.machine import Machine
from ablations.engine.progress import reporter_of
from ablations.engine.run import THIS_MACHINE, run_tasks
from ablations.engine.schedule import RunFailed
from ablations.engine.step import Task
from ablations.engine.store import Store


def make_all(
    steps: Sequence[Task], store: Store, workers: int, log_format: str, machine: Machine = THIS_MACHINE
) -> None:
    """Makes steps that are not in the store, with whatever they need.

    Args:
        steps: what to make.
        store: where artifacts are.
        workers: number of steps at once; 1 makes them in this process.
        log_format: format of the progress.
        machine: what to compute on.

    Raises:
        ValueError: a step found a mistake by the user.
        RunFailed: a worker process failed otherwise, or died.
        Exception: what a step raised in this process.
    """
    try:
        run_tasks(steps, store, workers, reporter_of(log_format), machine, fail_fast=True)
    except RunFailed as failed:
        first = failed.failures[0]
        if first.error is not None:
            raise first.error from None
        if first.kind == "ValueError":
            raise ValueError(first.message) from None
        raise
