"""Forms of the outcome loss: at every token, at the last one, at both, or at the mean logit.

Both outcome arms are trained in every form (`lightning_modules/outcome_loss.py`) on the same solutions, with
a separate learning rate per form, arm and data scale. They are first evaluated on validation problems, so
that a form can be chosen for all experiments (`--settings.students.outcome_loss`); evaluation on test
problems may follow.

    ablations run orm_forms --scale quick                              (no task can reach a test problem)
    ablations run orm_forms --scale quick --settings.judged_on test
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

from ablations.data.checks import each_once
from ablations.data.json_files import Json
from ablations.engine.experiment import Plan
from ablations.engine.step import Step
from ablations.experiments.definition import experiment
from ablations.experiments.run_settings import StudentRunSettings, check_arms, check_data_scales
from ablations.experiments.scales import at_scale, shared
from ablations.experiments.source_settings import PoolSettings, Source
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.experiments.trials import validate
from ablations.steps.evaluation_rows import Rows
from ablations.steps.validate import ValidateStudent
from lightning_modules.outcome_loss import OutcomeLoss
from results.vocabulary import STUDENT_ARMS

ARMS = tuple(name for name, arm in STUDENT_ARMS.items() if arm.scoring == "last_token" and name != "implicit")
"""Arms with labels of whole solutions, except implicit rewards, which have a loss of their own."""
MOST_SEEDS = 5
"""Maximum number of seeds at scale small, where every form is tried at the two largest data scales."""


@dataclass(frozen=True, kw_only=True)
class OrmFormsSettings(StudentRunSettings):
    """Settings of the experiment; `students.outcome_loss` has no effect here."""

    arms: tuple[str, ...] = ("prm_outcome", "final_answer")
    """Forms of supervision; only those with labels of whole solutions."""
    data_scales: tuple[int, ...]
    """Solutions labeled per problem."""
    forms: tuple[OutcomeLoss, ...] = get_args(OutcomeLoss)
    """Forms of the outcome loss; the others are compared with the first."""
    judged_on: Literal["validation", "test"] = "validation"
    """Problems to evaluate on; not validation with a pool, where every problem is also a test problem."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.arms) <= set(ARMS):
            raise ValueError(f"arms: found {list(self.arms)}; allowed: one or more of {', '.join(ARMS)}")
        check_arms(self.arms, self.source)
        check_data_scales(self.data_scales, self.source)
        each_once("forms", self.forms, get_args(OutcomeLoss))
        if isinstance(self.source, PoolSettings) and self.judged_on == "validation":
            raise ValueError(
                "judged_on: found validation; allowed with a pool: test, because by cross-fitting every "
                "problem is a test problem of some fold"
            )


def settings(scale: str, source: Source) -> OrmFormsSettings:
    """Returns the defaults of a scale, in a world with the samples of `supervision`."""
    usual = shared(scale, source)
    small = scale == "small"
    return at_scale(
        OrmFormsSettings,
        scale,
        source,
        data_scales=usual.data_scales[-2:] if small else usual.data_scales,
        seeds=min(usual.seeds, MOST_SEEDS) if small else usual.seeds,
        judged_on="test" if isinstance(source, PoolSettings) else "validation",
    )


def plan(settings: OrmFormsSettings) -> Plan:
    """Which form of the outcome loss is best for the outcome arms, on validation or test problems."""
    folds = folds_of(settings)
    on_test = settings.judged_on == "test"
    trained = [fold if on_test else fold.training for fold in folds]
    rows: list[Step[Rows]] = []
    for arm, data_scale, form in product(settings.arms, settings.data_scales, settings.forms):
        students = replace(settings.students, outcome_loss=form)
        by_fold = [
            Trainings(students=students, fold=fold, arm=arm, data_scale=data_scale, variant=form)
            for fold in trained
        ]
        for seed in range(settings.seeds):
            rows.append(evaluate_cell(by_fold, seed) if on_test else _validate(by_fold[0], seed))
    references = evaluate_references(folds, settings.majority_draws) if on_test else None
    records = gather_records("orm_forms", settings, tuple(rows), references)
    return Plan(targets=(*rows, *([] if references is None else [references])), records=records)


def _validate(trainings: Trainings, seed: int) -> ValidateStudent:
    students = trainings.students
    facts: dict[str, Json] = {"batch_size": students.batch_size, "outcome_loss": students.outcome_loss}
    shown = ((trainings.variant, None),)
    return validate(trainings, seed, f"{trainings.name} seed {seed}", facts=facts, shown=shown)


ORM_FORMS = experiment(settings, plan)
