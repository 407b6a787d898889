"""Writing a labeler's scores next to the ratings of steps, to a file that is evaluated without the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ablations.commands.labeled_pool import SHARD, Labeling
from ablations.evaluation.score_file import certain
from ablations.formats import prm800k_paths
from ablations.formats.catalogue import recognized
from ablations.formats.labeled_solution import Label, LabeledSolution
from ablations.formats.losses import fitted
from ablations.labelers.choice import check_name
from lightning_modules.reward_model import logits_of, probability_of_correct


def label_rated(source: Path, out: Path, name: str, labeling: Labeling) -> dict[str, int]:
    """Writes a labeler's scores next to the ratings of a file's chosen paths, as ``prm800k_paths``.

    Args:
        source: a file of any format with labeled steps; alternatives to a step are not part of the chosen
            path.
        out: the file to write, atomically.
        name: the labeler's name in the file.
        labeling: the labeler, and where to keep its labels.

    Returns:
        How many solutions were left out, by reason.

    Raises:
        ValueError: the file has no labeled step, already holds scores of that name, or has labels that are
            neither ratings nor certain; a step's position cannot be determined; or no solution fits into the
            model.
    """
    labeler = labeling.labeler
    read = [record for record in recognized(source).read(source) if record.steps]
    records = [record for record in read if any(label is not None for label in record.labels)]
    if not records:
        raise ValueError(f"{source}: found no labeled step; allowed: a file of labeled steps, or a pool")
    check_name(name, source, {held for r in records for held in (*r.step_scores, *r.solution_scores)})
    encoded = [
        labeler.encode(record.problem, record.texts, f"{source}: solution {number}")
        for number, record in enumerate(records, start=1)
    ]
    fitting = [row for row, tokens in enumerate(encoded) if labeler.fits(len(tokens))]
    if not fitting:
        raise ValueError(
            f"max_length: found {len(records)} solutions longer than {labeler.identity.max_length} tokens, "
            "and none that fits; allowed: a length that some fit into"
        )
    by_problem = sorted(fitting, key=lambda row: records[row].problem)  # common beginnings are computed once
    shards = [by_problem[start : start + SHARD] for start in range(0, len(by_problem), SHARD)]
    prob = labeling.label([[encoded[row] for row in shard] for shard in shards]).prob
    place = {row: at for at, row in enumerate(by_problem)}

    def rows() -> Iterator[LabeledSolution]:
        for row in fitting:
            rated = records[row].relabeled(partial(_certain, where=f"{source}: solution {row + 1}"))
            row_prob = prob.row(place[row])
            if labeler.of_solutions:
                whole = {**rated.solution_scores, name: float(logits_of(row_prob)[0])}
                scored = replace(rated, solution_scores=whole)
            else:
                steps = {**rated.step_scores, name: tuple(probability_of_correct(row_prob).tolist())}
                scored = replace(rated, step_scores=steps)
            found = fitted(scored, prm800k_paths.FORMAT.abilities)
            assert found.record is not None, found.why
            yield found.record

    prm800k_paths.FORMAT.write(out, rows())
    return {"too long": len(records) - len(fitting), "without labels": len(read) - len(records)}


def _certain(label: Label, where: str) -> Label:
    return None if label is None else certain(label, where)
