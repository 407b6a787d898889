"""Tables of every run: its arms, the differences between them, and what they were trained on."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from results.analyses.learning import DEVIATIONS, LEAST_DEVIATION, learned_by_arm
from results.records import plain
from results.stats.differences import REFERENCE_METRIC, differences
from results.stats.summaries import at_n, comparison_n, rows_of, summarize
from results.tables.rendering import (
    Cell,
    Table,
    arm_cell,
    as_text,
    compared,
    heads,
    number,
    share_cell,
    whole,
    word,
)
from results.vocabulary import REFERENCE_ARMS, STUDENT_ARMS, arm_words

PAIRS: tuple[tuple[str, str], ...] = (
    ("process", "final_answer"),
    ("process", "prm_outcome"),
    ("prm_outcome", "final_answer"),
    ("process", "majority"),
    ("prm_outcome", "majority"),
    ("final_answer", "majority"),
    ("process", "random"),
    ("prm_outcome", "random"),
    ("final_answer", "random"),
    ("labeler", "majority"),
    ("labeler", "random"),
)
"""Differences that are always shown: first arm minus second arm."""
STEP_AUROCS = ("step_auroc", "step_auroc_by_labeler")
"""Step AUROC by the oracle or, in runs without one, by the labeler."""
_CURVES = ("best_of_n", "majority", "pass_at_n", "random")


def few_ns(summary: pd.DataFrame) -> list[int]:
    """Choose a few N: close to 4 and 16, the largest that is not a single draw, and the largest."""
    found = sorted({int(n) for n in summary[summary["metric"] == "best_of_n"]["n"].dropna()})
    if not found:
        return []
    near = [min(found, key=lambda n: abs(n - wanted)) for wanted in (4, 16)]
    return sorted({*near, comparison_n(summary), found[-1]})


def solved_rows(frame: pd.DataFrame, arms: Iterable[str], n: int) -> pd.DataFrame:
    """Select how many problems each arm solves at an N, from records or their summary.

    Majority voting, pass@N and pass@1 have metrics of their own; pass@1 is the same at every N.
    """
    parts = []
    for arm in arms:
        metric = REFERENCE_METRIC.get(arm, "best_of_n")
        rows = frame[(frame["arm"] == arm) & (frame["metric"] == metric)]
        parts.append(at_n(rows, 1 if arm == "random" else n))
    return pd.concat(parts)


def solved_cells(solved: pd.DataFrame, arms: Iterable[str]) -> list[Cell]:
    """Make cells of the number of problems, and of the share that each arm solves, from one row per arm."""
    rows = {row.arm: row for row in rows_of(solved)}
    return [whole(solved["problems"].max()), *(share_cell(rows.get(arm)) for arm in arms)]


def arms_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate best-of-N at a few N, AUROCs and seeds that learned, per arm, acquisition and data scale."""
    summary = summarize(plain(frame))
    ns = few_ns(summary)
    single = summary[(summary["metric"] == "best_of_n") & summary["single_draw"]]
    drawn = {int(n) for n in single["n"].dropna()}
    names = [f"best-of-{n}{'*' if n in drawn else ''}" for n in ns]
    names += ["solution AUROC", "step AUROC", "seeds"]
    learned = {
        (row.arm, row.acquisition, row.data_scale): f"{row.learned} of {row.seeds}"
        for row in rows_of(learned_by_arm(frame))
    }
    rows = []
    groups: Any = summary.groupby(["arm", "acquisition", "data_scale"], dropna=False, sort=False)
    for (arm, acquisition, data_scale), group in groups:
        cells = [arm_cell(arm, acquisition), whole(data_scale)]
        curve = group[group["metric"].isin(_CURVES)]
        for n in ns:  # pass@1 is shown at every N
            cells.append(share_cell(next(rows_of(curve if arm == "random" else at_n(curve, n)), None)))
        for metrics in (("solution_auroc",), STEP_AUROCS):
            estimates = group[group["metric"].isin(metrics)]["estimate"]
            cells.append(number(next(iter(estimates), None)))
        seeds = int(group["seeds"].max())
        share = learned.get((arm, acquisition, data_scale), "–")
        rows.append((*cells, whole(seeds or pd.NA), *([word(share)] if learned else [])))
    lead = (
        "Test problems solved, percent, with 95% intervals; labeled: training solutions labeled per "
        "problem. Solution AUROC compares solutions of the same problem only."
    )
    if (summary["metric"] == "step_auroc_by_labeler").any():
        lead += " Step AUROC takes the labeler's word for which steps are wrong."
    if drawn.intersection(ns):
        lead += " * A single draw of all solutions, not an expectation over subsets."
    if learned:
        lead += (
            " Seeds learned: all but those whose best-of-N on validation problems is more than "
            f"{DEVIATIONS} standard deviations (of at least {100 * LEAST_DEVIATION:g} points) of the other "
            "seeds below their mean."
        )
        names.append("seeds learned")
    return Table(
        id="results",
        title="All arms",
        lead=lead,
        heads=heads("arm", "labeled", *names, text=("arm",)),
        rows=tuple(rows),
    )


def differences_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate paired best-of-N differences: between arms, and from reference lines at the largest scale."""
    return _differences(frame, further=False)


def further_differences_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate paired differences from the reference lines at the smaller data scales."""
    return _differences(frame, further=True)


def _differences(frame: pd.DataFrame, *, further: bool) -> Table | None:
    frame = plain(frame)
    if not (frame["metric"] == "best_of_n").any():
        return None
    n = comparison_n(frame)
    found = differences(frame, PAIRS, "best_of_n", n)
    largest = found.groupby("acquisition", dropna=False)["data_scale"].transform("max")
    smaller = (found["data_scale"] < largest).fillna(False).astype(bool)
    is_further = found["against"].isin(list(REFERENCE_ARMS)) & smaller
    where = " from majority voting and pass@1 at smaller data scales" if further else ""
    return Table(
        id="further-differences" if further else "differences",
        title=f"Differences in best-of-{n}{where}",
        lead="Percentage points, paired by problem and seed, with 95% intervals.",
        heads=heads(
            "arm", "minus", "labeled", "points", "reading", "seeds", text=("arm", "minus", "reading")
        ),
        rows=tuple(
            (
                arm_cell(row.arm, row.acquisition),
                arm_cell(row.against),
                whole(row.data_scale),
                *compared(row),
                whole(row.seeds or pd.NA),
            )
            for row in rows_of(found[is_further if further else ~is_further])
        ),
        printed=not further,
    )


def solutions_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate the training solutions of each arm, data scale and seed, with their hash."""
    students = frame[frame["arm"].isin(list(STUDENT_ARMS)) & frame["solutions_hash"].notna()]
    first = students.sort_values("variant", na_position="first", kind="stable")  # a cell's plain rows first
    cells = first.drop_duplicates(["cell", "arm", "acquisition", "data_scale", "seed"]).sort_index()
    names = ("arm", "labeled", "seed", "solutions", "distinct solutions", "labeled steps", "hash")
    return Table(
        id="solutions",
        title="Training solutions",
        lead="What each reward model was trained on; equal hashes mean equal solutions in the same order.",
        heads=heads(*names, text=("arm", "hash")),
        rows=tuple(
            (
                word(_describe(row), arm=row.arm),
                whole(row.data_scale),
                whole(row.seed),
                whole(row.labelled_solutions),
                whole(row.distinct_solutions),
                whole(row.labelled_steps),
                word(row.solutions_hash[:12]),
            )
            for row in rows_of(cells)
        ),
        printed=False,
    )


def _describe(row: Any) -> str:
    """Return an arm in words, with what else is varied."""
    parts = [arm_words(row.arm, row.acquisition)]
    parts += [] if pd.isna(row.variant) else [row.variant.replace("_", " ")]
    parts += [] if pd.isna(row.level) else [f"{row.level:g}"]
    return ", ".join(parts)


def labeler_sentence(frame: pd.DataFrame) -> str:
    """Say how well the labeler finds wrong steps in what it labels; empty if the wrong steps are unknown."""
    values = frame[frame["metric"] == "pool_step_auroc"]["value"]
    if values.empty:
        return ""
    return f"Step AUROC of the labeler on the students' training solutions: {values.iloc[0]:.3f}."


def format_run(frame: pd.DataFrame, tables: Sequence[Table]) -> str:
    """Format everything that a run prints."""
    shown = [as_text(table) for table in tables if table.printed and table.rows]
    return "\n".join([*shown, *filter(None, [labeler_sentence(frame)])])
