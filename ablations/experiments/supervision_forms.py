"""Forms of process supervision on identical solutions, with what their labels cost.

The labeler's step labels are compared with soft ones, with labels of all steps, with a loss that ranks steps
(arXiv 2410.11287), and with Monte Carlo labels from rollouts of the generator (Math-Shepherd, arXiv
2312.08935), alone and in consensus with the labeler (arXiv 2501.07301). Shown for comparison: outcome
supervision, and implicit rewards, which learn from outcomes (arXiv 2412.01981). Records hold what each form
costs per labeled solution.

    ablations run supervision_forms --scale quick                                (two cores: about 7 minutes)

Expected from the literature: soft labels do as well as hard ones; Monte Carlo labels do worse than the
labeler's and cost more; consensus does no worse than Monte Carlo alone.
"""

from dataclasses import dataclass, replace

from ablations.data.field_types import Count
from ablations.engine.costs.work import Work
from ablations.engine.experiment import Plan
from ablations.experiments.definition import experiment
from ablations.experiments.fold import SECONDS_PER_TOKEN, Fold, texts_of
from ablations.experiments.run_settings import StudentRunSettings, check_arms, check_data_scales
from ablations.experiments.scales import at_scale, shared
from ablations.experiments.source_settings import PoolSettings, Source
from ablations.experiments.sources import folds_of
from ablations.experiments.trainings import Trainings, evaluate_cell, evaluate_references, gather_records
from ablations.formats.pool import read_pool
from ablations.steps.measure_cost import MeasureCost
from ablations.steps.read_pool import ReadPool, TakeFold, TakeFoldLabels
from ablations.steps.rollouts import RollOut
from ablations.steps.sampling import SampleSolutions
from ablations.supervision import rolls_out

ARMS = (
    *("process", "process_soft", "process_full", "process_ranking"),
    *("monte_carlo_hard", "monte_carlo_soft", "consensus", "prm_outcome", "final_answer", "implicit"),
)
"""Default arms; a pool has those with rollouts only on request."""
MOST_SEEDS = {"quick": 2, "small": 4}
"""Scale -> maximum number of seeds, because there are many arms."""
RATES = (3e-3, 6e-3)
"""Learning rates at scale small in a world: of those of `supervision`, the ones that do well in most arms."""
SEED = 6
"""Seed of the rollouts; samples have others."""
PREFIXES = 2.6
"""Prefixes to roll out per solution, for estimates; measured on 6,400 solutions to 100 problems."""


@dataclass(frozen=True, kw_only=True)
class SupervisionFormsSettings(StudentRunSettings):
    """Settings of the experiment."""

    arms: tuple[str, ...]
    """Forms of supervision."""
    data_scales: tuple[int, ...]
    """Solutions labeled per problem."""
    rollouts: Count = 8
    """Rollouts of an embedded world's generator from each step."""
    rollout_scores: str | None = None
    """Name of the step scores in a pool that come from rollouts (`ablations rollout`); null: none do."""

    def __post_init__(self) -> None:
        super().__post_init__()
        on_pool = isinstance(self.source, PoolSettings)
        if self.rollout_scores is not None and not on_pool:
            raise ValueError(f"rollout_scores: found {self.rollout_scores}; allowed without a pool: null")
        check_arms(self.arms, self.source, rollouts=not on_pool or self.rollout_scores is not None)
        check_data_scales(self.data_scales, self.source)


def settings(scale: str, source: Source) -> SupervisionFormsSettings:
    """Returns the defaults of a scale; with a pool, the arms that need no rollouts."""
    usual, on_pool = shared(scale, source), isinstance(source, PoolSettings)
    small = scale == "small" and not on_pool
    return at_scale(
        SupervisionFormsSettings,
        scale,
        source,
        arms=tuple(arm for arm in ARMS if not (on_pool and rolls_out(arm))),
        data_scales=(8, 64) if small else usual.data_scales[-2:],
        seeds=min(usual.seeds, MOST_SEEDS.get(scale, usual.seeds)),
        students=replace(usual.students, learning_rates=RATES) if small else usual.students,
        rollouts=2 if scale == "smoke" else 8,
    )


def plan(settings: SupervisionFormsSettings) -> Plan:
    """Soft, full-length, Monte Carlo and consensus labels against process supervision, with their costs."""
    if isinstance(settings.source, PoolSettings) and settings.rollout_scores is not None:
        read_pool(settings.source.path, settings.rollout_scores)  # so that a missing name is reported at once
    folds = [roll_out(fold, settings) for fold in folds_of(settings)]
    cells = []
    for arm in settings.arms:
        for data_scale in settings.data_scales:
            by_fold = [
                Trainings(students=settings.students, fold=fold, arm=arm, data_scale=data_scale)
                for fold in folds
            ]
            cells += [
                evaluate_cell(by_fold, seed, (label_cost(by_fold[0], seed),))
                for seed in range(settings.seeds)
            ]
    references = evaluate_references(folds, settings.majority_draws)
    records = gather_records("supervision_forms", settings, tuple(cells), references)
    return Plan(targets=(*cells, references), records=records)


def roll_out(fold: Fold, settings: SupervisionFormsSettings) -> Fold:
    """Returns the fold with rollouts: of an embedded world's generator, or those that a pool holds."""
    train, name = fold.train, settings.rollout_scores
    if isinstance(train, TakeFold):
        assert isinstance(train.pool, ReadPool)
        if name is None:
            return fold
        scores = TakeFoldLabels(
            pool=replace(train.pool, labeler=name),
            fold=train.fold,
            folds=train.folds,
            part=train.part,
            label=f"rollouts{fold.name}",
        )
        return replace(fold, train_rollouts=scores)
    assert isinstance(train, SampleSolutions)
    texts = texts_of(train)
    left = (texts.lengths.tokens - texts.lengths.prompt) / 2
    tokens = round(texts.solutions * PREFIXES * settings.rollouts * left)
    work = Work(role="generator", kind="sampling", tokens=tokens, context=round(texts.lengths.tokens))
    rollouts = RollOut(
        generator=train.generator,
        samples=train,
        world=train.world,
        count=settings.rollouts,
        temperature=train.temperature,
        min_p=train.min_p,
        max_new_tokens=train.max_new_tokens,
        seed=SEED,
        label=f"{settings.rollouts} rollouts from each step",
        weight=tokens * SECONDS_PER_TOKEN["small"] + 1,
        work=(work,),
    )
    return replace(fold, train_rollouts=rollouts)


def label_cost(trainings: Trainings, seed: int) -> MeasureCost:
    """Returns the step that counts what the labels of a seed's training cost."""
    train, fold = trainings.train(seed), trainings.tested
    sampled = fold.train if isinstance(fold.train, SampleSolutions) else None
    return MeasureCost(
        arm=train.arm,
        data_scale=train.data_scale,
        seed=seed,
        threshold=train.threshold,
        samples=train.samples,
        labels=train.labels,
        rollouts=train.rollouts,
        base=train.base,
        generator=None if sampled is None else sampled.generator,
        labeler=fold.large_prm,
        label=f"cost of labels of {trainings.name} seed {seed}",
        weight=0.5,
    )


SUPERVISION_FORMS = experiment(settings, plan)
