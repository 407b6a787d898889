"""Process supervision compared with outcome supervision, in words."""

from typing import Any

import pandas as pd

from results.analyses.headline import Headline, capital, difference_words, reading_of
from results.stats.differences import differences
from results.stats.intervals import EQUIVALENT, INCONCLUSIVE, MARGIN
from results.stats.summaries import rows_of, tested_n
from results.tables.rendering import could_detect
from results.tables.shared import labeler_sentence
from results.vocabulary import STUDENT_ARMS, acquisition_words, arm_words, is_plain

_FURTHER = (
    *(("prm_outcome", "final_answer"), ("process", "prm_outcome"), ("process", "majority")),
    *(("process", "random"), ("labeler", "majority"), ("labeler", "random")),
)
"""Differences named after the headline: first arm minus second arm."""


def headline(frame: pd.DataFrame) -> Headline:
    """Compare process supervision with final-answer outcome supervision."""
    n = tested_n(frame[frame["metric"] == "best_of_n"])
    main = differences(frame, [("process", "final_answer")], "best_of_n", n)
    readings = tuple(reading_of(_where(row.data_scale, row.acquisition), row) for row in rows_of(main))
    sentence = (
        "The records do not hold process supervision and the final-answer outcome at the same data "
        "scale and seed, so they are not compared here."
    )
    if readings:
        sentence = _sentence(main, n)
    return Headline(sentence=sentence, readings=readings, further=_further(frame, n))


def _where(data_scale: int, acquisition: object) -> str:
    chosen = "" if is_plain(acquisition) else f", {acquisition_words(acquisition)}"
    return f"{data_scale} labeled per problem{chosen}"


def _sentence(found: pd.DataFrame, n: int) -> str:
    """Summarize the differences of process supervision minus final-answer outcome."""
    words = {
        "above zero": "more test problems solved",
        "below zero": "fewer test problems solved",
        EQUIVALENT: f"as many test problems solved, to within {100 * MARGIN:g} points,",
        INCONCLUSIVE: "inconclusive",
    }
    parts = []
    for verdict, result in words.items():
        count = int((found["verdict"] == verdict).sum())
        if count:
            parts.append(f"{result} at {count} of {len(found)} data scale{'s' if len(found) > 1 else ''}")
    if (found["verdict"] == INCONCLUSIVE).any():
        most = could_detect(found["detectable"].max(), int(found["problems"].min()))
        parts[-1] += f" ({most} or less)"
    return (
        f"With best-of-{n}, process supervision against supervision by the final answer: {'; '.join(parts)}."
    )


def _further(frame: pd.DataFrame, n: int) -> tuple[str, ...]:
    sentences = []
    found = differences(frame, _FURTHER, "best_of_n", n)
    groups: Any = found.groupby(["arm", "against"], sort=False)
    for (arm, against), rows in groups:
        row = next(rows_of(rows.sort_values("data_scale").tail(1)))
        where = "" if pd.isna(row.data_scale) else f" at {_where(row.data_scale, row.acquisition)}"
        sentences.append(
            f"{capital(arm_words(arm, row.acquisition))} minus {arm_words(against)}{where}: "
            f"{difference_words(row)}."
        )
    if labeler := labeler_sentence(frame):
        sentences.append(labeler)
    students = frame[frame["arm"].isin(list(STUDENT_ARMS)) & frame["solutions_hash"].notna()]
    shared = students.groupby(["acquisition", "data_scale", "seed"], dropna=False)["arm"].nunique()
    if (shared > 1).any():
        sentences.append(
            "At every data scale and seed all arms were given the same solutions: the hashes of their "
            f"training solutions are equal ({int((shared > 1).sum())} comparisons)."
        )
    return tuple(sentences)
