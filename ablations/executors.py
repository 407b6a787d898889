"""Runs tasks, in this process or in several.

A task always computes with one thread, so that records do not depend on how many workers there were. It
starts as soon as its inputs stand, the longest remaining path first. One that fails, or whose worker dies,
stops only the tasks that need it; at the end all failures are told together.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ablations.devices import Devices, take_gpus
from ablations.logs import Logs
from ablations.pipeline import DEFAULT_STAGES, Context, Inputs, Recipe, Stage, Task, load_stages, ordered
from ablations.processes import default_workers, end_with_parent, one_thread
from ablations.progress import Reporter, reporter_of
from ablations.scheduling import Run, RunFailed
from ablations.store import Store

PROGRESS_EVERY = 0.2
"""Seconds between two reports of a worker's progress."""


def run_tasks(
    targets: Iterable[Task],
    store: Store,
    workers: int | None = None,
    stages: str = DEFAULT_STAGES,
    reporter: Reporter | None = None,
    devices: Devices | None = None,
    logs: Logs | None = None,
) -> None:
    """Makes all targets stand in the store, with whatever they need that does not.

    Args:
        targets: tasks; duplicates are made once.
        store: where artifacts are.
        workers: how many tasks at once; 1 runs them in this process; None is as many as the cores allow.
        stages: import path `module:NAME` of the stage table.
        reporter: told how it goes on; None is bars on a terminal, lines elsewhere.
        devices: what one model is trained and scores on; None is one.
        logs: what trainings log to; None is nothing.

    Raises:
        RunFailed: when all that could be done is done, if any task failed.
        ValueError: `workers` is below 1, or a task does not fit the stage table.
    """
    devices, logs = devices or Devices(), logs or Logs()
    if workers is None:
        workers = default_workers(devices.devices) if devices.group.size == 1 else 1
    if workers < 1:
        raise ValueError(f"workers: {workers} is not allowed; must be at least 1")
    if workers > 1 and devices.group.size > 1:
        raise ValueError(f"workers: found {workers}; allowed: 1 under torchrun or SLURM")
    with one_thread():
        targets = tuple(targets)
        load_stages(stages, ordered(targets))
        store.clean()
        reporter = reporter or reporter_of()
        run = Run(targets, store, workers, reporter)
        try:
            if workers == 1:
                _run_here(run, store, stages, devices, logs)
            else:
                _run_in_processes(run, store, workers, stages, devices, logs)
        finally:
            reporter.close()
    if run.failures:
        raise RunFailed(tuple(run.failures), tuple(run.blocked))


def _run_here(run: Run, store: Store, stages: str, devices: Devices, logs: Logs) -> None:
    while run.ready:
        task = run.take()
        report = _throttled(partial(run.progressed, task))
        try:
            recipe, stage = task.recipe(), devices.spread(stages, task.stage)
            seconds = store.make(recipe, stage, report, logs=logs.of(recipe))
        except (Exception, SystemExit) as error:
            run.failed(task, *_describe(error))
        else:
            run.finished(task, seconds)


def _run_in_processes(
    run: Run, store: Store, workers: int, stages: str, devices: Devices, logs: Logs
) -> None:
    idle: list[_Worker] = []
    free = set(range(workers))
    busy: dict[Connection, tuple[_Worker, Task]] = {}
    try:
        while run.ready or busy:
            while run.ready and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(store.root, stages, devices, logs, free.pop())
                if not worker.alive:
                    free.add(worker.number)
                    worker.join()
                    continue
                task = run.take()
                busy[worker.connection] = (worker, task)
                worker.give(task.recipe())
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                worker, task = busy[connection]
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    del busy[connection]
                    free.add(worker.number)
                    run.failed(task, "WorkerDied", *worker.death(task))
                    continue
                if message[0] == "progress":
                    run.progressed(task, message[1])
                    continue
                del busy[connection]
                idle.append(worker)
                if message[0] == "finished":
                    run.finished(task, message[1])
                else:
                    run.failed(task, *message[1:])
    finally:
        for worker in idle:
            worker.connection.close()  # it ends by itself, and gives back what it holds
        for worker, _ in busy.values():
            worker.end()
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            worker.join()
        store.clean()  # what workers that died left


class _Worker:
    """A process that makes one artifact after another."""

    def __init__(self, root: Path, stages: str, devices: Devices, logs: Logs, number: int) -> None:
        self.number = number
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._root = root
        self._process = context.Process(target=_work, args=(theirs, str(root), stages, devices, logs, number))
        self._process.start()
        theirs.close()  # so that its death closes the pipe

    @property
    def alive(self) -> bool:
        """Whether it has not died while it had nothing to do."""
        return self._process.is_alive()

    def give(self, recipe: Recipe) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has just died: the next recv says so
            self.connection.send(recipe)

    def death(self, task: Task) -> tuple[str, str]:
        """Why it is gone: one line, and the whole story."""
        self.join()
        code = self._process.exitcode or 0
        if code < 0:
            why = f"its process was ended by {signal.Signals(-code).name}"
            why += " (out of memory?)" if -code == signal.SIGKILL else ""
        else:
            why = f"its process exited with code {code}"
        printed = self._root / "logs" / f"{task.key}.txt"
        return why, f"{why}\n\n{printed.read_text(errors='replace')[-4000:] if printed.exists() else ''}"

    def end(self) -> None:
        self._process.terminate()

    def join(self) -> None:
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()


def _work(connection: Connection, root: str, stages: str, devices: Devices, logs: Logs, number: int) -> None:
    """A worker process: makes what it is given until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    end_with_parent()
    take_gpus(number, devices.devices)
    store = Store(root)
    while True:
        try:
            recipe: Recipe = connection.recv()
        except EOFError:
            return
        try:
            stage = devices.spread(stages, recipe.stage)
            if (torch := sys.modules.get("torch")) is not None:
                torch.set_num_threads(1)
            report = _throttled(lambda fraction: connection.send(("progress", fraction)))
            quiet = _printing_to(Path(root) / "logs" / f"{recipe.key}.txt", stage)
            message: tuple[Any, ...] = ("finished", store.make(recipe, quiet, report, logs=logs.of(recipe)))
        except KeyboardInterrupt:  # the parent ended it in the middle of a training
            return
        except (Exception, SystemExit) as error:
            message = ("failed", *_describe(error))
        connection.send(message)


def _printing_to(path: Path, stage: Stage) -> Stage:
    """The stage, with all that it prints, from C too, sent to a file, which is kept unless empty."""

    def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = os.dup(1), os.dup(2)
        with path.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        try:
            stage.run(config, inputs, out, context)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
            if not path.stat().st_size:
                path.unlink()

    return Stage(stage.version, run)


def _throttled(report: Callable[[float], None]) -> Callable[[float], None]:
    last = 0.0

    def progress(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_EVERY:
            last = now
            report(float(fraction))

    return progress


def _describe(error: BaseException) -> tuple[str, str, str]:
    """An exception's type, last line and traceback."""
    lines = str(error).strip().splitlines() or ["no message"]
    return type(error).__name__, lines[-1], "".join(traceback.format_exception(error))
