"""Steps of the embedded world: problems, base models, oracle ratings."""

import hashlib
import shutil
from dataclasses import dataclass
from functools import partial

import numpy as np

from ablations.data.artifacts import ProblemSet, Ratings, Samples
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem
from ablations.engine.step import Context, Step
from ablations.steps.base_model import CausalModel
from ablations.world.bases import shipped_base
from ablations.world.world import Kind, Split, draw_problems
from ablations.world.worlds import world_of


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawProblems(Step[ProblemSet], name="problems"):
    """Draws problems of an embedded world."""

    world: str
    split: Split
    """Split of the world's problems; those of two splits are disjoint."""
    count: int
    """Number of problems."""
    seed: int
    kind: Kind = "usual"

    def run(self, context: Context) -> ProblemSet:
        world = world_of(self.world)
        drawn = draw_problems(world, self.split, self.count, self.seed, self.kind)
        name = self.split if self.kind == "usual" else f"{self.split}-{self.kind}"
        return ProblemSet(
            problems=[
                Problem(problem_id=f"{name}-{index}", text=problem, answer=world.answer(problem))
                for index, problem in enumerate(drawn)
            ]
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ShippedBase(Step[CausalModel], name="base"):
    """Copies a base model that ships with the code, after checking its hash."""

    world: str
    size: str
    sha256: str
    """Hash of its weights."""

    def run(self, context: Context) -> CausalModel:
        folder = shipped_base(self.world, self.size)
        found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        if found != self.sha256:
            raise ValueError(f"{folder}/model.safetensors: found sha256 {found}; allowed: {self.sha256}")
        return CausalModel(save=partial(shutil.copytree, folder))


@dataclass(frozen=True, kw_only=True, eq=False)
class RateByOracle(Step[Ratings], name="ratings"):
    """Rates every step of samples by the world's oracle."""

    world: str
    samples: Step[Samples]

    def run(self, context: Context) -> Ratings:
        world, samples = world_of(self.world), context.read(self.samples)
        rated = [
            np.array(world.judge(samples.problems[p].text, steps), dtype=np.int8)
            for p, steps in zip(samples.solutions.problem_index, samples.steps(), strict=True)
        ]
        return Ratings(steps=Ragged.from_rows(rated, dtype=np.int8))
