"""The large PRM and the large ORMs, shared by the experiments that compare them.

All are finetuned from the large base on solutions to the labeler's problems: the PRM on those that it chose
itself for the annotator, generation by generation, and the ORMs on final answers.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ablations.engine.costs.work import sampling
from ablations.engine.step import Task
from ablations.experiments.fold import Fold, scores_task
from ablations.experiments.generations import Generation
from ablations.experiments.large_settings import LargeScaleSettings
from ablations.experiments.trainings import Trainings

POOL_SEED, DIFFICULTY_SEED = 5, 6
"""Seeds of the generator's samples; those of `supervision` have 1 to 4."""


@dataclass(frozen=True, kw_only=True)
class LargeModels:
    """The tasks that make the large models and evaluate them on the test problems."""

    settings: LargeScaleSettings
    fold: Fold
    """The embedded world's fold."""

    @property
    def labeler(self) -> Task:
        """The large PRM trained on uniform solutions, which labels the students' solutions."""
        assert self.fold.large_prm is not None
        return self.fold.large_prm

    @property
    def base(self) -> Task:
        """The large base."""
        return _one(self.labeler.inputs["base"])

    @cached_property
    def pool(self) -> Task:
        """Solutions to the labeler's problems, some of which are labeled."""
        labelled = _one(self.labeler.inputs["samples"])
        return drawn_again(labelled, self.settings.collection.pool_samples, POOL_SEED)

    @property
    def phase_1(self) -> Generation:
        """The first generation of the large PRM's data."""
        return Generation(settings=self.settings, base=self.base, pool=self.pool)

    @cached_property
    def collected(self) -> Generation:
        """The last generation, with all the data that the large PRM learns from."""
        generation = self.phase_1
        for _ in range(self.settings.collection.generations):
            generation = generation.next()
        return generation

    @property
    def problems(self) -> int:
        """Number of the labeler's problems."""
        assert self.settings.problems is not None
        return self.settings.problems.labeler

    @cached_property
    def orm(self) -> Trainings:
        """The large ORM on uniform solutions, with its learning rate chosen on validation problems."""
        return Trainings(
            settings=replace(self.settings, students=self.settings.orm),
            fold=replace(
                self.fold,
                base=self.base,
                train=self.pool,
                train_ratings=None,  # the pool's ratings are never computed
                problems=self.problems,
                name=" (large ORM)",
            ),
            arm="final_answer",
            data_scale=self.settings.orm_samples,
            role="large",
        )

    @cached_property
    def prm_scores(self) -> Task:
        """Scores of the last generation's PRM on the test problems."""
        model = {"model": self.collected.prm}
        return scores_task(model, self.fold.test, self.settings, "with the large PRM: test problems", "large")

    @property
    def scores(self) -> dict[str, Task]:
        """Scores on the test problems by arm."""
        return {
            "large_prm": self.prm_scores,
            "large_orm": self.orm.scores(0),
            "labeler": self.fold.test_labels,
        }

    def scorers(self) -> list[Task]:
        """Returns the tasks for the rows of the large PRM and the large ORM."""
        prm = self._evaluation("scorer", "large_prm", self.prm_scores, {"model": self.collected.prm})
        return [prm, self.orm_scorer(self.orm)]

    def orm_scorer(self, trainings: Trainings, acquisition: str | None = None) -> Task:
        """Returns the task for the rows of a large ORM."""
        named = {} if acquisition is None else {"acquisition": acquisition}
        return self._evaluation(
            "scorer", "large_orm", trainings.scores(0), self._trainings(trainings), **named
        )

    def votes(self) -> list[Task]:
        """Returns the tasks for voting weighted by the large PRM, the large ORM and the labeler."""
        models: dict[str, dict[str, Any]] = {
            "large_prm": {"model": self.collected.prm},
            "large_orm": self._trainings(self.orm),
            "labeler": {"model": self.labeler},
        }
        draws = {"draws": self.settings.majority_draws, "seed": 0}  # as in the reference lines
        return [self._evaluation("votes", arm, self.scores[arm], models[arm], **draws) for arm in models]

    def _trainings(self, trainings: Trainings) -> dict[str, Any]:
        return {"train": trainings.train(0)} | (
            {} if trainings.choice is None else {"choice": trainings.choice}
        )

    def _evaluation(self, stage: str, arm: str, scores: Task, model: dict[str, Any], **config: Any) -> Task:
        inputs = {"samples": self.fold.test, "scores": scores} | model
        if stage == "scorer" and self.fold.ratings is not None:
            inputs["ratings"] = self.fold.ratings
        return Task(
            stage=stage,
            config={"arm": arm} | config,
            inputs=inputs,
            label=f"{stage}: {scores.label}",
            weight=5,
        )


def drawn_again(samples: Task, count: int, seed: int) -> Task:
    """Samples other solutions to the same problems from the same generator."""
    assert samples.texts is not None, "samples say how many they are"
    share = count / samples.texts.samples
    texts = replace(samples.texts, samples=count)
    return replace(
        samples,
        config={**samples.config, "count": count, "seed": seed},
        label=f"sample {count} other solutions of {_one(samples.inputs['problems']).label}",
        weight=samples.weight * share,
        work=sampling("generator", texts),
        texts=texts,
    )


def _one(task: Task | tuple[Task, ...]) -> Task:
    assert isinstance(task, Task)
    return task
