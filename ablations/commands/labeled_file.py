"""Labeling a file: all solutions of a pool, or those whose steps are rated."""

from __future__ import annotations

from pathlib import Path

from ablations.commands.labeled_pool import Labeled, Labeling, label_pool
from ablations.commands.labeled_ratings import label_rated
from ablations.commands.rated_file import check_form
from ablations.data.ragged import Ragged
from ablations.engine.user_file import UserFile
from ablations.formats.catalogue import FORMATS
from ablations.formats.pool import read_pool
from ablations.formats.pool_edit import add_scores
from ablations.labelers.choice import check_name
from ablations.labelers.labeler import Labeler
from lightning_modules.reward_model import logits_of, probability_of_correct


def label_file(source: Path, out: Path, name: str, labeling: Labeling) -> dict[str, int]:
    """Writes the contents of a file with a labeler's scores added, atomically.

    Args:
        source: a pool, or any format of rated steps.
        out: a pool, or rated paths (``prm800k_paths``).
        name: the labeler's name in the output.
        labeling: the labeler, and where to keep its labels.

    Returns:
        How many solutions or problems were left out, by reason.

    Raises:
        ValueError: as in ``label_pool`` and ``label_rated``; or the file already holds scores of that name.
    """
    form, file = check_form(source), UserFile.of(source, "file")
    if form is not FORMATS["pool"]:
        return label_rated(source, out, name, labeling)
    pool = read_pool(source, None, keep_ungraded=True)
    check_name(name, source, (*pool.labelers, *pool.solution_labelers))
    found = label_pool(pool, labeling)
    add_labels(file, out, name, labeling.labeler, found)
    return {"problems": len(found.left_out), "too long": len(found.too_long)}


def add_labels(file: UserFile, out: Path, name: str, labeler: Labeler, found: Labeled) -> None:
    """Writes a pool with a labeler's scores added, atomically.

    Args:
        file: the pool as it was labeled.
        out: the new pool.
        name: the labeler's name in the new pool.

    Raises:
        ValueError: the pool has changed since.
    """
    prob = found.scores.prob
    right = Ragged(values=probability_of_correct(prob.values), offsets=prob.offsets)
    add_scores(
        file.unchanged(),
        out,
        name=name,
        scores=logits_of(prob.values) if labeler.of_solutions else right,
        identity=labeler.identity.as_dict(),
        rows=found.rows.tolist(),
    )
