"""The large PRM and the large ORMs, shared by the experiments that compare them.

All are finetuned from the large base on solutions to the labeler's problems: the PRM on an annotator's
ratings of solutions that it chose itself, generation by generation, and the ORMs on final answers.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from ablations.data.step_scores import StepScores
from ablations.engine.costs.work import sampling
from ablations.engine.step import Step
from ablations.experiments.fold import Fold, Scorer, texts_of
from ablations.experiments.generations import Generation
from ablations.experiments.large_settings import LargeScaleSettings
from ablations.experiments.trainings import Trainings
from ablations.steps.evaluate_large import EvaluateLarge, EvaluateVotes
from ablations.steps.sampling import SampleSolutions
from ablations.steps.score import ScoreSolutions
from ablations.steps.train_prm import TrainLargePrm

POOL_SEED, DIFFICULTY_SEED = 5, 6
"""Seeds of the generator's samples; those of `supervision` are 1 to 4."""


@dataclass(frozen=True, kw_only=True)
class LargeModels:
    """The steps that make the large models and evaluate them on the test problems."""

    settings: LargeScaleSettings
    fold: Fold
    """The embedded world's fold, without students."""

    @property
    def labeler(self) -> TrainLargePrm:
        """The large PRM trained on uniform solutions, which labels the students' solutions."""
        assert self.fold.large_prm is not None
        return self.fold.large_prm

    @cached_property
    def pool(self) -> SampleSolutions:
        """Solutions to the labeler's problems, some of which are labeled."""
        labeled = self.labeler.samples
        assert isinstance(labeled, SampleSolutions)
        return resample(labeled, self.settings.collection.pool_samples, POOL_SEED)

    @property
    def phase_1(self) -> Generation:
        """The first generation of the large PRM's data."""
        return Generation(settings=self.settings, base=self.labeler.base, pool=self.pool)

    @cached_property
    def collected(self) -> Generation:
        """The last generation, with all the data that the large PRM learns from."""
        generation = self.phase_1
        for _ in range(self.settings.collection.generations):
            generation = generation.next()
        return generation

    @cached_property
    def orm(self) -> Trainings:
        """The large ORM on uniform solutions, with its learning rate chosen on validation problems."""
        return Trainings(
            students=self.settings.orm,
            fold=replace(
                self.fold,
                train=self.pool,
                train_ratings=None,  # the pool's ratings are never computed
                problems=self.settings.source.problems.labeler,
                name=" (large ORM)",
            ),
            arm="final_answer",
            data_scale=self.settings.orm_samples,
            role="large",
        )

    @cached_property
    def prm_scores(self) -> ScoreSolutions:
        """Scores of the last generation's PRM on the test problems."""
        prm = Scorer(model=self.collected.prm, device=self.settings.device)
        return prm.score(self.fold.test, "with the large PRM: test problems")

    @property
    def scores(self) -> dict[str, Step[StepScores]]:
        """Scores on the test problems by arm."""
        return {
            "large_prm": self.prm_scores,
            "large_orm": self.orm.scores(0),
            "labeler": self.fold.test_labels,
        }

    def scorers(self) -> list[EvaluateLarge]:
        """Returns the steps for the rows of the large PRM and the large ORM."""
        prm = EvaluateLarge(
            arm="large_prm",
            samples=self.fold.test,
            scores=self.prm_scores,
            prm=self.collected.prm,
            ratings=self.fold.ratings,
            label=f"scorer: {self.prm_scores.label}",
            weight=5,
        )
        return [prm, self.orm_scorer(self.orm)]

    def orm_scorer(self, trainings: Trainings, acquisition: str | None = None) -> EvaluateLarge:
        """Returns the step for the rows of a large ORM."""
        scores = trainings.scores(0)
        return EvaluateLarge(
            arm="large_orm",
            acquisition=acquisition,
            samples=self.fold.test,
            scores=scores,
            train=trainings.train(0),
            choice=trainings.choice,
            ratings=self.fold.ratings,
            label=f"scorer: {scores.label}",
            weight=5,
        )

    def votes(self) -> list[EvaluateVotes]:
        """Returns the steps for voting weighted by the large PRM, the large ORM and the labeler."""
        prms = {"large_prm": self.collected.prm, "labeler": self.labeler}
        return [
            EvaluateVotes(
                arm=arm,
                samples=self.fold.test,
                scores=scores,
                prm=prms.get(arm),
                train=self.orm.train(0) if arm == "large_orm" else None,
                choice=self.orm.choice if arm == "large_orm" else None,
                draws=self.settings.majority_draws,
                label=f"votes: {scores.label}",
                weight=5,
            )
            for arm, scores in self.scores.items()
        ]


def resample(samples: SampleSolutions, count: int, seed: int) -> SampleSolutions:
    """Samples other solutions to the same problems from the same generator."""
    texts = replace(texts_of(samples), samples=count)
    return replace(
        samples,
        count=count,
        seed=seed,
        label=f"sample {count} other solutions of {samples.problems.label}",
        weight=samples.weight * count / samples.count,
        work=sampling("generator", texts),
        texts=texts,
    )
