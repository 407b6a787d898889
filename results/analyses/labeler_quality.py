"""How good a labeler must be: best-of-N by kind and dose of errors, and where process supervision falls.

Final answers need no labeler, so their students are compared with those of every labeler; the oracle's labels
are dose 0 of every kind of error.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isinf

import numpy as np
import pandas as pd

from results.analyses.headline import Headline, listed, reading_of
from results.stats.crossing import Crossing, find_crossing
from results.stats.differences import contrasts
from results.stats.intervals import subtract_shares
from results.stats.summaries import at_n, rows_of, summarize, tested_n
from results.tables.rendering import Cell, Table, arm_cell, heads, points, share_cell, whole, word
from results.vocabulary import LABELERS, LABELING_ERRORS, ORACLE, USELESS, arm_words

LABELED, UNLABELED = ("process", "prm_outcome"), "final_answer"
"""Arms that learn from a labeler, and the one that needs none."""
ARMS = (*LABELED, UNLABELED)
PAIRS = (("process", "final_answer"), ("process", "prm_outcome"), ("prm_outcome", "final_answer"))
"""Differences to show: first arm minus second arm."""
ERRORS = ("missed_errors", "false_alarms", "wrong_labels")
"""Metrics of a labeler, in the order of the columns."""


def by_labeler(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the students' rows, from records or their summary, as rows of every labeler.

    Final answers are repeated for every labeler, and the oracle's labels as dose 0 of every kind of error.
    """
    rows = frame[frame["arm"].isin(LABELED) & frame["variant"].isin([*LABELERS, *LABELING_ERRORS])]
    kinds = [kind for kind in LABELING_ERRORS if kind in set(rows["variant"])]
    oracle = rows[rows["variant"] == ORACLE]
    rows = pd.concat([rows, *(oracle.assign(variant=kind) for kind in kinds)])
    unlabeled = frame[(frame["arm"] == UNLABELED) & frame["variant"].isna()]
    points = rows[["variant", "level"]].drop_duplicates().itertuples(index=False, name=None)
    repeated = [unlabeled.assign(variant=variant, level=level) for variant, level in points]
    return pd.concat([rows, *repeated]).sort_values("level", kind="stable")


def solved(frame: pd.DataFrame) -> pd.DataFrame:
    """Select best-of-N of the students of every labeler, at the N of the comparison."""
    rows = by_labeler(frame[frame["metric"] == "best_of_n"])
    return at_n(rows, tested_n(rows))


def labeler_words(variant: str, level: float) -> str:
    """Name a labeler with its dose, threshold or number of problems."""
    if variant in LABELING_ERRORS:
        return f"{LABELING_ERRORS[variant].words}, dose {level:g}"
    words = LABELERS[variant].words
    if variant == ORACLE:
        return words
    unit = f"threshold {level:g}" if variant == "large_prm" else f"{level:g} problems"
    return f"{words.removesuffix(', by threshold')}, {unit}"


@dataclass(frozen=True, kw_only=True)
class KindCrossing:
    """Where one arm stops being above another under one kind of error."""

    errors: str
    """Key of ``LABELING_ERRORS``."""
    arm: str
    against: str
    seeds: int
    crossing: Crossing


def crossings(frame: pd.DataFrame) -> Iterator[KindCrossing]:
    """Yield where each difference of ``PAIRS`` falls to zero, for each kind of error."""
    rows = solved(frame)
    values = rows.set_index(["variant", "arm", "level", "seed"])["problem_values"].to_dict()
    for kind in LABELING_ERRORS:
        of_kind = rows[rows["variant"] == kind]
        levels = sorted(of_kind["level"].unique())
        for arm, against in PAIRS if len(levels) > 1 else ():
            points = [(one, level) for one in (arm, against) for level in levels]
            seeds = [
                seed
                for seed in sorted(of_kind["seed"].unique())
                if all((kind, *point, seed) in values for point in points)
            ]
            if not seeds:
                continue
            one, other = (
                np.array([[values[kind, arm, level, seed] for seed in seeds] for level in levels])
                for arm in (arm, against)
            )
            found = find_crossing(np.array(levels), subtract_shares(one, other))
            yield KindCrossing(errors=kind, arm=arm, against=against, seeds=len(seeds), crossing=found)


def crossing_words(found: Crossing) -> str:
    """Format a crossing with its interval; one that lies above all doses is no number."""
    if isinf(found.lower):
        return f"above {found.most:g}"
    estimate, lower, upper = (
        f">{found.most:g}" if isinf(end) else f"{end:.2f}"
        for end in (found.estimate, found.lower, found.upper)
    )
    return f"{estimate} [{lower}, {upper}]"


def labelers_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate, per labeler, its errors, the problems that its students solve, and their differences."""
    rows = solved(frame)
    if rows.empty:
        return None
    summary = {(row.variant, row.level, row.arm): row for row in rows_of(summarize(rows))}
    delta = {
        (row.variant, row.level, row.arm, row.against): row
        for row in rows_of(contrasts(rows, "arm", PAIRS[:2], "best_of_n", int(rows["n"].iloc[0])))
    }
    errors = frame[frame["metric"].isin(ERRORS)].set_index(["variant", "level", "metric"])["value"].to_dict()
    noise = frame[(frame["metric"] == "label_noise") & (frame["arm"] == "prm_outcome")]
    wrong_outcomes = noise.groupby(["variant", "level"])["value"].mean().to_dict()
    shown: list[tuple[Cell, ...]] = []
    for variant in (ORACLE, *LABELING_ERRORS, *[name for name in LABELERS if name != ORACLE]):
        for level in sorted(rows[rows["variant"] == variant]["level"].unique()):
            if variant in LABELING_ERRORS and level == 0:
                continue
            point = (variant, level)
            shown.append(
                (
                    word(labeler_words(variant, level)),
                    *(points(errors.get((*point, metric))) for metric in ERRORS),
                    points(wrong_outcomes.get(point)),
                    *(share_cell(summary.get((*point, arm))) for arm in LABELED),
                    *(share_cell(delta.get((*point, *pair)), signed=True) for pair in PAIRS[:2]),
                )
            )
    final = next((row for key, row in summary.items() if key[2] == UNLABELED), None)
    seeds = int(rows["seed"].nunique())
    reference = (
        ""
        if final is None
        else (
            f" Final-answer outcomes, which need no labeler, solve {share_cell(final).shown} "
            f"{share_cell(final).interval}."
        )
    )
    return Table(
        id="labelers",
        title=f"Labelers, and best-of-{int(rows['n'].iloc[0])} of their students",
        lead=(
            "Percent, with 95% intervals. Missed: share of wrong steps that the labeler rates right; false "
            "alarms: share of right steps that it rates wrong; dose: the mean of the two. Wrong labels: "
            "share of all labels of steps. All three count steps up to the first wrong one of a solution. "
            "Wrong outcomes: share of the solutions' labels that follow from the labels of steps. Then the "
            "test problems that students solve, and differences in points, paired by problem and seed "
            f"({seeds} {'seed' if seeds == 1 else 'seeds'}).{reference}"
        ),
        heads=heads(
            *("labeler", "missed", "false alarms", "wrong labels", "wrong outcomes"),
            *map(arm_words, LABELED),
            *("process minus final answer", "process minus PRM-derived"),
            text=("labeler",),
        ),
        rows=tuple(shown),
    )


def crossings_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate the dose at which each difference falls to zero, by kind of error."""
    found = list(crossings(frame))
    if not found:
        return None
    return Table(
        id="crossings",
        title="How many errors process supervision bears",
        lead=(
            "Dose (balanced error) at which the first arm no longer solves more test problems than the "
            f"second in best-of-{int(solved(frame)['n'].iloc[0])}, with a 95% interval: from the dose at "
            "which it is no longer shown to be better to the dose at which it is shown to be worse. Linear "
            f"between the doses that were run; labels say nothing at {USELESS:g}."
        ),
        heads=heads(
            "labeler",
            "arm",
            "no better than",
            "from dose",
            "seeds",
            text=("labeler", "arm", "no better than", "from dose"),
        ),
        rows=tuple(
            (
                word(LABELING_ERRORS[one.errors].words),
                arm_cell(one.arm),
                arm_cell(one.against),
                word(crossing_words(one.crossing)),
                whole(one.seeds),
            )
            for one in found
        ),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say where process supervision stops leading final-answer outcomes, by kind of error."""
    rows = solved(frame)
    found = [one for one in crossings(frame) if (one.arm, one.against) == PAIRS[0]]
    if not found:
        return Headline(sentence="The records hold no labelers of several qualities.")
    n = int(rows["n"].iloc[0])
    clauses = [f"{crossing_words(one.crossing)} for {LABELING_ERRORS[one.errors].words}" for one in found]
    delta = contrasts(rows, "arm", PAIRS[:1], "best_of_n", n)
    repeated = delta["variant"].isin(list(LABELING_ERRORS)) & (delta["level"] == 0)
    readings = [
        reading_of(f"{labeler_words(row.variant, row.level)}: process minus final answer", row)
        for row in rows_of(delta[~repeated])
    ]
    return Headline(
        sentence=(
            f"With best-of-{n} and {int(rows['data_scale'].max())} labeled per problem, process supervision "
            f"no longer beats final-answer outcomes from a balanced error of {listed(clauses)}."
        ),
        readings=tuple(readings),
    )
