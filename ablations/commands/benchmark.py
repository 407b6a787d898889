"""``ablations benchmark make | add | rank``: a frozen benchmark of reward models."""

from __future__ import annotations

from pathlib import Path

from ablations.data.checks import allowed
from ablations.engine.files import check_new, exclusive

RESULTS = Path("benchmark.json")


def make(pool: str, *, out: Path) -> None:
    """Writes a pool of the benchmark, of an embedded world; the oracle's ratings are scores of a labeler.

    Args:
        pool: name of the pool; a wrong one lists all.
        out: the new pool; compressed by its name.

    Raises:
        ValueError: there is no such pool, or it is not of an embedded world.
    """
    from ablations.evaluation.benchmark import FROZEN, make_pool

    check_new(out, "out")
    allowed("pool", pool, tuple(name for name, frozen in FROZEN.items() if frozen.world is not None))
    with exclusive(out, "out"):
        make_pool(pool, out)
    print(f"{out}: {FROZEN[pool].origin}")


def add(
    pool: Path,
    *,
    scores: tuple[Path, ...] = (),
    labeler: tuple[str, ...] = (),
    scoring: tuple[str, ...] = (),
    results: Path = RESULTS,
) -> None:
    """Adds reward models to a file of results, by their scores of a pool of the benchmark.

    An entry of the same pool, name and scoring is replaced.

    Args:
        pool: the pool, with the scores of one or more labelers.
        scores: another file of scores, repeatable: a copy of the pool, or {id, scores}.
        labeler: a labeler to add, repeatable (default: all).
        scoring: how steps score a solution, repeatable (default: product); a wrong name lists all.
        results: file of results, which need not exist.

    Raises:
        ValueError: a file is invalid, or the pool is none of the benchmark.
    """
    from ablations.commands.compare import read_sources
    from ablations.evaluation.benchmark import entries_of, frozen_name
    from ablations.evaluation.summary import REDUCTION
    from results.benchmark import join_entries, read_entries, write_entries

    scorings = tuple(dict.fromkeys(scoring or ["product"]))
    for name in scorings:
        allowed("scoring", name, tuple(REDUCTION))
    frozen = frozen_name(pool)
    scored = read_sources((pool, *scores), None)
    entries = entries_of(frozen, scored.only(labeler or scored.labelers), scorings, (pool, *scores))
    with exclusive(results, "results"):
        old = read_entries(results) if results.is_file() else []
        write_entries(results, join_entries(old, entries))
    print(f"{results}: {', '.join(entry.name for entry in entries)} on {frozen}")


def rank(*, results: Path = RESULTS) -> None:
    """Prints a ranking per pool, with intervals.

    Args:
        results: file of results.

    Raises:
        ValueError: the file is missing or invalid.
    """
    from results.benchmark import read_entries, tables
    from results.tables.rendering import as_text

    if not results.is_file():
        raise ValueError(f"results: found no file {results}; allowed: one that `benchmark add` wrote")
    print("\n".join(map(as_text, tables(read_entries(results)))), end="")


KINDS = {
    "make": (make, "Write a pool of an embedded world."),
    "add": (add, "Add reward models by their scores."),
    "rank": (rank, "Rank reward models."),
}
"""The commands on the benchmark, each with its summary."""
