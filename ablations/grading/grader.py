"""Grading of final answers: by their text if that suffices, otherwise by Math-Verify in other processes.

A pair on which a process fails, or which it does not finish, is ungraded: neither right nor wrong.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any

from ablations.grading.answers import extract_answer, for_mathematics, told_by_text
from ablations.grading.math_verify_worker import BROKEN, equivalent, work

__all__ = ["Grader", "Pair", "extract_answer"]

Pair = tuple[str | None, str]
"""A solution's answer, None if it has none, and the reference answer."""
START_SECONDS = 120.0
"""Seconds that a process has to become ready."""
STARTS = 3
"""Number of processes in a row that must die before they are ready for grading to fail."""


class Grader:
    """Grader of pairs of answers; its processes persist within `with`, and none is left after it."""

    def __init__(
        self, workers: int = 1, seconds: float = 5.0, judge: Callable[[str, str], bool] = equivalent
    ) -> None:
        """
        Args:
            workers: number of processes, which are started when a pair first needs them.
            seconds: wall-time limit per pair.
            judge: (answer, reference) -> whether they are equal; a function at the top level of a module,
                because the processes import it.

        Raises:
            ValueError: a number is out of range.
        """
        if workers < 1:
            raise ValueError(f"workers: found {workers}; allowed: 1 or more")
        if not 0 < seconds < math.inf:
            raise ValueError(f"seconds: found {seconds}; allowed: above 0, and finite")
        self._count, self._seconds, self._judge = workers, seconds, judge
        self._workers: list[_Worker] = []

    def __enter__(self) -> Grader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes."""
        while self._workers:
            self._workers.pop().end()

    def grade(
        self, pairs: Sequence[Pair], progress: Callable[[int, int], None] | None = None
    ) -> list[bool | None]:
        """Grades pairs, equal ones only once.

        Args:
            pairs: answers, each with its reference.
            progress: called now and then with the number of graded pairs and the number of all pairs.

        Returns:
            For each pair, in the order given: True if right, False if wrong, None if ungraded.

        Raises:
            ValueError: a pair needs Math-Verify, and it is not installed.
            RuntimeError: processes die as soon as they are started.
        """
        often = Counter(pairs)
        verdicts = {pair: told_by_text(*pair) for pair in often}
        left = [pair for pair, verdict in verdicts.items() if verdict is None]
        done = len(pairs) - sum(often[pair] for pair in left)

        def graded(pair: Pair, verdict: bool | None) -> None:
            nonlocal done
            verdicts[pair] = verdict
            done += often[pair]
            if progress is not None:
                progress(done, len(pairs))

        if progress is not None:
            progress(done, len(pairs))
        if left:
            try:
                self._ask(left, graded)
            except BaseException:
                self.close()  # otherwise pending messages would be taken for later verdicts
                raise
        return [verdicts[pair] for pair in pairs]

    def _ask(self, pairs: Iterable[Pair], graded: Callable[[Pair, bool | None], None]) -> None:
        """Gives each pair to a process, and reports its verdict."""
        if self._judge is equivalent and importlib.util.find_spec("math_verify") is None:
            raise ValueError(
                "math_verify: found no such package, which other answers than plain numbers need; allowed: "
                "installed, by pip install '.[real]'"
            )
        waiting = deque(pairs)
        died = 0
        while waiting or any(worker.pair for worker in self._workers):
            self._hire(len(waiting))
            for worker in list(self._workers):
                if worker.idle and waiting:
                    if worker.alive:
                        worker.give(waiting.popleft(), self._seconds)
                    else:
                        self._dismiss(worker)
            for worker, message in self._heard():
                if worker.pair is not None:
                    pair, worker.pair = worker.pair, None
                    if isinstance(message, _Silence):
                        self._dismiss(worker)
                        graded(pair, None)
                    else:
                        graded(pair, message)
                elif isinstance(message, _Silence):
                    self._dismiss(worker)
                    died += 1
                    if died == STARTS:
                        raise RuntimeError(f"{died} grading processes in a row died as they were started")
                elif message[0] == BROKEN:
                    raise ValueError(
                        f"math_verify: found it broken ({message[1]}); allowed: as pip install '.[real]' "
                        "installs it"
                    )
                else:
                    worker.ready, died = True, 0

    def _hire(self, waiting: int) -> None:
        """Starts as many processes as have something to do."""
        asked = sum(worker.pair is not None for worker in self._workers)
        while len(self._workers) < min(self._count, waiting + asked):
            self._workers.append(_Worker(self._judge, self._seconds))

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()

    def _heard(self) -> list[tuple[_Worker, Any]]:
        """Waits for the next messages from busy processes; silence from those that died or are overdue."""
        busy = [worker for worker in self._workers if not worker.idle]
        if not busy:
            return []
        rest = min(worker.deadline for worker in busy) - time.monotonic()
        spoke = wait([worker.connection for worker in busy], max(0.0, rest))
        now = time.monotonic()
        return [
            (worker, worker.message() if worker.connection in spoke else _Silence())
            for worker in busy
            if worker.connection in spoke or now >= worker.deadline
        ]


class _Silence:
    """Stand-in for a message that will not come, or is too late."""


class _Worker:
    """A grading process, seen from its parent."""

    def __init__(self, judge: Callable[[str, str], bool], seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, judge, seconds), daemon=True)
        self._process.start()
        theirs.close()  # so that its death closes the pipe
        self.ready = False
        """Whether it has begun to take pairs."""
        self.pair: Pair | None = None
        """Pair that it is grading, if any."""
        self.deadline = time.monotonic() + START_SECONDS
        """Time by which it must have sent a message, in time.monotonic()."""

    @property
    def idle(self) -> bool:
        return self.ready and self.pair is None

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def give(self, pair: Pair, seconds: float) -> None:
        """Sends it a pair to grade."""
        answer, reference = pair
        assert answer is not None  # a missing answer is wrong without asking
        self.pair = pair
        self.deadline = time.monotonic() + seconds
        with contextlib.suppress(BrokenPipeError):  # it has just died: its next message says so
            self.connection.send((for_mathematics(answer), for_mathematics(reference)))

    def message(self) -> Any:
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return _Silence()

    def end(self) -> None:
        """Kills the process, which has nothing to lose."""
        self._process.kill()
        self._process.join()
        self.connection.close()
