"""The stage that measures how stable a selector is, and what it was last trained on."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ablations.acquisition.selector_stability import JudgedSteps, rank_correlation, repeats
from ablations.acquisition.strategies import NONE, first_of_equal, text_codes
from ablations.data.artifacts import ACQUIRED, OPINION, ROWS, SCORES, Samples, read_json, write_json
from ablations.data.ragged import Ragged
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, several
from ablations.steps.acquire import step_codes
from ablations.steps.evaluation_rows import Row, defined
from ablations.supervision import process


def instability(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the rows of one round of a selector.

    Inputs, one per fold: samples, labels, chosen, opinions, previous (optional). ``opinions`` are those of
    the selector that was trained on ``chosen``, ``previous`` those of the one that chose them. Metrics of the
    pool cover its distinct texts, which an acquisition chooses from.
    """
    names = [name for name in ("samples", "labels", "chosen", "opinions", "previous") if name in inputs]
    folders = zip(*(several(inputs, name) for name in names), strict=True)
    folds = [_fold(dict(zip(names, some, strict=True)), config) for some in folders]
    pool = JudgedSteps.joined([fold.pool for fold in folds])
    rows: list[Row] = [
        _share("chosen_right", [fold.ends_right for fold in folds]),
        _share("chosen_error_free", [fold.error_free for fold in folds]),
        _share("chosen_steps_right", [fold.taught.label for fold in folds]),
        _share("chosen_repeats", [fold.repeats for fold in folds]),
        {"metric": "pool_calibration_error", "value": pool.calibration_error(config["bins"])},
        *defined("pool_agreement", pool.agreement()),
    ]
    if "previous" in inputs:
        chosen = JudgedSteps.joined([fold.taught for fold in folds])
        rows += [
            {"metric": "chosen_calibration_error", "value": chosen.calibration_error(config["bins"])},
            *defined("chosen_agreement", chosen.agreement()),
            *_correlation(folds),
        ]
    write_json(out / ROWS, rows)


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


def _fold(folders: dict[str, Path], config: dict[str, Any]) -> _Fold:
    samples = Samples.read(folders["samples"])
    solutions, problem, steps = samples.solutions, samples.solutions.problem_index, step_codes(samples)
    labels, scores = (StepScores.read(folders[name] / SCORES) for name in ("labels", "opinions"))
    threshold = config["threshold"]
    facts = read_json(folders["chosen"] / ACQUIRED)
    chosen, taken = np.array(facts["rows"]), np.array(facts.get("taken", NONE), dtype=np.int64)
    pool = first_of_equal(text_codes(problem, steps))
    target, of_pool = (process(labels.take(rows), threshold).step_target for rows in (chosen, pool))
    assert target is not None and of_pool is not None
    wrong = Ragged(values=target.values == 0, offsets=target.offsets)
    chooser, correlation = scores, None
    if "previous" in folders:
        chooser = StepScores.read(folders["previous"] / SCORES)
        now, before = (_convincing(folders[name])[pool] for name in ("opinions", "previous"))
        correlation = rank_correlation(now, before, problem[pool])
    return _Fold(
        ends_right=solutions.final_correct[chosen],
        error_free=wrong.reduce(np.add, 0) == 0,
        repeats=repeats(steps, problem, taken, chosen, config["similarity"]),
        taught=JudgedSteps.of(chooser.take(chosen), target),
        pool=JudgedSteps.of(scores.take(pool), of_pool),
        problem_ids=[one.problem_id for one in samples.problems],
        correlation=correlation,
    )


def _convincing(folder: Path) -> np.ndarray:
    return pq.read_table(folder / OPINION, columns=["convincing"])["convincing"].to_numpy()


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
