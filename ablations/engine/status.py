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
class Standing:
    """Status of one task."""

    task: Task
    """The task."""
    state: State
    """done: its artifact exists; running: a process is making it; failed: the last try did; else waiting."""
    elapsed: float = 0.0
    """Seconds that it has been running."""
    message: str = ""
    """Last line of the error that it failed with."""


def standings(tasks: Sequence[Task], store: Store) -> list[Standing]:
    """Returns the status of each task; changes nothing in the store."""
    return [_standing(task, store) for task in tasks]


def _standing(task: Task, store: Store) -> Standing:
    if store.fault(task, full=False) is None:
        return Standing(task=task, state="done")
    if (since := store.made_since(task.key)) is not None:
        return Standing(task=task, state="running", elapsed=max(0.0, time.time() - since))
    if (failure := store.failure(task.key)) is not None:
        lines = failure.strip().splitlines() or [""]
        return Standing(task=task, state="failed", message=lines[-1])
    return Standing(task=task, state="waiting")


def seconds_left(found: Sequence[Standing], store: Store) -> float:
    """Estimates the seconds left with the current number of workers, with failed tasks tried again."""
    elapsed = {one.task: one.elapsed for one in found if one.state != "done"}
    rates = Rates(store)
    running = sum(one.state == "running" for one in found)
    return total_seconds(
        list(elapsed), lambda task: max(0.0, rates.seconds(task) - elapsed[task]), max(1, running)
    )


def described(found: Sequence[Standing], store: Store) -> str:
    """Formats for display the tasks by step and state, what is running, and what failed with which error."""
    counts = Counter((one.task.name, one.state) for one in found)
    total = Counter(one.state for one in found)
    names = list(dict.fromkeys(one.task.name for one in found))
    rows = [(name, *(str(counts[name, state] or "") for state in STATES)) for name in names]
    left = seconds_left(found, store)
    summary = ", ".join(f"{total[state]} {state}" for state in STATES)
    parts = [
        text_table(("step", *STATES), rows, right=(1, 2, 3, 4)),
        f"{len(found)} tasks: {summary}" + (f"; about {duration(left)} left" if left > 0 else ""),
    ]
    parts += [
        f"running for {duration(one.elapsed)}: {one.task.label}" for one in found if one.state == "running"
    ]
    parts += [
        f"failed: {one.task.label}: {one.message} ({store.failure_file(one.task.key)})"
        for one in found
        if one.state == "failed"
    ]
    return "\n".join(parts)


def described_store(store: Store) -> str:
    """Formats for display what a store holds, what is being made in it, and what failed last."""
    made = Counter(address.partition("/")[0] for address in store.addresses())
    lines = [text_table(("step", "artifacts"), [(name, f"{n:,}") for name, n in made.items()], right=(1,))]
    now = time.time()
    lines += [f"running for {duration(max(0.0, now - since))}: {label}" for label, since in store.running()]
    for key in store.failed_keys():
        told = (store.failure(key) or key).strip().splitlines()
        lines.append(f"failed: {told[0]}: {told[-1]} ({store.failure_file(key)})")
    return "\n".join(lines)
