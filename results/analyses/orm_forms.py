"""Forms of outcome supervision compared, in a table and in words."""

import pandas as pd

from results.analyses.headline import Headline
from results.stats.differences import contrasts, corrected
from results.stats.summaries import at_n, comparison_n, rows_of, summarize
from results.tables.rendering import Table, arm_cell, heads, share_cell, tested, whole, word
from results.vocabulary import ARMS, FORMS, STUDENT_ARMS


def compared_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Select rows of one metric and N, from records or their summary: on test problems if there are any."""
    rows = frame[frame["variant"].isin(list(FORMS)) & frame["arm"].isin(list(STUDENT_ARMS))]
    if (rows["metric"] == "best_of_n").any():
        return at_n(rows[rows["metric"] == "best_of_n"], comparison_n(rows))
    return rows[rows["metric"] == "kept_best_of_n"]


def forms_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate best-of-N and the difference from the first form, per arm, data scale and form."""
    rows = compared_rows(frame)
    if rows.empty:
        return None
    n, metric = int(rows["n"].iloc[0]), str(rows["metric"].iloc[0])
    first, *others = [form for form in FORMS if form in set(rows["variant"])]
    delta = corrected(contrasts(rows, "variant", [(form, first) for form in others], metric, n))
    tests = {(row.arm, row.data_scale, row.variant): tested(row) for row in rows_of(delta)}
    return Table(
        id="orm-forms",
        title="How outcome supervision is taught",
        lead=(
            f"{problems(metric).capitalize()} solved, percent, and points from the first form, paired by "
            "problem and seed, with 95% intervals; p corrected after Holm."
        ),
        heads=heads(
            *("arm", "labeled", "loss at", f"best-of-{n}", f"minus {FORMS[first].words}"),
            *("p", "reading", "seeds"),
            text=("arm", "loss at", "reading"),
        ),
        rows=tuple(
            (
                arm_cell(row.arm),
                whole(row.data_scale),
                word(FORMS[row.variant].words),
                share_cell(row),
                *tests.get((row.arm, row.data_scale, row.variant), (word(""),) * 3),
                whole(row.seeds),
            )
            for row in rows_of(summarize(rows))
        ),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Name the form with the highest estimate for each arm, at the largest data scale."""
    rows = compared_rows(frame)
    if rows.empty:
        return Headline(sentence="The records hold no forms of outcome supervision.")
    largest = int(rows["data_scale"].max())
    summary = summarize(rows[rows["data_scale"] == largest])
    clauses = []
    for arm in [arm for arm in STUDENT_ARMS if arm in set(summary["arm"])]:
        best = next(rows_of(summary[summary["arm"] == arm].sort_values("estimate", ascending=False)))
        clauses.append(
            f"{ARMS[arm].words} with the loss at {FORMS[best.variant].words} ({100 * best.estimate:.1f}%)"
        )
    measure = f"best-of-{int(rows['n'].iloc[0])} on {problems(str(rows['metric'].iloc[0]))}"
    return Headline(
        sentence=f"With {measure} and {largest} labeled per problem, the highest estimates are "
        f"{' and '.join(clauses)}; the table shows which differences are established."
    )


def problems(metric: str) -> str:
    """Name the problems on which a metric is measured."""
    return "test problems" if metric == "best_of_n" else "validation problems"
