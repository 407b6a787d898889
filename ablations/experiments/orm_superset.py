"""Does data that leans towards wrong answers hurt an ORM? (the paper's Section 2.7.1)

The paper trained no ORM on the PRM's data alone, since that leans strongly towards wrong-answer solutions,
and found that uniform solutions mixed into it do no better than uniform ones. Here large ORMs are trained on
the solutions that the large PRM collected, on as many uniform ones, and on both, with the learning rate of
the large ORM of `large_scale` and equally many updates.

    ablations run orm_superset --scale quick

Expected: the collected solutions alone below the uniform ones; both together no better than the uniform ones.
"""

from dataclasses import replace

from ablations.engine.experiment import Plan
from ablations.engine.step import Task
from ablations.experiments.definition import experiment
from ablations.experiments.large_models import LargeModels
from ablations.experiments.large_settings import LargeScaleSettings, settings
from ablations.experiments.trainings import Trainings, records_task, references_task
from ablations.experiments.world_fold import embedded_fold


def plan(settings: LargeScaleSettings) -> Plan:
    """Large ORMs on collected solutions, on uniform ones, and on both (the paper's 2.7.1)."""
    fold = embedded_fold(settings)
    models = LargeModels(settings=settings, fold=fold)
    collected = _joined(models, models.collected.choices, "join what is collected")
    uniform = Task(
        stage="drawn",
        config={"seed": 1},  # not that of phase 1, or the two sets would share it whole
        inputs={"samples": models.pool, "as_many_as": collected},
        label="draw as many as were collected",
        weight=2,
    )
    acquired = {
        "uniform": uniform,
        "collected": collected,
        "both": _joined(models, (uniform, collected), "join both"),
    }
    rows = tuple(models.orm_scorer(_trainings(models, name, task), name) for name, task in acquired.items())
    references = references_task(settings, [fold])
    records = records_task("orm_superset", settings, rows, references)
    return Plan(targets=(*rows, references), records=records)


def _joined(models: LargeModels, chosen: tuple[Task, ...], label: str) -> Task:
    return Task(
        stage="joined",
        inputs={"samples": models.pool, "chosen": chosen},
        label=label,
        weight=2,
    )


def _trainings(models: LargeModels, acquisition: str, acquired: Task) -> Trainings:
    """One training on chosen rows, at the learning rate of the large ORM."""
    times = 2 if acquisition == "both" else 1
    return replace(
        models.orm,
        data_scale=times * models.settings.collection.labelled,
        acquisition=acquisition,
        acquired=lambda seed: acquired,
        rate_of=models.orm,
    )


ORM_SUPERSET = experiment(settings, plan)
