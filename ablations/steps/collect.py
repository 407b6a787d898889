"""Stages that choose what is rated for the large PRM: uniform draws, generations, and unions of them."""

from pathlib import Path
from typing import Any

import numpy as np

from ablations.acquisition.collection import collect
from ablations.data.artifacts import Samples, labelled_rows
from ablations.engine.step import Context, Inputs, one, several
from ablations.steps.acquire import candidates_of, write_chosen
from ablations.steps.train_student import draw_rows


def drawn(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Draws rows uniformly: ``count`` per problem, or as many in total as ``as_many_as`` has.

    Inputs: samples, as_many_as (optional; chosen rows).
    """
    samples = Samples.read(one(inputs, "samples"))
    total = (
        len(labelled_rows(one(inputs, "as_many_as")))
        if "as_many_as" in inputs
        else config["count"] * len(samples.problems)
    )
    write_chosen(out, samples, draw_total(samples, total, config["seed"]))


def collected(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Chooses a generation's convincing wrong answers.

    Inputs: samples, opinion (a PRM's, of the samples), labelled (rows rated before).
    """
    samples = Samples.read(one(inputs, "samples"))
    known = candidates_of(samples, several(inputs, "opinion"))
    rated = union(several(inputs, "labelled"))
    rows = collect(config["selection"], known, rated, config["chosen"])
    write_chosen(out, samples, rows, known)


def joined(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Joins several choices of rows, each row once. Inputs: samples, chosen."""
    samples = Samples.read(one(inputs, "samples"))
    write_chosen(out, samples, union(several(inputs, "chosen")))


def union(folders: tuple[Path, ...]) -> np.ndarray:
    """Returns the rows of several choices, each once, ascending: int64 [K]."""
    return np.unique(np.concatenate([labelled_rows(folder) for folder in folders]))


def draw_total(samples: Samples, total: int, seed: int) -> np.ndarray:
    """Draws ``total`` rows uniformly, ascending: equally many per problem, or one more for some.

    If ``total`` is a multiple of the number of problems, the rows are those of `draw_rows`.

    Raises:
        ValueError: too few solutions were sampled.
    """
    problems = len(samples.problems)
    each = -(-total // problems)
    row_PK = draw_rows(samples, each, seed).reshape(problems, each)
    spare = np.random.default_rng([seed, 31]).permutation(problems)[: each * problems - total]
    return np.sort(np.concatenate([row_PK[:, :-1].ravel(), np.delete(row_PK[:, -1], spare)]))
