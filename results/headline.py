"""The result of a run in words: what a headline is, and the phrases that several experiments use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from results.arms import ARMS, short_words
from results.tabular import points_interval

SOLVES = {
    "above zero": "solves more test problems than",
    "below zero": "solves fewer test problems than",
    "cannot be told": "cannot be told from",
}
"""Verdict on one minus another -> the words between them."""

CORRECTED = (
    "Whether a difference between models is told follows a p that is corrected after Holm for all "
    "differences of their table; the intervals are not corrected."
)
"""Where readings follow a table with p."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One difference, ready to be shown."""

    where: str
    """What is compared, and where."""
    difference: str
    """Percentage points, signed; or how many times fewer labels."""
    interval: str
    """95% interval of it."""
    verdict: str
    """above zero, cannot be told, or below zero; fewer labels, more labels."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The result in words."""

    sentence: str
    """What was found."""
    readings: tuple[Reading, ...] = ()
    """The numbers behind it."""
    further: tuple[str, ...] = ()
    """Sentences on the other comparisons."""


def points_reading(where: str, estimate: float, lower: float, upper: float, verdict: str) -> Reading:
    """A difference between shares with its interval, in percentage points."""
    return Reading(
        where=where,
        difference=f"{100 * estimate:+.1f} points",
        interval=points_interval(lower, upper),
        verdict=verdict,
    )


def reading_of(where: str, row: Any) -> Reading:
    """A row of differences, or whatever has an estimate, its interval and a verdict."""
    return points_reading(where, row.estimate, row.lower, row.upper, row.verdict)


def called(arm: str) -> str:
    """An arm within a sentence."""
    return ARMS[arm] if arm == "majority" else f"the {short_words(arm)}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; empty for none."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def capital(text: str) -> str:
    """Text that begins a sentence."""
    return text[:1].upper() + text[1:]
