"""Forms of supervision against process supervision, and what their labels cost, in tables and in words."""

from typing import Any

import pandas as pd

from results.analyses.headline import CORRECTED, Headline, listed, reading_of
from results.records import plain
from results.stats.differences import corrected, differences
from results.stats.intervals import EQUIVALENT, INCONCLUSIVE, MARGIN, NAN
from results.stats.summaries import at_n, comparison_n, rows_of, summarize
from results.tables.rendering import HOLM, Table, arm_cell, heads, number, share_cell, tested, whole, word
from results.vocabulary import STUDENT_ARMS, arm_words

BASELINE = "process"
"""Arm that the others are compared with."""
OPERATIONS = "label_operations"
"""Metric of the cost axis."""
COSTS = {
    "answer_checks": "answer checks",
    "labeler_tokens": "labeler tokens",
    "rollouts": "rollouts",
    "rollout_tokens": "rollout tokens",
}
"""Other metrics of what labels cost -> words, for labels of a solution."""


def solved_by_cost(summary: pd.DataFrame) -> pd.DataFrame:
    """Select best-of-N of each arm and data scale, from a summary.

    Returns:
        Rows of the summary with a column ``operations``: floating-point operations to sample and label the
        solutions of a problem; NaN where they are unknown.
    """
    rows = at_n(plain(summary), comparison_n(summary))
    rows = rows[(rows["metric"] == "best_of_n") & rows["arm"].isin(list(STUDENT_ARMS))]
    cost = summary[summary["metric"] == OPERATIONS].set_index(["arm", "data_scale"])["estimate"]
    cells = zip(rows["arm"], rows["data_scale"], strict=True)
    return rows.assign(operations=[cost.get(cell, NAN) * cell[1] for cell in cells])


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate every other arm minus process supervision at each data scale, corrected after Holm."""
    arms = [arm for arm in STUDENT_ARMS if arm != BASELINE and (frame["arm"] == arm).any()]
    pairs = [(arm, BASELINE) for arm in arms]
    return corrected(differences(frame, pairs, "best_of_n", comparison_n(frame)))


def forms_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate best-of-N of each arm and data scale, and the difference from process supervision."""
    if not (frame["metric"] == "best_of_n").any():
        return None
    n = comparison_n(frame)
    tests = {(row.arm, row.data_scale): tested(row) for row in rows_of(compared(frame))}
    return Table(
        id="forms",
        title="Forms of supervision",
        lead=(
            "Test problems solved, percent, and points from process supervision, paired by problem and seed, "
            f"with 95% intervals; {HOLM}"
        ),
        heads=heads(
            *("arm", "labeled", f"best-of-{n}", f"minus {arm_words(BASELINE)}", "p", "reading", "seeds"),
            text=("arm", "reading"),
        ),
        rows=tuple(
            (
                arm_cell(row.arm),
                whole(row.data_scale),
                share_cell(row),
                *tests.get((row.arm, row.data_scale), (word(""),) * 3),
                whole(row.seeds),
            )
            for row in rows_of(solved_by_cost(summarize(frame)))
        ),
    )


def costs_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate what labels cost per labeled solution, for each arm and data scale."""
    summary = summarize(plain(frame))
    costs = summary[summary["metric"].isin([*COSTS, OPERATIONS])]
    if costs.empty:
        return None
    rows = []
    groups: Any = costs.groupby(["arm", "data_scale"], sort=False)
    of_baseline = {
        row.data_scale: row.estimate
        for row in rows_of(costs[(costs["arm"] == BASELINE) & (costs["metric"] == OPERATIONS)])
    }
    for (arm, data_scale), group in groups:
        found = {row.metric: row.estimate for row in rows_of(group)}
        first = next(rows_of(group))
        operations, baseline = found.get(OPERATIONS, NAN), of_baseline.get(data_scale, NAN)
        rows.append(
            (
                arm_cell(arm),
                whole(data_scale),
                number(first.labelled_steps / first.labelled_solutions, 1),
                *(number(found.get(metric), 1) for metric in COSTS),
                number(operations / 1e6, 2),
                number(operations / baseline, 2),
            )
        )
    return Table(
        id="label-costs",
        title="What labels cost",
        lead=(
            "Per labeled solution, means over seeds. What solutions of a problem have in common is read by "
            "the labeler, and rolled out, once. Operations (millions of floating-point operations) include "
            "sampling the solution; the last column divides them by those of process supervision."
        ),
        heads=heads(
            *("arm", "labeled", "step labels", *COSTS.values(), "operations", "times process"),
            text=("arm",),
        ),
        rows=tuple(rows),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say which forms solve more or fewer test problems than process supervision, and what they cost."""
    found = compared(frame)
    if found.empty:
        return Headline(
            sentence="The records do not hold process supervision and another form of supervision at the "
            "same data scale and seed, so none is compared."
        )
    largest = found[found["data_scale"] == found["data_scale"].max()]
    words = {
        "above zero": "more test problems are solved with",
        "below zero": "fewer with",
        EQUIVALENT: f"as many, to within {100 * MARGIN:g} points, with",
        INCONCLUSIVE: "inconclusive:",
    }
    parts = []
    for verdict, result in words.items():
        arms = [arm_words(arm) for arm in largest[largest["verdict"] == verdict]["arm"]]
        parts += [f"{result} {listed(arms)}"] if arms else []
    sentence = (
        f"With best-of-{comparison_n(frame)} and {largest['data_scale'].iloc[0]} labeled per problem, "
        f"against {arm_words(BASELINE)}: {'; '.join(parts)}."
    )
    readings = tuple(
        reading_of(f"{arm_words(row.arm)}, {row.data_scale} labeled per problem", row)
        for row in rows_of(found)
    )
    return Headline(sentence=sentence, readings=readings, further=(CORRECTED, *_costs(frame)))


def _costs(frame: pd.DataFrame) -> list[str]:
    """Say what each form costs at the largest data scale, as a multiple of process supervision."""
    rows = solved_by_cost(summarize(frame))
    rows = rows[rows["data_scale"] == rows["data_scale"].max()]
    cost = rows.set_index("arm")["operations"].dropna()
    if BASELINE not in cost:
        return []
    times = [
        f"{arm_words(arm)} {value / cost[BASELINE]:.2f}" for arm, value in cost.items() if arm != BASELINE
    ]
    return [
        "Operations to sample and label a solution, as a multiple of those under process supervision: "
        f"{', '.join(times)}."
    ]
