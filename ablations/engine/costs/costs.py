"""Costs of tasks: operations, hours on devices, and whether measured times agree.

Operations are those of matrix products. A token takes 2 per parameter forward and 4 more backward, and in
attention 4 per layer, unit of width and token of its row forward, 8 more backward (Kaplan et al., arXiv
2001.08361, Section 2.1; Chowdhery et al., arXiv 2204.02311, Appendix B). Whole rows are counted, because they
are computed, not only what a mask lets through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ablations.engine.costs.hardware import Device
from ablations.engine.costs.work import Role, Work
from ablations.engine.schedule import path_seconds
from ablations.engine.step import Task
from ablations.engine.store import Timing
from lightning_modules.sizes import Size

TEXT_SECONDS = 1e-4
"""Seconds that the host takes to tokenize and lay out a solution; measured on one core."""
AGREE = 2.0
"""Factor within which a prediction agrees with a measurement."""
NO_MODEL = "runs no model"

_NAMES: dict[tuple[str, Role], str] = {
    ("mathmix", "student"): "MathMix of students",
    ("generator", "generator"): "finetuning of the generator",
    ("samples", "generator"): "sampling",
    ("large_prm", "large"): "training of large PRMs",
    ("train", "student"): "training of students",
    ("train", "large"): "training of large ORMs",
    ("scores", "student"): "scoring by students",
    ("scores", "large"): "labeling and scoring by large models",
    ("opinion", "student"): "opinions of selectors",
    ("opinion", "large"): "opinions of large PRMs",
}


@dataclass(frozen=True, kw_only=True)
class WorkCost:
    """Cost of all tasks of one kind of work."""

    what: str
    """Kind of work, for display."""
    tasks: int
    tokens: int
    """Tokens that pass through models."""
    operations: float
    """FLOP."""
    seconds: tuple[float, ...]
    """Seconds on each number of devices."""


@dataclass(frozen=True, kw_only=True)
class TimedWork:
    """Predicted and measured seconds of all timed tasks of one kind of work."""

    what: str
    """Kind of work, for display."""
    tasks: int
    predicted: float
    """Seconds."""
    measured: float
    """Seconds."""

    @property
    def agrees(self) -> bool:
        """Whether neither is more than ``AGREE`` times the other."""
        return self.predicted <= AGREE * self.measured and self.measured <= AGREE * self.predicted


def operations(work: Work, size: Size) -> float:
    """Returns the FLOP of some work by a backbone of some size."""
    language = work.kind in ("language training", "sampling")
    passes = 3 if work.kind in ("training", "language training") else 1  # backward costs two forward passes
    products = 2 * (size.language if language else size.reward)
    attention = 4 * size.layers * size.width * work.context
    return float(work.tokens) * passes * (products + attention)


def task_seconds(task: Task, sizes: Mapping[Role, Size], device: Device) -> float:
    """Returns the seconds of a task on one device; 0 if it runs no model."""
    return sum(
        operations(work, sizes[work.role])
        / (device.peak * (device.sampling if work.kind == "sampling" else device.utilization))
        + work.texts * TEXT_SECONDS
        for work in task.work
    )


def compute_costs(
    tasks: Sequence[Task], sizes: Mapping[Role, Size], device: Device, counts: Sequence[int]
) -> tuple[list[WorkCost], WorkCost]:
    """Computes costs by kind of work and in total, each as if its tasks were all that is computed.

    A task waits for those that it needs, so no number of devices takes less than the longest path, in which
    all devices compute together what can be spread over them. Each task comes after its inputs.
    """

    def cost(what: str, part: list[Task]) -> WorkCost:
        seconds = {task: task_seconds(task, sizes, device) for task in part}

        def seconds_on(count: int) -> float:
            together = {task: seconds[task] / (count if task.spreads else 1) for task in part}
            return max([sum(seconds.values()) / count, *path_seconds(part, together.__getitem__).values()])

        return WorkCost(
            what=what,
            tasks=len(part),
            tokens=sum(task.tokens or 0 for task in part),
            operations=sum(sum(operations(work, sizes[work.role]) for work in task.work) for task in part),
            seconds=tuple(map(seconds_on, counts)),
        )

    return [cost(what, part) for what, part in _by_kind(tasks).items()], cost("in total", list(tasks))


def longest_path(tasks: Sequence[Task], seconds: Callable[[Task], float]) -> list[Task]:
    """Returns the tasks that wait for each other and together take longest, without those that take no time.

    Each task comes after its inputs.
    """
    done: dict[Task, float] = {}
    for task in tasks:
        before = (done[parent] for parent in task.parents if parent in done)
        done[task] = seconds(task) + max(before, default=0.0)
    path = [max(tasks, key=done.__getitem__)]
    while parents := [parent for parent in path[0].parents if parent in done]:
        path.insert(0, max(parents, key=done.__getitem__))
    return [task for task in path if seconds(task)]


def compare_times(
    tasks: Sequence[Task], sizes: Mapping[Role, Size], device: Device, timings: Mapping[str, Timing]
) -> list[TimedWork]:
    """Compares predicted and measured seconds by kind of work, the total last; empty if nothing is timed.

    Timings (by key) on other devices, and those of resumed tasks, are left out.
    """
    timed = [
        task
        for task in tasks
        if task.work and (timing := timings.get(task.key)) and not timing.resumed
        if device.timed_as in timing.device
    ]
    if not timed:
        return []
    return [
        TimedWork(
            what=what,
            tasks=len(part),
            predicted=sum(task_seconds(task, sizes, device) for task in part),
            measured=sum(timings[task.key].seconds for task in part),
        )
        for what, part in (*_by_kind(timed).items(), ("in total", timed))
    ]


def _by_kind(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    kinds: dict[str, list[Task]] = {}
    for task in tasks:
        kind = NO_MODEL
        if task.work:
            role = task.work[0].role
            kind = _NAMES.get((task.name, role), f"{task.name} ({role})")
        kinds.setdefault(kind, []).append(task)
    if NO_MODEL in kinds:
        kinds[NO_MODEL] = kinds.pop(NO_MODEL)  # moved to the end
    return kinds
