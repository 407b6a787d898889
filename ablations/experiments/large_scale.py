"""Large-scale process against outcome supervision (the paper's Section 3, Figure 3).

Compares the large PRM, whose data is collected generation by generation (an annotator rates convincing wrong
answers), with the large ORM (many uniform solutions, final answers as labels) and majority voting; also with
the labeler, a PRM trained on as many uniformly chosen solutions, and votes weighted by each model's scores.

    ablations run large_scale --scale quick

Expected: PRM above ORM above majority voting (the paper: 78.2, 72.4, 69.6 at best-of-1860); no gain from
weighted votes.
"""

from ablations.engine.experiment import Plan
from ablations.engine.step import Task
from ablations.experiments.definition import experiment
from ablations.experiments.large_models import LargeModels
from ablations.experiments.large_settings import LargeScaleSettings, settings
from ablations.experiments.trainings import records_task, references_task
from ablations.experiments.world_fold import embedded_fold


def plan(settings: LargeScaleSettings) -> Plan:
    """Large PRM against large ORM and majority voting, best-of-N against N (the paper's 3, Figure 3)."""
    fold = embedded_fold(settings)
    models = LargeModels(settings=settings, fold=fold)
    data = Task(
        stage="generations",
        inputs={"samples": models.pool, "annotations": models.collected.annotations},
        label="statistics of the collected data",
    )
    rows = (*models.scorers(), *models.votes(), data)
    references = references_task(settings, [fold])
    records = records_task("large_scale", settings, rows, references)
    return Plan(targets=(*rows, references), records=records)


LARGE_SCALE = experiment(settings, plan)
