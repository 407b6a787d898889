"""Grading of final answers: by their text if that suffices, otherwise by Math-Verify in other processes.

A pair on which a process fails, or which it does not finish, is ungraded: neither right nor wrong.
"""

from __future__ import annotations

import importlib.util
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType

from ablations.engine.processes import context_of
from ablations.engine.worker_pool import Lost, WorkerPool
from ablations.grading.answers import extract_answer, for_mathematics, told_by_text
from ablations.grading.math_verify_worker import BROKEN, equivalent, work

__all__ = ["Grader", "Pair", "extract_answer"]

Pair = tuple[str | None, str]
"""A solution's answer, None if it has none, and the reference answer."""


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
        self.seconds = seconds
        self._judge = judge
        self._pool = WorkerPool[Pair](
            workers, lambda connection, number: _start(connection, judge, seconds), seconds=seconds
        )

    def __enter__(self) -> Grader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes."""
        self._pool.close()

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
        left = iter(pairs)

        def take() -> tuple[Pair, Pair] | None:
            if (pair := next(left, None)) is None:
                return None
            answer, reference = pair
            assert answer is not None  # a missing answer is wrong without asking
            return pair, (for_mathematics(answer), for_mathematics(reference))

        for pair, message in self._pool.run(take):
            if isinstance(message, Lost):
                if not message.begun:
                    raise RuntimeError(f"grading processes die as they are started: {message.why}")
                graded(pair, None)
            elif message[0] == BROKEN:
                raise ValueError(
                    f"math_verify: found it broken ({message[1]}); allowed: as pip install '.[real]' "
                    "installs it"
                )
            else:
                graded(pair, message[1])


def _start(connection: Connection, judge: Callable[[str, str], bool], seconds: float) -> BaseProcess:
    context = context_of(cuda=False, runs_model=False)
    process = context.Process(target=work, args=(connection, judge, seconds), daemon=True)
    process.start()
    return process
