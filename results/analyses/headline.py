"""The result of a run in words: headlines, and phrases that several experiments use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.stats.intervals import EQUIVALENT, INCONCLUSIVE, MARGIN
from results.tables.rendering import points_interval, share_cell, text_of, verdict_words
from results.vocabulary import ARMS, short_words

CORRECTED = (
    "Verdicts on differences between models follow a p that is corrected after Holm for all differences of "
    "their table; the intervals are not corrected."
)
"""Sentence for headlines whose readings follow a table with p."""


@dataclass(frozen=True, kw_only=True)
class ShownDifference:
    """One difference, formatted for display."""

    where: str
    """What is compared, and where."""
    difference: str
    """Percentage points, signed; or how many times fewer labels."""
    interval: str
    """95% interval of the difference."""
    verdict: str
    """above zero, below zero, equivalent or inconclusive; fewer labels, more labels."""
    words: str
    """The verdict, with what could be detected if it is inconclusive."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The result in words."""

    sentence: str
    """The finding in one sentence."""
    readings: tuple[ShownDifference, ...] = ()
    """The numbers it rests on."""
    further: tuple[str, ...] = ()
    """Sentences on the other comparisons."""


def reading_of(where: str, row: Any) -> ShownDifference:
    """Format a row of differences between shares."""
    return ShownDifference(
        where=where,
        difference=f"{100 * row.estimate:+.1f} points",
        interval=points_interval(row.lower, row.upper),
        verdict=row.verdict,
        words=verdict_words(row),
    )


def difference_words(row: Any) -> str:
    """Say a row of differences between shares in words: points with their interval, and the verdict."""
    return f"{text_of(share_cell(row, signed=True))} points, {verdict_words(row)}"


def solves(one: str, row: Any, other: str) -> str:
    """Say in a clause whether one solves more test problems than another, from their row of differences."""
    if row.verdict == INCONCLUSIVE:
        return f"whether {one} solves more test problems than {other} is {verdict_words(row)}"
    if row.verdict == EQUIVALENT:
        return f"{one} solves as many test problems as {other}, to within {100 * MARGIN:g} points"
    comparative = "more" if row.verdict == "above zero" else "fewer"
    note = " (one seed)" if row.seeds == 1 else ""
    return f"{one} solves {comparative} test problems than {other}{note}"


def called(arm: str) -> str:
    """Name an arm within a sentence."""
    return ARMS[arm].words if arm == "majority" else f"the {short_words(arm)}"


def listed(names: Sequence[str]) -> str:
    """Join names: ``a``, ``a and b``, ``a, b and c``; empty for none."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def capital(text: str) -> str:
    """Capitalize text that begins a sentence."""
    return text[:1].upper() + text[1:]


def could_detect_most(rows: pd.DataFrame) -> str:
    """Say in parentheses what any inconclusive row of differences could have detected; empty if unknown."""
    most = rows["detectable"].max()
    return "" if pd.isna(most) else f" (could detect {100 * most:.1f} points or less)"
