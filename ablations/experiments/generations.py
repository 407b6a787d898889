"""The large PRM's data by generation: chosen solutions, their ratings, and the PRM trained on them.

In phase 1 (generation 0), solutions are drawn uniformly; in later generations, the previous PRM chooses them.
Source: "Let's Verify Step by Step" (arXiv 2305.20050), Section 2.4.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from ablations.data.annotations import Annotations
from ablations.data.artifacts import ChosenRows
from ablations.engine.costs.work import training
from ablations.engine.step import Step
from ablations.engine.user_file import UserFile
from ablations.experiments.fold import Scorer, lengths_of, seconds_per_token
from ablations.experiments.large_settings import LargeScaleSettings
from ablations.formats.annotation_file import read_rated
from ablations.steps.base_model import CausalModel
from ablations.steps.collect import CollectGeneration, DrawRows
from ablations.steps.sampling import SampleSolutions
from ablations.steps.train_prm import Annotate, ReadRatings, TrainLargePrm
from ablations.steps.validate import passed_over


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One generation, and those before it."""

    settings: LargeScaleSettings
    base: Step[CausalModel]
    """The large base."""
    pool: SampleSolutions
    """Solutions to the labeler's problems, from which all generations choose."""
    previous: "Generation | None" = None
    """The previous generation; None for phase 1."""

    def next(self) -> "Generation":
        return replace(self, previous=self)

    @property
    def number(self) -> int:
        """Its number; 0 for phase 1."""
        return 0 if self.previous is None else self.previous.number + 1

    @property
    def generations(self) -> tuple["Generation", ...]:
        """All generations so far, in order."""
        return (self,) if self.previous is None else (*self.previous.generations, self)

    @property
    def choices(self) -> tuple[Step[ChosenRows], ...]:
        """The rows that are labeled in each generation so far."""
        return tuple(generation.chosen for generation in self.generations)

    @property
    def annotations(self) -> tuple[Step[Annotations], ...]:
        """The ratings of each generation so far."""
        return tuple(generation.annotated for generation in self.generations)

    @cached_property
    def chosen(self) -> Step[ChosenRows]:
        """The rows that are labeled in this generation."""
        collection = self.settings.collection
        if self.previous is None:
            return DrawRows(samples=self.pool, count=collection.uniform, seed=0, label="draw phase 1")
        scorer = Scorer(model=self.previous.prm, device=self.settings.device)
        return CollectGeneration(
            samples=self.pool,
            opinion=scorer.ask(self.pool, f"the PRM of generation {self.previous.number}"),
            rated=self.previous.choices,
            selection=collection.selection,
            chosen=collection.chosen,
            label=f"choose generation {self.number}",
            weight=3,
        )

    @cached_property
    def annotated(self) -> Step[Annotations]:
        """The ratings of its rows, by people or by the world's annotator.

        Raises:
            ValueError: the file of people's ratings is missing or malformed.
        """
        labeler, collection = self.settings.source.labeler, self.settings.collection
        if collection.annotations is None:
            return Annotate(
                samples=self.pool,
                chosen=self.chosen,
                world=self.settings.source.world,
                easy_error=labeler.easy_error,
                hard_error=labeler.hard_error,
                seed=labeler.seed,
                label=f"annotate: {self.chosen.label}",
                weight=3,
            )
        file = collection.labeling_file(self.number)
        if not file.is_file():
            raise ValueError(
                f"collection.annotations: found no {file}; allowed: a file of ratings for each generation, "
                "as `ablations annotate write` writes them"
            )
        for _ in read_rated(file):
            pass  # reports a malformed row before anything is computed
        return ReadRatings(
            samples=self.pool,
            chosen=self.chosen,
            file=UserFile.of(file, "collection.annotations"),
            label=f"people's ratings: {self.chosen.label}",
        )

    @cached_property
    def prm(self) -> TrainLargePrm:
        """The large PRM trained on all ratings so far."""
        source, collection = self.settings.source, self.settings.collection
        labeler = source.labeler
        solutions = source.problems.labeler * (collection.uniform + self.number * collection.chosen)
        updates = max(round(labeler.epochs * solutions / labeler.batch_size), collection.min_updates)
        lengths = lengths_of(source.world)
        tokens = updates * labeler.batch_size * lengths.tokens
        seen = passed_over(updates, solutions, labeler.batch_size)
        return TrainLargePrm(
            base=self.base,
            samples=self.pool,
            annotations=self.annotations,
            epochs=labeler.epochs,
            min_updates=collection.min_updates,
            batch_size=labeler.batch_size,
            learning_rate=labeler.learning_rate,
            seed=labeler.seed,
            device=self.settings.device,
            label=f"large PRM of generation {self.number}",
            weight=tokens * seconds_per_token("large") + 2,
            work=(training("large", lengths, seen, steps=True),),
        )
