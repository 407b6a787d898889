"""Process against outcome supervision (the paper's Section 4.1, Figures 4a and 4b).

Small reward models are trained on the identical solutions under three forms of supervision that a large PRM
(or the final answers) gives, at several data scales; best-of-N on held-out problems says which is better.

    ablations run supervision --scale quick                                    (two cores: about 12 minutes)
    ablations run supervision --scale quick --pool POOL.jsonl.gz --labeler NAME   (real solutions)

Expected: process above both outcome arms at every data scale; outcome arms above pass@1 at the largest ones.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ablations.experiments.parts import Part, parts_of, scores_task, seconds_per_token
from ablations.experiments.reporting import finish, report
from ablations.experiments.scales import LABELERS, SupervisionSettings, settings
from ablations.pipeline import SCALES, Experiment, Plan, Task
from ablations.revision import revision
from ablations.scoring import SCORING_OF
from ablations.supervision import ARMS, LabelerArm
from ablations.world.worlds import WORLDS


def plan(settings: SupervisionSettings) -> Plan:
    """Process against outcome supervision, at several data scales (the paper's 4.1, Figures 4a and 4b)."""
    parts = parts_of(settings)
    cells, largest = [], []
    for arm in settings.arms:
        for data_scale in settings.data_scales:
            first = [_Grid(settings=settings, part=part, arm=arm, data_scale=data_scale) for part in parts]
            for seed in range(settings.seeds):
                cell, scores = _cell(first, seed)
                cells.append(cell)
                if seed == 0 and data_scale == settings.data_scales[-1]:
                    largest.append(scores[0])
    tests: dict[str, Any] = {
        "samples": tuple(part.test for part in parts),
        "labels": tuple(part.test_labels for part in parts),
    }
    of_world: dict[str, Any] = {}
    if parts[0].ratings is not None:
        tests["ratings"] = tuple(part.ratings for part in parts if part.ratings is not None)
        of_world = {"pool_labels": parts[0].train_labels, "pool_ratings": parts[0].train_ratings}
    references = Task(
        stage="references",
        config={"majority_draws": settings.majority_draws, "seed": 0, "bins": 10},
        inputs=tests | of_world,
        label="reference lines",
        weight=5,
    )
    records = Task(
        stage="records",
        config={
            "experiment": "supervision",
            "scale": settings.scale,
            "dataset": settings.dataset,
            "settings": json.dumps(asdict(settings), sort_keys=True, default=str),
            "revision": revision(),
        },
        inputs={"cells": tuple(cells), "references": references},
    )
    examples = Task(
        stage="examples",
        config={"arms": list(settings.arms), "problems": 40, "solutions": 24},
        inputs={
            "samples": parts[0].test,
            "labels": parts[0].test_labels,
            "scores": tuple(largest),
            **({"ratings": parts[0].ratings} if parts[0].ratings is not None else {}),
        },
        label="example problems",
        weight=2,
    )
    return Plan(targets=(*cells, references, examples), records=records)


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """The trainings of one arm and data scale in one fold."""

    settings: SupervisionSettings
    part: Part
    arm: str
    data_scale: int

    def train(self, seed: int, learning_rate: float | None, choice: Task | None) -> Task:
        students = self.settings.students
        outcome = SCORING_OF[self.arm] == "last_token"
        updates = students.updates(self.part.problems * self.data_scale, outcome=outcome)
        tokens = round(updates * students.batch_size * self.part.tokens)
        rate = "chosen rate" if learning_rate is None else f"rate {learning_rate:g}"
        inputs = {
            "base": self.part.base,
            "samples": self.part.train,
            "validation": self.part.validation,
        }
        labelled = isinstance(ARMS[self.arm], LabelerArm)
        if labelled:
            inputs["labels"] = self.part.train_labels
        return Task(
            stage="train",
            config={
                "arm": self.arm,
                "data_scale": self.data_scale,
                "seed": seed,
                "learning_rate": learning_rate,
                "threshold": self.settings.labeler.threshold if labelled else None,
                "updates": updates,
                "batch_size": students.batch_size,
                "evaluations": students.evaluations,
                "validation_n": students.validation_n,
                "precision": students.precision,
                "device": students.device,
                "max_length": self.settings.pool.max_length if self.settings.pool else None,
            },
            inputs=inputs if choice is None else inputs | {"choice": choice},
            label=f"train {self.arm} x{self.data_scale} seed {seed} {rate}{self.part.name}",
            weight=tokens * seconds_per_token(students.backbone) + 2,
            tokens=tokens,
        )

    @cached_property
    def candidates(self) -> tuple[Task, ...]:
        """The first seed's trainings, one a learning rate."""
        return tuple(self.train(0, rate, None) for rate in self.settings.students.learning_rates)

    @cached_property
    def choice(self) -> Task:
        return Task(
            stage="choose",
            inputs={"candidates": self.candidates},
            label=f"choose {self.arm} x{self.data_scale}{self.part.name}",
            weight=0.1,
        )

    def scores(self, seed: int) -> tuple[tuple[Task, ...], Task]:
        """The trainings of a seed, and the scores of the chosen one."""
        if seed == 0:
            trains = self.candidates
            model: dict[str, Any] = {"candidates": trains, "choice": self.choice}
        else:
            trains = (self.train(seed, None, self.choice),)
            model = {"model": trains[0]}
        scores = scores_task(
            model,
            self.part.test,
            self.settings,
            f"{self.arm} x{self.data_scale} seed {seed} on test problems{self.part.name}",
            self.settings.students.backbone,
        )
        return trains, scores


def _cell(grids: list[_Grid], seed: int) -> tuple[Task, list[Task]]:
    """One reward model (or one a fold) and its evaluation."""
    first = grids[0]
    found = [grid.scores(seed) for grid in grids]
    inputs: dict[str, Any] = {
        "trains": tuple(train for trains, _ in found for train in trains),
        "scores": tuple(scores for _, scores in found),
        "samples": tuple(grid.part.test for grid in grids),
    }
    if seed == 0:
        inputs["choices"] = tuple(grid.choice for grid in grids)
    if first.part.ratings is not None:
        inputs["ratings"] = tuple(grid.part.ratings for grid in grids if grid.part.ratings is not None)
    cell = Task(
        stage="cell",
        config={"arm": first.arm, "data_scale": first.data_scale, "seed": seed},
        inputs=inputs,
        label=f"cell {first.arm} x{first.data_scale} seed {seed}",
    )
    return cell, inputs["scores"]


SUPERVISION = Experiment(
    settings=settings,
    plan=plan,
    finish=finish,
    report=report,
    scales=SCALES,
    worlds=tuple(WORLDS),
    labelers=LABELERS,
)
