"""How good a labeler must be for process supervision to be worth its labels.

The paper finds process supervision far better than outcome supervision. A study of 14 domains finds it no
better, and blames noisy labels of steps. Here the same solutions are labeled by the oracle of an embedded
world, by simulated labelers with errors of several kinds at increasing doses
(`ablations.world.labeling_errors`), by the large PRM at several thresholds, and by weaker PRMs. Final answers
need no labeler: their line is constant, and where process supervision falls to it, the labels are no longer
worth their price. All right answers are audited for wrong reasoning.

    ablations run labeler_quality --scale quick                                (one core: about 6 minutes)

Expected: process supervision is above both outcome arms with the oracle's labels, and with few random errors.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, TypedDict

from ablations.data.checks import each_once
from ablations.data.field_types import Count, Range, Seed, Share
from ablations.data.step_scores import StepScores
from ablations.engine.costs.work import training
from ablations.engine.experiment import Plan
from ablations.engine.step import Step
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold, Scorer, seconds_per_token
from ablations.experiments.run_settings import StudentRunSettings, check_data_scale
from ablations.experiments.scales import at_scale
from ablations.experiments.source_settings import WorldSettings
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.audit import AuditFalsePositives
from ablations.steps.evaluation_rows import Rows
from ablations.steps.mislabel import MeasureLabeler, Mislabel
from ablations.steps.score import ScoreSolutions
from ablations.world.labeling_errors import KINDS_OF_ERRORS
from results.vocabulary import USELESS

LABELED, UNLABELED = ("process", "prm_outcome"), "final_answer"
"""Arms that learn from a labeler, and the one that needs none."""
LEAST_UPDATES = 150
"""Minimum number of updates of a weaker PRM; few labels get more passes."""

Dose = Annotated[float, Range(above=0, most=USELESS)]


@dataclass(frozen=True, kw_only=True)
class LabelerQualitySettings(StudentRunSettings):
    """Settings of the experiment."""

    source: WorldSettings
    """The embedded world."""
    data_scale: int
    """Solutions labeled per problem."""
    errors: tuple[str, ...] = tuple(KINDS_OF_ERRORS)
    """Kinds of errors of the simulated labelers."""
    doses: tuple[Dose, ...]
    """Their balanced errors: the mean of the shares of missed errors and of false alarms; 0 is added."""
    errors_seed: Seed = 0
    """Seed of the errors; another one makes other labelers."""
    thresholds: tuple[Share, ...]
    """P(negative) above which the large PRM's labels call a step incorrect."""
    fewer_labels: tuple[Count, ...]
    """Numbers of problems with rated solutions from which further large PRMs learn."""
    smaller_prm: tuple[Count, ...]
    """Numbers of problems with rated solutions from which PRMs of the students' size learn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_data_scale(self.data_scale, self.source)
        each_once("errors", self.errors, KINDS_OF_ERRORS)
        if not self.doses:
            raise ValueError(f"doses: found none; allowed: one or more, above 0, to {USELESS:g}")
        for name in ("doses", "thresholds", "fewer_labels", "smaller_prm"):
            if (found := list(getattr(self, name))) != sorted(set(found)):
                raise ValueError(f"{name}: found {found}; allowed: ascending, each once")
        most = self.source.problems.labeler
        for name in ("fewer_labels", "smaller_prm"):
            if max(getattr(self, name), default=0) > most:
                found = list(getattr(self, name))
                raise ValueError(f"{name}: found {found}; allowed: 1 to source.problems.labeler = {most}")


class _AtScale(TypedDict, total=False):
    data_scale: int
    seeds: int
    doses: tuple[float, ...]
    thresholds: tuple[float, ...]
    fewer_labels: tuple[int, ...]
    smaller_prm: tuple[int, ...]


_AT_SCALE: dict[str, _AtScale] = {
    "smoke": dict(data_scale=2, doses=(0.4,), thresholds=(0.2,), fewer_labels=(4,), smaller_prm=(12,)),
    "quick": dict(
        data_scale=8,
        seeds=1,
        doses=(0.2, 0.4),
        thresholds=(0.2, 0.8),
        fewer_labels=(10,),
        smaller_prm=(300,),
    ),
    "small": dict(
        data_scale=24,
        seeds=4,
        doses=(0.1, 0.25, 0.4),
        thresholds=(0.05, 0.2, 0.8),
        fewer_labels=(10, 40),
        smaller_prm=(40,),
    ),
    "paper": dict(
        data_scale=50,
        doses=(0.05, 0.1, 0.2, 0.3, 0.4),
        thresholds=(0.05, 0.1, 0.2, 0.4, 0.8),
        fewer_labels=(120, 1200),
        smaller_prm=(1200, 12_000),
    ),
}


def settings(scale: str, source: WorldSettings) -> LabelerQualitySettings:
    """Returns the defaults of a scale."""
    return at_scale(LabelerQualitySettings, scale, source, **_AT_SCALE[scale])


@dataclass(frozen=True, kw_only=True)
class Labeler:
    """A labeler of the training solutions, by its name in the records."""

    variant: str
    level: float
    """Dose, threshold, or number of problems with rated solutions."""
    labels: Step[StepScores]
    threshold: float


def labelers(settings: LabelerQualitySettings, fold: Fold) -> Iterator[Labeler]:
    """Yields all labelers, the oracle first."""
    source = settings.source
    assert fold.train_ratings is not None
    oracle = Mislabel(
        world=source.world,
        samples=fold.train,
        ratings=fold.train_ratings,
        label="labels of the oracle",
        weight=1,
    )
    yield Labeler(variant="oracle", level=0.0, labels=oracle, threshold=0.5)
    for errors in settings.errors:
        for dose in settings.doses:
            label = f"labels with errors, {errors} {dose:g}"
            flawed = replace(oracle, errors=errors, dose=dose, seed=settings.errors_seed, label=label)
            yield Labeler(variant=errors, level=dose, labels=flawed, threshold=0.5)
    for threshold in settings.thresholds:
        yield Labeler(variant="large_prm", level=threshold, labels=fold.train_labels, threshold=threshold)
    for variant in ("fewer_labels", "smaller_prm"):
        for problems in getattr(settings, variant):
            weaker = _weaker_labels(settings, fold, problems, large=variant == "fewer_labels")
            threshold = source.labeler.threshold
            yield Labeler(variant=variant, level=float(problems), labels=weaker, threshold=threshold)


def _weaker_labels(
    settings: LabelerQualitySettings, fold: Fold, problems: int, *, large: bool
) -> ScoreSolutions:
    """Returns the labels of a PRM of large or student size that learns from the ratings of few problems."""
    source, device, students = settings.source, settings.device, settings.students
    few = replace(source, problems=replace(source.problems, labeler=problems))
    like = embedded_fold(few, device, students).large_prm
    assert like is not None
    backbone = "large" if large else students.backbone
    name = f"PRM of {'large' if large else 'student'} size on {problems} problems"
    updates = max(LEAST_UPDATES, -(-problems * source.labeler.samples * like.epochs // like.batch_size))
    read = updates * like.batch_size
    prm = replace(
        like,
        base=like.base if large else fold.base,
        min_updates=LEAST_UPDATES,
        label=name,
        weight=read * fold.lengths.tokens * seconds_per_token(backbone),
        work=(training("large" if large else "student", fold.lengths, read, steps=True),),
    )
    scorer = Scorer(model=prm, device=device, role="large" if large else "student", backbone=backbone)
    return scorer.score(fold.train, f"with the {name}: {fold.train.label}")


def plan(settings: LabelerQualitySettings) -> Plan:
    """How good must a labeler be? Process and outcome supervision under errors of several kinds and doses."""
    fold = embedded_fold(settings.source, settings.device, settings.students)
    assert fold.ratings is not None and fold.train_ratings is not None
    unlabeled = Trainings(
        students=settings.students, fold=fold, arm=UNLABELED, data_scale=settings.data_scale
    )
    trainings, rows = [unlabeled], list[Step[Rows]]()
    chosen: dict[str, Trainings] = {}
    for labeler in labelers(settings, fold):
        for arm in LABELED:
            by_labeler = replace(
                unlabeled,
                arm=arm,
                fold=replace(fold, train_labels=labeler.labels, threshold=labeler.threshold),
                variant=labeler.variant,
                level=labeler.level,
                rate_of=chosen.get(arm),
            )
            chosen.setdefault(arm, by_labeler)  # the oracle's labels choose the learning rate
            trainings.append(by_labeler)
        rows.append(
            MeasureLabeler(
                variant=labeler.variant,
                level=labeler.level,
                labels=labeler.labels,
                threshold=labeler.threshold,
                ratings=fold.train_ratings,
                label=f"errors of {labeler.variant} {labeler.level:g}",
                weight=0.5,
            )
        )
    for one in trainings:
        for seed in range(settings.seeds):
            audit = _audit(one.arm, fold, one.scores(seed))
            rows.append(evaluate_cell([one], seed, further=(audit,)))
    rows.append(_audit("labeler", fold, fold.test_labels))
    references = evaluate_references([fold], settings.majority_draws)
    records = gather_records("labeler_quality", settings, tuple(rows), references)
    return Plan(targets=(*rows, references), records=records)


def _audit(arm: str, fold: Fold, scores: Step[StepScores]) -> AuditFalsePositives:
    assert fold.ratings is not None
    return AuditFalsePositives(
        arm=arm,
        samples=fold.test,
        scores=scores,
        ratings=fold.ratings,
        label=f"audit of {scores.label}",
        weight=0.5,
    )


LABELER_QUALITY = experiment(settings, plan, no_pool="only an embedded world has an oracle")
