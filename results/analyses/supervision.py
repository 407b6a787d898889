"""Process supervision compared with outcome supervision, in words."""

from typing import Any

import pandas as pd

from results.analyses.headline import Headline, capital, reading_of
from results.stats.differences import differences
from results.stats.intervals import EQUIVALENT, INCONCLUSIVE, MARGIN
from results.stats.summaries import rows_of, tested_n
from results.tables.rendering import could_detect, points, text_of, verdict_words
from results.tables.shared import labeler_sentence
from results.vocabulary import STUDENT_ARMS, acquisition_words, arm_words, is_plain


def headline(frame: pd.DataFrame) -> Headline:
    """Compares process supervision with final-answer outcome supervision.

    Args:
        frame: records of one experiment, scale and dataset, with best-of-N.
    """
    n = tested_n(frame[frame["metric"] == "best_of_n"])
    main = differences(frame, [("process", "final_answer")], "best_of_n", n)
    if main.empty:
        sentence = (
            "The records do not hold process supervision and the final-answer outcome at the same data "
            "scale and seed, so they are not compared here."
        )
        return Headline(sentence=sentence, further=_further(frame, n))
    readings = tuple(reading_of(_where(row.data_scale, row.acquisition), row) for row in rows_of(main))
    return Headline(sentence=_sentence(main, n), readings=readings, further=_further(frame, n))


def _where(data_scale: int, acquisition: object) -> str:
    how = "" if is_plain(acquisition) else f", {acquisition_words(acquisition)}"
    return f"{data_scale} labeled per problem{how}"


def _sentence(found: pd.DataFrame, n: int) -> str:
    """Makes one sentence of the differences of process supervision minus final-answer outcome."""
    words = {
        "above zero": "more test problems solved",
        "below zero": "fewer test problems solved",
        EQUIVALENT: f"as many test problems solved, to within {100 * MARGIN:g} points,",
        INCONCLUSIVE: "inconclusive",
    }
    parts = []
    for verdict, what in words.items():
        rows = found[found["verdict"] == verdict]
        if len(rows):
            parts.append(f"{what} at {len(rows)} of {len(found)} data scale{'s' if len(found) > 1 else ''}")
    if (found["verdict"] == INCONCLUSIVE).any():
        worst = found["detectable"].max()
        parts[-1] += f" ({could_detect(worst, int(found['problems'].min()))} or less)"
    return (
        f"With best-of-{n}, process supervision against supervision by the final answer: {'; '.join(parts)}."
    )


def _further(frame: pd.DataFrame, n: int) -> tuple[str, ...]:
    sentences = []
    arms = set(frame["arm"])
    pairs = [
        ("prm_outcome", "final_answer"),
        ("process", "prm_outcome"),
        ("process", "majority"),
        ("process", "random"),
        ("labeler", "majority"),
        ("labeler", "random"),
    ]
    found = differences(frame, [pair for pair in pairs if arms.issuperset(pair)], "best_of_n", n)
    groups: Any = found.groupby(["arm", "against"], sort=False)
    for (arm, against), rows in groups:
        row = rows.sort_values("data_scale").iloc[-1]
        where = "" if pd.isna(row["data_scale"]) else f" at {_where(row['data_scale'], row['acquisition'])}"
        sentences.append(
            f"{capital(arm_words(arm, row['acquisition']))} minus {arm_words(against)}{where}: "
            f"{text_of(points(row['estimate'], row['lower'], row['upper'], signed=True))} points, "
            f"{verdict_words(row)}."
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
