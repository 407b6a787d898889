"""A pool of solutions as a folder for the hub, with a data card."""

from __future__ import annotations

import shutil
from pathlib import Path

from ablations.engine.files import new_folder

CARD = "README.md"


def export_pool(pool: Path, out: Path, name: str, license: str | None) -> None:
    """Writes a copy of a pool and its card into a new folder.

    Raises:
        ValueError: the file is no pool.
    """
    import numpy as np

    from ablations.engine.revision import revision
    from ablations.engine.user_file import UserFile
    from ablations.evaluation.score_file import POOL, read_scored
    from ablations.evaluation.summary import final_rows
    from results.analyses.evaluations import tables_of
    from results.data_card import DataCard, data_card

    scored = read_scored(pool)
    if scored.form != POOL or scored.finals is None:
        raise ValueError(f"source: found {pool}, which is no graded pool; allowed: a run's folder, or a pool")
    correct = scored.finals.correct
    share = correct.reduce(np.add, 0.0) / correct.lengths
    facts = {
        "problems": f"{len(scored.problems):,}",
        "solutions": f"{len(scored.problem_R):,}",
        "right final answers": f"{100 * correct.values.mean():.1f}% of the graded ones",
        "problems with right and wrong solutions": f"{int(((share > 0) & (share < 1)).sum()):,}",
        "scored by": ", ".join(scored.labelers) or "none",
    }
    file = "pool.jsonl.gz" if pool.suffix == ".gz" else "pool.jsonl"
    with new_folder(out, "out") as folder:
        shutil.copyfile(pool, folder / file)
        card = DataCard(
            name=name,
            file=file,
            data=tuple(facts.items()),
            tables=tables_of(final_rows(scored, ("product",))) if scored.labelers else (),
            license=license,
            sha256=UserFile.of(pool, "source").sha256,
            revision=revision(),
        )
        (folder / CARD).write_text(data_card(card), encoding="utf-8")
    print(f"{out}: {facts['solutions']} solutions of {facts['problems']} problems; {out / CARD}")
