"""The large PRM against the large ORM and majority voting, in words and tables (the paper's Figure 3)."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.analyses.headline import CORRECTED, Headline, called, reading_of, solves
from results.records import plain
from results.stats.differences import contrasts, corrected, differences
from results.stats.summaries import at_n, comparison_n, rows_of, summarize
from results.tables.rendering import (
    NAN,
    Cell,
    Table,
    compared,
    heads,
    points,
    tested,
    text_of,
    verdict_words,
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

PAPER_DATA = {
    ("phase", 1): (85.1, 58.6),
    ("phase", 2): (13.2, 74.1),
    (None, None): (14.2, 73.1),
}
"""(variant, level) -> the paper's percentages of solutions that end right and of steps that are right."""


def pairs_in(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Lists those of ``PAIRS`` whose two arms are in the records."""
    return [pair for pair in PAIRS if set(frame["arm"]).issuperset(pair)]


def between_models(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimates paired differences of ``PAIRS`` at a few N, with p corrected for all; needs a best-of-N."""
    found = [differences(frame, pairs_in(frame), "best_of_n", n) for n in few_ns(plain(frame))]
    return corrected(pd.concat(found))


def differences_table(frame: pd.DataFrame) -> Table | None:
    """Tabulates the paired differences of ``PAIRS`` at a few N."""
    if not few_ns(plain(frame)):
        return None
    found = between_models(frame).sort_values(["arm", "against"], kind="stable", key=_in_order)
    return Table(
        id="large-differences",
        title="Differences in best-of-N",
        lead=(
            "Percentage points, paired by problem, with 95% intervals over problems; one training per model. "
            "Of pass@1 N is 1. p and reading are corrected after Holm for all rows, intervals are not."
        ),
        heads=heads("arm", "minus", "N", "points", "p", "reading", text=("arm", "minus", "reading")),
        rows=tuple((*_arms(row.arm, row.against), whole(row.n), *tested(row)) for row in rows_of(found)),
    )


def _in_order(column: pd.Series) -> pd.Series:
    return column.map(list(ARMS).index)


def _arms(arm: str, against: str) -> tuple[Cell, Cell]:
    return word(arm_words(arm), arm=arm), word(arm_words(against), arm=against)


def weighted_votes(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns plain records in which voting weighted by a model's scores is a variant of its best-of-N."""
    frame = plain(frame)
    voted = frame[frame["metric"] == "weighted_vote"].assign(metric="best_of_n", variant="weighted_vote")
    return pd.concat([frame[frame["metric"] != "weighted_vote"], voted])


def votes_against(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """Estimates weighted votes minus the same model's best-of-N, and minus unweighted majority voting."""
    both = weighted_votes(frame)
    own = contrasts(both, "variant", [("weighted_vote", None)], "best_of_n", n).assign(against="best-of-N")
    voted = both[(both["variant"] == "weighted_vote") | (both["arm"] == "majority")].assign(variant=None)
    arms = [arm for arm in SCORERS if arm in set(voted["arm"])]
    others = differences(voted, [(arm, "majority") for arm in arms], "best_of_n", n)
    return pd.concat([own, others.assign(against="majority voting")])


def votes_table(frame: pd.DataFrame) -> Table | None:
    """Tabulates what voting gains when each vote is weighted by a reward model's score."""
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
            (word(arm_words(row.arm), arm=row.arm), word(row.against), whole(row.n), *compared(row))
            for n in ns
            for row in rows_of(votes_against(frame, n))
        ),
    )


def labels_table(frame: pd.DataFrame) -> Table:
    """Tabulates how many labels each large model was trained on."""
    known = plain(frame)
    known = known[known["labelled_solutions"].notna() & known["arm"].isin(SCORERS)]
    known = known[known["metric"].isin(["best_of_n", "weighted_vote"])]
    return Table(
        id="labels",
        title="Labels of the large models",
        lead=(
            "Solutions with a label, and steps with one up to the first error. The labeler's solutions are "
            "uniform, as many as the large PRM's were meant to be; an ORM's labels are final answers."
        ),
        heads=heads("arm", "solutions", "steps", text=("arm",)),
        rows=tuple(
            (
                word(arm_words(row.arm, row.acquisition), arm=row.arm),
                whole(row.labelled_solutions),
                whole(row.labelled_steps),
            )
            for row in rows_of(known.drop_duplicates(["arm", "acquisition"]))
        ),
    )


def generations_table(frame: pd.DataFrame) -> Table | None:
    """Tabulates the collected data by generation and phase, next to the paper's."""
    data = frame[frame["metric"].isin(["ends_right", "right_steps"])]
    if data.empty:
        return None
    rows = []
    groups: Any = data.groupby(["variant", "level"], dropna=False, sort=False)
    for (variant, level), group in groups:
        which = (None, None) if pd.isna(variant) else (variant, int(level))
        value = group.set_index("metric")["value"]
        ends, steps = PAPER_DATA.get(which, (NAN, NAN))
        first = group.iloc[0]
        rows.append(
            (
                word(_part(*which)),
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
            "annotator calls right or neutral, per cent. Phase 1 is generation 0, drawn uniformly; phase 2 "
            "are the others, convincing wrong answers."
        ),
        heads=heads(
            *("part", "solutions", "steps", "end right", "the paper's", "right steps", "the paper's"),
            text=("part",),
        ),
        rows=tuple(rows),
    )


def _part(variant: str | None, level: int | None) -> str:
    return "both phases" if variant is None else f"{variant} {level}"


def headline(frame: pd.DataFrame) -> Headline:
    """Says whether the large PRM solves more than the large ORM, and both more than majority voting."""
    n = comparison_n(frame)
    found = between_models(frame)
    found = at_n(found[found["against"] != "random"], n)
    told = [solves(called(row.arm), row, called(row.against)) for row in rows_of(found)]
    values = solved(frame, PAPER, n)
    known = ", ".join(f"{arm_words(arm)} {value}" for arm, value in values.items())
    paper = ", ".join(f"{PAPER[arm]}" for arm in values)
    sentence = (
        f"With best-of-{n}, {'; '.join(told)}. Problems solved, per cent: {known} "
        f"(the paper with best-of-1860: {paper})."
    )
    if not told:
        sentence = "The records do not hold two of the large models to compare."
    further = [CORRECTED] if told else []
    further += [
        f"Votes weighted by {called(row.arm)}'s scores minus {row.against}: "
        f"{text_of(compared(row)[0])} points, {verdict_words(row)}."
        for row in rows_of(votes_against(frame, n))
    ]
    readings = [
        reading_of(f"{arm_words(row.arm)} minus {arm_words(row.against)}", row) for row in rows_of(found)
    ]
    return Headline(sentence=sentence, readings=tuple(readings), further=tuple(further))


def solved(frame: pd.DataFrame, arms: Sequence[str] | dict[str, float], n: int) -> dict[str, str]:
    """Returns arm -> problems solved at n, percent with interval, for the arms that the records hold."""
    summary = summarize(plain(frame))
    at = at_n(summary, n)
    at = at[at["metric"].isin(["best_of_n", "majority"])].set_index("arm")
    return {
        arm: text_of(points(*at.loc[arm, ["estimate", "lower", "upper"]])) for arm in arms if arm in at.index
    }
