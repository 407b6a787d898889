"""Iterative retraining: the selector is trained again on all labels so far (the paper's 4.2).

A first selector is trained on a few uniformly drawn solutions per problem. In every round, the current
selector scores the pool, the most convincing wrong answers without labels are bought, and a new selector is
trained on all labels; the last one is the result. The paper found this unstable and gave no cause. Here, each
round's selector is evaluated on test problems and measured: the order of its scores against the previous
round's, the class balance and near-duplicates of the chosen solutions, and its calibration on them and on the
pool. The ways are

* ``train_on``: a round's selector continues from the weights of the previous one;
* ``from_base``: it starts from the base with a new head (one remedy);
* ``uniform_share``: ``train_on``, but a share of each round's budget is drawn uniformly (the other remedy);
* ``one_shot``: the first selector chooses the whole budget at once; training starts from the base.

    ablations run iterative_retraining --scale small          (two cores: about 25 minutes)

In all ways, a round trains like any training on as many labels, with a fresh optimizer and schedule, at the
learning rate chosen for process supervision on as many uniform solutions.

Expected: if the paper's instability comes from continued training, it appears in ``train_on`` and not in
``from_base``; if it comes from the chosen solutions, it is weaker in ``uniform_share``.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from ablations.acquisition.strategies import AcquisitionSettings
from ablations.data.artifacts import ChosenRows
from ablations.data.checks import each_once
from ablations.data.field_types import Range
from ablations.engine.experiment import Plan
from ablations.engine.step import Step
from ablations.experiments.definition import experiment
from ablations.experiments.fold import Fold
from ablations.experiments.run_settings import StudentRunSettings, check_data_scales
from ablations.experiments.scales import at_scale
from ablations.experiments.source_settings import PoolSettings, Source
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.steps.acquire import Acquire, AskSelector
from ablations.steps.evaluate import EvaluateCell
from ablations.steps.measure_stability import MeasureStability
from results.vocabulary import FIRST, WAYS

ACQUISITION = "convincing_wrong_answers"
"""Acquisition of every round after the first."""


@dataclass(frozen=True, kw_only=True)
class IterativeRetrainingSettings(StudentRunSettings):
    """Settings of the experiment."""

    data_scales: tuple[int, ...]
    """Solutions labeled per problem in total after each round."""
    ways: tuple[str, ...] = tuple(WAYS)
    """Ways of making each round's selector."""
    uniform_share: Annotated[float, Range(above=0, most=1)] = 0.25
    """Share of each round's budget that the way `uniform_share` draws uniformly."""
    acquisition: AcquisitionSettings = AcquisitionSettings()
    """How convincing wrong answers are chosen, and what counts as a near-duplicate."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_data_scales(self.data_scales, self.source)
        if len(self.data_scales) < 2:
            raise ValueError(
                f"data_scales: found {list(self.data_scales)}; allowed: two or more, one per round"
            )
        each_once("ways", self.ways, WAYS)


_TOTALS = {"smoke": (1, 2, 3), "quick": (1, 2, 4), "small": (1, 2, 4, 8), "paper": (1, 5, 20, 100)}
_POOL_TOTALS = {"smoke": (1, 2), "quick": (1, 2, 4), "small": (1, 2, 4, 8), "paper": (1, 2, 4, 8)}


def settings(scale: str, source: Source) -> IterativeRetrainingSettings:
    """Returns the defaults of a scale, in a world with the samples of `supervision` (more at scale smoke)."""
    totals = _TOTALS[scale]
    if isinstance(source, PoolSettings):
        totals = tuple(total for total in _POOL_TOTALS[scale] if total <= source.samples)
    elif scale == "smoke":  # two solutions have too few distinct ones for a second round
        source = replace(source, train_samples=6)
    return at_scale(IterativeRetrainingSettings, scale, source, data_scales=totals)


def plan(settings: IterativeRetrainingSettings) -> Plan:
    """Iterative retraining: is a selector stable if it is trained again every round (the paper's 4.2)?"""
    folds = folds_of(settings)
    cells = []
    for seed in range(settings.seeds):
        first = [_Round.first(settings, fold, seed) for fold in folds]
        cells.append(_cell(first))
        for way in settings.ways:
            rounds = first
            for level in range(1, len(settings.data_scales)):
                if way == "one_shot" and level < len(settings.data_scales) - 1:
                    continue
                rounds = [previous.next(way, level) for previous in rounds]
                cells.append(_cell(rounds))
    references = evaluate_references(folds, settings.majority_draws)
    records = gather_records("iterative_retraining", settings, tuple(cells), references)
    return Plan(targets=(*cells, references), records=records)


@dataclass(frozen=True, kw_only=True)
class _Round:
    """One round of one way and seed in one fold."""

    settings: IterativeRetrainingSettings
    fold: Fold
    seed: int
    chosen: Step[ChosenRows]
    """Solutions that are labeled in it."""
    trainings: Trainings
    """The selector trained on all labels after this round."""
    previous: "_Round | None" = None
    """The round whose selector chose the solutions."""

    @classmethod
    def first(cls, settings: IterativeRetrainingSettings, fold: Fold, seed: int) -> "_Round":
        """Returns the first round, on a few uniform solutions per problem: `active_learning`'s selector."""
        uniform = _uniform(settings, fold, settings.data_scales[0])
        trainings = replace(uniform, rate_of=uniform, variant=FIRST, level=0.0)
        chosen = uniform.drawn(seed)
        return cls(settings=settings, fold=fold, seed=seed, chosen=chosen, trainings=trainings)

    def next(self, way: str, level: int) -> "_Round":
        """Returns the next round: this selector's choice, and a selector that is also trained on it."""
        total = self.settings.data_scales[level]
        chosen = Acquire(
            samples=self.fold.train,
            opinions=(self.opinion,),
            taken=self.chosen,
            acquisition=ACQUISITION,
            budget=total - self.trainings.data_scale,
            seed=(self.seed, level),
            uniform_share=self.settings.uniform_share if way == "uniform_share" else 0.0,
            settings=self.settings.acquisition,
            label=f"choose {way} x{total} seed {self.seed}{self.fold.name}",
            weight=2,
        )
        uniform = _uniform(self.settings, self.fold, total)
        trainings = replace(
            uniform,
            acquisition=ACQUISITION,
            acquired=lambda seed: chosen,
            start=self.trainings if way in ("train_on", "uniform_share") else None,
            rate_of=uniform,
            variant=way,
            level=float(level),
        )
        return replace(self, chosen=chosen, trainings=trainings, previous=self)

    @property
    def opinion(self) -> AskSelector:
        """Its selector's opinion of the pool."""
        return self.trainings.opinion(self.seed, steps=True)


def _uniform(settings: IterativeRetrainingSettings, fold: Fold, total: int) -> Trainings:
    """Returns the trainings on as many uniform solutions, from the base; all ways use their learning rate."""
    return Trainings(students=settings.students, fold=fold, arm="process", data_scale=total)


def _cell(rounds: list[_Round]) -> EvaluateCell:
    """Evaluates one round's selector (or one per fold) on test problems, and measures it."""
    first = rounds[0]
    measured = MeasureStability(
        samples=tuple(fold_round.fold.train for fold_round in rounds),
        labels=tuple(fold_round.fold.train_labels for fold_round in rounds),
        chosen=tuple(fold_round.chosen for fold_round in rounds),
        opinions=tuple(fold_round.opinion for fold_round in rounds),
        previous=tuple(
            fold_round.previous.opinion for fold_round in rounds if fold_round.previous is not None
        ),
        threshold=first.fold.threshold,
        similarity=first.settings.acquisition.similarity,
        label=f"measure {first.trainings.name} seed {first.seed}",
        weight=2,
    )
    return evaluate_cell([fold_round.trainings for fold_round in rounds], first.seed, (measured,))


ITERATIVE_RETRAINING = experiment(settings, plan)
