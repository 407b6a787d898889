"""Generalization (the paper's out-of-distribution test, on fresh STEM questions).

Evaluates the students and the labeler of `supervision` at one data scale, without retraining, on each of the
world's kinds of test problems: usual ones, ones longer than any in training, and ones about facts that are
rare in training.

    ablations run generalization --scale quick

Expected: PRM above ORM above majority voting on every kind (the paper, best-of-100: 72.9, 63.8, 61.3).
"""

from dataclasses import dataclass

from ablations.data.checks import each_once
from ablations.engine.experiment import Plan
from ablations.engine.step import Step
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold
from ablations.experiments.run_settings import StudentRunSettings, check_arms, check_data_scale
from ablations.experiments.scales import at_scale, shared
from ablations.experiments.source_settings import WorldSettings
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.evaluate import EvaluateKind
from ablations.steps.evaluation_rows import Rows
from ablations.world.world import JUDGED, Kind
from ablations.world.worlds import world_of


@dataclass(frozen=True, kw_only=True)
class GeneralizationSettings(StudentRunSettings):
    """Settings of the experiment."""

    source: WorldSettings
    """The embedded world."""
    arms: tuple[str, ...] = ("process", "prm_outcome", "final_answer")
    """Forms of supervision."""
    data_scale: int
    """Solutions labeled per problem."""
    kinds: tuple[Kind, ...] = JUDGED
    """Kinds of test problems: usual, long or rare; a world may lack some."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_arms(self.arms, self.source)
        check_data_scale(self.data_scale, self.source)
        each_once("kinds", self.kinds, world_of(self.source.world).kinds)


def settings(scale: str, source: WorldSettings) -> GeneralizationSettings:
    """Returns the defaults of a scale; the trainings are those of `supervision` at its largest data scale."""
    return at_scale(
        GeneralizationSettings,
        scale,
        source,
        data_scale=shared(scale, source).data_scales[-1],
        kinds=world_of(source.world).kinds,
    )


def plan(settings: GeneralizationSettings) -> Plan:
    """Students and labeler on longer problems and on rare facts (the paper's out-of-distribution test)."""
    source, device, students = settings.source, settings.device, settings.students
    usual = embedded_fold(source, device, students)
    folds = {kind: embedded_fold(source, device, students, kind) for kind in settings.kinds}
    cells, by_kind = [], []
    for arm in settings.arms:
        trainings = Trainings(students=students, fold=usual, arm=arm, data_scale=settings.data_scale)
        for seed in range(settings.seeds):
            cell = evaluate_cell([trainings], seed)
            cells.append(cell)
            by_kind += [_evaluate_kind(trainings, seed, cell, kind, fold) for kind, fold in folds.items()]
    lines = [evaluate_references([fold], settings.majority_draws, kind) for kind, fold in folds.items()]
    references = evaluate_references([usual], settings.majority_draws)
    rows = (*cells, *by_kind, *lines)
    records = gather_records("generalization", settings, rows, references)
    return Plan(targets=(*rows, references), records=records)


def _evaluate_kind(trainings: Trainings, seed: int, cell: Step[Rows], kind: Kind, fold: Fold) -> EvaluateKind:
    assert fold.ratings is not None, "an embedded world has an oracle"
    problems = f"{kind} test problems"
    return EvaluateKind(
        kind=kind,
        cell=cell,
        samples=fold.test,
        scores=trainings.scores_of(seed, fold, problems),
        ratings=fold.ratings,
        label=f"judge {trainings.name} seed {seed} on {problems}",
    )


GENERALIZATION = experiment(settings, plan, no_pool="only an embedded world draws problems of several kinds")
