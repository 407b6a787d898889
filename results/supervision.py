"""Process supervision against outcome supervision, in words."""

from typing import Any

import pandas as pd

from results.arms import STUDENT_ARMS, acquisition_words, arm_words, is_plain
from results.differences import differences
from results.headline import Headline, capital, reading_of
from results.statistics import comparison_n, rows_of
from results.tables import labeler_sentence
from results.tabular import points, text_of

_WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def headline(frame: pd.DataFrame) -> Headline:
    """Process supervision against the final-answer outcome.

    Args:
        frame: records of one experiment, scale and dataset, with best-of-N.

    Raises:
        ValueError: there is no best-of-N.
    """
    n = comparison_n(frame)
    main = differences(frame, [("process", "final_answer")], "best_of_n", n)
    if main.empty:
        sentence = (
            "The records do not hold process supervision and the final-answer outcome at the same data "
            "scale and seed, so they are not compared here."
        )
        return Headline(sentence=sentence, further=_further(frame, n))
    readings = tuple(reading_of(_where(row.data_scale, row.acquisition), row) for row in rows_of(main))
    return Headline(
        sentence=_sentence(list(main["verdict"]), n), readings=readings, further=_further(frame, n)
    )


def _where(data_scale: int, acquisition: object) -> str:
    how = "" if is_plain(acquisition) else f", {acquisition_words(acquisition)}"
    return f"{data_scale} labelled a problem{how}"


def _sentence(verdicts: list[str], n: int) -> str:
    """One sentence for the verdicts of process supervision minus final-answer outcome."""
    total = len(verdicts)
    above, below, open_ = (verdicts.count(word) for word in ("above zero", "below zero", "cannot be told"))
    scales = "data scale" if total == 1 else "data scales"
    every = (
        "the one data scale"
        if total == 1
        else "both data scales"
        if total == 2
        else f"all {_count(total)} data scales"
    )

    def at(part: int) -> str:
        return f"at {every}" if part == total else f"at {_count(part)} of {_count(total)} {scales}"

    if open_ == total:
        return (
            f"With best-of-{n}, it cannot be told {at(total)} whether process supervision solves more "
            "test problems than supervision by the final answer."
        )
    parts = []
    if above:
        parts.append(
            f"process supervision solves more test problems than supervision by the final answer {at(above)}"
        )
    if below:
        who = (
            "fewer"
            if above
            else "process supervision solves fewer test problems than supervision by the final answer"
        )
        parts.append(f"{who} {at(below)}")
    if open_:
        parts.append(
            f"at the other {_count(open_) + ' ' if open_ > 1 else ''}the difference cannot be told from zero"
        )
    return f"With best-of-{n}, {'; '.join(parts)}."


def _count(number: int) -> str:
    return _WORDS.get(number, str(number))


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
            f"{row['verdict']}."
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
