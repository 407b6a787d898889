"""Scoring strategies of process reward models (the paper's appendix on PRM scoring).

A solution's score is computed from its step scores in several ways: product, minimum, mean, geometric mean or
last score, with neutral counted as positive or as negative for a model with three classes. The whole grid
comes from stored step scores; only students that keep neutral as a class are trained for it, at the learning
rate of process supervision.

    ablations run scoring --scale quick

Expected: little difference between the strategies (the paper, best-of-1860: 77.4 to 78.2); the product
slightly favors short solutions, more so with neutral as negative.
"""

from dataclasses import dataclass, replace

from ablations.engine.experiment import Plan
from ablations.experiments.definition import experiment
from ablations.experiments.run_settings import StudentRunSettings, check_arms, check_data_scale
from ablations.experiments.scales import at_scale, shared
from ablations.experiments.source_settings import PoolSettings, Source
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.steps.evaluate_strategies import EvaluateStrategies

STUDENTS = ("process", "process_neutral")
"""Arms whose reward models score steps."""

_DATA_SCALE = {"smoke": 2, "quick": 16, "small": 16, "paper": 100}


@dataclass(frozen=True, kw_only=True)
class ScoringSettings(StudentRunSettings):
    """Settings of the experiment."""

    arms: tuple[str, ...] = STUDENTS
    """Students that are compared in addition to the labeler; with a pool, only `process`."""
    data_scale: int
    """Solutions labeled per problem."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.arms) <= set(STUDENTS):
            raise ValueError(f"arms: found {list(self.arms)}; allowed: one or both of {', '.join(STUDENTS)}")
        check_arms(self.arms, self.source)
        check_data_scale(self.data_scale, self.source)


def settings(scale: str, source: Source) -> ScoringSettings:
    """Returns the defaults of a scale, whose trainings are those of `supervision`."""
    if isinstance(source, PoolSettings):
        largest = shared(scale, source).data_scales[-1]
        return at_scale(ScoringSettings, scale, source, arms=("process",), data_scale=largest)
    return at_scale(ScoringSettings, scale, source, data_scale=_DATA_SCALE[scale])


def plan(settings: ScoringSettings) -> Plan:
    """Scoring strategies of process reward models, and their length bias (the paper's appendix)."""
    folds = folds_of(settings)
    process = [
        Trainings(students=settings.students, fold=fold, arm="process", data_scale=settings.data_scale)
        for fold in folds
    ]
    neutral = [replace(trainings, arm="process_neutral", rate_of=trainings) for trainings in process]
    by_arm = {"process": process, "process_neutral": neutral}
    tests = tuple(fold.test for fold in folds)
    strategies = [
        EvaluateStrategies(
            arm="labeler",
            samples=tests,
            scores=tuple(fold.test_labels for fold in folds),
            label="scoring strategies of the labeler",
            weight=3,
        )
    ]
    cells = []
    for arm in settings.arms:
        for seed in range(settings.seeds):
            cells.append(evaluate_cell(by_arm[arm], seed))
            strategies.append(
                EvaluateStrategies(
                    arm=arm,
                    samples=tests,
                    scores=tuple(trainings.scores(seed) for trainings in by_arm[arm]),
                    cell=cells[-1],
                    label=f"scoring strategies of {by_arm[arm][0].name} seed {seed}",
                    weight=3,
                )
            )
    references = evaluate_references(folds, settings.majority_draws)
    records = gather_records("scoring", settings, (*cells, *strategies), references)
    return Plan(targets=(*cells, *strategies, references), records=records)


SCORING = experiment(settings, plan)
