"""Stages that choose what is rated for the large PRM: a uniform draw, a generation, and several as one."""

from pathlib import Path
from typing import Any

import numpy as np

from ablations.acquisition.collection import collect
from ablations.data.artifacts import Samples, labelled_rows
from ablations.engine.step import Context, Inputs, one, several
from ablations.steps.acquire import candidates_of, write_chosen
from ablations.steps.train_student import draw_rows


def drawn(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """samples [, as_many_as: chosen rows] -> rows drawn uniformly: ``count`` a problem, or as many in all."""
    samples = Samples.read(one(inputs, "samples"))
    total = (
        len(labelled_rows(one(inputs, "as_many_as")))
        if "as_many_as" in inputs
        else config["count"] * len(samples.problems)
    )
    write_chosen(out, samples, draw_total(samples, total, config["seed"]))


def collected(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """samples, a PRM's opinion of them, rows rated before -> a generation's convincing wrong answers."""
    samples = Samples.read(one(inputs, "samples"))
    known = candidates_of(samples, several(inputs, "opinion"))
    rated = union(several(inputs, "labelled"))
    rows = collect(config["selection"], known, rated, config["chosen"])
    write_chosen(out, samples, rows, known)


def joined(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """samples, several choices of rows -> all of these rows, each once."""
    samples = Samples.read(one(inputs, "samples"))
    write_chosen(out, samples, union(several(inputs, "chosen")))


def union(folders: tuple[Path, ...]) -> np.ndarray:
    """int64 [K]: the rows of several choices, each once, ascending."""
    return np.unique(np.concatenate([labelled_rows(folder) for folder in folders]))


def draw_total(samples: Samples, total: int, seed: int) -> np.ndarray:
    """Rows drawn uniformly, ``total`` in all, ascending: of each problem as many, or one more of some.

    Those of a total that divides by the number of problems are those of `draw_rows`.

    Raises:
        ValueError: fewer solutions than that were sampled.
    """
    problems = len(samples.problems)
    each = -(-total // problems)
    row_PK = draw_rows(samples, each, seed).reshape(problems, each)
    spare = np.random.default_rng([seed, 31]).permutation(problems)[: each * problems - total]
    return np.sort(np.concatenate([row_PK[:, :-1].ravel(), np.delete(row_PK[:, -1], spare)]))
