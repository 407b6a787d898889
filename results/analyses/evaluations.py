"""Tables of an evaluation of reward models, made from its tidy rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from results.stats.differences import corrected, with_estimates
from results.stats.intervals import from_interval
from results.stats.summaries import at_n, rows_of
from results.tables.rendering import (
    MISSING,
    Cell,
    Table,
    estimate_cell,
    heads,
    number,
    share_cell,
    tested,
    whole,
    word,
)

COLUMNS = {
    "file": "what it was measured on; none for a mean over files",
    "labeler": "whose scores; none for a reference line",
    "scoring": "how step scores became the solution's score; none where that does not matter",
    "metric": "best_of_n, best_of_n_minus_majority, weighted_vote, majority, pass_at_n, "
    "auroc_within_problems; step_auroc, calibration_error, calibration, first_error_f1, first_error_found, "
    "no_error_found, right_step_f1, wrong_step_f1, step_f1, solution_auroc",
    "n": "solutions per problem; for calibration the bin, from 0",
    "estimate": "the metric: a share, or a difference of shares",
    "lower": "lower end of its 95% interval by problem; none where there is no interval",
    "upper": "upper end",
    "problems": "number of problems it was measured on",
    "count": "steps of a step AUROC, of a calibration or of its bin; solutions of metrics of first errors "
    "and of a solution AUROC",
    "x": "for calibration the mean predicted probability; for first errors and F1 the threshold",
    "single_draw": "whether n is all solutions of every problem: one draw, not an expectation over subsets",
}
"""Columns of an evaluation's rows -> their meaning."""
WHOLE = "as given"
"""Scoring of labelers that score whole solutions."""
MOST_NS = 6
"""Largest number of columns of the tables over N; the evaluation's rows hold every N."""
_REFERENCES = {"majority": "majority voting", "pass_at_n": "pass@N"}


def tables_of(rows: Sequence[dict[str, Any]]) -> list[Table]:
    """Make the tables of an evaluation, without those that would have no rows.

    Args:
        rows: rows of an evaluation, with the columns of ``COLUMNS``.
    """
    frame = pd.DataFrame(list(rows), columns=list(COLUMNS)).astype({"n": "Int64", "count": "Int64"})
    makers = (_at_largest_n, _over_n, _differences_over_n, _solutions, _steps, _all_steps, _reliability)
    return [table for table in (make(frame) for make in makers) if table.rows]


def _at_largest_n(frame: pd.DataFrame) -> Table:
    """Tabulate every labeler and strategy at the largest N, compared with majority voting."""
    curves = frame[frame["metric"].isin(["best_of_n", *_REFERENCES])]
    n = 0 if curves.empty else int(curves["n"].max())
    single = bool(at_n(curves, n)["single_draw"].any())
    rows: list[tuple[Cell, ...]] = []
    for metric, ns in (("majority", [n]), ("pass_at_n", sorted({1, n}))):
        for at in ns:
            name = word(_REFERENCES[metric].replace("N", str(at)))
            for row in rows_of(at_n(frame[frame["metric"] == metric], at)):
                rows.append((name, word(""), share_cell(row), MISSING, MISSING, MISSING, word("")))
    for row in rows_of(_tested(at_n(frame[frame["metric"] == "best_of_n_minus_majority"], n))):
        same = frame[(frame["labeler"] == row.labeler) & (frame["scoring"] == row.scoring)]
        shares = (_at(same[same["metric"] == metric], n) for metric in ("best_of_n", "weighted_vote"))
        rows.append((word(row.labeler), word(row.scoring), *shares, *tested(row)))
    return Table(
        id="best-of-n",
        title=f"Best-of-{n}",
        lead="Problems solved, percent, and points over majority voting, paired by problem; 95% intervals "
        "by problem; p after Holm."
        + (" All solutions of a problem are one draw, not an expectation over subsets." if single else ""),
        heads=heads(
            *("labeler", "scoring", f"best-of-{n}", "weighted vote", "minus majority", "p", "reading"),
            text=("labeler", "scoring", "reading"),
        ),
        rows=tuple(rows),
    )


def _over_n(frame: pd.DataFrame) -> Table:
    """Tabulate every line at several N."""
    curves = frame[frame["metric"].isin(["best_of_n", *_REFERENCES])]
    single = ", at the largest N a single draw" if curves["single_draw"].any() else ""
    return _curves(
        curves,
        id="by-n",
        title="Best-of-N by N",
        lead="Problems solved, percent, with 95% intervals by problem: the expectation over all subsets of "
        f"N solutions{single}.",
    )


def _differences_over_n(frame: pd.DataFrame) -> Table:
    """Tabulate what every labeler and strategy adds to majority voting at several N."""
    return _curves(
        frame[frame["metric"] == "best_of_n_minus_majority"],
        id="minus-majority",
        title="Best-of-N minus majority voting by N",
        lead="Points, paired by problem, with 95% intervals by problem.",
        signed=True,
    )


def _curves(curves: pd.DataFrame, *, id: str, title: str, lead: str, signed: bool = False) -> Table:
    ns = few(sorted({int(n) for n in curves["n"]}))
    groups: Any = curves.groupby(["metric", "labeler", "scoring"], dropna=False, sort=False)
    rows = [
        (
            word(_REFERENCES.get(metric, labeler)),
            word("" if pd.isna(scoring) else scoring),
            *(_at(group, n, signed=signed) for n in ns),
        )
        for (metric, labeler, scoring), group in groups
    ]
    return Table(
        id=id,
        title=title,
        lead=lead,
        heads=heads("labeler", "scoring", *map(str, ns), text=("labeler", "scoring")),
        rows=tuple(rows) if len(ns) > 1 else (),
    )


def _groups(
    frame: pd.DataFrame, keys: list[str], metrics: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], pd.DataFrame]]:
    """Yield the key of each group with some of the metrics, its rows by metric, and its rows as a frame."""
    groups: Any = frame[frame["metric"].isin(metrics)].groupby(keys, sort=False)
    for key, group in groups:
        yield key, {row.metric: row for row in rows_of(group)}, group


def _solutions(frame: pd.DataFrame) -> Table:
    """Tabulate how well every labeler and strategy ranks solutions."""
    metrics = ("auroc_within_problems", "solution_auroc")
    rows = []
    for key, found, group in _groups(frame, ["labeler", "scoring"], metrics):
        cells = (estimate_cell(found.get(metric)) for metric in metrics)
        rows.append((*map(word, key), *cells, whole(group["count"].max())))
    return Table(
        id="solutions",
        title="Solutions",
        lead="AUROC of solutions: with a right against a wrong final answer, within problems; and without "
        "against with an error, over all problems. 95% intervals by problem.",
        heads=heads(
            *("labeler", "scoring", "final answer", "errors", "solutions"), text=("labeler", "scoring")
        ),
        rows=tuple(rows),
    )


def _all_steps(frame: pd.DataFrame) -> Table:
    """Tabulate every labeler on all labeled steps, including those after an error."""
    metrics = ("right_step_f1", "wrong_step_f1", "step_f1")
    rows = []
    for (labeler,), found, group in _groups(frame, ["labeler"], metrics):
        cells = (share_cell(found.get(metric)) for metric in metrics)
        rows.append((word(labeler), number(group["x"].max()), *cells, whole(group["count"].max())))
    return Table(
        id="all-steps",
        title="All labeled steps",
        lead="F1 of right steps, of wrong steps, and their mean, which is PRMBench's score, percent; steps "
        "after the first error count too where they are labeled. 95% intervals by problem.",
        heads=heads(
            *("labeler", "threshold", "right steps", "wrong steps", "mean F1", "steps"), text=("labeler",)
        ),
        rows=tuple(rows),
    )


def _steps(frame: pd.DataFrame) -> Table:
    """Tabulate every labeler on the steps up to the first error."""
    numbers, shares = (
        ("step_auroc", "calibration_error"),
        ("first_error_f1", "first_error_found", "no_error_found"),
    )
    rows = []
    for (labeler,), found, group in _groups(frame, ["labeler"], (*numbers, *shares)):
        first_error, calibration = found.get("first_error_f1"), found.get("calibration_error")
        rows.append(
            (
                word(labeler),
                *(estimate_cell(found.get(metric)) for metric in numbers),
                number(first_error.x if first_error else None),
                *(share_cell(found.get(metric)) for metric in shares),
                whole(group["problems"].max()),
                whole(calibration.count if calibration else None),
            )
        )
    return Table(
        id="steps",
        title="Labeled steps",
        lead="Step AUROC and expected calibration error on the steps up to the first error; F1 as "
        "ProcessBench defines it, the harmonic mean of the shares of solutions with an error whose first "
        "error is found and of those without in which none is found, percent. 95% intervals by problem.",
        heads=heads(
            *("labeler", "step AUROC", "calibration error", "threshold", "first-error F1", "error found"),
            *("none found", "problems", "steps"),
            text=("labeler",),
        ),
        rows=tuple(rows),
    )


def _reliability(frame: pd.DataFrame) -> Table:
    """Tabulate predicted and observed values, by bins of the prediction."""
    rows = [
        (word(row.labeler), whole(row.n), number(row.x), number(row.estimate), whole(row.count))
        for row in rows_of(frame[frame["metric"] == "calibration"])
    ]
    return Table(
        id="reliability",
        title="Reliability",
        lead="P(the step is right): mean prediction of each bin, and the share of its steps that are right.",
        heads=heads("labeler", "bin", "predicted", "right", "steps", text=("labeler",)),
        rows=tuple(rows),
    )


def few(ns: Sequence[int]) -> list[int]:
    """Pick at most ``MOST_NS`` of ascending numbers, evenly spaced, including the first and the last."""
    if len(ns) <= MOST_NS:
        return list(ns)
    return [ns[round(i * (len(ns) - 1) / (MOST_NS - 1))] for i in range(MOST_NS)]


def _tested(found: pd.DataFrame) -> pd.DataFrame:
    """Add corrected p, verdicts and what could be detected to differences, from their intervals."""
    estimates = [from_interval(row.estimate, row.lower, row.upper, row.problems) for row in rows_of(found)]
    return corrected(with_estimates(found.assign(seeds=0), estimates))


def _at(rows: pd.DataFrame, n: int, *, signed: bool = False) -> Cell:
    """Make a cell of the share at an N; a dash if there is none."""
    return share_cell(next(rows_of(at_n(rows, n)), None), signed=signed)
