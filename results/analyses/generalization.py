"""Reward models on problems unlike those of training, in tables and words.

The change of a difference from usual problems to another kind compares two sets of problems that the same
students solve: it is paired by seed and unpaired by problem. Its variance has three terms, each with its own
degrees of freedom (``results.stats.crossed``): the variance of the change over seeds, and the variances over
the problems of each kind.

Shape letters: S seeds, P problems of a kind, Q usual problems.
"""

from typing import Any

import numpy as np
import pandas as pd

from results.analyses.headline import CORRECTED, Headline, could_detect_most, listed, reading_of
from results.stats.crossed import Term, mean_squares
from results.stats.differences import (
    corrected,
    differences,
    paired_differences,
    with_estimates,
)
from results.stats.intervals import EQUIVALENT, INCONCLUSIVE, Estimate, from_terms
from results.stats.summaries import rows_of, summarize, tested_n
from results.tables.rendering import (
    HOLM,
    Cell,
    Table,
    arm_cell,
    heads,
    points,
    points_interval,
    tested,
    verdict_words,
    whole,
    word,
)
from results.tables.shared import solved_cells, solved_rows
from results.vocabulary import STUDENT_ARMS, arm_words

KINDS: dict[str, str] = {"usual": "usual", "long": "longer", "rare": "rare-fact"}
"""Kind of problems in the column ``variant`` -> words, in the order of tables and figures."""

PAIRS = (
    ("process", "prm_outcome"),
    ("process", "final_answer"),
    ("process", "majority"),
    ("prm_outcome", "majority"),
    ("labeler", "majority"),
)
"""Differences to show: first arm minus second arm."""
SHOWN = (*STUDENT_ARMS, "labeler", "majority", "random")
"""Arms of table and figure, in order."""
NO_SEED = -1
"""Placeholder for the seed of a difference between arms that have none."""


def of_kinds(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the rows on problems of any kind, from records or their summary."""
    return frame[frame["variant"].isin(list(KINDS))]


def kinds_of(frame: pd.DataFrame) -> list[str]:
    """List the kinds in records or their summary."""
    held = set(frame["variant"])
    return [kind for kind in KINDS if kind in held]


def solved(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the rows on how many problems of each kind each arm solves, at the N of the comparison."""
    return solved_rows(of_kinds(frame), SHOWN, _n(frame))


def _n(frame: pd.DataFrame) -> int:
    """Return the N of the comparison."""
    rows = of_kinds(frame)
    return tested_n(rows[rows["metric"] == "best_of_n"])


def kinds_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate the problems of each kind solved by each arm."""
    rows = solved(frame)
    if rows.empty:
        return None
    summary, arms = summarize(rows), list(rows["arm"].unique())
    unfinished = frame[frame["metric"] == "unfinished"].set_index("variant")["value"]
    return Table(
        id="kinds",
        title=f"Problems solved by kind, best-of-{_n(frame)}",
        lead=(
            "Percent of the test problems of each kind, with 95% intervals. Longer: more steps than any "
            "problem that the models were trained on; rare facts: about facts that are rare in training. "
            "Unfinished: percent of the sampled solutions that did not end within the tokens allowed."
        ),
        heads=heads("problems", "number", *map(arm_words, arms), "unfinished", text=("problems",)),
        rows=tuple(
            (
                word(KINDS[kind]),
                *solved_cells(summary[summary["variant"] == kind], arms),
                points(unfinished.get(kind)),
            )
            for kind in kinds_of(summary)
        ),
    )


def of_kind(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Select the rows of one kind, and clear their variant."""
    return frame[frame["variant"] == kind].assign(variant=None)


def within(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate differences between arms on problems of each kind, with p corrected for all of them."""
    n = _n(frame)
    found = [
        differences(of_kind(frame, kind), PAIRS, "best_of_n", n).assign(kind=kind) for kind in kinds_of(frame)
    ]
    return corrected(pd.concat(found, ignore_index=True))


def changes(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate differences between arms on each kind minus those on usual problems, p corrected for all.

    Returns:
        Columns kind, arm, against, data_scale, metric, n, usual (the difference on usual problems) and those
        of ``differences`` from found on; empty without usual problems.
    """
    n = _n(frame)
    usual = _paired(frame, "usual", n)
    keys, found = [], []
    for kind in kinds_of(frame):
        for name, by_seed in _paired(frame, kind, n).items():
            if kind == "usual" or name not in usual:
                continue
            seeds = sorted(set(by_seed) & set(usual[name]))
            one_SP, two_SQ = (np.stack([table[seed] for seed in seeds]) for table in (by_seed, usual[name]))
            keys.append((kind, *name, "best_of_n", n, float(two_SQ.mean()), len(set(seeds) - {NO_SEED})))
            found.append(change(one_SP, two_SQ))
    columns = ["kind", "arm", "against", "data_scale", "metric", "n", "usual", "seeds"]
    return corrected(with_estimates(pd.DataFrame(keys, columns=columns), found))


def _paired(
    frame: pd.DataFrame, kind: str, n: int
) -> dict[tuple[str, str, int | None], dict[int, np.ndarray]]:
    """Return (arm, against, data scale) -> seed -> difference on each problem of a kind."""
    found = {}
    for key, rows in paired_differences(of_kind(frame, kind), PAIRS, "best_of_n", n):
        scale = None if pd.isna(key["data_scale"]) else int(key["data_scale"])
        found[key["arm"], key["against"], scale] = {
            NO_SEED if pd.isna(row.seed) else int(row.seed): row.problem_values for row in rows_of(rows)
        }
    return found


def change(one_SP: np.ndarray, two_SQ: np.ndarray) -> Estimate:
    """Estimate the mean of one table minus that of another, with the same seeds and different problems.

    Args:
        one_SP: [S, P], differences on one kind of problems; P is 2 or more.
        two_SQ: [S, Q], differences on the other; Q is 2 or more.
    """
    seeds = len(one_SP)
    change_S = one_SP.mean(axis=1) - two_SQ.mean(axis=1)
    terms = [mean_squares(values).terms[-1] for values in (one_SP, two_SQ)]
    if seeds > 1:
        terms.append(Term(variance=float(change_S.var(ddof=1)) / seeds, df=seeds - 1))
    least = min(one_SP.shape[1], two_SQ.shape[1])
    return from_terms(float(change_S.mean()), terms, problems=least, seeds=seeds)


def differences_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate whether the order of the arms holds on each kind."""
    if not (of_kinds(frame)["metric"] == "best_of_n").any():
        return None
    names = ("problems", "arm", "minus", "points", "p", "reading", "seeds")
    return Table(
        id="kind-differences",
        title=f"Differences in best-of-{_n(frame)} by kind",
        lead=(f"Percentage points, paired by problem and seed, with 95% intervals. {HOLM}"),
        heads=heads(*names, text=("problems", "arm", "minus", "reading")),
        rows=tuple((*_named(row), *tested(row), whole(row.seeds or pd.NA)) for row in rows_of(within(frame))),
    )


def changes_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate how much of each difference remains on problems unlike those of training."""
    found = changes(frame)
    if found.empty:
        return None
    names = ("problems", "arm", "minus", "on usual ones", "change", "p", "reading", "seeds")
    return Table(
        id="kind-changes",
        title=f"What remains of the differences in best-of-{_n(frame)}",
        lead=(
            "Percentage points: the difference on usual problems, and how much it is larger or smaller on "
            f"the other kind, paired by seed, over different problems, with 95% intervals. {HOLM}"
        ),
        heads=heads(*names, text=("problems", "arm", "minus", "reading")),
        rows=tuple(
            (*_named(row), points(row.usual, signed=True), *tested(row), whole(row.seeds or pd.NA))
            for row in rows_of(found)
        ),
    )


def _named(row: Any) -> tuple[Cell, Cell, Cell]:
    return word(KINDS[row.kind]), arm_cell(row.arm), arm_cell(row.against)


def headline(frame: pd.DataFrame) -> Headline:
    """Say whether process supervision and the labeler lead on each kind, and how the lead changes."""
    if not (of_kinds(frame)["metric"] == "best_of_n").any():
        return Headline(sentence="The records do not say which kind the problems are.")
    unsolved = [kind for kind in kinds_of(frame) if not _any_right(frame, kind)]
    found, changed = (rows[~rows["kind"].isin(unsolved)] for rows in (within(frame), changes(frame)))
    leads = "; ".join(filter(None, [_lead(found[found["arm"] == arm]) for arm in ("process", "labeler")]))
    sentences = [f"With best-of-{_n(frame)}, {leads}."] if leads else []
    sentences += filter(None, [_change_of_lead(changed)])
    if unsolved:
        names = listed([KINDS[kind] for kind in unsolved])
        sentences.append(f"No sampled solution ends right on {names} problems: nothing to compare.")
    readings = [
        reading_of(f"{KINDS[row.kind]}{reference}, {arm_words(row.arm)} minus {arm_words(row.against)}", row)
        for rows, reference in ((found, ""), (changed, " minus usual"))
        for row in rows_of(rows)
    ]
    return Headline(sentence=" ".join(sentences), readings=tuple(readings), further=(CORRECTED,))


def _any_right(frame: pd.DataFrame, kind: str) -> bool:
    """Return whether any solution sampled for a kind ends right."""
    rows = frame[(frame["variant"] == kind) & (frame["metric"] == "random")]
    return rows.empty or bool((rows["value"] > 0).any())


def _lead(found: pd.DataFrame) -> str:
    """Say in a clause on which kinds an arm solves more than each other arm; empty without differences."""
    if found.empty:
        return ""
    clauses = []
    for against, rows in found.groupby("against", sort=False):
        other = arm_words(str(against))
        for words, verdicts in (
            (f"more than {other}", ("above zero",)),
            (f"fewer than {other}", ("below zero",)),
            (f"not shown to differ from {other}", (EQUIVALENT, INCONCLUSIVE)),
        ):
            chosen = rows[rows["verdict"].isin(verdicts)]
            if len(chosen):
                kinds = listed([KINDS[kind] for kind in chosen["kind"]])
                clauses.append(f"{words} on {kinds} problems{could_detect_most(chosen)}")
    arm = str(found["arm"].iloc[0])
    return f"{'the labeler' if arm == 'labeler' else arm_words(arm)} solves {', '.join(clauses)}"


def _change_of_lead(changed: pd.DataFrame) -> str:
    """Say how the lead of process supervision over majority voting changes; empty if it is not known."""
    rows = list(rows_of(changed[(changed["arm"] == "process") & (changed["against"] == "majority")]))
    if not rows:
        return ""
    parts = [
        f"by {100 * row.estimate:+.1f} {points_interval(row.lower, row.upper)} points on {KINDS[row.kind]} "
        f"problems ({verdict_words(row)})"
        for row in rows
    ]
    return (
        f"The lead of process supervision over majority voting, {100 * rows[0].usual:+.1f} points on usual "
        f"problems, changes {' and '.join(parts)}."
    )
