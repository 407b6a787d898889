"""The step that measures how stable a selector is, and the solutions that it was last trained on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ablations.acquisition.selector_stability import JudgedSteps, mark_repeats, rank_correlation
from ablations.acquisition.strategies import first_of_equal, text_codes
from ablations.data.artifacts import ChosenRows, Opinion, Samples
from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.steps.acquire import step_codes
from ablations.steps.evaluation_rows import Row, Rows, defined
from ablations.supervision import process


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasureStability(Step[Rows], name="instability"):
    """Measures one round of a selector; inputs are one per fold.

    Metrics of the pool cover its distinct texts, from which an acquisition chooses.
    """

    samples: tuple[Step[Samples], ...]
    """The pool."""
    labels: tuple[Step[StepScores], ...]
    """The labeler's scores of the pool."""
    chosen: tuple[Step[ChosenRows], ...]
    """Rows that were labeled in the round."""
    opinions: tuple[Step[Opinion], ...]
    """Opinions of the selector that was trained on them."""
    previous: tuple[Step[Opinion], ...] = ()
    """Opinions of the selector that chose them; none in the first round."""
    threshold: float
    """P(negative) above which a step is incorrect."""
    similarity: float
    """Minimum similarity of near-duplicates."""
    bins: int = 10
    """Bins of the calibration."""

    def run(self, context: Context) -> Rows:
        previous: list[Opinion | None] = [*context.read_all(self.previous)]
        folds = [
            self._measure_fold(*artifacts)
            for artifacts in zip(
                context.read_all(self.samples),
                context.read_all(self.labels),
                context.read_all(self.chosen),
                context.read_all(self.opinions),
                previous or [None] * len(self.samples),
                strict=True,
            )
        ]
        pool = JudgedSteps.concatenate([fold.pool for fold in folds])
        rows: list[Row] = [
            _share("chosen_right", [fold.ends_right for fold in folds]),
            _share("chosen_error_free", [fold.error_free for fold in folds]),
            _share("chosen_steps_right", [fold.chosen.label for fold in folds]),
            _share("chosen_repeats", [fold.repeats for fold in folds]),
            {"metric": "pool_calibration_error", "value": pool.calibration_error(self.bins)},
            *defined("pool_agreement", pool.agreement()),
        ]
        if self.previous:
            chosen = JudgedSteps.concatenate([fold.chosen for fold in folds])
            rows += [
                {"metric": "chosen_calibration_error", "value": chosen.calibration_error(self.bins)},
                *defined("chosen_agreement", chosen.agreement()),
                *_correlation(folds),
            ]
        return Rows(rows=rows)

    def _measure_fold(
        self,
        samples: Samples,
        labels: StepScores,
        choice: ChosenRows,
        opinion: Opinion,
        previous: Opinion | None,
    ) -> _Fold:
        solutions, problem, steps = samples.solutions, samples.solutions.problem_index, step_codes(samples)
        chosen, pool = choice.rows, first_of_equal(text_codes(problem, steps))
        target = process(labels.take(chosen), self.threshold).step_target
        pool_target = process(labels.take(pool), self.threshold).step_target
        assert target is not None and pool_target is not None and opinion.scores is not None
        wrong = Ragged(values=target.values == 0, offsets=target.offsets)
        chooser, correlation = opinion.scores, None
        if previous is not None:
            assert previous.scores is not None
            chooser = previous.scores
            correlation = rank_correlation(opinion.convincing[pool], previous.convincing[pool], problem[pool])
        return _Fold(
            ends_right=solutions.final_correct[chosen],
            error_free=wrong.reduce(np.add, 0) == 0,
            repeats=mark_repeats(steps, problem, choice.taken, chosen, self.similarity),
            chosen=JudgedSteps.of(chooser.take(chosen), target),
            pool=JudgedSteps.of(opinion.scores.take(pool), pool_target),
            problem_ids=[p.problem_id for p in samples.problems],
            correlation=correlation,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fold:
    """One fold's round: L solutions chosen from a pool of P problems."""

    ends_right: np.ndarray
    """bool [L]: whether the final answer is right."""
    error_free: np.ndarray
    """bool [L]: whether the labeler finds no incorrect step."""
    repeats: np.ndarray
    """bool [L]: near-duplicates of labeled solutions."""
    chosen: JudgedSteps
    """Steps of the L solutions, as scored by the selector that chose them (first round: the new one)."""
    pool: JudgedSteps
    """Steps of the pool's distinct texts, as scored by the selector that was trained on the L solutions."""
    problem_ids: list[str]
    """Names of the P problems."""
    correlation: np.ndarray | None
    """float64 [P]: rank correlation of the two selectors; None in the first round."""


def _share(metric: str, parts: list[np.ndarray]) -> Row:
    return {"metric": metric, "value": float(np.concatenate(parts).mean())}


def _correlation(folds: list[_Fold]) -> list[Row]:
    """Returns the mean over problems; a problem that folds share counts once, with their mean."""
    values: dict[str, list[float]] = defaultdict(list)
    for fold in folds:
        assert fold.correlation is not None
        for problem, value in zip(fold.problem_ids, fold.correlation.tolist(), strict=True):
            values[problem].append(value)
    means = [mean for mean in map(float, map(np.mean, values.values())) if np.isfinite(mean)]
    if not means:  # no problem has two texts
        return []
    return [{"metric": "rank_correlation", "value": float(np.mean(means)), "problem_values": means}]
