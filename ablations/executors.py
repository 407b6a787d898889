"""Runs tasks: in this process, in several, or on a Ray cluster.

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
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ablations.pipeline import DEFAULT_STAGES, Context, Inputs, Recipe, Stage, Task, load_stages, ordered
from ablations.progress import Reporter, reporter_of
from ablations.resources import Resources
from ablations.scheduling import Run, RunFailed
from ablations.store import Store

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ONE_PROCESSOR = Resources()
PROGRESS_EVERY = 0.2
"""Seconds between two reports of a worker's progress."""


def default_workers() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Everything computes with one thread, also in processes started and libraries first imported within."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else None
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if torch is not None and threads is not None:
            torch.set_num_threads(threads)


def run_tasks(
    targets: Iterable[Task],
    store: Store,
    workers: int | None = None,
    stages: str = DEFAULT_STAGES,
    reporter: Reporter | None = None,
    executor: str = "local",
    address: str | None = None,
    resources: Resources = ONE_PROCESSOR,
) -> None:
    """Makes all targets stand in the store, with whatever they need that does not.

    Args:
        targets: tasks; duplicates are made once.
        store: where artifacts are.
        workers: tasks at once; local, 1 runs in this process. None is the number of cores, or all that the
            cluster at `address` has room for.
        stages: import path `module:NAME` of the stage table.
        reporter: told how it goes on; None is bars on a terminal, lines elsewhere.
        executor: one of `EXECUTORS`.
        address: `HOST:PORT` or `auto` of the Ray cluster to join; None starts a Ray here, for this run alone.
        resources: what a task asks of the cluster.

    Raises:
        RunFailed: when all that could be done is done, if any task failed.
        ValueError: an argument is not allowed, a task does not fit the stage table, or a node of the cluster
            may not take part.
    """
    _check_executor(executor, address, resources)
    if workers is None and address is None:
        workers = default_workers()
    if workers is not None and workers < 1:
        raise ValueError(f"workers: {workers} is not allowed; must be at least 1")
    with one_thread():
        targets = tuple(targets)
        load_stages(stages, ordered(targets))
        store.clean()
        reporter = reporter or reporter_of()
        run = Run(targets, store, workers or 1, reporter)
        try:
            EXECUTORS[executor](run, store, stages, workers, address, resources)
        finally:
            reporter.close()
    if run.failures:
        raise RunFailed(tuple(run.failures), tuple(run.blocked))


def _check_executor(executor: str, address: str | None, resources: Resources) -> None:
    """Raises a ValueError unless there is such an executor, and what is said of a cluster concerns it."""
    if executor not in EXECUTORS:
        raise ValueError(f"executor: found {executor!r}; allowed: {', '.join(EXECUTORS)}")
    if executor != "ray":
        for name, found, unsaid in (("address", address, None), ("resources", resources, ONE_PROCESSOR)):
            if found != unsaid:
                raise ValueError(f"{name}: found {found}; allowed: with executor ray alone")


def _run_locally(
    run: Run, store: Store, stages: str, workers: int | None, address: str | None, resources: Resources
) -> None:
    assert workers is not None and address is None
    if workers == 1:
        _run_here(run, store, load_stages(stages))
    else:
        _run_in_processes(run, store, workers, stages)


def _run_on_ray(
    run: Run, store: Store, stages: str, workers: int | None, address: str | None, resources: Resources
) -> None:
    try:
        from ablations.ray_executor import run_on_ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ValueError(
            "executor: found ray, which is not installed; allowed: local, or ray after pip install '.[ray]'"
        ) from error
    run_on_ray(run, store, stages, workers, address, resources)


EXECUTORS: dict[str, Callable[[Run, Store, str, int | None, str | None, Resources], None]] = {
    "local": _run_locally,
    "ray": _run_on_ray,
}
"""How the tasks of a run are run: `executor(run, store, stages, workers, address, resources)`."""


def _run_here(run: Run, store: Store, table: Mapping[str, Stage]) -> None:
    while run.ready:
        task = run.take()
        report = throttled(partial(run.progressed, task), PROGRESS_EVERY)
        try:
            seconds = store.make(task.recipe(), table[task.stage], report)
        except (Exception, SystemExit) as error:
            run.failed(task, *_describe(error))
        else:
            run.finished(task, seconds)


def _run_in_processes(run: Run, store: Store, workers: int, stages: str) -> None:
    idle: list[_Worker] = []
    busy: dict[Connection, tuple[_Worker, Task]] = {}
    try:
        while run.ready or busy:
            while run.ready and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(store.root, stages)
                if not worker.alive:
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

    def __init__(self, root: Path, stages: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._root = root
        self._process = context.Process(target=_work, args=(theirs, str(root), stages))
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
        return why, f"{why}\n\n{last_words(self._root, task.key)}"

    def end(self) -> None:
        self._process.terminate()

    def join(self) -> None:
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()


def _work(connection: Connection, root: str, stages: str) -> None:
    """A worker process: makes what it is given until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    threading.Thread(target=_follow_parent, daemon=True).start()
    store = Store(root)
    while True:
        try:
            recipe: Recipe = connection.recv()
        except EOFError:
            return
        report = throttled(lambda fraction: connection.send(("progress", fraction)), PROGRESS_EVERY)
        try:
            message = attempt(recipe, store, stages, report)
        except KeyboardInterrupt:  # the parent ended it in the middle of a training
            return
        connection.send(message)


def attempt(recipe: Recipe, store: Store, stages: str, report: Callable[[float], None]) -> tuple[Any, ...]:
    """Makes one artifact in a process that makes nothing else meanwhile.

    Returns:
        `("finished", seconds)`, or `("failed", type, last line, traceback)` of what the stage raised.
    """
    try:
        stage = load_stages(stages)[recipe.stage]
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(1)
        quiet = _printing_to(store.root / "logs" / f"{recipe.key}.txt", stage)
        return "finished", store.make(recipe, quiet, report)
    except (Exception, SystemExit) as error:
        return "failed", *_describe(error)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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


def last_words(root: Path, key: str) -> str:
    """The end of what a process printed that died while it made an artifact."""
    printed = root / "logs" / f"{key}.txt"
    return printed.read_text(errors="replace")[-4000:] if printed.exists() else ""


def throttled(report: Callable[[float], None], every: float) -> Callable[[float], None]:
    """Passes on what a task says of its progress, once in so many seconds."""
    last = 0.0

    def progress(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every:
            last = now
            report(float(fraction))

    return progress


def _describe(error: BaseException) -> tuple[str, str, str]:
    """An exception's type, last line and traceback."""
    lines = str(error).strip().splitlines() or ["no message"]
    return type(error).__name__, lines[-1], "".join(traceback.format_exception(error))
