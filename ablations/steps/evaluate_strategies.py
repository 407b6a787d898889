"""The stage that evaluates one model's stored step scores under each scoring strategy."""

from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.artifacts import ROWS, SCORES, write_json
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, one, several
from ablations.evaluation import scoring_rules
from ablations.evaluation.length_bias import length_correlation
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row
from ablations.steps.training_facts import of_cell


def strategies(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the rows of every strategy, without training.

    Inputs: samples and scores, one per fold; cell (optional), which the scores belong to.
    """
    tests = EvaluatedSolutions(several(inputs, "samples"))
    scores = [StepScores.read(folder / SCORES) for folder in several(inputs, "scores")]
    steps = np.concatenate([samples.solutions.n_steps for samples in tests.samples])
    shared: Row = of_cell(one(inputs, "cell"), out) if "cell" in inputs else {"arm": config["arm"]}
    rows: list[Row] = []
    for name, strategy in scoring_rules.strategies(scores[0].n_classes).items():
        score = np.concatenate([strategy(s) for s in scores])
        value_P = tests.each(length_correlation, score, steps, tests.correct, tests.finished)
        found = tests.by_score(score) + length_rows(value_P)
        rows += [row | shared | {"variant": name} for row in found]
    write_json(out / ROWS, rows)


def length_rows(value_P: np.ndarray) -> list[Row]:
    """Returns the row of the length correlation, over the problems that have one; no row if none has."""
    known = value_P[np.isfinite(value_P)]
    if not len(known):
        return []
    return [{"metric": "length_correlation", "value": float(known.mean()), "problem_values": known.tolist()}]
