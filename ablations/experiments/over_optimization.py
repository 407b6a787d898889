"""Over-optimization: why best-of-N falls for a student with blind spots, and what to do about it.

The more solutions best-of-N chooses from, the more likely one of them exploits an error of the reward model
(arXiv 2210.10760, scaling laws for over-optimization). Students of `supervision` score up to 1,024 solutions
per problem, alone and as ensembles of all seeds: by the mean of their scores, the lowest one, and the mean
minus their spread (arXiv 2310.02743, 2312.09244). N is chosen on validation problems, by other solutions than
those that chose the checkpoints.

    ablations run over_optimization --scale quick                              (one core: about 3 minutes)

Expected: best-of-N of the outcome arms peaks and then falls, while the probability that the student gives to
the chosen solution keeps rising; ensembles fall less, but share the blind spots that all their members have.
"""

from dataclasses import dataclass, replace
from typing import TypedDict

from ablations.data.checks import each_once
from ablations.data.field_types import Count
from ablations.engine.experiment import Plan
from ablations.engine.step import Step
from ablations.evaluation.ensembles import COMBINERS
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold, compute_states
from ablations.experiments.large_models import resample
from ablations.experiments.run_settings import StudentRunSettings, check_arms, check_data_scales
from ablations.experiments.scales import at_scale
from ablations.experiments.source_settings import WorldSettings
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.evaluate_ensemble import EvaluateEnsemble
from ablations.steps.evaluation_rows import Rows
from ablations.steps.sampling import SampleSolutions

CHOICE_SEED = 7
"""Seed of the samples on which N is chosen; those of other experiments are 1 to 6."""


@dataclass(frozen=True, kw_only=True)
class OverOptimizationSettings(StudentRunSettings):
    """Settings of the experiment; `seeds` is the number of models of an ensemble."""

    source: WorldSettings
    """The embedded world."""
    arms: tuple[str, ...] = ("process", "prm_outcome", "final_answer")
    """Forms of supervision."""
    data_scales: tuple[int, ...]
    """Solutions labeled per problem."""
    combiners: tuple[str, ...] = tuple(COMBINERS)
    """How an ensemble combines the scores of its models: mean_score, lowest_score or lower_bound."""
    choice_samples: Count
    """Solutions sampled per validation problem to choose N: the largest N that can be chosen."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_arms(self.arms, self.source)
        check_data_scales(self.data_scales, self.source)
        each_once("combiners", self.combiners, COMBINERS)
        if self.seeds < 2:
            raise ValueError(f"seeds: found {self.seeds}; allowed: 2 or more, the models of an ensemble")
        if self.choice_samples > self.source.test_samples:
            raise ValueError(
                f"choice_samples: found {self.choice_samples}; allowed: 1 to source.test_samples = "
                f"{self.source.test_samples}"
            )


class _Size(TypedDict):
    data_scales: tuple[int, ...]
    seeds: int
    test: int
    samples: int


_SIZES: dict[str, _Size] = {
    "smoke": dict(data_scales=(2,), seeds=2, test=8, samples=64),
    "quick": dict(data_scales=(8,), seeds=3, test=60, samples=256),
    "small": dict(data_scales=(3, 64), seeds=8, test=100, samples=1024),
    "paper": dict(data_scales=(5, 200), seeds=5, test=500, samples=1024),
}
"""Scale -> data scales, models of an ensemble, test problems and solutions of each."""


def settings(scale: str, source: WorldSettings) -> OverOptimizationSettings:
    """Returns the defaults of a scale: trainings of `supervision`, more solutions of fewer test problems."""
    size = _SIZES[scale]
    problems = replace(source.problems, test=size["test"])
    return at_scale(
        OverOptimizationSettings,
        scale,
        replace(source, problems=problems, test_samples=size["samples"]),
        data_scales=size["data_scales"],
        seeds=size["seeds"],
        choice_samples=size["samples"],
    )


def plan(settings: OverOptimizationSettings) -> Plan:
    """Why best-of-N falls for large N, whether ensembles help, and N chosen on validation problems."""
    fold = embedded_fold(settings.source, settings.device, settings.students)
    choice = _choice_fold(fold, settings)
    rows: list[Step[Rows]] = []
    for arm in settings.arms:
        for data_scale in settings.data_scales:
            rows += _evaluate(settings, fold, choice, arm, data_scale)
    references = evaluate_references([fold], settings.majority_draws)
    records = gather_records("over_optimization", settings, tuple(rows), references)
    return Plan(targets=(*rows, references), records=records)


def _choice_fold(fold: Fold, settings: OverOptimizationSettings) -> Fold:
    """Returns the fold with other samples of the validation problems in place of the test samples."""
    assert isinstance(fold.validation, SampleSolutions)
    samples = resample(fold.validation, settings.choice_samples, CHOICE_SEED)
    states = compute_states(fold.base, samples, settings.students, settings.device)
    return replace(fold, test=samples, test_states=states)


def _evaluate(
    settings: OverOptimizationSettings, fold: Fold, choice: Fold, arm: str, data_scale: int
) -> list[Step[Rows]]:
    """Returns the cell of each model, and the evaluations of each model and of their ensembles."""
    assert fold.ratings is not None, "an embedded world has an oracle"
    trainings = Trainings(students=settings.students, fold=fold, arm=arm, data_scale=data_scale)
    seeds = range(settings.seeds)
    scores = tuple(trainings.scores(seed) for seed in seeds)
    validation_scores = tuple(
        trainings.scores_of(seed, choice, "validation problems, to choose N") for seed in seeds
    )
    cells = [evaluate_cell([trainings], seed) for seed in seeds]
    ensemble = EvaluateEnsemble(
        arm=arm,
        data_scale=data_scale,
        scores=scores,
        samples=fold.test,
        ratings=fold.ratings,
        validation_scores=validation_scores,
        validation=choice.test,
        weight=3,
    )
    rows: list[Step[Rows]] = []
    for seed, cell in zip(seeds, cells, strict=True):
        rows += [
            cell,
            replace(
                ensemble,
                scores=scores[seed : seed + 1],
                validation_scores=validation_scores[seed : seed + 1],
                cell=cell,
                label=f"by N: {trainings.name} seed {seed}",
            ),
        ]
    for combiner in settings.combiners:
        label = f"by N: {trainings.name}, {combiner} of {settings.seeds}"
        rows.append(replace(ensemble, combiner=combiner, label=label))
    return rows


OVER_OPTIMIZATION = experiment(
    settings,
    plan,
    no_pool="N is chosen on validation problems, and every problem of a pool is a test problem",
)
