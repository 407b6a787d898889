"""Large models by the difficulty of the problem (the paper's Figure 6).

Divides the test problems into quintiles of the generator's pass rate, estimated on other samples; reports
best-of-N of the large PRM, the large ORM and the labeler, and majority voting, in each quintile.

    ablations run difficulty --scale quick

Expected: PRM above ORM in all quintiles; more samples help most on the hardest problems.
"""

from dataclasses import dataclass

from ablations.data.field_types import Count
from ablations.engine.experiment import Plan
from ablations.experiments.definition import experiment
from ablations.experiments.large_models import DIFFICULTY_SEED, LargeModels, resample
from ablations.experiments.large_settings import LARGE, NO_POOL, LargeScaleSettings
from ablations.experiments.scales import at_scale
from ablations.experiments.source_settings import WorldSettings
from ablations.experiments.trainings import evaluate_references, gather_records
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.evaluate_large import EvaluateQuintiles
from ablations.steps.sampling import SampleSolutions

_SAMPLES = {"smoke": 4, "quick": 64, "small": 64, "paper": 500}


@dataclass(frozen=True, kw_only=True)
class DifficultySettings(LargeScaleSettings):
    """Settings that determine the experiment's records."""

    difficulty_samples: Count
    """Solutions sampled per test problem to estimate its pass rate; they are not evaluated."""


def settings(scale: str, source: WorldSettings) -> DifficultySettings:
    """Returns the settings of `large_scale` at the same scale, so that its artifacts are reused."""
    return at_scale(DifficultySettings, scale, source, **LARGE[scale], difficulty_samples=_SAMPLES[scale])


def plan(settings: DifficultySettings) -> Plan:
    """Large PRM, large ORM and majority voting by quintiles of difficulty (the paper's Figure 6)."""
    fold = embedded_fold(settings.source, settings.device)
    models = LargeModels(settings=settings, fold=fold)
    assert isinstance(fold.test, SampleSolutions)
    quintiles = EvaluateQuintiles(
        samples=fold.test,
        difficulty=resample(fold.test, settings.difficulty_samples, DIFFICULTY_SEED),
        arms=tuple(models.scores),
        scores=tuple(models.scores.values()),
        draws=settings.majority_draws,
        label="quintiles of difficulty",
        weight=5,
    )
    rows = (*models.scorers(), quintiles)
    references = evaluate_references([fold], settings.majority_draws)
    records = gather_records("difficulty", settings, rows, references)
    return Plan(targets=(*rows, references), records=records)


DIFFICULTY = experiment(settings, plan, no_pool=NO_POOL)
