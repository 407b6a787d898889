"""Active learning: which solutions are worth a label (the paper's Section 4.2).

A selector, trained on one labeled solution per problem, scores the pool; an acquisition uses its scores to
choose the solutions to label next; reward models are trained under process supervision on all labeled
solutions, including the selector's own. They are compared with models trained on as many random solutions.
A budget counts all labeled solutions: an acquisition that uses a selector buys one fewer per problem.

    ablations run active_learning --scale quick

Expected: convincing wrong answers need fewer labels than random distinct solutions (the paper: 2.6 times
fewer than solutions as drawn); the advantage shrinks as the budget approaches the pool's size.
"""

from dataclasses import dataclass, replace
from typing import Annotated, TypedDict

from ablations.acquisition.strategies import ACQUISITION_STRATEGIES, AcquisitionSettings
from ablations.data.checks import each_once
from ablations.data.field_types import Range
from ablations.engine.experiment import Plan
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold
from ablations.experiments.run_settings import StudentRunSettings, check_data_scales
from ablations.experiments.scales import at_scale
from ablations.experiments.source_settings import PoolSettings, Source
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.steps.acquire import Acquire, AskSelector

MAIN = ("uniform", "uniform_distinct", "convincing_wrong_answers")
"""The acquisitions that are compared at every budget: the paper's two, and the one between them."""


@dataclass(frozen=True, kw_only=True)
class ActiveLearningSettings(StudentRunSettings):
    """Settings of the experiment.

    A budget counts all labeled solutions per problem, including the selector's own; all acquisitions except
    `uniform` need that many distinct ones.
    """

    data_scales: tuple[int, ...]
    """Budgets of the main acquisitions."""
    acquisitions: tuple[str, ...] = tuple(ACQUISITION_STRATEGIES)
    """Acquisitions, which choose the solutions to label."""
    uniform_scales: tuple[int, ...]
    """Budgets of `uniform` in addition to `data_scales`."""
    side_scales: tuple[int, ...]
    """Budgets of the acquisitions other than the main ones."""
    acquisition: AcquisitionSettings = AcquisitionSettings()
    """Settings that acquisitions share."""
    selectors: Annotated[int, Range(least=2)] = 3
    """Number of selectors of `disagreement`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_data_scales(self.data_scales, self.source)
        each_once("acquisitions", self.acquisitions, ACQUISITION_STRATEGIES)
        # An acquisition that uses a selector has one labeled solution per problem before it buys any.
        for name, least in (("uniform_scales", 1), ("data_scales", 2), ("side_scales", 2)):
            scales = getattr(self, name)
            if any(not least <= scale <= self.source.train_samples for scale in scales):
                raise ValueError(
                    f"{name}: found {list(scales)}; allowed: {least} to {self.source.most_labeled}"
                )

    def budgets(self, acquisition: str) -> tuple[int, ...]:
        """Returns an acquisition's budgets in solutions per problem, ascending."""
        if acquisition not in MAIN:
            return tuple(sorted(set(self.side_scales)))
        more = self.uniform_scales if acquisition == "uniform" else ()
        return tuple(sorted({*self.data_scales, *more}))


class _AtScale(TypedDict, total=False):
    data_scales: tuple[int, ...]
    uniform_scales: tuple[int, ...]
    side_scales: tuple[int, ...]
    selectors: int
    acquisitions: tuple[str, ...]


_ACTIVE: dict[str, _AtScale] = {
    "smoke": dict(data_scales=(2,), uniform_scales=(1,), side_scales=(2,), selectors=2),
    "quick": dict(data_scales=(2, 3, 4), uniform_scales=(1,), side_scales=(3,), acquisitions=MAIN),
    "small": dict(data_scales=(2, 3, 4, 6, 12), uniform_scales=(1,), side_scales=(3,), acquisitions=MAIN),
    "paper": dict(data_scales=(2, 5, 10, 20, 50, 100, 200), uniform_scales=(1,), side_scales=(50,)),
}


def settings(scale: str, source: Source) -> ActiveLearningSettings:
    """Returns the defaults of a scale, in a world with the samples of `supervision` (more at scale smoke).

    On a pool of real solutions, a budget is at most half of them (2 where that is less), so that there is
    something to choose.
    """
    chosen = _ACTIVE[scale].copy()
    if isinstance(source, PoolSettings):
        most = max(2, source.samples // 2)
        chosen["data_scales"], chosen["side_scales"] = (
            tuple(sorted({min(budget, most) for budget in budgets}))
            for budgets in (chosen["data_scales"], chosen["side_scales"])
        )
    elif scale == "smoke":  # too few of two solutions are distinct to leave a choice
        source = replace(source, train_samples=6)
    return at_scale(ActiveLearningSettings, scale, source, **chosen)


def plan(settings: ActiveLearningSettings) -> Plan:
    """Active learning: which solutions are worth a label (the paper's 4.2)."""
    folds = folds_of(settings)
    choices = {fold.name: _Choices(settings=settings, fold=fold) for fold in folds}
    cells = []
    for acquisition in settings.acquisitions:
        for budget in settings.budgets(acquisition):
            by_fold = [choices[fold.name].trainings(acquisition, budget) for fold in folds]
            cells += [evaluate_cell(by_fold, seed) for seed in range(settings.seeds)]
    references = evaluate_references(folds, settings.majority_draws)
    records = gather_records("active_learning", settings, tuple(cells), references)
    return Plan(targets=(*cells, references), records=records)


@dataclass(frozen=True, kw_only=True)
class _Choices:
    """The ways to choose solutions in one fold."""

    settings: ActiveLearningSettings
    fold: Fold

    def trainings(self, acquisition: str, budget: int) -> Trainings:
        """Returns the trainings on the solutions that an acquisition buys."""
        uniform = self.uniform(budget)
        if acquisition == "uniform":
            return uniform

        def acquired(seed: int) -> Acquire:
            first = self.selector.data_scale
            asks = ACQUISITION_STRATEGIES[acquisition].asks_selector
            return Acquire(
                samples=self.fold.train,
                opinions=self.opinions(acquisition, seed) if asks else (),
                taken=self.selector.drawn(seed) if asks else None,
                acquisition=acquisition,
                budget=budget - first if asks else budget,
                seed=seed,
                settings=self.settings.acquisition,
                label=f"choose by {acquisition} x{budget} seed {seed}{self.fold.name}",
                weight=2,
            )

        return replace(uniform, acquisition=acquisition, acquired=acquired)

    @property
    def selector(self) -> Trainings:
        """PRM_selector: process supervision on one solution per problem."""
        return self.uniform(1)

    def uniform(self, budget: int) -> Trainings:
        """Returns the trainings on solutions as drawn."""
        return Trainings(students=self.settings.students, fold=self.fold, arm="process", data_scale=budget)

    def opinions(self, acquisition: str, seed: int) -> tuple[AskSelector, ...]:
        """Returns the opinions of the selector, or of each of several, on the pool."""
        selectors = [self.selector]
        if acquisition == "disagreement":
            count = range(self.settings.selectors)
            selectors = [replace(self.selector, bootstrap=k, rate_of=self.selector) for k in count]
        return tuple(selector.opinion(seed) for selector in selectors)


ACTIVE_LEARNING = experiment(settings, plan)
