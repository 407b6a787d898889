"""What a labeler says of a file: of all solutions of a pool, or of those whose steps are rated."""

from __future__ import annotations

import shutil
from pathlib import Path

from ablations.data.ragged import Ragged
from ablations.engine.files import sha256_of, unchanged
from ablations.engine.progress import Reporter
from ablations.formats.catalogue import FORMATS, recognised
from ablations.formats.pool import read_pool
from ablations.formats.pool_edit import add_scores
from ablations.labelers.choice import check_name
from ablations.labelers.labeled_shards import Labelled, label_pool
from ablations.labelers.labeler import Labeler
from ablations.labelers.rated import label_rated
from lightning_modules.reward_model import probability_of_correct


def label_file(
    source: Path,
    out: Path,
    labeler: Labeler,
    name: str,
    scratch: Path,
    reporter: Reporter,
    *,
    max_tokens: int,
) -> dict[str, int]:
    """Writes a labeler's scores beside what a file holds, whole or not at all.

    Args:
        source: a pool, or any format of rated steps.
        out: a pool, or rated paths (``prm800k_paths``).
        labeler: who labels.
        name: of the labeler in it.
        scratch: folder of shards, which goes on if it was left; removed at the end.
        reporter: told of every shard.
        max_tokens: cells of a forward pass.

    Returns:
        How many solutions or problems were left out, by reason.

    Raises:
        ValueError: as ``label_pool`` and ``label_rated``; or the file holds scores of that name.
    """
    form, sha256 = recognised(source), sha256_of(source)
    if form is FORMATS["scored_samples"]:
        raise ValueError(
            f"{source}: found scored samples; allowed: a pool (`ablations convert --to pool`), or rated steps"
        )
    if form is FORMATS["pool"]:
        pool = read_pool(source, None, keep_ungraded=True)
        check_name(name, source, pool.labelers)
        found = label_pool(pool, labeler, scratch, sha256, reporter, max_tokens=max_tokens)
        add_labels(source, sha256, out, name, labeler, found)
        left_out = {"problems": len(found.left_out), "too long": len(found.too_long)}
    else:
        written = label_rated(source, out, labeler, name, scratch, sha256, reporter, max_tokens=max_tokens)
        left_out = {"too long": written.too_long, "without labels": written.without_labels}
    shutil.rmtree(scratch)
    return left_out


def add_labels(source: Path, sha256: str, out: Path, name: str, labeler: Labeler, found: Labelled) -> None:
    """Writes a pool with what a labeler said of it, whole or not at all.

    Args:
        source: the pool.
        sha256: of the pool as it was labelled.
        out: the new pool.
        name: of the labeler in it.
        labeler: who labelled.
        found: what it said.

    Raises:
        ValueError: the pool is another by now.
    """
    prob = found.scores.prob
    add_scores(
        unchanged(str(source), sha256),
        out,
        name=name,
        positive=Ragged(values=probability_of_correct(prob.values), offsets=prob.offsets),
        identity=labeler.identity.as_dict(),
        rows=found.rows.tolist(),
    )
