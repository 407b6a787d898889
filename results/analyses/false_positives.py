"""Right answers by wrong reasoning: what share of best-of-N's wins they are, and how each arm scores them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from results.records import plain
from results.stats.intervals import Estimate, clip, mean_interval
from results.stats.ratios import linearized_ratio
from results.stats.summaries import at_n, expected_ns, rows_of, summarize, tested_n
from results.tables.rendering import Table, arm_cell, estimate_cell, heads, share_cell, whole
from results.vocabulary import ORACLE

AUDITED = ("process", "prm_outcome", "final_answer", "labeler")
"""Arms, in the order of table and figure."""
RANKS = ("sound_above_flawed", "flawed_above_wrong")
"""Metrics of the order of the scores."""


def audited(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of students without a labeler or with the oracle's labels, and of the labeler."""
    frame = frame[frame["arm"].isin(AUDITED)]
    return pd.concat([plain(frame), frame[frame["variant"] == ORACLE]])


def flawed_tables(frame: pd.DataFrame, arm: str, n: int) -> Mapping[int | None, np.ndarray]:
    """Return seed -> share of an arm's wins in best-of-n with a wrong step, linearized: float64 [P].

    A win is a problem whose chosen solution has the right answer. Empty without an audit, or without wins.
    """
    rows = at_n(audited(frame), n)
    rows = rows[rows["arm"] == arm]

    def values(metric: str) -> dict[int | None, np.ndarray]:
        found = rows[(rows["metric"] == metric) & rows["problem_values"].notna()]
        return {None if pd.isna(row.seed) else int(row.seed): row.problem_values for row in rows_of(found)}

    flawed, solved = values("flawed_wins"), values("best_of_n")
    seeds = [seed for seed in solved if seed in flawed]
    if not seeds or not any(np.any(solved[seed]) for seed in seeds):
        return {}
    table_SP = linearized_ratio(*(np.array([of[seed] for seed in seeds]) for of in (flawed, solved)))
    return dict(zip(seeds, table_SP, strict=True))


def flawed_share(frame: pd.DataFrame, arm: str, n: int) -> Estimate | None:
    """Estimate the share of an arm's wins in best-of-n that have a wrong step; None without an audit."""
    tables = flawed_tables(frame, arm, n)
    return clip(mean_interval(np.array(list(tables.values()))), 0.0, 1.0) if tables else None


def flawed_difference(frame: pd.DataFrame, arm: str, against: str, n: int) -> tuple[Estimate, int] | None:
    """Estimate the difference of two such shares, paired by problem and seed, with the number of seeds."""
    one, other = flawed_tables(frame, arm, n), flawed_tables(frame, against, n)
    seeds = [seed for seed in one if seed in other]
    if not seeds:
        return None
    return mean_interval(np.array([one[seed] - other[seed] for seed in seeds])), len(set(seeds) - {None})


def flawed_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate the shares of all arms at every N that is an expectation, as rows of a summary."""
    rows = [
        {
            "arm": arm,
            "metric": "flawed_share",
            "n": n,
            **{k: getattr(found, k) for k in ("estimate", "lower", "upper")},
        }
        for arm in AUDITED
        for n in expected_ns(audited(frame[frame["metric"] == "flawed_wins"]))
        if (found := flawed_share(frame, arm, n)) is not None
    ]
    return pd.DataFrame(rows)


def audit_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate, per arm, the share of wins with wrong reasoning, and the order of the scores."""
    rows = audited(frame)
    known = rows[rows["metric"] == "flawed_wins"]
    if known.empty:
        return None
    ns = sorted({tested_n(known), *(n for n in expected_ns(known) if n in (1, 4, 16))})
    ranks = {(row.arm, row.metric): row for row in rows_of(summarize(rows[rows["metric"].isin(RANKS)]))}
    return Table(
        id="false-positives",
        title="Right answers by wrong reasoning",
        lead=(
            "Share of the wins of best-of-N, solutions chosen with the right answer, that have a wrong step, "
            "percent, with 95% intervals; N = 1 is a solution at random. Sound above flawed: how often, of "
            "two right answers to a problem, the one without a wrong step scores higher; flawed above wrong: "
            "how often a right answer with a wrong step scores higher than a wrong answer; 0.5 is chance. "
            "Students learned from the oracle's labels or from final answers."
        ),
        heads=heads(
            *("arm", *(f"of wins, N = {n}" for n in ns), "sound above flawed", "flawed above wrong", "seeds"),
            text=("arm",),
        ),
        rows=tuple(
            (
                arm_cell(arm),
                *(share_cell(flawed_share(frame, arm, n)) for n in ns),
                *(estimate_cell(ranks.get((arm, metric))) for metric in RANKS),
                whole(known[known["arm"] == arm]["seed"].nunique() or pd.NA),
            )
            for arm in AUDITED
            if arm in set(known["arm"])
        ),
    )
