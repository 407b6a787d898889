"""Runs tasks on a Ray cluster whose nodes share the store's folder.

Ray starts tasks first come, first served. So it gets no more than the cluster can run at once, the longest
remaining path first, and the rest waits here. Ray retries a task whose worker or node dies, elsewhere if need
be, and the task resumes from its scratch folder; a task that raises is not retried. A node takes part
if it sees the store and has this machine's code: all nodes are checked before anything runs, and one that
joins later is checked when its first task starts there.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Any

import ray
from ray import ObjectRef
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ablations.engine.attempts import attempt, last_words, throttled
from ablations.engine.machine import Machine
from ablations.engine.ray_nodes import RETRIES, Nodes, Terms, connected, terms_of, within
from ablations.engine.schedule import Run
from ablations.engine.step import Task
from ablations.engine.store import Store

EVERY = 1.0
"""Seconds between two checks of the nodes and the progress, and between two reports of one task."""

log = logging.getLogger("ablations")


def run_on_ray(run: Run, store: Store, workers: int | None, machine: Machine) -> None:
    """Makes what a run needs on a cluster.

    Args:
        run: what to make.
        store: on a path that all nodes share.
        workers: maximum number of tasks at once; None: as many as the cluster has room for.
        machine: the cluster's address, None to start one on this machine, and what a task requests.

    Raises:
        ValueError: there is no cluster at the address, a node may not take part, or no node has what a task
            requests.
    """
    if not run.ready:
        return
    devices = machine.devices.devices

    def asked(task: Task) -> dict[str, float]:
        return machine.resources.asked(task, devices if task.spreads else 1)

    try:
        with connected(machine.address, workers), terms_of(store) as terms:
            nodes = Nodes(terms, asked)
            nodes.check(run.needed)
            _Crew(run, store, workers, machine, nodes).work()
    finally:
        store.clean()  # removes what dead workers left behind


@ray.remote
def _make(terms: Terms, machine: Machine, task: Task, board: Any) -> tuple[Any, ...]:
    """Runs ``attempt`` in a worker process; returns its result, or `("unfit", node, why)`."""
    if (why := terms.breach()) is not None:
        return "unfit", ray.get_runtime_context().get_node_id(), why
    report = throttled(lambda fraction: board.tell.remote(task.key, fraction), EVERY)
    return attempt(task, Store(terms.root), machine, report)


class _Board:
    """Progress of tasks: they write it here, and the driver reads it."""

    def __init__(self) -> None:
        self._fractions: dict[str, float] = {}

    def tell(self, key: str, fraction: float) -> None:
        self._fractions[key] = fraction

    def read(self) -> dict[str, float]:
        """Returns what is new since the last call."""
        told, self._fractions = self._fractions, {}
        return told


class _Crew:
    """Tasks that were submitted to Ray, and their outcomes."""

    def __init__(self, run: Run, store: Store, workers: int | None, machine: Machine, nodes: Nodes) -> None:
        self._run, self._store, self._machine = run, store, machine
        self._workers, self._nodes = workers, nodes
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        again: dict[str, Any] = {"max_restarts": -1, "max_task_retries": -1}
        board: Any = ray.remote(_Board)
        self._board = board.options(num_cpus=0, scheduling_strategy=here, **again).remote()
        self._news: ObjectRef[Any] = self._board.read.remote()
        self._flying: dict[ObjectRef[Any], Task] = {}
        self._waiting: Task | None = None

    def work(self) -> None:
        """Runs tasks until nothing is left that can be made."""
        looked = -EVERY
        try:
            while self._run.ready or self._flying:
                if time.monotonic() - looked >= EVERY:
                    looked = time.monotonic()
                    self._look()
                while self._has_room() and (fitting := self._fitting()):
                    self._submit(self._run.take(fitting))
                if not self._flying:
                    time.sleep(EVERY)
                    continue
                done, _ = ray.wait(list(self._flying), timeout=EVERY)
                for answer in done:
                    self._take_in(answer, self._flying.pop(answer))
        finally:
            for answer in self._flying:
                ray.cancel(answer, force=True)
            if self._flying:
                ray.wait(list(self._flying), num_returns=len(self._flying), timeout=10)

    def _look(self) -> None:
        self._nodes.look()
        self._run.workers = self._at_once()
        by_key = {task.key: task for task in self._flying.values()}
        if ray.wait([self._news], timeout=0)[0]:  # do not wait for the board to start
            for key, fraction in ray.get(self._news).items():
                if key in by_key:
                    self._run.progressed(by_key[key], fraction)
            self._news = self._board.read.remote()
        before, self._waiting = self._waiting, self._nodes.fits_none((*self._run.ready, *by_key.values()))
        if self._waiting is not None and self._waiting != before:
            log.warning("no node is left that is large enough for %s: it waits for one", self._waiting.label)

    def _at_once(self) -> int:
        """Returns how many tasks run at once, limited by the scarcest resource; for the time estimate."""
        counts = [
            int(self._nodes.all[name] / amount)
            for task in self._run.needed
            for name, amount in self._nodes.asked(task).items()
        ]
        return max(1, min([*counts, len(self._run.needed) if self._workers is None else self._workers]))

    def _has_room(self) -> bool:
        return self._workers is None or len(self._flying) < self._workers

    def _fitting(self) -> list[Task]:
        """Returns the ready tasks for which the cluster has room next to those that Ray has."""
        asked = self._nodes.asked
        room = Counter(self._nodes.all)
        for task in self._flying.values():
            room.subtract(asked(task))
        return [task for task in self._run.ready if within(asked(task), room)]

    def _submit(self, task: Task) -> None:
        make = _make.options(max_retries=RETRIES, **self._nodes.options(task))
        self._flying[make.remote(self._nodes.terms, self._machine, task.detached(), self._board)] = task

    def _take_in(self, answer: ObjectRef[Any], task: Task) -> None:
        """Handles the outcome of a task."""
        try:
            outcome, *more = ray.get(answer)
        except RayError as error:
            died = isinstance(error, (WorkerCrashedError, NodeDiedError, OutOfMemoryError))
            lines = str(error).strip().splitlines()
            why = f"its workers died, {RETRIES + 1} times: {lines[0]}" if died else lines[-1]
            kind = "WorkerDied" if died else type(error).__name__
            self._run.failed(task, kind, why, f"{error}\n\n{last_words(self._store.root, task.key)}")
            return
        if outcome == "finished":
            self._run.finished(task, *more)
        elif outcome == "unfit":
            self._nodes.exclude(*more)
            self._submit(task)
        else:
            self._run.failed(task, *more)
