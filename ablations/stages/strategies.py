"""The stage of scoring strategies: one model's stored step scores, judged under each of them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ablations import scoring
from ablations.length_bias import length_correlation
from ablations.pipeline import Context, Inputs, one, several
from ablations.solutions import StepScores
from ablations.stages.files import CHOSEN, ROWS, SCORES, read_json, write_json
from ablations.stages.judged import Judged, Row

OF_CELL = (
    *("arm", "acquisition", "data_scale", "seed"),
    *("solutions_hash", "distinct_solutions", "labelled_solutions", "labelled_steps"),
)
"""Columns that a cell's rows share."""


def strategies(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """samples, scores, each a fold's [, the cell they are of] -> rows of every strategy; no training."""
    judged = Judged(several(inputs, "samples"))
    scores = [StepScores.read(folder / SCORES) for folder in several(inputs, "scores")]
    steps = np.concatenate([samples.solutions.n_steps for samples in judged.samples])
    shared: Row = {"arm": config["arm"]}
    if "cell" in inputs:
        cell = one(inputs, "cell")
        first = read_json(cell / ROWS)[0]
        shared = {name: first[name] for name in OF_CELL} | {"cell": cell.name}
        shutil.copyfile(cell / CHOSEN, out / CHOSEN)
    rows: list[Row] = []
    for name, strategy in scoring.strategies(scores[0].n_classes).items():
        score = np.concatenate([strategy(s) for s in scores])
        value_P = judged.each(length_correlation, score, steps, judged.correct, judged.finished)
        found = judged.by_score(score) + length_rows(value_P)
        rows += [row | shared | {"variant": name} for row in found]
    write_json(out / ROWS, rows)


def length_rows(value_P: np.ndarray) -> list[Row]:
    """The length correlation on the problems that have one; no row where none has."""
    known = value_P[np.isfinite(value_P)]
    if not len(known):
        return []
    return [{"metric": "length_correlation", "value": float(known.mean()), "problem_values": known.tolist()}]
