"""Processes that do one job after another: a job whose process dies or hangs fails alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Generic, TypeVar

Job = TypeVar("Job")
Message = tuple[Any, ...]
BEGUN: Message = ("begun",)
"""A process's first message on a job. All others but those on progress are its last."""
PROGRESS = "progress"
"""First word of messages that more will follow."""
START_SECONDS = 120.0
"""Seconds in which a process begins its job, if jobs have a time limit."""
STARTS = 3
"""Number of processes in a row that may die before they begin a job until the job is lost."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """What became of a job without a last message: its process died or was overdue."""

    why: str
    """The cause in words."""
    begun: bool
    """Whether the process had begun; if not, others were tried too."""


class WorkerPool(Generic[Job]):
    """Processes that are started when there is something to do, and replaced when they die.

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
        self._start, self._seconds, self._patience = start, seconds, patience
        self._free = set(range(workers))
        self._idle: list[_Worker[Job]] = []
        self._busy: list[_Worker[Job]] = []

    def __enter__(self) -> WorkerPool[Job]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, take: Callable[[], tuple[Job, Any] | None]) -> Iterator[tuple[Job, Message | Lost]]:
        """Does jobs until there is none, and yields the messages on each.

        Args:
            take: returns the next job, with what a process gets of it; None if there is none at the moment.
        """
        again: list[tuple[Job, Any]] = []
        died = 0
        while True:
            while (self._idle or self._free) and (taken := again.pop() if again else take()) is not None:
                self._give(*taken)
            if not self._busy:
                return
            for worker in self._heard():
                message = worker.message(self._seconds)
                if message == BEGUN:
                    died = 0
                    continue
                if isinstance(message, Lost):
                    self._busy.remove(worker)
                    self._end(worker)
                    died += not message.begun
                    if not message.begun and died < STARTS:
                        again.append(worker.job)
                        continue
                elif message[0] != PROGRESS:
                    self._busy.remove(worker)
                    self._idle.append(worker)
                yield worker.job[0], message

    def close(self) -> None:
        """Ends the processes; whatever they were doing is lost."""
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
        worker.give(job, content, None if self._seconds is None else START_SECONDS)
        self._busy.append(worker)

    def _heard(self) -> list[_Worker[Job]]:
        """Waits until processes have something to say, are dead or are overdue."""
        deadlines = [worker.deadline for worker in self._busy if worker.deadline is not None]
        rest = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        spoke = wait([worker.connection for worker in self._busy], rest)
        return [worker for worker in self._busy if worker.connection in spoke or worker.overdue]

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
        """Its job, with what it was given of it."""
        self.begun = False
        """Whether it has begun that job."""
        self.deadline: float | None = None
        """Time by which it must have said something, in time.monotonic(); None: whenever."""

    @property
    def overdue(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def give(self, job: Job, content: Any, seconds: float | None) -> None:
        self.job, self.begun = (job, content), False
        self._expect(seconds)
        with contextlib.suppress(BrokenPipeError):  # it has just died: its next message says so
            self.connection.send(content)

    def message(self, seconds: float | None) -> Message | Lost:
        """Returns its next message, after the first of which it has ``seconds``; or that there is none."""
        try:
            if not self.connection.poll():
                return Lost(why="its process took too long and was killed", begun=self.begun)
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            return Lost(why=self._death(), begun=self.begun)
        if message == BEGUN:
            self.begun = True
            self._expect(seconds)
        return message

    def end(self, patience: float) -> None:
        if patience:
            self.process.join(patience)
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _expect(self, seconds: float | None) -> None:
        self.deadline = None if seconds is None else time.monotonic() + seconds

    def _death(self) -> str:
        self.process.join(1)
        code = self.process.exitcode or 0
        if code >= 0:
            return f"its process exited with code {code}"
        memory = " (out of memory?)" if code == -signal.SIGKILL else ""
        return f"its process was ended by {signal.Signals(-code).name}{memory}"
