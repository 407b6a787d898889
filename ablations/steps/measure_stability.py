"""The step that measures how stable a selector is, and what it was last trained on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ablations.acquisition.selector_stability import JudgedSteps, rank_correlation, repeats
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
    """Measures one round of a selector; all inputs are one per fold.

    Metrics of the pool cover its distinct texts, which an acquisition chooses from.
    """

    samples: tuple[Step[Samples], ...]
    """The pool."""
    labels: tuple[Step[StepScores], ...]
    """The labeler's scores of it."""
    chosen: tuple[Step[ChosenRows], ...]
    """Rows that the round labeled."""
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
            _Fold.of(*parts, threshold=self.threshold, similarity=self.similarity)
            for parts in zip(
                context.read_all(self.samples),
                context.read_all(self.labels),
                context.read_all(self.chosen),
                context.read_all(self.opinions),
                previous or [None] * len(self.samples),
                strict=True,
            )
        ]
        pool = JudgedSteps.joined([fold.pool for fold in folds])
        rows: list[Row] = [
            _share("chosen_right", [fold.ends_right for fold in folds]),
            _share("chosen_error_free", [fold.error_free for fold in folds]),
            _share("chosen_steps_right", [fold.taught.label for fold in folds]),
            _share("chosen_repeats", [fold.repeats for fold in folds]),
            {"metric": "pool_calibration_error", "value": pool.calibration_error(self.bins)},
            *defined("pool_agreement", pool.agreement()),
        ]
        if self.previous:
            chosen = JudgedSteps.joined([fold.taught for fold in folds])
            rows += [
                {"metric": "chosen_calibration_error", "value": chosen.calibration_error(self.bins)},
                *defined("chosen_agreement", chosen.agreement()),
                *_correlation(folds),
            ]
        return Rows(rows=rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fold:
    """One fold's round: L solutions chosen from a pool of P problems."""

    ends_right: np.ndarray
    """bool [L]: whether the final answer is right."""
    error_free: np.ndarray
    """bool [L]: whether the labeler finds no incorrect step."""
    repeats: np.ndarray
    """bool [L]: near-duplicates of labeled solutions."""
    taught: JudgedSteps
    """Labeled steps of the chosen, as scored by the selector that chose them (at first: the one trained)."""
    pool: JudgedSteps
    """Steps of the pool's distinct texts, as scored by the selector that was trained on the chosen."""
    problem_ids: list[str]
    """Names of the P problems."""
    correlation: np.ndarray | None
    """float64 [P]: rank correlation of the two selectors; None in the first round."""

    @classmethod
    def of(
        cls,
        samples: Samples,
        labels: StepScores,
        choice: ChosenRows,
        opinion: Opinion,
        previous: Opinion | None,
        *,
        threshold: float,
        similarity: float,
    ) -> _Fold:
        """Collects a fold's round; see `MeasureStability`."""
        solutions, problem, steps = samples.solutions, samples.solutions.problem_index, step_codes(samples)
        chosen, pool = choice.rows, first_of_equal(text_codes(problem, steps))
        target, of_pool = (process(labels.take(rows), threshold).step_target for rows in (chosen, pool))
        assert target is not None and of_pool is not None and opinion.scores is not None
        wrong = Ragged(values=target.values == 0, offsets=target.offsets)
        chooser, correlation = opinion.scores, None
        if previous is not None:
            assert previous.scores is not None
            chooser = previous.scores
            correlation = rank_correlation(opinion.convincing[pool], previous.convincing[pool], problem[pool])
        return cls(
            ends_right=solutions.final_correct[chosen],
            error_free=wrong.reduce(np.add, 0) == 0,
            repeats=repeats(steps, problem, choice.taken, chosen, similarity),
            taught=JudgedSteps.of(chooser.take(chosen), target),
            pool=JudgedSteps.of(opinion.scores.take(pool), of_pool),
            problem_ids=[one.problem_id for one in samples.problems],
            correlation=correlation,
        )


def _share(metric: str, parts: list[np.ndarray]) -> Row:
    return {"metric": metric, "value": float(np.concatenate(parts).mean())}


def _correlation(folds: list[_Fold]) -> list[Row]:
    """Returns the mean over problems; a problem that folds share counts once, with their mean."""
    found: dict[str, list[float]] = defaultdict(list)
    for fold in folds:
        assert fold.correlation is not None
        for problem, value in zip(fold.problem_ids, fold.correlation.tolist(), strict=True):
            found[problem].append(value)
    known = [value for value in map(float, map(np.mean, found.values())) if np.isfinite(value)]
    if not known:  # no problem has two texts
        return []
    return [{"metric": "rank_correlation", "value": float(np.mean(known)), "problem_values": known}]
