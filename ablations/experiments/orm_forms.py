"""Forms of the outcome loss: at every token, at the last one, at both, or at the mean logit.

Both outcome arms are trained in every form (`lightning_modules/outcome_loss.py`) on the same solutions, with
a separate learning rate for each form, arm and data scale. They are evaluated on validation problems first,
so that a form can be chosen for all experiments (`--settings.students.outcome_loss`); evaluation on test
problems may follow.

    ablations run orm_forms --scale quick                              (no task can reach a test problem)
    ablations run orm_forms --scale quick --settings.judged_on test
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from ablations.engine.experiment import Plan
from ablations.engine.step import Step
from ablations.experiments import scales
from ablations.experiments.definition import experiment
from ablations.experiments.fold import TrainingFold
from ablations.experiments.scales import SupervisionSettings
from ablations.experiments.settings import each_once
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import (
    Trainings,
    evaluate_cell,
    evaluate_references,
    gather_records,
)
from ablations.experiments.trials import validate
from ablations.steps.evaluation_rows import Rows
from ablations.steps.validate import ValidateStudent
from lightning_modules.outcome_loss import OutcomeLoss
from results.vocabulary import STUDENT_ARMS

ARMS = tuple(name for name, arm in STUDENT_ARMS.items() if arm.scoring == "last_token")
"""Arms that label whole solutions."""
MOST_SEEDS = 5
"""Maximum number of seeds at scale small, where every form is tried at the two largest data scales."""


@dataclass(frozen=True, kw_only=True)
class OrmFormsSettings(SupervisionSettings):
    """Settings that determine the experiment's records; `students.outcome_loss` has no effect here."""

    arms: tuple[str, ...] = ("prm_outcome", "final_answer")
    """Forms of supervision; only those that label whole solutions."""
    forms: tuple[OutcomeLoss, ...] = get_args(OutcomeLoss)
    """Forms of the outcome loss; the others are compared with the first."""
    judged_on: Literal["validation", "test"] = "validation"
    """Problems to evaluate on; not validation with a pool, where every problem is also a test problem."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.arms) <= set(ARMS):
            raise ValueError(f"arms: found {list(self.arms)}; allowed: one or more of {', '.join(ARMS)}")
        each_once("forms", self.forms, get_args(OutcomeLoss))
        if self.pool is not None and self.judged_on == "validation":
            raise ValueError(
                "judged_on: found validation; allowed with a pool: test, since by cross-fitting every "
                "problem is a test problem of some fold"
            )


def settings(scale: str, world: str | None, pool: Path | None, labeler: str | None) -> OrmFormsSettings:
    """Returns `supervision`'s settings at the same scale, to reuse its artifacts."""
    given = scales.settings(scale, world, pool, labeler)
    if scale == "small":
        given = replace(given, data_scales=given.data_scales[-2:], seeds=min(given.seeds, MOST_SEEDS))
    arms, judged_on = ("prm_outcome", "final_answer"), "validation" if pool is None else "test"
    return scales.extended(OrmFormsSettings, given, arms=arms, judged_on=judged_on)


def plan(settings: OrmFormsSettings) -> Plan:
    """How an outcome arm is best taught: at which tokens, on validation problems or on test problems."""
    folds = folds_of(settings)
    tested = settings.judged_on == "test"
    trained = [fold if tested else fold.training for fold in folds]
    made: list[Step[Rows]] = []
    for arm in settings.arms:
        for data_scale in settings.data_scales:
            for form in settings.forms:
                by_fold = [_trainings(settings, fold, arm, data_scale, form) for fold in trained]
                for seed in range(settings.seeds):
                    made.append(evaluate_cell(by_fold, seed) if tested else _validated(by_fold[0], seed))
    references = evaluate_references(settings, folds) if tested else None
    records = gather_records("orm_forms", settings, tuple(made), references)
    return Plan(targets=(*made, *([] if references is None else [references])), records=records)


def _trainings(
    settings: OrmFormsSettings, fold: TrainingFold, arm: str, data_scale: int, form: OutcomeLoss
) -> Trainings:
    return Trainings(
        settings=replace(settings, students=replace(settings.students, outcome_loss=form)),
        fold=fold,
        arm=arm,
        data_scale=data_scale,
        variant=form,
    )


def _validated(trainings: Trainings, seed: int) -> ValidateStudent:
    """Trains a model and evaluates it on validation problems."""
    students = trainings.settings.students
    return validate(
        trainings,
        seed,
        f"{trainings.name} seed {seed}",
        facts={"batch_size": students.batch_size, "outcome_loss": students.outcome_loss},
        shown=((trainings.variant, None),),
    )


ORM_FORMS = experiment(settings, plan)
