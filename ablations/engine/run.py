"""Runs tasks: in this process, in several, or on a Ray cluster.

A task always computes with one thread, so that records do not depend on the number of workers. It starts as
soon as its inputs exist, the longest remaining path first. A task that fails, or whose worker dies, stops
only the tasks that need it; all failures are reported together at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from ablations.engine.machine import Machine
from ablations.engine.processes import default_workers, one_thread
from ablations.engine.progress import Reporter, reporter_of
from ablations.engine.schedule import Run, RunFailed
from ablations.engine.step import Task, ignore, ordered
from ablations.engine.store import Store
from ablations.engine.workers import run_locally

THIS_MACHINE = Machine()


def run_tasks(
    targets: Iterable[Task],
    store: Store,
    workers: int | None = None,
    reporter: Reporter | None = None,
    machine: Machine = THIS_MACHINE,
    *,
    fail_fast: bool = False,
) -> None:
    """Makes all targets that are not in the store, and all that they need that is not.

    Args:
        targets: duplicates are made once.
        store: where artifacts are.
        workers: number of tasks at once; with the local executor, 1 runs in this process. None means as many
            as the cores allow, or as the cluster has room for.
        reporter: receives the progress; None shows bars on a terminal, lines elsewhere.
        machine: what to compute on.
        fail_fast: whether a failure ends the run: no other task starts after it.

    Raises:
        RunFailed: a task failed; raised once all that could be done is done.
        ValueError: an argument is not allowed, or a node of the cluster may not take part.
    """
    if machine.executor not in EXECUTORS:
        raise ValueError(f"executor: found {machine.executor!r}; allowed: {', '.join(EXECUTORS)}")
    launched = machine.devices.group.size > 1
    if workers is None and machine.address is None:
        workers = 1 if launched else default_workers(machine.devices.devices)
    if workers is not None and workers < 1:
        raise ValueError(f"workers: found {workers}; allowed: 1 or more")
    if workers != 1 and launched:
        raise ValueError(f"workers: found {workers}; allowed: 1 under torchrun or SLURM")
    with one_thread():
        store.clean()
        reporter = reporter or reporter_of()
        run = Run(targets, store, workers or 1, reporter, fail_fast=fail_fast)
        try:
            EXECUTORS[machine.executor](run, store, workers, machine)
        finally:
            reporter.close()
    if run.failures:
        raise RunFailed(tuple(run.failures), tuple(run.blocked))


def make_here(
    target: Task,
    store: Store,
    machine: Machine = THIS_MACHINE,
    progress: Callable[[Task, float], None] = lambda step, fraction: None,
    report_validation: Callable[[float, float], None] = ignore,
) -> None:
    """Makes a target and what it needs in this process, one after another; what a step raises is raised.

    `progress` gets each step and the fraction of it that is done; see `Context` for `report_validation`.
    """
    for step in ordered([target]):
        if store.fault(step, full=False) is not None:
            report = partial(progress, step)
            store.make(step, report, machine.devices.execute, report_validation, machine.logs)


def _run_on_ray(run: Run, store: Store, workers: int | None, machine: Machine) -> None:
    try:
        from ablations.engine.ray import run_on_ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ValueError(
            "executor: found ray, which is not installed; allowed: local, or ray after pip install '.[ray]'"
        ) from error
    run_on_ray(run, store, workers, machine)


EXECUTORS: dict[str, Callable[[Run, Store, int | None, Machine], None]] = {
    "local": run_locally,
    "ray": _run_on_ray,
}
"""Functions that run the tasks of a run: `executor(run, store, workers, machine)`."""
