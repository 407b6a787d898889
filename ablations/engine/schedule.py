"""Order of tasks and estimates of their time. Knows tasks and the store, but nothing about processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.engine.progress import Reporter, text_table
from ablations.engine.step import Task, ordered
from ablations.engine.store import Store

PRIOR_SECONDS = 60.0
"""Seconds of work assumed to take as long as planned, weighed against the timings of other steps."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A task that failed."""

    task: Task
    kind: str
    """Type of the exception, or `WorkerDied`."""
    message: str
    """Last line of its message."""
    traceback: Path
    """File with the full traceback."""
    error: BaseException | None = None
    """What was raised, if it was raised in this process."""


class RunFailed(Exception):
    """Raised when tasks failed; all that did not need them was made."""

    def __init__(self, failures: tuple[Failure, ...], blocked: tuple[Task, ...]) -> None:
        self.failures = failures
        self.blocked = blocked
        rows = [(one.task.label, one.kind, one.message, str(one.traceback)) for one in failures]
        count = f"tasks failed: {len(failures)}; not tried because they need one of these: {len(blocked)}"
        super().__init__(f"{count}\n{text_table(('task', 'error', 'message', 'traceback'), rows)}")


class Rates:
    """Estimates of task durations from weights and timings."""

    def __init__(self, store: Store) -> None:
        self._sums: dict[str, tuple[float, float]] = {}  # step -> seconds, weight
        for timing in store.timings().values():
            if not timing.resumed:
                self.add(timing.step, timing.weight, timing.seconds)

    def add(self, step: str, weight: float, seconds: float) -> None:
        """Records that a task of this step and weight took so many seconds."""
        total_seconds, total_weight = self._sums.get(step, (0.0, 0.0))
        self._sums[step] = total_seconds + seconds, total_weight + weight

    def seconds(self, task: Task) -> float:
        """Estimates seconds: the task's weight, corrected by the timings of its step, or else of all."""
        if task.name in self._sums:
            seconds, weight = self._sums[task.name]
            return task.weight * seconds / weight
        # A few short tasks of other steps say little.
        seconds, weight = (sum(sums[k] for sums in self._sums.values()) + PRIOR_SECONDS for k in (0, 1))
        return task.weight * seconds / weight


def path_seconds(tasks: list[Task], seconds: Callable[[Task], float]) -> dict[Task, float]:
    """Returns the seconds from each task's start to the end of the longest path of tasks that wait for it.

    Each task comes after its inputs; inputs that are not among the tasks take no time.
    """
    after = dict.fromkeys(tasks, 0.0)
    path = {}
    for task in reversed(tasks):
        path[task] = seconds(task) + after[task]
        for parent in task.parents:
            if parent in after:
                after[parent] = max(after[parent], path[task])
    return path


def total_seconds(tasks: list[Task], seconds: Callable[[Task], float], workers: int) -> float:
    """Estimates the time of all tasks: the longest path or each worker's fair share, whichever is longer.

    Each task comes after its inputs.
    """
    return max([sum(map(seconds, tasks)) / workers, *path_seconds(tasks, seconds).values()])


class Run:
    """State of one run: which tasks wait, are ready or are over. Keeps the reporter informed."""

    def __init__(
        self,
        targets: Iterable[Task],
        store: Store,
        workers: int,
        reporter: Reporter,
        *,
        fail_fast: bool = False,
    ) -> None:
        targets = tuple(targets)
        self.failures: list[Failure] = []
        self.blocked: list[Task] = []
        self.workers = workers
        self._store, self._reporter, self._fail_fast = store, reporter, fail_fast
        self._rates = Rates(store)
        self._running: dict[Task, float] = {}  # fraction done
        self._over: set[Task] = set()

        made, needed = self._sort_out(targets)
        self.needed = [task for task in ordered(targets) if task in needed]
        self._waits_for = {task: needed.intersection(task.parents) for task in self.needed}
        self._children: dict[Task, list[Task]] = {task: [] for task in self.needed}
        for task, parents in self._waits_for.items():
            for parent in parents:
                self._children[parent].append(task)
        self._work = {task: self._rates.seconds(task) for task in self.needed}
        self._path = path_seconds(self.needed, self._work.__getitem__)
        self.ready = [task for task in self.needed if not self._waits_for[task]]
        reporter.begin(len(self.needed), len(made), sum(self._work.values()))

    def take(self, among: Sequence[Task] | None = None) -> Task:
        """Takes the ready task with the longest path to the end, an urgent one first.

        `among` restricts the choice.
        """
        task = max(self.ready if among is None else among, key=lambda task: (task.urgent, self._path[task]))
        self.ready.remove(task)
        self._running[task] = 0.0
        self._reporter.started(task)
        return task

    def progressed(self, task: Task, fraction: float) -> None:
        """Records that a task has done this fraction of its work."""
        self._running[task] = min(max(fraction, 0.0), 1.0)
        self._reporter.progressed(task, self._running[task], self._done(), self._left())

    def finished(self, task: Task, seconds: float | None) -> None:
        """Records that a task's artifact exists; `seconds` is None if another run made it."""
        self._end(task)
        if seconds is not None:
            self._rates.add(task.name, task.weight, seconds)
        for child in self._children[task]:
            self._waits_for[child].discard(task)
            ended = self._fail_fast and self.failures
            if not self._waits_for[child] and child not in self._over and not ended:
                self.ready.append(child)
        self._reporter.ended(task, seconds, None, self._done(), self._left())

    def failed(
        self, task: Task, kind: str, message: str, text: str, error: BaseException | None = None
    ) -> None:
        """Records that a task failed, with the details in `text`; what needs it is not tried."""
        self._end(task)
        if self._fail_fast:
            self.ready.clear()
        path = self._store.write_failure(task.key, f"{task.label} ({task.address})\n\n{text}")
        self.failures.append(Failure(task=task, kind=kind, message=message, traceback=path, error=error))
        stack = list(self._children[task])
        while stack:
            child = stack.pop()
            if child not in self._over:
                self._over.add(child)
                self.blocked.append(child)
                self._reporter.blocked(child)
                stack.extend(self._children[child])
        self._reporter.ended(task, None, f"{kind}: {message}", self._done(), self._left())

    def _sort_out(self, targets: tuple[Task, ...]) -> tuple[set[Task], set[Task]]:
        """Returns the tasks that exist and those to make; inputs of existing ones are not checked."""
        made: set[Task] = set()
        needed: set[Task] = set()
        stack = list(targets)
        while stack:
            task = stack.pop()
            if task in made or task in needed:
                continue
            if self._store.verify(task):
                made.add(task)
            else:
                needed.add(task)
                stack.extend(task.parents)
        return made, needed

    def _end(self, task: Task) -> None:
        self._running.pop(task)
        self._over.add(task)

    def _done(self) -> float:
        over = sum(self._work[task] for task in self._over)
        return over + sum(self._work[task] * fraction for task, fraction in self._running.items())

    def _left(self) -> float:
        def seconds(task: Task) -> float:
            return self._rates.seconds(task) * (1.0 - self._running.get(task, 0.0))

        return total_seconds([task for task in self.needed if task not in self._over], seconds, self.workers)
