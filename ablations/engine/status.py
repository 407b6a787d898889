"""Status of a run, seen from outside: which tasks are done, running, failed or waiting."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ablations.engine.progress import duration, text_table
from ablations.engine.schedule import Rates, total_seconds
from ablations.engine.step import Task
from ablations.engine.store import Store

State = Literal["done", "running", "failed", "waiting"]
STATES: tuple[State, ...] = ("done", "running", "failed", "waiting")


@dataclass(frozen=True, kw_only=True)
class Status:
    """Status of one task."""

    task: Task
    state: State
    """done: its artifact exists; running: a process is making it; failed: the last try did; else waiting."""
    elapsed: float = 0.0
    """Seconds that it has been running."""
    message: str = ""
    """Last line of the error that it failed with."""


def task_statuses(tasks: Sequence[Task], store: Store) -> list[Status]:
    """Returns the status of each task; changes nothing in the store."""
    return [_status(task, store) for task in tasks]


def _status(task: Task, store: Store) -> Status:
    if store.fault(task, full=False) is None:
        return Status(task=task, state="done")
    if (since := store.running_since(task.key)) is not None:
        return Status(task=task, state="running", elapsed=max(0.0, time.time() - since))
    if (failure := store.failure(task.key)) is not None:
        lines = failure.strip().splitlines() or [""]
        return Status(task=task, state="failed", message=lines[-1])
    return Status(task=task, state="waiting")


def seconds_left(statuses: Sequence[Status], store: Store) -> float:
    """Estimates the seconds left with the current number of workers, with failed tasks tried again."""
    elapsed = {status.task: status.elapsed for status in statuses if status.state != "done"}
    rates = Rates(store)
    running = sum(status.state == "running" for status in statuses)
    return total_seconds(
        list(elapsed), lambda task: max(0.0, rates.seconds(task) - elapsed[task]), max(1, running)
    )


def describe_statuses(statuses: Sequence[Status], store: Store) -> str:
    """Formats for display the tasks by step and state, what is running, and what failed with which error."""
    counts = Counter((status.task.name, status.state) for status in statuses)
    total = Counter(status.state for status in statuses)
    names = list(dict.fromkeys(status.task.name for status in statuses))
    rows = [(name, *(str(counts[name, state] or "") for state in STATES)) for name in names]
    left = seconds_left(statuses, store)
    summary = ", ".join(f"{total[state]} {state}" for state in STATES)
    lines = [
        text_table(("step", *STATES), rows, right=(1, 2, 3, 4)),
        f"{len(statuses)} tasks: {summary}" + (f"; about {duration(left)} left" if left > 0 else ""),
    ]
    for status in statuses:
        if status.state == "running":
            lines.append(f"running for {duration(status.elapsed)}: {status.task.label}")
    for status in statuses:
        if status.state == "failed":
            file = store.failure_file(status.task.key)
            lines.append(f"failed: {status.task.label}: {status.message} ({file})")
    return "\n".join(lines)


def describe_store(store: Store) -> str:
    """Formats for display what a store holds, what is being made in it, and what failed last."""
    counts = Counter(address.partition("/")[0] for address in store.addresses())
    rows = [(name, f"{count:,}") for name, count in counts.items()]
    lines = [text_table(("step", "artifacts"), rows, right=(1,))]
    now = time.time()
    lines += [f"running for {duration(max(0.0, now - since))}: {label}" for label, since in store.running()]
    for key in store.failed_keys():
        failure = (store.failure(key) or key).strip().splitlines()
        lines.append(f"failed: {failure[0]}: {failure[-1]} ({store.failure_file(key)})")
    return "\n".join(lines)
