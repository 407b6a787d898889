"""The local executor: tasks in this process, or in several on this machine."""

from __future__ import annotations

import os
import signal
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from ablations.engine.attempts import attempt, describe_error, last_output, throttle
from ablations.engine.machine import Machine
from ablations.engine.processes import context_of, end_with_parent, take_environment
from ablations.engine.ranks import take_gpus
from ablations.engine.schedule import Run
from ablations.engine.step import Task
from ablations.engine.store import Store
from ablations.engine.worker_pool import BEGUN, PROGRESS, Lost, WorkerPool

PROGRESS_EVERY = 0.2
"""Seconds between two progress reports of a worker."""
PATIENCE = 5.0
"""Seconds that a worker has to end by itself."""


def run_locally(run: Run, store: Store, workers: int | None, machine: Machine) -> None:
    """Makes what a run needs; with one worker, in this process."""
    assert workers is not None
    if workers > 1:
        _run_in_processes(run, store, workers, machine)
        return
    while run.ready:
        task = run.take()
        report = throttle(partial(run.progressed, task), PROGRESS_EVERY)
        try:
            seconds = store.make(task, report, machine.devices.execute, logs=machine.logs)
        except (Exception, SystemExit) as error:
            run.failed(task, *describe_error(error), error)
        else:
            run.finished(task, seconds)


def _run_in_processes(run: Run, store: Store, workers: int, machine: Machine) -> None:
    cuda = any(task.device == "cuda" for task in run.needed)
    context = context_of(cuda=cuda, runs_model=any(task.runs_model for task in run.needed))

    def start(connection: Connection, number: int) -> BaseProcess:
        arguments = (connection, dict(os.environ), Store(store.root), machine, number, cuda)
        process = context.Process(target=_work, args=arguments)
        process.start()
        return process

    def take() -> tuple[Task, Task] | None:
        return (task := run.take(), task.detached()) if run.ready else None

    try:
        with WorkerPool[Task](workers, start, patience=PATIENCE) as pool:
            for task, message in pool.run(take):
                if isinstance(message, Lost):
                    details = f"{message.why}\n\n{last_output(store.root, task.key)}"
                    run.failed(task, "WorkerDied", message.why, details)
                elif message[0] == PROGRESS:
                    run.progressed(task, message[1])
                elif message[0] == "finished":
                    run.finished(task, message[1])
                else:
                    run.failed(task, *message[1:])
    finally:
        store.clean()  # removes what dead workers left behind


def _work(
    connection: Connection,
    environment: dict[str, str],
    store: Store,
    machine: Machine,
    number: int,
    cuda: bool,
) -> None:
    """Runs in a worker process: makes the tasks that it receives until its parent is gone."""
    take_environment(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    end_with_parent()
    if cuda:  # otherwise a worker that needs no torch would import it
        take_gpus(number, machine.devices.devices)
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        connection.send(BEGUN)
        report = throttle(lambda fraction: connection.send((PROGRESS, fraction)), PROGRESS_EVERY)
        try:
            message = attempt(task, store, machine, report)
        except KeyboardInterrupt:  # the parent ended it during a training
            return
        connection.send(message)
