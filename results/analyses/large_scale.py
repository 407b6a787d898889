"""The large PRM against the large ORM and majority voting, in words and tables (the paper's Figure 3)."""

from typing import Any

import pandas as pd

from results.analyses.headline import CORRECTED, Headline, called, difference_words, reading_of, solves
from results.records import plain
from results.stats.differences import contrasts, corrected, differences
from results.stats.summaries import at_n, comparison_n, rows_of, summarize
from results.tables.rendering import (
    HOLM,
    NAN,
    Table,
    arm_cell,
    compared,
    heads,
    points,
    share_cell,
    tested,
    text_of,
    whole,
    word,
)
from results.tables.shared import few_ns
from results.vocabulary import ARMS, arm_words

PAIRS = (
    ("large_prm", "large_orm"),
    ("large_prm", "majority"),
    ("large_orm", "majority"),
    ("large_prm", "labeler"),
    ("large_prm", "random"),
    ("large_orm", "random"),
)
"""Differences to show: first arm minus second arm."""
SCORERS = ("large_prm", "large_orm", "labeler")
"""Arms whose scores weight votes."""
PAPER = {"large_prm": 78.2, "large_orm": 72.4, "majority": 69.6}
"""The paper's best-of-1860, in percent."""
PAPER_DATA = {"phase 1": (85.1, 58.6), "phase 2": (13.2, 74.1), "both phases": (14.2, 73.1)}
"""Part of the data -> the paper's percentages of solutions that end right and of steps that are right."""


def between_models(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate paired differences of ``PAIRS`` at a few N, with p corrected for all; needs a best-of-N."""
    ns = few_ns(plain(frame))
    return corrected(pd.concat([differences(frame, PAIRS, "best_of_n", n) for n in ns]))


def differences_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate the paired differences of ``PAIRS`` at a few N."""
    if not few_ns(plain(frame)):
        return None
    found = between_models(frame).sort_values(
        ["arm", "against"], kind="stable", key=lambda column: column.map(list(ARMS).index)
    )
    return Table(
        id="large-differences",
        title="Differences in best-of-N",
        lead=(
            "Percentage points, paired by problem, with 95% intervals over problems; one training per model. "
            f"For pass@1, N is 1. {HOLM}"
        ),
        heads=heads("arm", "minus", "N", "points", "p", "reading", text=("arm", "minus", "reading")),
        rows=tuple(
            (arm_cell(row.arm), arm_cell(row.against), whole(row.n), *tested(row)) for row in rows_of(found)
        ),
    )


def votes_against(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """Estimate weighted votes minus the same model's best-of-N, and minus unweighted majority voting."""
    frame = plain(frame)
    # Weighted votes become a variant of a model's best-of-N, because differences are within one metric.
    voted = frame[frame["metric"] == "weighted_vote"].assign(metric="best_of_n", variant="weighted_vote")
    both = pd.concat([frame[frame["metric"] != "weighted_vote"], voted])
    from_best = contrasts(both, "variant", [("weighted_vote", None)], "best_of_n", n)
    majority = frame[frame["arm"] == "majority"]
    pairs = [(arm, "majority") for arm in SCORERS if arm in set(voted["arm"])]
    from_majority = differences(pd.concat([majority, voted.assign(variant=None)]), pairs, "best_of_n", n)
    return pd.concat([from_best.assign(against="best-of-N"), from_majority.assign(against="majority voting")])


def votes_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate what voting gains when each vote is weighted by a reward model's score."""
    if not (frame["metric"] == "weighted_vote").any():
        return None
    ns = [n for n in few_ns(plain(frame)) if n > 1]
    return Table(
        id="votes",
        title="Votes weighted by scores",
        lead=(
            "Weighted votes minus the best-of-N of the same model, and minus majority voting: percentage "
            "points, paired by problem, with 95% intervals, not corrected for their number. The paper saw no "
            "noticeable gain."
        ),
        heads=heads(
            "weighted by", "minus", "N", "points", "reading", text=("weighted by", "minus", "reading")
        ),
        rows=tuple(
            (arm_cell(row.arm), word(row.against), whole(row.n), *compared(row))
            for n in ns
            for row in rows_of(votes_against(frame, n))
        ),
    )


def labels_table(frame: pd.DataFrame) -> Table:
    """Tabulate how many labels each large model was trained on."""
    known = plain(frame)
    known = known[known["labelled_solutions"].notna() & known["arm"].isin(SCORERS)]
    known = known[known["metric"].isin(["best_of_n", "weighted_vote"])]
    return Table(
        id="labels",
        title="Labels of the large models",
        lead=(
            "Solutions with a label, and steps with one up to the first error. The labeler's solutions are "
            "uniform, as many as were planned for the large PRM; an ORM's labels are final answers."
        ),
        heads=heads("arm", "solutions", "steps", text=("arm",)),
        rows=tuple(
            (arm_cell(row.arm, row.acquisition), whole(row.labelled_solutions), whole(row.labelled_steps))
            for row in rows_of(known.drop_duplicates(["arm", "acquisition"]))
        ),
    )


def generations_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate the collected data by generation and phase, next to the paper's."""
    data = frame[frame["metric"].isin(["ends_right", "right_steps"])]
    if data.empty:
        return None
    rows = []
    groups: Any = data.groupby(["variant", "level"], dropna=False, sort=False)
    for (variant, level), group in groups:
        part = "both phases" if pd.isna(variant) else f"{variant} {int(level)}"
        value = group.set_index("metric")["value"]
        ends, steps = PAPER_DATA.get(part, (NAN, NAN))
        first = group.iloc[0]
        rows.append(
            (
                word(part),
                whole(first["labelled_solutions"]),
                whole(first["labelled_steps"]),
                points(value.get("ends_right", NAN)),
                points(ends / 100),
                points(value.get("right_steps", NAN)),
                points(steps / 100),
            )
        )
    return Table(
        id="generations",
        title="The large PRM's data",
        lead=(
            "What was labeled: share of solutions that end right, share of labeled steps that the "
            "annotator calls right or neutral, percent. Phase 1 is generation 0, drawn uniformly; phase 2 "
            "is the others, convincing wrong answers."
        ),
        heads=heads(
            *("part", "solutions", "steps", "end right", "the paper's", "right steps", "the paper's"),
            text=("part",),
        ),
        rows=tuple(rows),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Say whether the large PRM solves more than the large ORM, and both more than majority voting."""
    n = comparison_n(frame)
    found = between_models(frame)
    found = at_n(found[found["against"] != "random"], n)
    sentence, further = "The records do not hold two of the large models to compare.", []
    if len(found):
        clauses = [solves(called(row.arm), row, called(row.against)) for row in rows_of(found)]
        summary = at_n(summarize(plain(frame)), n)
        solved = {
            row.arm: f"{arm_words(row.arm)} {text_of(share_cell(row))}"
            for row in rows_of(summary[summary["metric"].isin(["best_of_n", "majority"])])
        }
        arms = [arm for arm in PAPER if arm in solved]
        sentence = (
            f"With best-of-{n}, {'; '.join(clauses)}. Problems solved, percent: "
            f"{', '.join(solved[arm] for arm in arms)} (the paper with best-of-1860: "
            f"{', '.join(str(PAPER[arm]) for arm in arms)})."
        )
        further = [CORRECTED]
    further += [
        f"Votes weighted by {called(row.arm)}'s scores minus {row.against}: {difference_words(row)}."
        for row in rows_of(votes_against(frame, n))
    ]
    readings = [
        reading_of(f"{arm_words(row.arm)} minus {arm_words(row.against)}", row) for row in rows_of(found)
    ]
    return Headline(sentence=sentence, readings=tuple(readings), further=tuple(further))
