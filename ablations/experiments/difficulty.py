"""Large models by the difficulty of the problem (the paper's Figure 6).

Divides the test problems into quintiles of the generator's pass rate, estimated on samples other than those
evaluated; reports best-of-N of the large PRM, the large ORM and the labeler, and majority voting, in each.

    ablations run difficulty --scale quick

Expected: PRM above ORM in all five; more samples help most on the hardest problems.
"""

from dataclasses import dataclass
from pathlib import Path

from ablations.engine.experiment import Plan
from ablations.experiments import large_settings, scales
from ablations.experiments.definition import experiment
from ablations.experiments.large_models import DIFFICULTY_SEED, LargeModels, drawn_again
from ablations.experiments.large_settings import LargeScaleSettings
from ablations.experiments.settings import at_least
from ablations.experiments.trainings import evaluate_references, gather_records
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.evaluate_large import EvaluateQuintiles
from ablations.steps.sampling import SampleSolutions

_SAMPLES = {"smoke": 4, "quick": 64, "small": 64, "paper": 500}


@dataclass(frozen=True, kw_only=True)
class DifficultySettings(LargeScaleSettings):
    """Settings that determine the experiment's records."""

    difficulty_samples: int
    """Solutions sampled per test problem to estimate its pass rate; they are not evaluated."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, difficulty_samples=self.difficulty_samples)


def settings(scale: str, world: str | None, pool: Path | None, labeler: str | None) -> DifficultySettings:
    """Returns the settings of `large_scale` at the same scale, so that its artifacts are reused."""
    given = large_settings.settings(scale, world, pool, labeler)
    return scales.extended(DifficultySettings, given, difficulty_samples=_SAMPLES[scale])


def plan(settings: DifficultySettings) -> Plan:
    """Large PRM, large ORM and majority voting by quintiles of difficulty (the paper's Figure 6)."""
    fold = embedded_fold(settings)
    models = LargeModels(settings=settings, fold=fold)
    assert isinstance(fold.test, SampleSolutions)
    quintiles = EvaluateQuintiles(
        samples=fold.test,
        difficulty=drawn_again(fold.test, settings.difficulty_samples, DIFFICULTY_SEED),
        arms=tuple(models.scores),
        scores=tuple(models.scores.values()),
        draws=settings.majority_draws,
        label="quintiles of difficulty",
        weight=5,
    )
    rows = (*models.scorers(), quintiles)
    references = evaluate_references(settings, [fold])
    records = gather_records("difficulty", settings, rows, references)
    return Plan(targets=(*rows, references), records=records)


DIFFICULTY = experiment(settings, plan)
