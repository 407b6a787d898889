"""Process against outcome supervision (the paper's Section 4.1, Figures 4a and 4b).

Small reward models are trained on identical solutions under three forms of supervision, given by a large PRM
or by the final answers, at several data scales; best-of-N on held-out problems shows which is better.

    ablations run supervision --scale quick                                    (two cores: about 7 minutes)
    ablations run supervision --scale quick --pool POOL.jsonl.gz --labeler NAME   (real solutions)

Expected: process above both outcome arms at every data scale; outcome arms above pass@1 at the largest ones.
"""

from dataclasses import dataclass

from ablations.engine.experiment import Plan
from ablations.experiments.definition import experiment
from ablations.experiments.run_settings import StudentRunSettings, check_arms, check_data_scales
from ablations.experiments.scales import at_scale
from ablations.experiments.source_settings import Source
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.steps.examples import PickExamples


@dataclass(frozen=True, kw_only=True)
class SupervisionSettings(StudentRunSettings):
    """Settings of the experiment."""

    arms: tuple[str, ...] = ("process", "prm_outcome", "final_answer")
    """Forms of supervision."""
    data_scales: tuple[int, ...]
    """Solutions labeled per problem."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_arms(self.arms, self.source)
        check_data_scales(self.data_scales, self.source)


def settings(scale: str, source: Source) -> SupervisionSettings:
    """Returns the defaults of a scale."""
    return at_scale(SupervisionSettings, scale, source)


def plan(settings: SupervisionSettings) -> Plan:
    """Process against outcome supervision, at several data scales (the paper's 4.1, Figures 4a and 4b)."""
    folds = folds_of(settings)
    cells, largest = [], []
    students = settings.students
    for arm in settings.arms:
        for data_scale in settings.data_scales:
            by_fold = [
                Trainings(students=students, fold=fold, arm=arm, data_scale=data_scale) for fold in folds
            ]
            cells += [evaluate_cell(by_fold, seed) for seed in range(settings.seeds)]
        largest.append(by_fold[0].scores(0))
    references = evaluate_references(folds, settings.majority_draws)
    records = gather_records("supervision", settings, tuple(cells), references)
    examples = PickExamples(
        samples=folds[0].test,
        arms=settings.arms,
        scores=tuple(largest),
        labels=folds[0].test_labels,
        ratings=folds[0].ratings,
        problems=40,
        solutions=24,
        label="example problems",
        weight=2,
    )
    return Plan(targets=(*cells, references, examples), records=records)


SUPERVISION = experiment(settings, plan)
