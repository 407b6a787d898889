"""Tables of differences between reward models, or between runs."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.analyses.evaluations import few
from results.records import plain
from results.stats.differences import contrasts, corrected, with_estimates
from results.stats.summaries import at_n, expected_ns, rows_of
from results.tables.rendering import (
    Cell,
    Table,
    arm_cell,
    estimate_cell,
    heads,
    p_cell,
    read,
    share_cell,
    tested,
    whole,
    word,
)
from results.vocabulary import REFERENCE_ARMS

COLUMNS = {
    "first": "reward model, or run, whose metric the other's is subtracted from",
    "second": "the other, or majority",
    "scoring": "how step scores became the solution's score; none where that does not matter",
    "metric": "as in `ablations evaluate`",
    "n": "solutions per problem; none where that does not matter",
    "estimate": "first minus second: shares, or AUROCs",
    "lower": "lower end of its 95% interval, paired by problem; none where there is no interval",
    "upper": "upper end",
    "problems": "number of problems it was measured on",
    "p": "two-sided, corrected after Holm for all differences of the metrics of its table",
    "verdict": "above zero, below zero, equivalent (within 3 points) or inconclusive",
    "detectable": "the smallest difference that is detected with 80% power; none unless inconclusive",
}
"""Columns of a comparison's rows -> their meaning."""
_OF_N = {"best_of_n": "Best-of-N", "weighted_vote": "Weighted votes of N"}
"""Metrics with a table over N."""
_SHARES = (
    *("first_error_f1", "first_error_found", "no_error_found"),
    *("right_step_f1", "wrong_step_f1", "step_f1"),
)
"""Other metrics that are shown in points."""
_TEXT = ("first", "second", "scoring", "metric", "reading")
"""Columns of text."""


def compared_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the columns of ``COLUMNS`` and found, with p corrected within each table."""
    frame = pd.DataFrame(list(rows), columns=["first", "second", "scoring", "metric", "n", "found"])
    if frame.empty:
        return frame.reindex(columns=[*COLUMNS, "found"])
    kinds = frame["metric"].where(frame["metric"].isin(list(_OF_N)), "other")
    parts = [
        corrected(with_estimates(part, list(part["found"])).assign(seeds=0))
        for _, part in frame.groupby(kinds, sort=False)
    ]
    return pd.concat(parts).astype({"n": "Int64"})[[*COLUMNS, "found"]]


def comparison_tables(frame: pd.DataFrame) -> list[Table]:
    """Make the tables of a comparison of reward models, without those that would have no rows.

    Args:
        frame: what ``compared_frame`` returned.
    """
    found = [table for metric, title in _OF_N.items() for table in _over_n(frame, metric, title)]
    found.append(_other(frame[~frame["metric"].isin(list(_OF_N))]))
    return [table for table in found if table.rows]


def _over_n(frame: pd.DataFrame, metric: str, title: str) -> list[Table]:
    rows = frame[frame["metric"] == metric].assign(seeds=0)
    if rows.empty:
        return []
    ns = sorted({int(n) for n in rows["n"]})
    largest = Table(
        id=f"{metric}-difference",
        title=title.replace("N", str(ns[-1])),
        lead=f"Points, paired by problem; 95% intervals; p after Holm for all pairs and {len(ns)} N.",
        heads=heads("first", "second", "scoring", "first minus second", "p", "reading", text=_TEXT),
        rows=tuple((*_names(row), *tested(row)) for row in rows_of(at_n(rows, ns[-1]))),
    )
    shown = few(ns)
    groups: Any = rows.groupby(["first", "second", "scoring"], sort=False, dropna=False)
    by_n = Table(
        id=f"{metric}-difference-by-n",
        title=f"{title} by N",
        lead="First minus second in points, paired by problem, with 95% intervals.",
        heads=heads("first", "second", "scoring", *map(str, shown), text=_TEXT),
        rows=tuple(
            (
                *_names(next(rows_of(group))),
                *(share_cell(next(rows_of(at_n(group, n))), signed=True) for n in shown),
            )
            for _, group in groups
        ),
    )
    return [largest, by_n] if len(ns) > 1 else [largest]


def _other(frame: pd.DataFrame) -> Table:
    rows = []
    for row in rows_of(frame.assign(seeds=0)):
        cells = (estimate_cell(row), p_cell(row.p), read(row, in_points=False))
        if row.metric in _SHARES:
            cells = tested(row)
        rows.append((*_names(row), word(row.metric.replace("_", " ")), *cells))
    return Table(
        id="other-differences",
        title="Solutions and steps",
        lead="First minus second: F1 and shares in points, others as they are; resampled by problem; p after "
        "Holm for all of them.",
        heads=heads("first", "second", "scoring", "metric", "first minus second", "p", "reading", text=_TEXT),
        rows=tuple(rows),
    )


def _names(row: Any) -> tuple[Cell, Cell, Cell]:
    return word(row.first), word(row.second), word("" if pd.isna(row.scoring) else row.scoring)


def runs_table(frames: dict[str, pd.DataFrame], pairs: Sequence[tuple[str, str]]) -> Table:
    """Tabulate one run minus another in best-of-N, for each arm, acquisition and data scale that both have.

    Args:
        frames: name of each run -> its records; rows where something is varied are left out.
        pairs: names of the runs to compare.

    Raises:
        ValueError: the runs are not of the same test solutions.
    """
    check_same_judged(frames)
    scored = [_scorers(frame, name) for name, frame in frames.items()]
    n = max(set.intersection(*(set(expected_ns(frame)) for frame in scored)), default=None)
    rows = pd.concat(scored).assign(experiment="compare", scale="compare")
    found = corrected(contrasts(rows, "variant", pairs, "best_of_n", n))
    if n is None or found.empty:
        raise ValueError("source: found no arm and data scale in two runs; allowed: runs that share one")
    return Table(
        id="runs",
        title=f"Best-of-{n}",
        lead="First run minus second in points, paired by problem and seed; 95% intervals; p after Holm.",
        heads=heads(
            *("arm", "labeled", "first", "second", "first minus second", "p", "reading"),
            text=("arm", "first", "second", "reading"),
        ),
        rows=tuple(
            (
                arm_cell(row.arm, row.acquisition),
                whole(row.data_scale),
                word(row.variant),
                word(row.against),
                *tested(row),
            )
            for row in rows_of(found)
        ),
    )


def _scorers(frame: pd.DataFrame, run: str) -> pd.DataFrame:
    """Select the models' best-of-N where nothing is varied, with the run's name as the variant."""
    rows = plain(frame)
    of_models = (rows["metric"] == "best_of_n") & ~rows["arm"].isin(list(REFERENCE_ARMS))
    return rows[of_models].assign(variant=run)


def check_same_judged(frames: dict[str, pd.DataFrame], of: str = "source") -> None:
    """Check that runs judge the same solutions, by each problem's share of right ones.

    Args:
        frames: name of each run -> its records.
        of: what the message calls the runs.

    Raises:
        ValueError: names two runs that do not, or one without these shares.
    """
    judged = {}
    for name, frame in frames.items():
        shares = frame[frame["arm"] == "random"]["problem_values"].dropna()
        if shares.empty:
            raise ValueError(f"{of}: found no pass@1 per problem in {name}; allowed: runs that have it")
        judged[name] = (frame["dataset"].iloc[0], list(shares.iloc[0]))
    (first, one), *others = judged.items()
    for name, other in others:
        if one != other:
            found = " and ".join(f"{len(shares)} problems of {dataset}" for dataset, shares in (one, other))
            raise ValueError(
                f"{of}: found {found} in {first} and {name}; allowed: runs on the same test solutions"
            )
