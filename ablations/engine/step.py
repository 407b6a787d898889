"""Steps of the pipeline, and the keys that name their artifacts.

A step is a frozen dataclass: its fields are its configuration and the steps whose artifacts it reads. Its key
is the hash of everything that decides its result, so equal keys mean equal artifacts. Fields that are only
for display, for estimates or for one machine are marked with `apart` and kept out of the key.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import importlib
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, get_args, get_origin

from ablations.data.json_files import Json
from ablations.engine.costs.work import Texts, Work
from ablations.engine.logs import Logs
from lightning_modules.process_group import ALONE, Group

KEY_LENGTH = 24
RESERVED = ("timings", "failures", "logs")
"""Folders of a store that hold no artifacts."""


class Artifact(Protocol):
    """Product of a step, written into a folder once, and read from it by other steps."""

    def write(self, folder: Path, /) -> None:
        """Writes its files into an existing, empty folder."""

    @classmethod
    def read(cls, folder: Path, /) -> Self:
        """Reads what `write` wrote."""


Produced = TypeVar("Produced", bound=Artifact, covariant=True)
Other = TypeVar("Other", bound=Artifact)


def ignore(*report: float) -> None:
    """Ignores a report of progress or of a validation."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Surroundings of a running step. Nothing in them may change what it produces."""

    root: Path
    """Folder of the store, which holds the artifacts that the step reads."""
    scratch: Path
    """Folder for shards and checkpoints: survives a kill, is deleted once the artifact exists."""
    progress: Callable[[float], None] = ignore
    """Callback for the fraction done, from 0 to 1; call it as often as convenient."""
    report_validation: Callable[[float, float], None] = ignore
    """Callback of a training for the share of its updates that are done and its score on validation problems;
    it may raise to stop a training without prospects."""
    group: Group = ALONE
    """Processes that run the step together: all read and compute, and the first writes."""
    logs: Logs = Logs()

    def folder(self, step: Step[Any]) -> Path:
        """Returns the folder of an input's artifact."""
        return self.root / step.address

    def read(self, step: Step[Other]) -> Other:
        """Reads an input's artifact."""
        made: Other = step.artifact.read(self.folder(step))
        return made

    def read_all(self, steps: Iterable[Step[Other]]) -> list[Other]:
        """Reads the artifacts of several inputs."""
        return [self.read(step) for step in steps]


def apart(default: Any = dataclasses.MISSING) -> Any:
    """Declares a field that does not count for the key; it is required unless it has a default."""
    return field(default=default, compare=False, metadata={"apart": True})


@dataclass(frozen=True, kw_only=True, eq=False)
class Step(ABC, Generic[Produced]):
    """One step of the pipeline. Two steps are equal if their names and keys are.

    A subclass names its step, and raises its version when the same fields would now give another artifact, or
    when the default of a field changes: a field that has its default does not count for the key, so that a
    new optional field changes no old key.

        class OracleRatings(Step[Ratings], name="ratings"): ...
    """

    name: ClassVar[str]
    """Lower-case letters, digits and underscores."""
    version: ClassVar[int]
    spreads: ClassVar[bool]
    """Whether several processes can run it together."""
    runs_model: ClassVar[bool]
    """Whether it needs torch."""
    urgent: ClassVar[bool]
    """Whether it runs before other tasks that are ready."""
    produces: ClassVar[type[Artifact]]

    label: str = apart("")
    """Name for display. Default: the step's name."""
    weight: float = apart(1.0)
    """Estimated seconds on one ordinary core, corrected by timings."""
    work: tuple[Work, ...] = apart(())
    """Work of models, for estimates."""
    texts: Texts | None = apart(None)
    """Solutions in the artifact, for estimates of the steps that read them."""

    def __init_subclass__(
        cls,
        *,
        name: str,
        version: int = 1,
        spreads: bool = False,
        runs_model: bool = False,
        urgent: bool = False,
    ) -> None:
        super().__init_subclass__()
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in RESERVED:
            raise ValueError(
                f"name: found {name!r}; allowed: lower-case letters, digits and underscores, and none of "
                f"{', '.join(RESERVED)}"
            )
        cls.name, cls.version, cls.urgent = name, version, urgent
        cls.spreads, cls.runs_model = spreads, runs_model or spreads
        for base in cls.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is Step:
                (cls.produces,) = get_args(base)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f"weight: found {self.weight} for {self.name}; allowed: above 0, and finite")
        object.__setattr__(self, "label", self.label or self.name)

    @abstractmethod
    def run(self, context: Context) -> Produced:
        """Does the work."""

    @property
    def artifact(self) -> type[Produced]:
        """Type of the artifact."""
        return self.produces  # type: ignore[return-value]

    @classmethod
    def load(cls) -> None:
        """Imports the slow libraries that it needs, so that the import does not count as part of the run."""
        if cls.runs_model:
            importlib.import_module("lightning_modules.training")

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Returns the defaults of the fields that count for the key; a config lacks what has its default."""
        counted = (item for item in dataclasses.fields(cls) if not item.metadata.get("apart"))
        return {item.name: item.default for item in counted if item.default is not dataclasses.MISSING}

    @property
    def device(self) -> str:
        """Device that it computes on: cpu or cuda."""
        return "cpu"

    @property
    def attention(self) -> str:
        """Implementation of attention that it trains with."""
        return "sdpa"

    @property
    def tokens(self) -> int | None:
        """Number of tokens that pass through models; None if no model runs."""
        return sum(work.tokens for work in self.work) if self.work else None

    @property
    def parents(self) -> tuple[Step[Any], ...]:
        """All inputs, flattened."""
        return tuple(step for value in self._inputs().values() for step in _flat(value))

    @cached_property
    def config(self) -> dict[str, Json]:
        """All fields, other than inputs and those apart, that differ from their defaults."""
        fields = {name: value for name, value in _decisive(self).items() if not _holds_steps(value)}
        return {name: canonical(value, f"{self.name}.{name}") for name, value in fields.items()}

    @cached_property
    def inputs(self) -> dict[str, str | tuple[str, ...]]:
        """Addresses of the inputs by the name of the field that holds them."""
        return {name: _each(value, lambda step: step.address) for name, value in self._inputs().items()}

    @cached_property
    def key(self) -> str:
        """24 hex digits: the hash of name, version, config and the inputs' addresses."""
        return content_key(self.name, self.version, self.config, self.inputs)

    @property
    def address(self) -> str:
        """Folder of the artifact, relative to the store's root."""
        return f"{self.name}/{self.key}"

    def detached(self) -> Self:
        """Returns the step with references to its inputs: all that a worker needs to run it."""
        detached = copy.copy(self)
        object.__setattr__(detached, "key", self.key)
        for name, value in self._inputs().items():
            references = _each(value, lambda step: Made(at=step.address, kind=step.artifact))
            object.__setattr__(detached, name, references)
        return detached

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.key)

    def _inputs(self) -> dict[str, Any]:
        """Returns the fields that hold steps."""
        return {name: value for name, value in _decisive(self).items() if _holds_steps(value)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Made(Step[Produced], name="made"):
    """A step of which only the address and the type of the artifact are known."""

    at: str
    kind: type[Any]

    @cached_property
    def key(self) -> str:
        return self.at.rpartition("/")[2]

    @property
    def address(self) -> str:
        return self.at

    @property
    def artifact(self) -> type[Produced]:
        return self.kind

    def run(self, context: Context) -> Produced:
        raise AssertionError(f"{self.at} is a reference")


Task = Step[Any]
"""A step as the engine sees it."""
Execute = Callable[[Task, Path, Context], None]
"""`execute(step, out, context)` runs a step and writes its artifact into the folder `out`."""


def execute(step: Step[Any], out: Path, context: Context) -> None:
    """Runs a step in this process; the first process of a group writes the artifact into `out`."""
    made = step.run(context)
    if context.group.first:
        made.write(out)


def canonical(value: object, where: str = "config") -> Json:
    """Turns a value into plain JSON: mappings to dicts with string keys, sequences to lists.

    A dataclass becomes a dict of the fields that count for keys and differ from their defaults.

    Raises:
        ValueError: not None, bool, int, finite float, str, or mappings, sequences and dataclasses of these;
            the message says where.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where}: found {value}; allowed: a finite number")
        return float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, Step)):
        value = _decisive(value)
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise ValueError(f"{where}: found the key {name!r}; allowed: strings")
        return {name: canonical(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise ValueError(
        f"{where}: found {value!r}, a {type(value).__name__}; allowed: None, bool, int, float, str, "
        "and mappings, sequences and dataclasses of them"
    )


def content_key(name: str, version: int, config: Mapping[str, Json], inputs: Mapping[str, object]) -> str:
    """Hashes all that decides an artifact: the first 24 hex digits of the sha256 of its canonical JSON.

    The config is plain JSON (see `canonical`); each input is one or several addresses `<name>/<key>`.
    """
    text = json.dumps(
        [name, version, config, inputs], sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def ordered(targets: Iterable[Step[Any]]) -> list[Step[Any]]:
    """Returns all steps that the targets need, and the targets: each once, every step after its inputs."""
    done: dict[str, Step[Any]] = {}
    stack = [(step, False) for step in reversed(tuple(targets))]
    while stack:
        step, inputs_done = stack.pop()
        if step.address in done:
            continue
        if inputs_done:
            done[step.address] = step
        else:
            stack.append((step, True))
            stack.extend((parent, False) for parent in reversed(step.parents))
    return list(done.values())


def _flat(value: object) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _each(value: Any, function: Callable[[Step[Any]], Any]) -> Any:
    """Applies a function to a step, or to each step of a tuple."""
    return tuple(map(function, value)) if isinstance(value, tuple) else function(value)


def _holds_steps(value: object) -> bool:
    return any(isinstance(item, Step) for item in _flat(value))


def _decisive(instance: Any) -> dict[str, Any]:
    """Returns the fields of a dataclass that count for keys and differ from their defaults."""
    decisive = {}
    for item in dataclasses.fields(instance):
        factory, value = item.default_factory, getattr(instance, item.name)
        default = item.default if factory is dataclasses.MISSING else factory()
        if not item.metadata.get("apart") and (default is dataclasses.MISSING or value != default):
            decisive[item.name] = value
    return decisive
