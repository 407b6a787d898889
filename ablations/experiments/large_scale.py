"""Large-scale process against outcome supervision (the paper's Section 3, Figure 3).

Compares the large PRM, whose data is collected generation by generation (an annotator rates convincing wrong
answers), with the large ORM (many uniform solutions, final answers as labels) and majority voting; also with
the labeler, a PRM trained on as many uniformly chosen solutions, and votes weighted by each model's scores.

    ablations run large_scale --scale quick

Expected: PRM above ORM above majority voting (the paper: 78.2, 72.4, 69.6 at best-of-1860); no gain from
weighted votes.
"""

from ablations.engine.experiment import Plan
from ablations.experiments.definition import experiment
from ablations.experiments.large_models import LargeModels
from ablations.experiments.large_settings import NO_POOL, LargeScaleSettings, settings
from ablations.experiments.trainings import evaluate_references, gather_records
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.evaluate_large import DescribeGenerations


def plan(settings: LargeScaleSettings) -> Plan:
    """Large PRM against large ORM and majority voting, best-of-N against N (the paper's 3, Figure 3)."""
    fold = embedded_fold(settings.source, settings.device)
    models = LargeModels(settings=settings, fold=fold)
    data = DescribeGenerations(
        samples=models.pool,
        annotations=models.collected.annotations,
        label="statistics of the collected data",
    )
    rows = (*models.scorers(), *models.votes(), data)
    references = evaluate_references([fold], settings.majority_draws)
    records = gather_records("large_scale", settings, rows, references)
    return Plan(targets=(*rows, references), records=records)


LARGE_SCALE = experiment(settings, plan, no_pool=NO_POOL)
