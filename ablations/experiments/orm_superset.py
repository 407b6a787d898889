"""Does data skewed toward wrong answers hurt an ORM? (the paper's Section 2.7.1)

The paper trained no ORM on only the PRM's data, because it is strongly skewed toward wrong answers, and found
that a mix with uniform solutions does no better than uniform ones. Here, large ORMs are trained on the
solutions collected for the large PRM, on as many uniform ones, and on both, with the learning rate and the
number of updates of the large ORM of `large_scale`.

    ablations run orm_superset --scale quick

Expected: collected solutions do worse than uniform ones; both together do no better than uniform ones.
"""

from dataclasses import replace

from ablations.data.artifacts import ChosenRows
from ablations.engine.experiment import Plan
from ablations.engine.step import Step
from ablations.experiments.definition import experiment
from ablations.experiments.large_models import LargeModels
from ablations.experiments.large_settings import NO_POOL, LargeScaleSettings, settings
from ablations.experiments.trainings import Trainings, evaluate_references, gather_records
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.collect import DrawRows, JoinRows


def plan(settings: LargeScaleSettings) -> Plan:
    """Large ORMs on collected solutions, on uniform ones, and on both (the paper's 2.7.1)."""
    fold = embedded_fold(settings.source, settings.device)
    models = LargeModels(settings=settings, fold=fold)

    def join(label: str, *chosen: Step[ChosenRows]) -> JoinRows:
        return JoinRows(samples=models.pool, chosen=chosen, label=label, weight=2)

    collected = join("join what is collected", *models.collected.choices)
    uniform = DrawRows(
        samples=models.pool,
        as_many_as=collected,
        seed=1,  # not phase 1's, or both sets would include all of phase 1
        label="draw as many as were collected",
        weight=2,
    )
    acquired: dict[str, Step[ChosenRows]] = {
        "uniform": uniform,
        "collected": collected,
        "both": join("join both", uniform, collected),
    }
    rows = tuple(models.orm_scorer(_trainings(models, name, rows), name) for name, rows in acquired.items())
    references = evaluate_references([fold], settings.majority_draws)
    records = gather_records("orm_superset", settings, rows, references)
    return Plan(targets=(*rows, references), records=records)


def _trainings(models: LargeModels, acquisition: str, acquired: Step[ChosenRows]) -> Trainings:
    """Returns the trainings on chosen rows, at the learning rate of the large ORM."""
    times = 2 if acquisition == "both" else 1
    return replace(
        models.orm,
        data_scale=times * models.settings.collection.labeled,
        acquisition=acquisition,
        acquired=lambda seed: acquired,
        rate_of=models.orm,
    )


ORM_SUPERSET = experiment(settings, plan, no_pool=NO_POOL)
