"""Large ORMs on uniform solutions, collected ones, and both (the paper's Section 2.7.1)."""

import pandas as pd

from results.analyses.headline import Headline, reading_of, solves
from results.records import plain
from results.stats.differences import contrasts, differences
from results.stats.summaries import comparison_n, rows_of
from results.tables.rendering import Table, compared, heads, whole, word
from results.tables.shared import few_ns
from results.vocabulary import TRAINING_SETS

PAIRS = (("collected", "uniform"), ("both", "uniform"), ("both", "collected"))
"""Differences to show: first set minus second set."""


def between_sets(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """Estimate differences in best-of-N between large ORMs, by their training sets."""
    orms = frame[frame["arm"] == "large_orm"]
    return contrasts(orms, "acquisition", PAIRS, "best_of_n", n)


def from_references(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """Estimate each large ORM minus majority voting and minus pass@1."""
    others = frame[frame["arm"] != "large_orm"]
    found = []
    for name in TRAINING_SETS:
        orm = frame[(frame["arm"] == "large_orm") & (frame["acquisition"] == name)]
        pairs = [("large_orm", arm) for arm in ("majority", "random")]
        found.append(differences(pd.concat([others, orm]), pairs, "best_of_n", n).assign(acquisition=name))
    return pd.concat(found)


def differences_table(frame: pd.DataFrame) -> Table:
    """Tabulate, at a few N, whether the bias toward wrong answers hurts."""
    names = {name: entry.words for name, entry in TRAINING_SETS.items()}
    names |= {"majority": "majority voting", "random": "pass@1"}
    ns = few_ns(plain(frame))
    found = [rows for n in ns for rows in (between_sets(frame, n), from_references(frame, n))]
    return Table(
        id="superset",
        title="Differences in best-of-N between large ORMs",
        lead=(
            "Percentage points, paired by problem, with 95% intervals over problems, not corrected for their "
            "number; one training each. The uniform solutions are as many as the collected ones; both "
            "together are all of them, in as many updates."
        ),
        heads=heads("trained on", "minus", "N", "points", "reading", text=("trained on", "minus", "reading")),
        rows=tuple(
            (word(names[row.acquisition]), word(names[row.against]), whole(row.n), *compared(row))
            for rows in found
            for row in rows_of(rows)
        ),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say whether collected solutions make a worse ORM than equally many uniform ones."""
    n = comparison_n(frame)
    found = between_sets(frame, n)
    first = next((row for row in rows_of(found) if (row.acquisition, row.against) == PAIRS[0]), None)
    if first is None:
        return Headline(sentence="The records do not hold large ORMs on collected and on uniform solutions.")
    clause = solves(
        "a large ORM on the large PRM's collected solutions", first, "one on as many uniform solutions"
    )
    readings = tuple(
        reading_of(f"{TRAINING_SETS[row.acquisition].words} minus {TRAINING_SETS[row.against].words}", row)
        for row in rows_of(found)
    )
    return Headline(sentence=f"With best-of-{n}, {clause}.", readings=readings)
