"""Active learning: which solutions are worth a label (the paper's Section 4.2).

A selector, trained on one labelled solution a problem, scores the pool; an acquisition picks by its scores
what is labelled next; reward models are trained on all that is labelled then, the selector's own solutions
included, under process supervision. They are compared with those that were given as many solutions at random.
A budget is all that is labelled: an acquisition that asks a selector buys one solution a problem fewer.

    ablations run active_learning --scale quick

Expected: convincing wrong answers need fewer labels than distinct solutions at random (the paper: 2.6 times
fewer than as drawn), less so where the budget comes near the pool's size.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablations.acquisition.strategies import ACQUISITION_STRATEGIES, AcquisitionSettings
from ablations.engine.experiment import Plan
from ablations.engine.step import Task
from ablations.experiments import scales
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold, drawn_task, opinion_task
from ablations.experiments.scales import SupervisionSettings, process_alone
from ablations.experiments.settings import at_least, each_once
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import Trainings, cell_task, records_task, references_task

MAIN = ("uniform", "uniform_distinct", "convincing_wrong_answers")
"""The acquisitions that are compared at every budget: the paper's two, and the one between them."""


@dataclass(frozen=True, kw_only=True)
class ActiveLearningSettings(SupervisionSettings):
    """All that decides the experiment's records; `data_scales` are the budgets of the main acquisitions.

    A budget is all that is labelled, in solutions per problem, the selector's own included; all acquisitions
    but `uniform` need as many distinct ones.
    """

    arms: tuple[str, ...] = ("process",)
    """Forms of supervision; process alone."""
    acquisitions: tuple[str, ...] = tuple(ACQUISITION_STRATEGIES)
    """How solutions are chosen."""
    uniform_scales: tuple[int, ...]
    """Budgets of `uniform` beside `data_scales`."""
    side_scales: tuple[int, ...]
    """Budgets of the acquisitions that are not main ones."""
    acquisition: AcquisitionSettings = AcquisitionSettings()
    """What acquisitions share."""
    selectors: int = 3
    """Of `disagreement`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        process_alone(self.arms)
        each_once("acquisitions", self.acquisitions, ACQUISITION_STRATEGIES)
        # Whatever asks a selector has one labelled solution a problem before it buys the first.
        for name, least in (("uniform_scales", 1), ("data_scales", 2), ("side_scales", 2)):
            scales = getattr(self, name)
            if any(not least <= scale <= self.pool_samples for scale in scales):
                raise ValueError(f"{name}: found {list(scales)}; allowed: {least} to {self.most_labelled}")
        at_least(2, selectors=self.selectors)

    def budgets(self, acquisition: str) -> tuple[int, ...]:
        """Of an acquisition, ascending, solutions per problem."""
        if acquisition not in MAIN:
            return tuple(sorted(set(self.side_scales)))
        more = self.uniform_scales if acquisition == "uniform" else ()
        return tuple(sorted({*self.data_scales, *more}))


_ACTIVE: dict[str, dict[str, Any]] = {
    # Of the two solutions that `supervision` draws at this scale too few are distinct for a choice.
    "smoke": dict(data_scales=(2,), uniform_scales=(1,), side_scales=(2,), selectors=2, pool_samples=6),
    "quick": dict(
        data_scales=(2, 3, 4),
        uniform_scales=(1,),
        side_scales=(3,),
        acquisitions=MAIN,
    ),
    "small": dict(data_scales=(2, 3, 4, 6, 12), uniform_scales=(1,), side_scales=(3,), acquisitions=MAIN),
    "paper": dict(data_scales=(2, 5, 10, 20, 50, 100, 200), uniform_scales=(1,), side_scales=(50,)),
}


def settings(scale: str, world: str | None, pool: Path | None, labeler: str | None) -> ActiveLearningSettings:
    """Those of `supervision` at the same scale, whose artifacts are used again, and what is chosen by.

    On a pool of real solutions a budget is at most half of them, so that there is something to choose.
    """
    given = scales.settings(scale, world, pool, labeler)
    chosen = dict(_ACTIVE[scale])
    if pool is not None:
        chosen.pop("pool_samples", None)  # those of the pool
        most = max(2, given.pool_samples // 2)
        for name in ("data_scales", "side_scales"):
            chosen[name] = tuple(sorted({min(budget, most) for budget in chosen[name]}))
        chosen["uniform_scales"] = tuple(
            scale for scale in chosen["uniform_scales"] if scale <= given.pool_samples
        )
    return scales.extended(ActiveLearningSettings, given, arms=("process",), **chosen)


def plan(settings: ActiveLearningSettings) -> Plan:
    """Active learning: which solutions are worth a label (the paper's 4.2)."""
    folds = folds_of(settings)
    choices = {fold.name: _Choices(settings=settings, fold=fold) for fold in folds}
    cells = []
    for acquisition in settings.acquisitions:
        for budget in settings.budgets(acquisition):
            by_fold = [choices[fold.name].trainings(acquisition, budget) for fold in folds]
            cells += [cell_task(by_fold, seed) for seed in range(settings.seeds)]
    references = references_task(settings, folds)
    records = records_task("active_learning", settings, tuple(cells), references)
    return Plan(targets=(*cells, references), records=records)


@dataclass(frozen=True, kw_only=True)
class _Choices:
    """The ways to choose solutions in one fold."""

    settings: ActiveLearningSettings
    fold: Fold

    def trainings(self, acquisition: str, budget: int) -> Trainings:
        """Trainings on what an acquisition buys."""
        uniform = self.uniform(budget)
        if acquisition == "uniform":
            return uniform

        def acquired(seed: int) -> Task:
            given = self.settings.acquisition
            train, first = self.fold.train, self.selector.data_scale
            inputs: dict[str, Task | tuple[Task, ...]] = {"samples": train}
            bought = budget
            if ACQUISITION_STRATEGIES[acquisition].asks_selector:
                inputs["opinions"] = self.opinions(acquisition, seed)
                inputs["taken"] = drawn_task(train, first, seed, f"x{first} seed {seed}{self.fold.name}")
                bought -= first
            return Task(
                stage="acquired",
                config={
                    "acquisition": acquisition,
                    "budget": bought,
                    "seed": seed,
                    "wrong_fraction": given.wrong_fraction,
                    "similarity": given.similarity,
                },
                inputs=inputs,
                label=f"choose by {acquisition} x{budget} seed {seed}{self.fold.name}",
                weight=2,
            )

        return replace(uniform, acquisition=acquisition, acquired=acquired)

    @property
    def selector(self) -> Trainings:
        """PRM_selector: process supervision on one solution a problem."""
        return self.uniform(1)

    def uniform(self, budget: int) -> Trainings:
        """Trainings on solutions as drawn."""
        return Trainings(settings=self.settings, fold=self.fold, arm="process", data_scale=budget)

    def opinions(self, acquisition: str, seed: int) -> tuple[Task, ...]:
        """What the selector, or each of several, thinks of the pool."""
        selectors = [self.selector]
        if acquisition == "disagreement":
            count = range(self.settings.selectors)
            selectors = [replace(self.selector, bootstrap=k, rate_of=self.selector) for k in count]
        return tuple(
            opinion_task(
                selector.model(seed),
                self.fold.train,
                self.settings,
                f"{selector.name} seed {seed}{self.fold.name}",
                "student",
            )
            for selector in selectors
        )


ACTIVE_LEARNING = experiment(settings, plan)
