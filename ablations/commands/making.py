"""Making the steps of a command: like a run's, but the first failure ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ablations.engine.machine import Machine
from ablations.engine.progress import NamedWork, Reporter, reporter_of
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


@contextmanager
def reported(label: str, work: float, log_format: str) -> Iterator[Callable[[float], None]]:
    """Reports grading, which is no step; yields the callback for the fraction done."""
    reporter = reporter_of(log_format)
    reporter.begin(1, 0, work)
    try:
        with part(reporter, label, work) as progress:
            yield progress
    finally:
        reporter.close()


@contextmanager
def part(
    reporter: Reporter, label: str, work: float, before: float = 0.0
) -> Iterator[Callable[[float], None]]:
    """Reports a part of grading, after ``before`` of the work; yields the callback for the fraction done."""
    task, began = NamedWork(label=label, address=f"grade/{label}"), time.monotonic()

    def progress(share: float) -> None:
        left = (time.monotonic() - began) * (1 - share) / share if share else 0.0
        reporter.progressed(task, share, before + share * work, left)

    reporter.started(task)
    yield progress
    reporter.ended(task, time.monotonic() - began, None, before + work, 0.0)
