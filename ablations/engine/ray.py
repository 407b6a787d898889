"""Runs tasks on a Ray cluster whose nodes share the store's folder.

Ray starts tasks first come, first served. So it gets no more than the cluster can run at once, the longest
remaining path first, and the rest waits in the driver. Ray retries a task whose worker or node dies, on
another node if necessary, and the task resumes from its scratch folder; a task that raises is not retried. A
node takes part if it sees the store and has the driver's code: all nodes are checked before anything runs,
and one that joins later is checked when its first task starts.
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

from ablations.engine.attempts import attempt, last_output, throttle
from ablations.engine.machine import Machine
from ablations.engine.ray_nodes import RETRIES, Nodes, Terms, connected, fits, terms_of
from ablations.engine.schedule import Run
from ablations.engine.step import Task
from ablations.engine.store import Store

INTERVAL = 1.0
"""Seconds between two checks of the nodes and the progress, and between two reports of one task."""

log = logging.getLogger("ablations")


def run_on_ray(run: Run, store: Store, workers: int | None, machine: Machine) -> None:
    """Makes what a run needs on a cluster; without ``workers``, it runs as many tasks as have room.

    Raises:
        ValueError: there is no cluster at the address, a node may not take part, or no node has what a task
            requests.
    """
    if not run.ready:
        return
    devices = machine.devices.devices

    def request(task: Task) -> dict[str, float]:
        return machine.resources.request(task, devices if task.spreads else 1)

    try:
        with connected(machine.address, workers), terms_of(store) as terms:
            nodes = Nodes(terms, request)
            nodes.check(run.needed)
            _Crew(run, store, workers, machine, nodes).work()
    finally:
        store.clean()  # removes what dead workers left behind


@ray.remote
def _make(terms: Terms, machine: Machine, task: Task, board: Any) -> tuple[Any, ...]:
    """Runs ``attempt`` in a worker process; returns its result, or `("unfit", node, why)`."""
    if (why := terms.breach()) is not None:
        return "unfit", ray.get_runtime_context().get_node_id(), why
    report = throttle(lambda fraction: board.write.remote(task.key, fraction), INTERVAL)
    return attempt(task, Store(terms.root), machine, report)


class _Board:
    """Progress of tasks, which write it, for the driver, which reads it."""

    def __init__(self) -> None:
        self._fractions: dict[str, float] = {}

    def write(self, key: str, fraction: float) -> None:
        self._fractions[key] = fraction

    def read(self) -> dict[str, float]:
        """Returns the fractions written since the last call."""
        fractions, self._fractions = self._fractions, {}
        return fractions


class _Crew:
    """Tasks that were submitted to Ray, and their outcomes."""

    def __init__(self, run: Run, store: Store, workers: int | None, machine: Machine, nodes: Nodes) -> None:
        self._run, self._store, self._machine = run, store, machine
        self._workers, self._nodes = workers, nodes
        node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        forever: dict[str, Any] = {"max_restarts": -1, "max_task_retries": -1}
        board: Any = ray.remote(_Board)
        self._board = board.options(num_cpus=0, scheduling_strategy=node, **forever).remote()
        self._progress: ObjectRef[Any] = self._board.read.remote()
        self._submitted: dict[ObjectRef[Any], Task] = {}
        self._waiting: Task | None = None

    def work(self) -> None:
        """Runs tasks until nothing is left that can be made."""
        checked = -INTERVAL
        try:
            while self._run.ready or self._submitted:
                if time.monotonic() - checked >= INTERVAL:
                    checked = time.monotonic()
                    self._check()
                while fitting := self._fitting():
                    self._submit(self._run.take(fitting))
                if not self._submitted:
                    time.sleep(INTERVAL)
                    continue
                done, _ = ray.wait(list(self._submitted), timeout=INTERVAL)
                for result in done:
                    self._handle(result, self._submitted.pop(result))
        finally:
            for result in self._submitted:
                ray.cancel(result, force=True)
            if self._submitted:
                ray.wait(list(self._submitted), num_returns=len(self._submitted), timeout=10)

    def _check(self) -> None:
        """Checks the nodes and the progress."""
        self._nodes.refresh()
        self._run.workers = self._concurrency()
        by_key = {task.key: task for task in self._submitted.values()}
        if ray.wait([self._progress], timeout=0)[0]:  # do not wait for the board to start
            for key, fraction in ray.get(self._progress).items():
                if key in by_key:
                    self._run.progressed(by_key[key], fraction)
            self._progress = self._board.read.remote()
        before, self._waiting = self._waiting, self._nodes.fits_none((*self._run.ready, *by_key.values()))
        if self._waiting is not None and self._waiting != before:
            log.warning("no node is left that is large enough for %s: it waits for one", self._waiting.label)

    def _concurrency(self) -> int:
        """Returns how many tasks run at once, limited by the scarcest resource; for the time estimate."""
        counts = [
            int(self._nodes.total[name] / amount)
            for task in self._run.needed
            for name, amount in self._nodes.request(task).items()
        ]
        return max(1, min([*counts, len(self._run.needed) if self._workers is None else self._workers]))

    def _fitting(self) -> list[Task]:
        """Returns the ready tasks for which the cluster has room in addition to those that Ray has."""
        if self._workers is not None and len(self._submitted) >= self._workers:
            return []
        room = Counter(self._nodes.total)
        for task in self._submitted.values():
            room.subtract(self._nodes.request(task))
        return [task for task in self._run.ready if fits(self._nodes.request(task), room)]

    def _submit(self, task: Task) -> None:
        make = _make.options(max_retries=RETRIES, **self._nodes.options(task))
        self._submitted[make.remote(self._nodes.terms, self._machine, task.detached(), self._board)] = task

    def _handle(self, result: ObjectRef[Any], task: Task) -> None:
        """Handles the outcome of a task."""
        try:
            outcome, *details = ray.get(result)
        except RayError as error:
            died = isinstance(error, (WorkerCrashedError, NodeDiedError, OutOfMemoryError))
            lines = str(error).strip().splitlines()
            why = f"its workers died, {RETRIES + 1} times: {lines[0]}" if died else lines[-1]
            kind = "WorkerDied" if died else type(error).__name__
            self._run.failed(task, kind, why, f"{error}\n\n{last_output(self._store.root, task.key)}")
            return
        if outcome == "finished":
            self._run.finished(task, *details)
        elif outcome == "unfit":
            self._nodes.exclude(*details)
            self._submit(task)
        else:
            self._run.failed(task, *details)
