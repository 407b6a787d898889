"""An experiment at every scale and in every world, with the final steps that all experiments share."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ablations.data.artifacts import EXAMPLES, LEFT_OUT, RECORDS
from ablations.engine.experiment import SCALES, Experiment, Plan
from ablations.engine.store import Store
from ablations.experiments.scales import LABELERS
from ablations.steps.examples import PickExamples
from ablations.steps.read_pool import ReadPool
from ablations.world.worlds import WORLDS
from results.writing import replacing


def experiment(
    settings: Callable[[str, str | None, Path | None, str | None], Any],
    plan: Callable[[Any], Plan],
    also: Callable[[Any, Path], None] | None = None,
) -> Experiment:
    """Makes an experiment at every scale and in every world, ending with records, figures, report and table.

    Args:
        settings: (scale, world, pool, labeler) -> the default settings.
        plan: settings -> the tasks.
        also: (settings, out folder) -> None; writes further files.
    """

    def report_all(settings: Any, out: Path) -> None:
        from ablations.experiments.reporting import report  # loads pandas, scipy and matplotlib

        report(settings, out)
        if also is not None:
            also(settings, out)

    def finish(settings: Any, store: Store, plan: Plan, out: Path) -> None:
        copy(store, plan, out)
        report_all(settings, out)

    return Experiment(
        settings=settings,
        plan=plan,
        finish=finish,
        report=report_all,
        scales=SCALES,
        worlds=tuple(WORLDS),
        labelers=LABELERS,
    )


def copy(store: Store, plan: Plan, out: Path) -> None:
    """Copies a run's results from the store into its out folder."""
    out.mkdir(parents=True, exist_ok=True)
    _copy(store.path(plan.records) / RECORDS, out / RECORDS)
    for step in plan.targets:
        if isinstance(step, PickExamples):
            _copy(store.path(step) / EXAMPLES, out / EXAMPLES)
    (out / LEFT_OUT).unlink(missing_ok=True)
    for step in plan.tasks:
        if isinstance(step, ReadPool) and (store.path(step) / LEFT_OUT).is_file():
            _copy(store.path(step) / LEFT_OUT, out / LEFT_OUT)


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as partial:
        shutil.copyfile(source, partial)
