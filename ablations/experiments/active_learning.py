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
from ablations.steps.acquire import Acquire

MAIN = ("uniform", "uniform_distinct", "convincing_wrong_answers")
"""The acquisitions that are compared at every budget: the paper's two, and the one between them."""


@dataclass(frozen=True, kw_only=True)
class ActiveLearningSettings(StudentRunSettings):
    """Settings; a budget is the number of labeled solutions per problem, including the selector's own.

    All acquisitions except `uniform` need as many distinct solutions.
    """

    data_scales: tuple[int, ...]
    """Budgets of the main acquisitions."""
    acquisitions: tuple[str, ...] = tuple(ACQUISITION_STRATEGIES)
    """Ways to choose the solutions to label."""
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
        # An acquisition that uses a selector starts with one labeled solution per problem.
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

    On a pool of real solutions, a budget is at most half of them (but at least 2), so that there is a choice.
    """
    chosen = _ACTIVE[scale].copy()
    if isinstance(source, PoolSettings):
        most = max(2, source.samples // 2)
        chosen["data_scales"], chosen["side_scales"] = (
            tuple(sorted({min(budget, most) for budget in budgets}))
            for budgets in (chosen["data_scales"], chosen["side_scales"])
        )
    elif scale == "smoke":  # two solutions have too few distinct ones to leave a choice
        source = replace(source, train_samples=6)
    return at_scale(ActiveLearningSettings, scale, source, **chosen)


def plan(settings: ActiveLearningSettings) -> Plan:
    """Active learning: which solutions are worth a label (the paper's 4.2)."""
    folds = folds_of(settings)
    cells = []
    for acquisition in settings.acquisitions:
        for budget in settings.budgets(acquisition):
            by_fold = [_trainings(settings, fold, acquisition, budget) for fold in folds]
            cells += [evaluate_cell(by_fold, seed) for seed in range(settings.seeds)]
    references = evaluate_references(folds, settings.majority_draws)
    records = gather_records("active_learning", settings, tuple(cells), references)
    return Plan(targets=(*cells, references), records=records)


def _trainings(settings: ActiveLearningSettings, fold: Fold, acquisition: str, budget: int) -> Trainings:
    """Returns the trainings in a fold on the solutions that an acquisition buys."""
    # PRM_selector: process supervision on one solution per problem.
    selector = Trainings(students=settings.students, fold=fold, arm="process", data_scale=1)
    uniform = replace(selector, data_scale=budget)
    if acquisition == "uniform":
        return uniform
    asks = ACQUISITION_STRATEGIES[acquisition].asks_selector
    selectors = [selector]
    if acquisition == "disagreement":
        selectors = [replace(selector, bootstrap=k, rate_of=selector) for k in range(settings.selectors)]

    def acquired(seed: int) -> Acquire:
        return Acquire(
            samples=fold.train,
            opinions=tuple(trainings.opinion(seed) for trainings in selectors) if asks else (),
            taken=selector.drawn(seed) if asks else None,
            acquisition=acquisition,
            budget=budget - selector.data_scale if asks else budget,
            seed=seed,
            settings=settings.acquisition,
            label=f"choose by {acquisition} x{budget} seed {seed}{fold.name}",
            weight=2,
        )

    return replace(uniform, acquisition=acquisition, acquired=acquired)


ACTIVE_LEARNING = experiment(settings, plan)
