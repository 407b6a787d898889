"""The Ray cluster that a run joins, or starts, and which of its nodes take part."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import ObjectRef
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ablations.engine.processes import THREADS
from ablations.engine.revision import CODE, code
from ablations.engine.step import Task
from ablations.engine.store import Store

RETRIES = 3
"""Number of times that a task whose worker died is retried."""
PATIENCE = 300.0
"""Seconds that a node has to answer, including a worker's start."""
OBJECTS = 100 * 1024 * 1024
"""Bytes of shared memory for Ray's objects if Ray is started here: artifacts do not go through it."""
PASSED_ON = ("TRANSFORMERS_VERBOSITY", "HF_HUB_DISABLE_PROGRESS_BARS")
"""Environment variables of this process that workers get too, if set."""

log = logging.getLogger("ablations")


@contextlib.contextmanager
def connected(address: str | None, workers: int | None) -> Iterator[None]:
    """Makes this process a driver of the cluster within the context.

    Args:
        address: address of the cluster to join; None starts Ray on this machine, and ends it.
        workers: number of processors if Ray is started.

    Raises:
        ValueError: there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))  # or a task too large is retried forever
    variables = dict.fromkeys(THREADS, "1")
    variables |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    if address is None:
        paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        ours = str(CODE)
        variables["PYTHONPATH"] = os.pathsep.join([ours, *map(os.path.abspath, paths)])
        how: dict[str, Any] = {
            "address": "local",
            "num_cpus": workers,
            "include_dashboard": False,
            "object_store_memory": OBJECTS,
        }
    else:
        _answers(address)
        how = {"address": address}
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        with contextlib.chdir("/"):  # workers would look for code here before what is installed
            ray.init(runtime_env={"env_vars": variables}, **how, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address is None:
            raise
        raise ValueError(
            f"address: found {address} ({' '.join(str(error).split())}); allowed: HOST:PORT of a running Ray "
            "cluster, or auto, from a machine that is a node of it"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _answers(address: str) -> None:
    """Checks that something answers, because Ray itself waits minutes for a missing cluster."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if "/" in address or not host or not port.isdecimal():
        raise ValueError(f"address: found {address}; allowed: HOST:PORT of a running Ray cluster, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise ValueError(
            f"address: found {address}, where nothing answers ({error}); allowed: a running Ray cluster's"
        ) from error


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Terms on which a node takes part in a run."""

    root: str
    """Absolute path of the store's folder."""
    token: str
    """Path in that folder of a file that the driver wrote there for this run."""
    code: Mapping[str, str]
    """The driver's code, as ``ablations.engine.revision.code`` returns it."""

    def breach(self) -> str | None:
        """Returns why the node of this process may not take part, or None if it may."""
        if not (Path(self.root) / self.token).is_file():
            return f"does not see the store: {Path(self.root) / self.token} is not there"
        here = code()
        other = [f"{name} {here[name]} for {its}" for name, its in self.code.items() if here[name] != its]
        return f"has other code: {', '.join(other)}" if other else None


@contextlib.contextmanager
def terms_of(store: Store) -> Iterator[Terms]:
    """Yields the terms of this run; its token exists until the end."""
    token = Path(".tokens") / uuid.uuid4().hex
    path = store.root.absolute() / token
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        yield Terms(root=str(store.root.absolute()), token=str(token), code=code())
    finally:
        path.unlink(missing_ok=True)


@ray.remote(num_cpus=0)
def _breach(terms: Terms) -> str | None:
    return terms.breach()


class Nodes:
    """Nodes that take part, and their resources."""

    def __init__(self, terms: Terms, asked: Callable[[Task], dict[str, float]]) -> None:
        """
        Args:
            terms: terms on which they take part.
            asked: what a task requests, by Ray's names.
        """
        self.terms, self.asked = terms, asked
        self._unfit: set[str] = set()
        self.look()

    def look(self) -> None:
        """Updates which nodes have joined or left."""
        alive = [node for node in _nodes() if node["Alive"] and node["NodeID"] not in self._unfit]
        self._names = {
            node["NodeID"]: f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})" for node in alive
        }
        self.each = [Counter(node["Resources"]) for node in alive]
        self.all: Counter[str] = sum(self.each, Counter())

    def check(self, tasks: Iterable[Task]) -> None:
        """Checks every node, before anything runs.

        Raises:
            ValueError: names each node that may not take part, or a task that no node is large enough for.
        """
        answers = {}
        for node, name in self._names.items():
            there = NodeAffinitySchedulingStrategy(node, soft=False)
            answers[_breach.options(scheduling_strategy=there).remote(self.terms)] = name
        ray.wait(list(answers), num_returns=len(answers), timeout=PATIENCE)
        breaches = [(name, why) for answer, name in answers.items() if (why := _answer(answer)) is not None]
        if breaches:
            told = "; ".join(f"node {name}, which {why}" for name, why in breaches)
            raise ValueError(f"address: found {told}; allowed: nodes that share the store and the code")
        if lone := self.fits_none(tasks):
            asked = self.asked(lone)
            most = {name: max(node[name] for node in self.each) for name in asked}
            raise ValueError(
                f"resources: found {asked} for {lone.label}; allowed: what one node has, at most {most}"
            )

    def exclude(self, node: str, why: str) -> None:
        """Gives no more tasks to a node.

        Raises:
            ValueError: no other node is left, as when the code was changed during a run.
        """
        if node not in self._unfit:
            self._unfit.add(node)
            log.warning("node %s takes no part: it %s", self._names.get(node, node), why)
            self.look()
            if not self.each:
                raise ValueError(
                    f"address: found no node left that takes part: the last one {why}; allowed: one"
                )

    def fits_none(self, tasks: Iterable[Task]) -> Task | None:
        """Returns the first of some tasks for which no node is large enough, if there is one."""
        for task in tasks:
            asked = self.asked(task)
            if not any(within(asked, node) for node in self.each):
                return task
        return None

    def options(self, task: Task) -> dict[str, Any]:
        """Returns Ray's options for a task."""
        asked = self.asked(task)
        options: dict[str, Any] = {
            "num_cpus": asked.get("CPU", 0),
            "num_gpus": asked.get("GPU", 0),
            "memory": int(asked.get("memory", 0)),
            "name": task.label,
        }
        if self._unfit:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(sorted(self._unfit))})"}
        return options


def _nodes() -> list[dict[str, Any]]:
    """Returns what Ray knows about each node."""
    found: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return found


def _answer(answer: ObjectRef[str | None]) -> str | None:
    """Returns why the node that was asked may not take part, or None if it may."""
    try:
        why: str | None = ray.get(answer, timeout=0)
        return why
    except GetTimeoutError:
        return f"has not answered for {PATIENCE:.0f} s"
    except RayError as error:
        lines = str(error).strip().splitlines()
        return f"cannot run this package: {lines[-1] if isinstance(error, RayTaskError) else lines[0]}"


def within(asked: Mapping[str, float], room: Mapping[str, float]) -> bool:
    """Returns whether there is room for what is requested; Ray counts in ten-thousandths."""
    return all(amount <= room.get(name, 0) + 1e-6 for name, amount in asked.items())
