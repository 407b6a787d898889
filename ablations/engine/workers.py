"""The local executor: tasks in this process, or in several on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from ablations.engine.attempts import attempt, described, last_words, throttled
from ablations.engine.machine import Machine
from ablations.engine.processes import context_of, end_with_parent, take_environment
from ablations.engine.ranks import take_gpus
from ablations.engine.schedule import Run
from ablations.engine.step import Task
from ablations.engine.store import Store

PROGRESS_EVERY = 0.2
"""Seconds between two progress reports of a worker."""


def run_locally(run: Run, store: Store, workers: int | None, machine: Machine) -> None:
    """Makes what a run needs; with one worker, in this process."""
    assert workers is not None
    if workers == 1:
        _run_here(run, store, machine)
    else:
        _run_in_processes(run, store, workers, machine)


def _run_here(run: Run, store: Store, machine: Machine) -> None:
    while run.ready:
        task = run.take()
        report = throttled(partial(run.progressed, task), PROGRESS_EVERY)
        try:
            seconds = store.make(task, report, machine.devices.execute, logs=machine.logs)
        except (Exception, SystemExit) as error:
            run.failed(task, *described(error), error)
        else:
            run.finished(task, seconds)


def _run_in_processes(run: Run, store: Store, workers: int, machine: Machine) -> None:
    idle: list[_Worker] = []
    free = set(range(workers))
    cuda = any(task.device == "cuda" for task in run.needed)
    runs_model = any(task.runs_model for task in run.needed)
    start = partial(_Worker, store.root, machine, cuda=cuda, runs_model=runs_model)
    busy: dict[Connection, tuple[_Worker, Task]] = {}
    try:
        while run.ready or busy:
            while run.ready and len(busy) < workers:
                worker = idle.pop() if idle else start(free.pop())
                if not worker.alive:
                    free.add(worker.number)
                    worker.join()
                    continue
                task = run.take()
                busy[worker.connection] = (worker, task)
                worker.give(task)
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
            worker.connection.close()  # it ends by itself and releases what it holds
        for worker, _ in busy.values():
            worker.end()
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            worker.join()
        store.clean()  # removes what dead workers left behind


class _Worker:
    """A process that makes one artifact after another."""

    def __init__(self, root: Path, machine: Machine, number: int, *, cuda: bool, runs_model: bool) -> None:
        self.number = number
        context = context_of(cuda=cuda, runs_model=runs_model)
        self.connection, theirs = context.Pipe()
        self._root = root
        arguments = (theirs, dict(os.environ), str(root), machine, number, cuda)
        self._process = context.Process(target=_work, args=arguments)
        self._process.start()
        theirs.close()  # so that its death closes the pipe

    @property
    def alive(self) -> bool:
        """Whether it has not died while idle."""
        return self._process.is_alive()

    def give(self, task: Task) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has just died: the next recv reports it
            self.connection.send(task.detached())

    def death(self, task: Task) -> tuple[str, str]:
        """Returns why it died: one line, and the same with the end of its output."""
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


def _work(
    connection: Connection,
    environment: dict[str, str],
    root: str,
    machine: Machine,
    number: int,
    cuda: bool,
) -> None:
    """Runs in a worker process: makes what it is given until its parent is gone."""
    take_environment(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    end_with_parent()
    if cuda:  # otherwise a worker that needs no torch would import it
        take_gpus(number, machine.devices.devices)
    store = Store(root)
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        report = throttled(lambda fraction: connection.send(("progress", fraction)), PROGRESS_EVERY)
        try:
            message = attempt(task, store, machine, report)
        except KeyboardInterrupt:  # the parent ended it during a training
            return
        connection.send(message)
