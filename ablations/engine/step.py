"""Tasks and the keys that name their artifacts.

A task is one call of a stage: a config and the tasks whose artifacts it reads. Its key is the hash of
everything that decides its result, so equal keys mean equal artifacts. What is only for display or for one
machine is kept out of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ablations.engine.costs.work import Texts, Work
from ablations.engine.logs import Logs
from lightning_modules.process_group import ALONE, Group

DEFAULT_STAGES = "ablations.steps:STAGES"
KEY_LENGTH = 24

Inputs = dict[str, Path | tuple[Path, ...]]


@dataclass(frozen=True, kw_only=True)
class Context:
    """Context of a running stage, besides its config and inputs. Nothing here may change what it writes."""

    progress: Callable[[float], None]
    """Callback for the fraction done, from 0 to 1; call it as often as convenient."""
    scratch: Path
    """Folder for shards and checkpoints: survives a kill, is deleted once the artifact exists."""
    local: Mapping[str, Any] = field(default_factory=dict)
    """The task's facts about this machine, such as a device or a file's path."""
    report_validation: Callable[[float, float], None] = lambda share, value: None
    """Callback of a training for the share of its updates that are done and how well it does on validation
    problems; it may raise to stop a training without prospects."""
    group: Group = ALONE
    """Processes that run the stage together: all read and compute, and the first writes."""
    logs: Logs = Logs()
    """Where a training logs."""


def _imported(path: str) -> Any:
    """Imports what `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


Run = Callable[[dict[str, Any], Inputs, Path, Context], None]


@dataclass(frozen=True)
class Imported:
    """Function that is imported when it is first needed, so that plans and reports need no torch."""

    path: str
    """`module:name`."""

    def load(self) -> Run:
        """Imports and returns the function."""
        function: Run = _imported(self.path)
        return function

    def __call__(self, config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
        self.load()(config, inputs, out, context)


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline."""

    version: int
    """Version; raise it if the same config would now give other files, so that artifacts are made again."""
    run: Run
    """`run(config, inputs, out, context)` writes its files into the folder `out`."""
    spreads: bool = False
    """Whether several processes can run it together."""

    def load(self) -> None:
        """Imports what it needs to run, so that the import does not count as part of the run."""
        if isinstance(self.run, Imported):
            self.run.load()


def one(inputs: Inputs, name: str) -> Path:
    """Returns the folder of an input that is a single artifact."""
    found = inputs.get(name)
    assert isinstance(found, Path), f"input {name}: found {found}; allowed: one artifact"
    return found


def several(inputs: Inputs, name: str) -> tuple[Path, ...]:
    """Returns the folders of an input that may be any number of artifacts; none if it is not given."""
    found = inputs.get(name, ())
    return found if isinstance(found, tuple) else (found,)


def canonical(value: Any, where: str = "config") -> Any:
    """Turns a value into plain JSON: dataclasses and mappings to dicts with string keys, sequences to lists.

    Args:
        value: None, bool, int, finite float, str, or mappings, sequences and dataclasses of these.
        where: how an error names the value.

    Raises:
        ValueError: for anything else; the message names the place.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where}: {value} is not allowed; a number must be finite")
        return float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise ValueError(f"{where}: the key {name!r} is not allowed; keys must be strings")
        return {name: canonical(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise ValueError(
        f"{where}: {value!r} is a {type(value).__name__}; allowed are None, bool, int, float, str, "
        "and mappings, sequences and dataclasses of them"
    )


def content_key(stage: str, version: int, config: Any, inputs: Mapping[str, str | Iterable[str]]) -> str:
    """Hashes all that decides an artifact: the first 24 hex digits of the sha256 of its canonical JSON.

    Args:
        stage: the stage's name.
        version: the stage's version.
        config: plain JSON (see `canonical`).
        inputs: each input's address `<stage>/<key>`, or several.
    """
    named = {name: one if isinstance(one, str) else list(one) for name, one in inputs.items()}
    text = json.dumps(
        [stage, version, config, named], sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A task without the tasks before it: all that a worker needs to know to make one artifact."""

    stage: str
    """Name of the stage."""
    version: int
    """Version of the stage."""
    key: str
    """Key of the artifact, 24 hex digits."""
    config: dict[str, Any]
    """Config as plain JSON."""
    inputs: dict[str, str | tuple[str, ...]]
    """Addresses `<stage>/<key>` of the artifacts read."""
    local: dict[str, Any]
    """Facts about this machine; not in the key."""
    label: str
    """Name for display."""
    weight: float
    """Estimated seconds."""

    @property
    def address(self) -> str:
        """Folder of the artifact, relative to the store's root."""
        return f"{self.stage}/{self.key}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One call of a stage. Two tasks are equal if their keys are."""

    stage: str
    """Name of the stage: lowercase letters, digits and underscores."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """All that decides the result besides the inputs; kept as plain JSON, do not change it afterwards."""
    inputs: Mapping[str, Task | tuple[Task, ...]] = field(default_factory=dict)
    """The tasks whose artifacts are read, by the name under which `run` finds them."""
    label: str = ""
    """Name for display; not in the key. Default: the stage's name."""
    weight: float = 1.0
    """Estimated seconds on one ordinary core, corrected by timings; not in the key."""
    work: tuple[Work, ...] = ()
    """Work of models, for estimates; not in the key."""
    texts: Texts | None = None
    """Solutions in the artifact, for estimates of the tasks that read them; not in the key."""
    local: Mapping[str, Any] = field(default_factory=dict)
    """Facts about this machine (device, a file's path) that `run` gets as `context.local`; not in the key."""
    version: int | None = None
    """The stage's version; None takes it from `ablations.steps.STAGES`."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.stage) or self.stage in ("timings", "failures", "logs"):
            raise ValueError(
                f"stage: {self.stage!r} is not allowed; lower-case letters, digits and underscores, "
                "and none of timings, failures, logs"
            )
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError(
                f"weight: {self.weight} is not allowed for {self.stage}; must be finite and above 0"
            )
        for name, given in self.inputs.items():
            if not all(isinstance(one, Task) for one in (given if isinstance(given, tuple) else (given,))):
                raise ValueError(
                    f"inputs.{name}: {given!r} is not allowed; must be a Task or a tuple of Tasks"
                )
        object.__setattr__(self, "config", canonical(self.config, f"config of {self.stage}"))
        object.__setattr__(self, "label", self.label or self.stage)

    @property
    def tokens(self) -> int | None:
        """Number of tokens that pass through models; None if no model runs."""
        return sum(one.tokens for one in self.work) if self.work else None

    @property
    def parents(self) -> tuple[Task, ...]:
        """All inputs, flattened."""
        return tuple(
            one for given in self.inputs.values() for one in (given if isinstance(given, tuple) else (given,))
        )

    @cached_property
    def stage_version(self) -> int:
        """Version in the key."""
        return (
            load_stages(DEFAULT_STAGES, (self,))[self.stage].version if self.version is None else self.version
        )

    @cached_property
    def addresses(self) -> dict[str, str | tuple[str, ...]]:
        """Addresses of the inputs."""
        return {
            name: tuple(one.address for one in given) if isinstance(given, tuple) else given.address
            for name, given in self.inputs.items()
        }

    @cached_property
    def key(self) -> str:
        """24 hex digits: the hash of stage, version, config and the inputs' addresses."""
        return content_key(self.stage, self.stage_version, self.config, self.addresses)

    @property
    def address(self) -> str:
        """Folder of the artifact, relative to the store's root."""
        return f"{self.stage}/{self.key}"

    def recipe(self) -> Recipe:
        """Returns the task without the tasks before it."""
        return Recipe(
            stage=self.stage,
            version=self.stage_version,
            key=self.key,
            config=dict(self.config),
            inputs=self.addresses,
            local=dict(self.local),
            label=self.label,
            weight=self.weight,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.key)


def ordered(targets: Iterable[Task]) -> list[Task]:
    """Returns all tasks that the targets need, and the targets: each once, every task after its inputs."""
    done: dict[str, Task] = {}
    stack = [(task, False) for task in reversed(tuple(targets))]
    while stack:
        task, inputs_done = stack.pop()
        if task.address in done:
            continue
        if inputs_done:
            done[task.address] = task
        else:
            stack.append((task, True))
            stack.extend((parent, False) for parent in reversed(task.parents))
    return list(done.values())


def load_stages(path: str, tasks: Iterable[Task] = ()) -> Mapping[str, Stage]:
    """Imports a stage table and checks that it fits the tasks.

    Args:
        path: `module:NAME` of a dict from a stage's name to its `Stage`.
        tasks: tasks that will be run with it.

    Raises:
        ValueError: a task's stage is not in the table, or has another version.
    """
    table: Mapping[str, Stage] = _imported(path)
    for task in tasks:
        if task.stage not in table:
            raise ValueError(
                f"stage: {task.stage!r} is not in {path}; allowed are {', '.join(sorted(table))}"
            )
        if task.version is not None and task.version != table[task.stage].version:
            raise ValueError(
                f"version: {task.version} of stage {task.stage!r} is not allowed; in {path} it is "
                f"{table[task.stage].version}"
            )
    return table
