"""Several processes that share one job: each loads the generator, on its own GPU or its own core."""

from __future__ import annotations

import contextlib
import signal
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from ablations.engine.attempts import described
from ablations.engine.processes import end_with_parent
from ablations.engine.ranks import RankFailed, take_gpus
from ablations.engine.shards import Counter
from ablations.generators.job import Job


def run_job(job: Job, counter: Counter) -> None:
    """Runs a job on as many devices as its setup says.

    Args:
        job: the work to do; other commands may take part.
        counter: receives the progress.

    Raises:
        ValueError: the generator cannot be loaded.
        RankFailed: a process failed or died; the others have been ended.
    """
    devices = job.setup.sampling.devices
    if devices == 1:
        job.run(counter)
        return
    spawn = get_context("spawn")
    members: dict[Connection, BaseProcess] = {}
    process: BaseProcess
    try:
        for number in range(devices):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_member, args=(theirs, job, number))
            process.start()
            theirs.close()  # so that its death closes the pipe
            members[ours] = process
        waiting = set(members)
        while waiting:
            for connection in wait(list(waiting)):
                assert isinstance(connection, Connection)
                event, *more = _received(connection, members[connection])
                if event == "finished":
                    waiting.remove(connection)
                else:
                    getattr(counter, event)(*more)
    finally:
        for connection, process in members.items():
            connection.close()
            process.kill()
            process.join()


class _Reports:
    """Reports the progress of the shards to the process that started this one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, number: int) -> None:
        self._connection.send(("start", number))

    def progressed(self, number: int, fraction: float) -> None:
        self._connection.send(("progressed", number, fraction))

    def end(self, number: int, seconds: float | None) -> None:
        self._connection.send(("end", number, seconds))


def _received(connection: Connection, process: BaseProcess) -> tuple[Any, ...]:
    """Receives the next message.

    Raises:
        ValueError: the process reports a mistake by the user.
        RankFailed: it failed otherwise, or died.
    """
    try:
        message: tuple[Any, ...] = connection.recv()
    except (EOFError, OSError):
        process.join()
        code = process.exitcode or 0
        why = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        raise RankFailed(f"a process of the generator {why}") from None
    if message[0] == "failed":
        kind, line, story = message[1:]
        if kind == "ValueError":
            raise ValueError(line)
        raise RankFailed(f"a process of the generator failed:\n{story}")
    return message


def _member(connection: Connection, job: Job, number: int) -> None:
    """Runs one process of the crew."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: the parent decides
    if job.setup.sampling.device == "cuda":
        take_gpus(number, 1)
    import torch

    torch.set_num_threads(1)
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        try:
            job.run(_Reports(connection))
        except (Exception, SystemExit) as error:
            connection.send(("failed", *described(error)))
        else:
            connection.send(("finished",))
