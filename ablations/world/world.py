"""Interface of an embedded world. Problems and solutions are text."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from ablations.world.bases import Pretraining

Split = Literal["pretraining", "labeler", "train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_TENTHS: tuple[Split, ...] = (*("pretraining",) * 5, "labeler", "train", "train", "validation", "test")

POSITIVE, NEUTRAL, NEGATIVE = 1, 0, -1
"""The oracle's ratings of a step, in PRM800K's numbers."""

Kind = Literal["usual", "long", "rare", "broad"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Problems like those in training, longer ones than any in training, ones about what is rare in training, and
a broad mixture of all lengths and contents, on which base models are pretrained."""
JUDGED: tuple[Kind, ...] = ("usual", "long", "rare")
"""Kinds of problems that reward models may be evaluated on."""


@dataclass(frozen=True, kw_only=True)
class World(ABC):
    """A world: problems, authors with different mistakes, and an exact oracle."""

    finetuning_rate: ClassVar[float]
    """Learning rate at which generators are finetuned from its bases."""
    pattern: ClassVar[str]
    """Regular expression that matches one token at a time."""
    kinds: ClassVar[tuple[Kind, ...]] = JUDGED
    """The kinds of problems that the world has."""

    @property
    @abstractmethod
    def pretrainings(self) -> Mapping[str, Pretraining]:
        """Size of a base model (tiny, small, large) -> how it is made."""

    @property
    @abstractmethod
    def tokens(self) -> tuple[str, ...]:
        """Every token of problems and solutions."""

    @property
    @abstractmethod
    def brief(self) -> int:
        """Maximum number of operations in a problem of a few-shot prompt."""

    @abstractmethod
    def draw_problem(self, rng: np.random.Generator, kind: Kind = "usual") -> str:
        """Draws one problem."""

    @abstractmethod
    def operations(self, problem: str) -> int:
        """Returns the number of operations that a problem asks for."""

    @abstractmethod
    def answer(self, problem: str) -> str:
        """Returns the right final answer.

        Raises:
            ValueError: the text is not a problem of this world.
        """

    @abstractmethod
    def write_solution(
        self, problem: str, rng: np.random.Generator, *, expert: bool = False
    ) -> tuple[str, ...]:
        """Writes the lines of a solution by a newly drawn author, or by one who makes no mistakes."""

    @abstractmethod
    def judge(self, problem: str, steps: Sequence[str]) -> tuple[int, ...]:
        """Rates each line of a solution: 1, 0 or -1.

        A line is judged given the lines before it, as a person would: one that is right given a wrong total
        is positive. One that only restates the total is neutral; the answer line is positive if nothing is
        left to do.
        """

    @abstractmethod
    def final_answer(self, steps: Sequence[str]) -> str | None:
        """Returns the answer in a solution's last line, or None if that is not an answer line."""

    @abstractmethod
    def is_hard(self, line: str) -> bool:
        """Returns whether annotators are more likely to rate a line wrongly."""

    @abstractmethod
    def is_slip(self, problem: str, steps: Sequence[str]) -> bool:
        """Returns whether a solution has a wrong step that no author of this world would write."""


def split_of(problem: str) -> Split:
    """Returns a problem's split, decided by a hash of its text: no text can be in two splits."""
    return _TENTHS[hashlib.sha256(problem.encode()).digest()[0] % 10]


def draw_problems(world: World, split: Split, count: int, seed: int, kind: Kind = "usual") -> list[str]:
    """Draws ``count`` different problems of one split; the first ones do not depend on ``count``."""
    rng = np.random.default_rng([seed, SPLITS.index(split), KINDS.index(kind)])
    problems: dict[str, None] = {}
    while len(problems) < count:
        problem = world.draw_problem(rng, kind)
        if split_of(problem) == split:
            problems[problem] = None
    return list(problems)
