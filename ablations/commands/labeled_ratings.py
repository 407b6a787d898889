"""Writing a labeler's scores next to the ratings of steps, to a file that is evaluated without the model."""

from __future__ import annotations

from pathlib import Path

from ablations.commands.labeled_pool import SHARD, Labeling
from ablations.commands.rated_file import Scores, read_rated_records, write_scored
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
    records, unlabeled = read_rated_records(source, name)
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

    def scores(row: int) -> Scores:
        found = prob.row(place[row])
        return float(logits_of(found)[0]) if labeler.of_solutions else probability_of_correct(found)

    write_scored(out, name, ((records[row], scores(row)) for row in fitting))
    return {"too long": len(records) - len(fitting), "without labels": unlabeled}
