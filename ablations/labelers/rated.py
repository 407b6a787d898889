"""Writing a labeler's scores next to the ratings of steps, to a file that is evaluated without the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ablations.engine.progress import Reporter
from ablations.evaluation.score_file import certain
from ablations.formats import prm800k_paths
from ablations.formats.catalogue import recognised
from ablations.formats.labeled_solution import Label, LabeledSolution
from ablations.formats.losses import fitted
from ablations.labelers.choice import check_name
from ablations.labelers.labeled_shards import SHARD, claim, label_shards
from ablations.labelers.labeler import Labeler
from lightning_modules.encoding import Encoded
from lightning_modules.reward_model import probability_of_correct


@dataclass(frozen=True, kw_only=True)
class Written:
    """Numbers of a file's solutions that were written or left out."""

    solutions: int
    """Solutions that were labeled and written."""
    too_long: int
    """Solutions left out because the model cannot read them at once."""
    without_labels: int
    """Solutions left out because no step has a label."""


def label_rated(
    source: Path,
    out: Path,
    labeler: Labeler,
    name: str,
    scratch: Path,
    sha256: str,
    reporter: Reporter,
    *,
    max_tokens: int,
) -> Written:
    """Writes a labeler's scores next to the ratings of a file's chosen paths, as ``prm800k_paths``.

    Args:
        source: a file of any format with labeled steps; alternatives to a step are not part of the chosen
            path.
        out: the file to write, atomically.
        labeler: the labeler.
        name: the labeler's name in the file.
        scratch: folder of shards; created here, removed by the caller.
        sha256: hash of the source.
        reporter: receives the progress of every shard.
        max_tokens: maximum number of cells per forward pass.

    Raises:
        ValueError: the file has no labeled step, already holds scores of that name, or has labels that are
            neither ratings nor certain; a step's position cannot be determined; or no solution fits into the
            model.
    """
    read = [record for record in recognised(source).read(source) if record.steps]
    records = [record for record in read if any(label is not None for label in record.labels)]
    if not records:
        raise ValueError(f"{source}: found no labelled step; allowed: a file of labelled steps, or a pool")
    check_name(name, source, {held for record in records for held in record.step_scores})

    def encode(row: int) -> Encoded:
        return labeler.encode(records[row].problem, records[row].texts, f"{source}: solution {row + 1}")

    tokens = np.array([len(encode(row)) for row in range(len(records))])
    kept = [row for row, count in enumerate(tokens) if labeler.fits(int(count))]
    if not kept:
        raise ValueError(
            f"max_length: found {len(records)} solutions longer than {labeler.identity.max_length} tokens, "
            "and none that fits; allowed: a length that some fit into"
        )
    claim(scratch, {"labeler": labeler.identity.as_dict(), "solutions": sha256, "shard": SHARD})
    by_problem = sorted(kept, key=lambda row: records[row].problem)  # common beginnings are computed once
    shards = [by_problem[start : start + SHARD] for start in range(0, len(by_problem), SHARD)]
    prob = label_shards(shards, encode, tokens, labeler, scratch, reporter, max_tokens=max_tokens).prob
    place = {row: at for at, row in enumerate(by_problem)}

    def scored() -> Iterator[LabeledSolution]:
        for row in kept:
            right = probability_of_correct(prob.row(place[row]))
            scores = {**records[row].step_scores, name: tuple(right.tolist())}
            rated = records[row].relabelled(partial(_certain, where=f"{source}: solution {row + 1}"))
            found = fitted(replace(rated, step_scores=scores), prm800k_paths.ABILITIES)
            assert found.record is not None, found.why
            yield found.record

    prm800k_paths.write(out, scored())
    return Written(
        solutions=len(kept),
        too_long=len(records) - len(kept),
        without_labels=len(read) - len(records),
    )


def _certain(label: Label, where: str) -> Label:
    return None if label is None else certain(label, where)
