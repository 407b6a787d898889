"""The large PRM and the large ORMs, shared by the experiments that compare them.

All are finetuned from the large base on solutions to the labeler's problems: the PRM on those that it chose
for the annotator itself, generation by generation, the ORMs on final answers.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ablations.experiments.cells import Grid
from ablations.experiments.large_settings import LargeScaleSettings
from ablations.experiments.parts import (
    TOKENS_OF_SOLUTION,
    Part,
    drawn_task,
    opinion_task,
    scores_task,
    seconds_per_token,
)
from ablations.pipeline import Task
from ablations.stages.files import sha256_of

POOL_SEED, DIFFICULTY_SEED = 5, 6
"""Of the generator's samples; those of `supervision` have 1 to 4."""


@dataclass(frozen=True, kw_only=True)
class LargeModels:
    """The tasks that make the large models and judge them on the test problems."""

    settings: LargeScaleSettings
    part: Part
    """Of the embedded world."""

    @property
    def labeler(self) -> Task:
        """The large PRM on uniform solutions, which labels the students'."""
        assert self.part.large_prm is not None
        return self.part.large_prm

    @property
    def base(self) -> Task:
        """The large base."""
        return _one(self.labeler.inputs["base"])

    @cached_property
    def pool(self) -> Task:
        """Solutions to the labeler's problems, of which some are labelled."""
        labelled = _one(self.labeler.inputs["samples"])
        return drawn_again(labelled, self.settings.collection.pool_samples, POOL_SEED)

    @cached_property
    def chosen(self) -> tuple[Task, ...]:
        """The rows that are labelled in phase 1, and in each generation."""
        return self.choices(self.settings.collection.generations)

    def choices(self, generations: int) -> tuple[Task, ...]:
        """The rows that are labelled in phase 1, and in the first generations."""
        collection = self.settings.collection
        if generations == 0:
            return (drawn_task(self.pool, collection.uniform, 0, "phase 1"),)
        before = self.choices(generations - 1)
        opinion = opinion_task(
            {"model": self.prm(before)},
            self.pool,
            self.settings,
            f"the PRM of generation {generations - 1}",
            "large",
        )
        collected = Task(
            stage="collected",
            config={"selection": collection.selection, "chosen": collection.chosen},
            inputs={"samples": self.pool, "opinion": opinion, "labelled": before},
            label=f"choose generation {generations}",
            weight=3,
        )
        return (*before, collected)

    def annotated(self, generation: int, chosen: Task) -> Task:
        """The ratings of a generation's rows: people's, or those of the world's annotator.

        Raises:
            ValueError: people are to rate, and there is no file of theirs.
        """
        labeler, collection = self.settings.labeler, self.settings.collection
        if collection.annotations is not None:
            file = collection.labelling_file(generation)
            if not file.is_file():
                raise ValueError(
                    f"collection.annotations: found no {file}; allowed: a file of ratings for each "
                    "generation, as `ablations annotate write` writes them"
                )
            return Task(
                stage="rated",
                config={"sha256": sha256_of(file)},
                inputs={"samples": self.pool, "chosen": chosen},
                local={"path": str(file)},
                label=f"people's ratings: {chosen.label}",
            )
        return Task(
            stage="annotated",
            config={"easy_error": labeler.easy_error, "hard_error": labeler.hard_error, "seed": 0},
            inputs={"samples": self.pool, "chosen": chosen},
            label=f"annotate: {chosen.label}",
            weight=3,
        )

    @cached_property
    def annotations(self) -> tuple[Task, ...]:
        """The ratings of all that is labelled."""
        return tuple(self.annotated(generation, chosen) for generation, chosen in enumerate(self.chosen))

    def prm(self, chosen: tuple[Task, ...]) -> Task:
        """The large PRM on the ratings of the rows of several choices."""
        labeler, collection = self.settings.labeler, self.settings.collection
        generation = len(chosen) - 1
        solutions = self.problems * (collection.uniform + generation * collection.chosen)
        updates = max(round(labeler.epochs * solutions / labeler.batch_size), collection.min_updates)
        tokens = updates * labeler.batch_size * TOKENS_OF_SOLUTION
        return Task(
            stage="large_prm",
            config={
                "epochs": labeler.epochs,
                "batch_size": labeler.batch_size,
                "learning_rate": labeler.learning_rate,
                "min_updates": collection.min_updates,
                "seed": 0,
                "precision": "32-true",
                "device": self.settings.students.device,
            },
            inputs={
                "base": self.base,
                "samples": self.pool,
                "annotations": tuple(self.annotated(g, one) for g, one in enumerate(chosen)),
            },
            label=f"large PRM of generation {generation}",
            weight=tokens * seconds_per_token("large") + 2,
            tokens=tokens,
        )

    @property
    def problems(self) -> int:
        """How many problems the labeler has."""
        assert self.settings.problems is not None
        return self.settings.problems.labeler

    @cached_property
    def orm(self) -> Grid:
        """The large ORM on uniform solutions, its learning rate chosen on validation problems."""
        return Grid(
            settings=replace(self.settings, students=self.settings.orm),
            part=replace(
                self.part, base=self.base, train=self.pool, problems=self.problems, name=" (large ORM)"
            ),
            arm="final_answer",
            data_scale=self.settings.orm_samples,
        )

    @cached_property
    def prm_scores(self) -> Task:
        """The last generation's PRM on the test problems."""
        model = {"model": self.prm(self.chosen)}
        return scores_task(model, self.part.test, self.settings, "with the large PRM: test problems", "large")

    @property
    def scores(self) -> dict[str, Task]:
        """Scores of the test problems by arm."""
        return {
            "large_prm": self.prm_scores,
            "large_orm": self.orm.scores(0),
            "labeler": self.part.test_labels,
        }

    def scorers(self) -> list[Task]:
        """The rows of the large PRM, and of the large ORM."""
        prm = self._evaluation("scorer", "large_prm", self.prm_scores, {"model": self.prm(self.chosen)})
        return [prm, self.orm_scorer(self.orm)]

    def orm_scorer(self, grid: Grid, acquisition: str | None = None) -> Task:
        """The rows of a large ORM."""
        named = {} if acquisition is None else {"acquisition": acquisition}
        return self._evaluation("scorer", "large_orm", grid.scores(0), self._trainings(grid), **named)

    def votes(self) -> list[Task]:
        """Rows of voting weighted by the large PRM, the large ORM and the labeler."""
        models: dict[str, dict[str, Any]] = {
            "large_prm": {"model": self.prm(self.chosen)},
            "large_orm": self._trainings(self.orm),
            "labeler": {"model": self.labeler},
        }
        draws = {"draws": self.settings.majority_draws, "seed": 0}  # as in the reference lines
        return [self._evaluation("votes", arm, self.scores[arm], models[arm], **draws) for arm in models]

    def _trainings(self, grid: Grid) -> dict[str, Any]:
        candidates = grid.candidates
        return {"trains": grid.trains(0)} | ({"choice": grid.choice} if candidates else {})

    def _evaluation(self, stage: str, arm: str, scores: Task, model: dict[str, Any], **config: Any) -> Task:
        inputs = {"samples": self.part.test, "scores": scores} | model
        if stage == "scorer" and self.part.ratings is not None:
            inputs["ratings"] = self.part.ratings
        return Task(
            stage=stage,
            config={"arm": arm} | config,
            inputs=inputs,
            label=f"{stage}: {scores.label}",
            weight=5,
        )


def drawn_again(samples: Task, count: int, seed: int) -> Task:
    """More solutions to the same problems by the same generator."""
    share = count / samples.config["count"]
    return replace(
        samples,
        config={**samples.config, "count": count, "seed": seed},
        label=f"sample {count} other solutions of {_one(samples.inputs['problems']).label}",
        weight=samples.weight * share,
        tokens=round((samples.tokens or 0) * share),
    )


def _one(task: Task | tuple[Task, ...]) -> Task:
    assert isinstance(task, Task)
    return task
