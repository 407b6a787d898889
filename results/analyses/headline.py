"""The result of a run in words: headlines, and phrases that several experiments use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from results.stats.intervals import EQUIVALENT, INCONCLUSIVE, MARGIN
from results.tables.rendering import points_interval, verdict_words
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
    words: str = ""
    """The verdict with what could be detected; empty: the verdict alone."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The result in words."""

    sentence: str
    """The finding in one sentence."""
    readings: tuple[ShownDifference, ...] = ()
    """The numbers behind it."""
    further: tuple[str, ...] = ()
    """Sentences on the other comparisons."""


def reading_of(where: str, row: Any) -> ShownDifference:
    """Formats a row of differences between shares."""
    return ShownDifference(
        where=where,
        difference=f"{100 * row.estimate:+.1f} points",
        interval=points_interval(row.lower, row.upper),
        verdict=row.verdict,
        words=verdict_words(row),
    )


def solves(one: str, row: Any, other: str) -> str:
    """Makes a clause on whether one solves more test problems than another, from their row of differences."""
    if row.verdict == INCONCLUSIVE:
        return f"whether {one} solves more test problems than {other} is {verdict_words(row)}"
    if row.verdict == EQUIVALENT:
        return f"{one} solves as many test problems as {other}, to within {100 * MARGIN:g} points"
    how = "more" if row.verdict == "above zero" else "fewer"
    note = " (one seed)" if row.seeds == 1 else ""
    return f"{one} solves {how} test problems than {other}{note}"


def called(arm: str) -> str:
    """Names an arm within a sentence."""
    return ARMS[arm].words if arm == "majority" else f"the {short_words(arm)}"


def listed(names: Sequence[str]) -> str:
    """Joins names: ``a``, ``a and b``, ``a, b and c``; empty for none."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def capital(text: str) -> str:
    """Capitalizes text that begins a sentence."""
    return text[:1].upper() + text[1:]
