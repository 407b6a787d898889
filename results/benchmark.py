"""A frozen benchmark of reward models: results that anyone can add to, and their ranking.

An entry holds best-of-N of every problem of one pool, so that entries from different machines are compared in
pairs. Entries are comparable only on a pool of the same hash and for the same version of the metrics.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from results.stats.crossed import ROUNDING
from results.stats.differences import holm
from results.stats.intervals import (
    LEVEL,
    Estimate,
    clip,
    mean_interval,
    resample_weights,
    subtract_shares,
    verdict,
)
from results.tables.rendering import Cell, Table, heads, p_cell, points, reading, word
from results.writing import write_text

METRICS_VERSION = 1
"""Version of the metrics: raised whenever the same scores would give other values."""
MAJORITY, ANY = "majority voting", "any right solution"
"""Entries of every pool that need no scores: votes, and pass@N, which no choice can exceed."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Best-of-N of one reward model on one pool."""

    pool: str
    sha256: str
    """Hash of the pool's content."""
    name: str
    """Name of the reward model."""
    scoring: str
    """How scores of steps became that of the solution; empty for scores of whole solutions."""
    scores_sha256: str
    """Hash of the file of scores, of several files that of their hashes; empty for majority voting and the
    like."""
    revision: str
    """Revision of the code that computed the metrics."""
    metrics: int
    """Version of the metrics."""
    best_of_n: dict[str, list[float]]
    """N -> share of draws of N solutions in which the chosen one is right, per problem."""

    def value_P(self, n: int) -> npt.NDArray[np.float64]:
        """Returns best-of-n of every problem, float64 [P]."""
        return np.array(self.best_of_n[str(n)])

    @property
    def most(self) -> int:
        """Largest N."""
        return max(map(int, self.best_of_n))


def read_entries(path: Path) -> list[Entry]:
    """Reads a file of results.

    Raises:
        ValueError: the file is not one of results; names the entry and the field.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["entries"]
        entries = [Entry(**row) for row in rows]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: found no results of a benchmark ({error}); allowed: a file of them"
        ) from None
    for number, entry in enumerate(entries):
        if not entry.best_of_n or len({len(values) for values in entry.best_of_n.values()}) != 1:
            raise ValueError(
                f"{path}: entry {number}: best_of_n: found different numbers of problems; allowed: one value "
                "per problem at every N"
            )
    return entries


def write_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Writes a file of results, one line per entry, sorted by pool and name."""
    ordered = sorted(entries, key=lambda entry: (entry.pool, entry.name, entry.scoring))
    lines = ",\n".join(json.dumps(asdict(entry), sort_keys=True) for entry in ordered)
    write_text(path, f'{{"entries": [\n{lines}\n]}}\n')


def join_entries(old: Sequence[Entry], new: Sequence[Entry]) -> list[Entry]:
    """Adds entries to others; an entry of the same pool, name and scoring is replaced."""
    found = {(entry.pool, entry.name, entry.scoring): entry for entry in (*old, *new)}
    return list(found.values())


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """An entry and where it stands among all of its pool."""

    entry: Entry
    found: Estimate
    """Best-of-N."""
    rank: tuple[int, int]
    """95% interval of its rank over resamples of the problems; 1 is the best."""
    behind: Estimate | None
    """Difference from the best entry; None for the best."""
    p: float
    """Its p, Holm-corrected for all entries of the pool; NaN for the best."""


def rank(entries: Sequence[Entry], n: int) -> list[Ranked]:
    """Ranks the entries of one pool by best-of-n, the best first.

    Raises:
        ValueError: entries are of different pools, contents or versions of the metrics.
    """
    kinds = {(entry.pool, entry.sha256, entry.metrics, len(entry.value_P(n))) for entry in entries}
    if len(kinds) != 1:
        raise ValueError(
            f"entries: found {sorted(kinds)}; allowed: one pool, content and version of the metrics"
        )
    entries = sorted(entries, key=lambda entry: -entry.value_P(n).mean())
    value_EP = np.stack([entry.value_P(n) for entry in entries])
    mean_EB = value_EP @ resample_weights(value_EP.shape[1])
    rank_EB = 1 + (mean_EB[None] > mean_EB[:, None] + ROUNDING).sum(axis=1)
    tail = 100 * (1 - LEVEL) / 2
    ends_E2 = np.percentile(rank_EB, [tail, 100 - tail], axis=1, method="nearest").T.astype(int)
    gaps = [mean_interval(subtract_shares(value_P, value_EP[0])[None]) for value_P in value_EP[1:]]
    corrected = [float("nan"), *holm([gap.p for gap in gaps])]
    return [
        Ranked(
            entry=entry,
            found=_share(value_P),
            rank=(int(ends[0]), int(ends[1])),
            behind=gap,
            p=p,
        )
        for entry, value_P, ends, gap, p in zip(
            entries, value_EP, ends_E2, [None, *gaps], corrected, strict=True
        )
    ]


def ranking_table(entries: Sequence[Entry]) -> Table:
    """Makes the table of one pool: reward models ranked by best-of-N at the largest N, between references."""
    n = entries[0].most
    models = [entry for entry in entries if entry.name != ANY]
    (limit,) = (entry for entry in entries if entry.name == ANY)
    rows = [_cells(ranked) for ranked in rank(models, n)]
    best = _share(limit.value_P(n))
    above = (word(""), word(ANY), word(""), points(best.estimate, best.lower, best.upper))
    problems = len(limit.value_P(n))
    return Table(
        id=f"ranking-{limit.pool}",
        title=limit.pool,
        lead=(
            f"Best-of-{n} on {problems} problems, percent, with 95% intervals over problems. Rank: 95% "
            "interval over resamples of the problems. Differences from the first are paired by problem; p "
            "after Holm."
        ),
        heads=heads(
            *("rank", "reward model", "scoring", f"best-of-{n}", "minus the first", "p", "reading"),
            text=("rank", "reward model", "scoring", "reading"),
        ),
        rows=(*rows, (*above, word(""), word(""), word(""))),
    )


def _share(value_P: npt.NDArray[np.float64]) -> Estimate:
    return clip(mean_interval(value_P[None]), 0.0, 1.0)


def _cells(ranked: Ranked) -> tuple[Cell, ...]:
    first, last = ranked.rank
    place = str(first) if first == last else f"{first} to {last}"
    entry, found, gap = ranked.entry, ranked.found, ranked.behind
    cells = (
        word(place),
        word(entry.name),
        word(entry.scoring.replace("_", " ")),
        points(found.estimate, found.lower, found.upper),
    )
    if gap is None:
        return (*cells, word(""), word(""), word("first"))
    shown = "inconclusive"
    if ranked.p < 1 - LEVEL:
        shown = verdict(gap.lower, gap.upper, gap.problems)
    difference = points(gap.estimate, gap.lower, gap.upper, signed=True)
    return (*cells, difference, p_cell(ranked.p), reading(shown))


def tables(entries: Sequence[Entry]) -> list[Table]:
    """Makes a ranking per pool."""
    pools = dict.fromkeys(entry.pool for entry in entries)
    return [ranking_table([entry for entry in entries if entry.pool == pool]) for pool in pools]
