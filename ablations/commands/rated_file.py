"""Files of rated steps that get a labeler's scores, to be evaluated without the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ablations.evaluation.score_file import certain
from ablations.formats import prm800k_paths
from ablations.formats.catalogue import FORMATS, recognized
from ablations.formats.format import Format
from ablations.formats.labeled_solution import Label, LabeledSolution
from ablations.formats.losses import fitted
from ablations.labelers.choice import check_name

Scores = float | npt.NDArray[np.float64]
"""P(right) of each step, or the score of the whole solution."""


def check_form(source: Path) -> Format:
    """Returns the format of a file that gets scores.

    Raises:
        ValueError: it holds scored samples, which have scores already.
    """
    form = recognized(source)
    if form is FORMATS["scored_samples"]:
        raise ValueError(
            f"{source}: found scored samples; allowed: a pool (`ablations convert --to pool`), or rated steps"
        )
    return form


def read_rated_records(source: Path, name: str) -> tuple[list[LabeledSolution], int]:
    """Reads the solutions of a file that have a labeled step, with ratings, and counts the others.

    Raises:
        ValueError: there are none, the file already holds scores of that name, or a label is neither a rating
            nor certain.
    """
    read = [record for record in recognized(source).read(source) if record.steps]
    records = [record for record in read if any(label is not None for label in record.labels)]
    if not records:
        raise ValueError(f"{source}: found no labeled step; allowed: a file of labeled steps, or a pool")
    check_name(name, source, {held for r in records for held in (*r.step_scores, *r.solution_scores)})
    rated = [
        record.relabeled(partial(_certain, where=f"{source}: solution {number}"))
        for number, record in enumerate(records, start=1)
    ]
    return rated, len(read) - len(rated)


def write_scored(out: Path, name: str, scored: Iterable[tuple[LabeledSolution, Scores]]) -> None:
    """Writes rated solutions with the scores of a labeler of that name, as ``prm800k_paths``, atomically."""

    def rows() -> Iterator[LabeledSolution]:
        for record, scores in scored:
            if isinstance(scores, float):
                record = replace(record, solution_scores={**record.solution_scores, name: scores})
            else:
                steps = {**record.step_scores, name: tuple(scores.tolist())}
                record = replace(record, step_scores=steps)
            found = fitted(record, prm800k_paths.FORMAT.abilities)
            assert found.record is not None, found.why
            yield found.record

    prm800k_paths.FORMAT.write(out, rows())


def _certain(label: Label, where: str) -> Label:
    return None if label is None else certain(label, where)
