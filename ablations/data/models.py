"""Trained models as artifacts: their weights, and the facts of their training."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from ablations.data.json_files import read_json, write_json

MODEL = "model"
"""Folder of a model's config, weights and tokenizer."""
TRAINING, LARGE_PRM, CHOICE = "train.json", "large_prm.json", "choice.json"


@dataclass(frozen=True, kw_only=True)
class SavedModel:
    """A model: its config, weights and tokenizer, in a folder or not saved yet."""

    path: Path | None = None
    """Folder that holds them; None: they are in memory, or were not kept."""
    save: Callable[[Path], object] | None = None
    """Writes them into a new folder; None: there is nothing to write, or they are in a folder."""

    @property
    def folder(self) -> Path:
        """The folder that holds them."""
        assert self.path is not None, "the model has not been read from an artifact"
        return self.path

    def write(self, folder: Path) -> None:
        """Writes the folder ``MODEL``."""
        if self.save is not None:
            self.save(folder / MODEL)
        elif self.path is not None:
            shutil.copytree(self.path, folder / MODEL)


@dataclass(frozen=True, kw_only=True)
class TrainedModel(SavedModel):
    """A reward model."""

    @classmethod
    def read(cls, folder: Path) -> TrainedModel:
        return cls(path=folder / MODEL)


@dataclass(frozen=True, kw_only=True)
class NamedBase:
    """A checkpoint that the user named, from which a training started."""

    name: str
    revision: str
    architecture: str | None
    chat_template: bool
    """Whether problems were read through its chat template."""


@dataclass(frozen=True, kw_only=True)
class Untaught:
    """A solution without a target, from which nothing is learned."""

    problem_id: str
    sample: int
    cut: bool
    """Whether it was cut before its first target."""


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """Facts of a student's training."""

    solutions_hash: str
    """sha256 of the labeled solutions, which are the same for all arms."""
    distinct_solutions: int
    solutions: int
    """Number of labeled solutions."""
    cut_steps: int
    """Steps that were cut away because they exceeded the maximum length."""
    targets: int
    """Number of targets: steps under process supervision, else tokens."""
    threshold: float | None
    """P(negative) above which a step is incorrect; None where the labeler does not label."""
    learning_rate: float
    curve: tuple[tuple[int, float], ...]
    """(update, best-of-N on validation problems) of each evaluation."""
    best_update: int
    """Update whose weights were kept."""
    best_value: float
    """Best-of-N of these weights on validation problems."""
    updates: int
    planned: tuple[int, ...]
    """Updates at which evaluations were planned, ascending."""
    plateau: bool
    """Whether training ended early, on a plateau."""
    validation_n: int
    checkpoint: NamedBase | None = None
    """Base that the user named."""
    untaught: tuple[Untaught, ...] = ()

    @property
    def course(self) -> list[tuple[int, float]]:
        """(update, best-of-N on validation problems) at all planned evaluations.

        After an early end, the value is that of the kept checkpoint.
        """
        values = [value for _, value in self.curve]
        values += [self.best_value] * (len(self.planned) - len(values))
        return list(zip(self.planned, values, strict=True))


@dataclass(frozen=True, kw_only=True)
class TrainedStudent(TrainedModel):
    """A small reward model; without weights if the training only tries a learning rate."""

    learning_rate: float
    facts: TrainingFacts | None
    """None: the training diverged."""
    diverged: str | None = None
    layer: int | None = None
    """Layer of the frozen trunk whose states it reads; None: it reads tokens."""

    @property
    def known(self) -> TrainingFacts:
        """The facts of a training that has not diverged."""
        assert self.facts is not None, "a training that diverged is no model"
        return self.facts

    def write(self, folder: Path) -> None:
        super().write(folder)
        facts = None if self.facts is None else asdict(self.facts)
        training = {"learning_rate": self.learning_rate, "diverged": self.diverged, "facts": facts}
        write_json(folder / TRAINING, training | of_layer(self.layer))

    @classmethod
    def read(cls, folder: Path) -> TrainedStudent:
        training = read_json(folder / TRAINING)
        facts = training.pop("facts")
        facts = None if facts is None else _read_facts(TrainingFacts, facts)
        return cls(path=folder / MODEL, facts=facts, **training)


@dataclass(frozen=True, kw_only=True)
class LargePrmFacts:
    """Facts of a large PRM's training."""

    solutions: int
    rated_steps: int
    updates: int
    checkpoint: NamedBase | None = None
    """Base that the user named."""
    untaught: tuple[Untaught, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LargePrm(TrainedModel):
    """A PRM of three classes, trained on ratings: the labeler, or a generation of it."""

    facts: LargePrmFacts

    def write(self, folder: Path) -> None:
        super().write(folder)
        write_json(folder / LARGE_PRM, asdict(self.facts))

    @classmethod
    def read(cls, folder: Path) -> LargePrm:
        return cls(path=folder / MODEL, facts=_read_facts(LargePrmFacts, read_json(folder / LARGE_PRM)))


@dataclass(frozen=True, kw_only=True)
class TriedRate:
    """A learning rate and the results of its trainings."""

    learning_rate: float
    validation: float | None
    """Mean best-of-N on validation problems; None: one of them diverged."""
    trainings: int
    diverged: str | None = None
    """Why the first of them that diverged did."""
    layer: int | None = None
    """Layer of the frozen trunk; None: there is none."""


@dataclass(frozen=True, kw_only=True)
class RateChoice:
    """The learning rate that did best on validation problems."""

    learning_rate: float
    bracketed: bool
    """Whether a lower and a higher rate were also tried."""
    grid: tuple[TriedRate, ...]
    layer: int | None = None
    """Layer of the frozen trunk that did best with it; None: there is none."""

    def as_dict(self) -> dict[str, Any]:
        """Returns it as plain JSON, without layers where there is no frozen trunk."""
        choice = asdict(self)
        for rate in (choice, *choice["grid"]):
            if rate["layer"] is None:
                del rate["layer"]
        return choice

    def write(self, folder: Path) -> None:
        write_json(folder / CHOICE, self.as_dict())

    @classmethod
    def read(cls, folder: Path) -> RateChoice:
        choice = read_json(folder / CHOICE)
        return cls(**choice | {"grid": tuple(TriedRate(**rate) for rate in choice["grid"])})


def of_layer(layer: int | None) -> dict[str, int]:
    """Returns a layer as a field of JSON; nothing if there is no frozen trunk."""
    return {} if layer is None else {"layer": layer}


Facts = TypeVar("Facts", TrainingFacts, LargePrmFacts)


def _read_facts(kind: type[Facts], facts: dict[str, Any]) -> Facts:
    """Returns the facts that ``asdict`` turned into JSON."""
    if facts["checkpoint"] is not None:
        facts["checkpoint"] = NamedBase(**facts["checkpoint"])
    facts["untaught"] = tuple(Untaught(**solution) for solution in facts["untaught"])
    if "curve" in facts:
        facts["curve"] = tuple((update, value) for update, value in facts["curve"])
        facts["planned"] = tuple(facts["planned"])
    return kind(**facts)
