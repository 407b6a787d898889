"""Processes that do one job after another. If a process dies or hangs, only its job fails."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

Job = TypeVar("Job")
Message = tuple[Any, ...]
BEGUN: Message = ("begun",)
"""A process's first message on a job."""
PROGRESS = "progress"
"""First item of messages on progress. Any other message except ``BEGUN`` is the last one on a job."""
START_SECONDS = 120.0
"""Seconds in which a process begins its job, if jobs have a time limit."""
STARTS = 3
"""Number of processes in a row that die before they begin a job until the job is lost."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Outcome of a job whose process died or was overdue."""

    why: str
    begun: bool
    """Whether the process had begun; if not, other processes failed to begin, too."""


class WorkerPool(Generic[Job]):
    """Processes that are started when there is a job, and replaced when they die.

    They persist between runs, until the pool is closed.
    """

    def __init__(
        self,
        workers: int,
        start: Callable[[Connection, int], BaseProcess],
        *,
        seconds: float | None = None,
        patience: float = 0.0,
    ) -> None:
        """
        Args:
            workers: maximum number of processes.
            start: starts one, given its end of a connection and its number below ``workers``. It receives
                jobs there, answers with messages, and ends when the other end is closed.
            seconds: wall-time limit per job; None: no limit.
            patience: seconds that a process has to end by itself before it is killed.
        """
        self._start, self._patience = start, patience
        self._seconds = math.inf if seconds is None else seconds
        self._free = set(range(workers))
        self._idle: list[_Worker[Job]] = []
        self._busy: list[_Worker[Job]] = []

    def __enter__(self) -> WorkerPool[Job]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def run(self, take: Callable[[], tuple[Job, Any] | None]) -> Iterator[tuple[Job, Message | Lost]]:
        """Does jobs until there is none, and yields the messages on each.

        `take` returns the next job and the content that a process gets, or None if there is none for now.
        """
        retries: list[tuple[Job, Any]] = []
        died = 0
        while True:
            while (self._idle or self._free) and (job := retries.pop() if retries else take()) is not None:
                self._give(*job)
            if not self._busy:
                return
            for worker in self._wait():
                message = worker.message(self._seconds)
                if message == BEGUN:
                    died = 0
                    continue
                if isinstance(message, Lost):
                    self._busy.remove(worker)
                    self._end(worker)
                    died += not message.begun
                    if not message.begun and died < STARTS:
                        retries.append(worker.job)
                        continue
                elif message[0] != PROGRESS:
                    self._busy.remove(worker)
                    self._idle.append(worker)
                yield worker.job[0], message

    def close(self) -> None:
        """Ends the processes; unfinished jobs are lost."""
        for worker in self._idle:
            worker.connection.close()  # it ends by itself and releases what it holds
        for worker in self._busy:
            worker.process.terminate()
        while self._idle or self._busy:
            self._end((self._idle or self._busy).pop())

    def _give(self, job: Job, content: Any) -> None:
        """Gives a job to a process that has none, or to a new one."""
        while self._idle and not self._idle[-1].process.is_alive():
            self._end(self._idle.pop())
        worker = self._idle.pop() if self._idle else _Worker(self._free.pop(), self._start)
        worker.give(job, content, math.inf if self._seconds == math.inf else START_SECONDS)
        self._busy.append(worker)

    def _wait(self) -> list[_Worker[Job]]:
        """Waits for processes that have sent a message, are dead or are overdue."""
        deadline = min(worker.deadline for worker in self._busy)
        left = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
        ready = wait([worker.connection for worker in self._busy], left)
        now = time.monotonic()
        return [worker for worker in self._busy if worker.connection in ready or now >= worker.deadline]

    def _end(self, worker: _Worker[Job]) -> None:
        worker.end(self._patience)
        self._free.add(worker.number)


class _Worker(Generic[Job]):
    """A process, seen from its parent."""

    def __init__(self, number: int, start: Callable[[Connection, int], BaseProcess]) -> None:
        self.number = number
        self.connection, theirs = multiprocessing.Pipe()
        self.process = start(theirs, number)
        theirs.close()  # so that its death closes the pipe
        self.job: tuple[Job, Any]
        """Its job and the content that it got."""
        self.begun = False
        """Whether it has begun that job."""
        self.deadline = math.inf
        """Time by which it must have sent a message, in time.monotonic()."""

    def give(self, job: Job, content: Any, seconds: float) -> None:
        self.job, self.begun, self.deadline = (job, content), False, time.monotonic() + seconds
        with contextlib.suppress(BrokenPipeError):  # it has just died: its next message says so
            self.connection.send(content)

    def message(self, seconds: float) -> Message | Lost:
        """Returns its next message, or the loss of its job; after ``BEGUN``, the job has ``seconds``."""
        try:
            if not self.connection.poll():
                return Lost(why="its process took too long and was killed", begun=self.begun)
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(1)
            code = self.process.exitcode or 0
            why = f"its process exited with code {code}"
            if code < 0:
                memory = " (out of memory?)" if code == -signal.SIGKILL else ""
                why = f"its process was ended by {signal.Signals(-code).name}{memory}"
            return Lost(why=why, begun=self.begun)
        if message == BEGUN:
            self.begun, self.deadline = True, time.monotonic() + seconds
        return message

    def end(self, patience: float) -> None:
        if patience:
            self.process.join(patience)
        self.process.kill()
        self.process.join()
        self.connection.close()
