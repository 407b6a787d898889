"""The Ray cluster that a run joins or starts, and those of its nodes that take part."""

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
"""Seconds that a node has to answer, including the start of a worker."""
OBJECTS = 100 * 1024 * 1024
"""Bytes of shared memory for Ray's objects if this process starts Ray; artifacts do not pass through it."""
PASSED_ON = ("TRANSFORMERS_VERBOSITY", "HF_HUB_DISABLE_PROGRESS_BARS")
"""Environment variables of this process that workers get too, if set."""

log = logging.getLogger("ablations")


@contextlib.contextmanager
def connected(address: str | None, workers: int | None) -> Iterator[None]:
    """Makes this process a driver of the cluster at an address within the context.

    Without an address, starts Ray on this machine, with ``workers`` processors, and ends it.

    Raises:
        ValueError: there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))  # otherwise a task too large never ends
    variables = dict.fromkeys(THREADS, "1")
    variables |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    if address is None:
        paths = [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        variables["PYTHONPATH"] = os.pathsep.join([str(CODE), *paths])
        options: dict[str, Any] = {
            "address": "local",
            "num_cpus": workers,
            "include_dashboard": False,
            "object_store_memory": OBJECTS,
        }
    else:
        _check_answers(address)
        options = {"address": address}
    options |= {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        with contextlib.chdir("/"):  # otherwise workers look for code in this folder first
            ray.init(runtime_env={"env_vars": variables}, **options)
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


def _check_answers(address: str) -> None:
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

    root: Path
    """Absolute path of the store's folder."""
    token: Path
    """Absolute path of a file that the driver wrote into that folder for this run."""
    code: Mapping[str, str]
    """The driver's code, as ``ablations.engine.revision.code`` returns it."""

    def breach(self) -> str | None:
        """Returns why the node of this process may not take part, or None if it may."""
        if not self.token.is_file():
            return f"does not see the store: {self.token} does not exist"
        own = code()
        other = [f"{name} {own[name]} for {its}" for name, its in self.code.items() if own[name] != its]
        return f"has other code: {', '.join(other)}" if other else None


@contextlib.contextmanager
def terms_of(store: Store) -> Iterator[Terms]:
    """Yields the terms of this run; its token exists until the end."""
    root = store.root.absolute()
    token = root / ".tokens" / uuid.uuid4().hex
    token.parent.mkdir(parents=True, exist_ok=True)
    token.touch()
    try:
        yield Terms(root=root, token=token, code=code())
    finally:
        token.unlink(missing_ok=True)


@ray.remote(num_cpus=0)
def _breach(terms: Terms) -> str | None:
    return terms.breach()


class Nodes:
    """Nodes that take part, and their resources."""

    def __init__(self, terms: Terms, request: Callable[[Task], dict[str, float]]) -> None:
        """`request` returns what a task requests, by Ray's names."""
        self.terms, self.request = terms, request
        self._unfit: set[str] = set()
        self.refresh()

    def refresh(self) -> None:
        """Updates which nodes have joined or left."""
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        alive = [node for node in nodes if node["Alive"] and node["NodeID"] not in self._unfit]
        self._names = {
            node["NodeID"]: f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})" for node in alive
        }
        self._resources = [Counter(node["Resources"]) for node in alive]
        self.total: Counter[str] = sum(self._resources, Counter())

    def check(self, tasks: Iterable[Task]) -> None:
        """Checks every node, before anything runs.

        Raises:
            ValueError: names each node that may not take part, or a task that no node is large enough for.
        """
        answers = {}
        for node, name in self._names.items():
            affinity = NodeAffinitySchedulingStrategy(node, soft=False)
            answers[_breach.options(scheduling_strategy=affinity).remote(self.terms)] = name
        ray.wait(list(answers), num_returns=len(answers), timeout=PATIENCE)
        breaches = [(name, why) for answer, name in answers.items() if (why := _answer(answer)) is not None]
        if breaches:
            found = "; ".join(f"node {name}, which {why}" for name, why in breaches)
            raise ValueError(f"address: found {found}; allowed: nodes that share the store and the code")
        if task := self.fits_none(tasks):
            request = self.request(task)
            most = {name: max(node[name] for node in self._resources) for name in request}
            raise ValueError(
                f"resources: found {request} for {task.label}; allowed: what one node has, at most {most}"
            )

    def exclude(self, node: str, why: str) -> None:
        """Gives no more tasks to a node.

        Raises:
            ValueError: no other node is left, as when the code was changed during a run.
        """
        if node not in self._unfit:
            self._unfit.add(node)
            log.warning("node %s takes no part: it %s", self._names.get(node, node), why)
            self.refresh()
            if not self._resources:
                raise ValueError(
                    f"address: found no node left that takes part: the last one {why}; allowed: one"
                )

    def fits_none(self, tasks: Iterable[Task]) -> Task | None:
        """Returns the first task for which no node is large enough, if there is one."""
        for task in tasks:
            if not any(fits(self.request(task), node) for node in self._resources):
                return task
        return None

    def options(self, task: Task) -> dict[str, Any]:
        """Returns Ray's options for a task."""
        request = self.request(task)
        options: dict[str, Any] = {
            "num_cpus": request.get("CPU", 0),
            "num_gpus": request.get("GPU", 0),
            "memory": int(request.get("memory", 0)),
            "name": task.label,
        }
        if self._unfit:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(sorted(self._unfit))})"}
        return options


def _answer(answer: ObjectRef[str | None]) -> str | None:
    """Returns why the node that answered may not take part, or None if it may."""
    try:
        why: str | None = ray.get(answer, timeout=0)
        return why
    except GetTimeoutError:
        return f"has not answered for {PATIENCE:.0f} s"
    except RayError as error:
        lines = str(error).strip().splitlines()
        return f"cannot run this package: {lines[-1] if isinstance(error, RayTaskError) else lines[0]}"


def fits(request: Mapping[str, float], room: Mapping[str, float]) -> bool:
    """Returns whether there is room for a request; Ray counts in ten-thousandths."""
    return all(amount <= room.get(name, 0) + 1e-6 for name, amount in request.items())
