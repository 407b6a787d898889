"""An experiment at every scale and in every world, with the final steps that all experiments share."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ablations.data.artifacts import EXAMPLES, LEFT_OUT, RECORDS
from ablations.engine.experiment import SCALES, Experiment, Plan
from ablations.engine.store import Store
from ablations.experiments.scales import LABELERS, source_of
from ablations.steps.examples import PickExamples
from ablations.steps.read_pool import ReadPool
from ablations.world.worlds import WORLDS
from results.writing import replacing


def experiment(
    settings: Callable[[str, Any], Any],
    plan: Callable[[Any], Plan],
    also: Callable[[Any, Path], None] | None = None,
    *,
    no_pool: str | None = None,
) -> Experiment:
    """Makes an experiment at every scale and in every world, ending with records, figures, report and table.

    Args:
        settings: (scale, source) -> the default settings.
        plan: settings -> the tasks.
        also: (settings, out folder) -> None; writes further files.
        no_pool: why it runs only in embedded worlds; None: it also runs on pools.
    """

    def defaults(scale: str, world: str | None, pool: Path | None, labeler: str | None) -> Any:
        if pool is not None and no_pool is not None:
            raise ValueError(f"pool: found {pool}; allowed: none, because {no_pool}")
        return settings(scale, source_of(scale, world, pool, labeler))

    def report_all(settings: Any, out: Path) -> None:
        from ablations.experiments.reporting import report  # loads pandas, scipy and matplotlib

        report(settings, out)
        if also is not None:
            also(settings, out)

    def finish(settings: Any, store: Store, plan: Plan, out: Path) -> None:
        copy(store, plan, out)
        report_all(settings, out)

    return Experiment(
        settings=defaults,
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
