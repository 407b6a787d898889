"""Verdicts of generative judges, from the text of an answer to a rating of each step.

A verdict that cannot be read is missing; it never counts as wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ablations.evaluation.first_error import ratio
from ablations.formats.step_fields import ratings_before
from ablations.grading.boxes import boxed

Verdict = tuple[int | None, ...]
"""Rating of each step: 1 right, 0 neutral, -1 wrong, None not judged."""
ParseVerdict = Callable[[str, int], Verdict | None]
"""(text of an answer, number of steps) -> its verdict; None if it cannot be read."""

THOUGHT_END = "</think>"
"""End of the part of an answer in which some models think aloud."""
RATING_OF = {"correct": 1, "neutral": 0, "incorrect": -1}
_INDEX = re.compile(r"(?:\\text\{)?<?(?:(?:paragraph|step)[ _]?)?([-\u2212]?[0-9]{1,6})>?\}?", re.IGNORECASE)
_LINE = re.compile(
    rf"^[^\w\n]*(?:paragraph|step)[ _]*([0-9]{{1,6}})[^\w\n]+({'|'.join(RATING_OF)})\b",
    re.IGNORECASE | re.MULTILINE,
)


def first_error(text: str, steps: int) -> Verdict | None:
    r"""Reads the index of the first wrong step, from 0, or -1 for none, from the last \boxed{}.

    Steps before it are right; those after it are not judged.
    """
    found = _INDEX.fullmatch((boxed(_conclusion(text)) or "").strip())
    if found is None or not -1 <= (index := int(found[1].replace("\u2212", "-"))) < steps:
        return None
    return tuple(ratings_before(None if index == -1 else index, steps))


def each_step(text: str, steps: int) -> Verdict | None:
    """Reads a line such as "Paragraph 0: correct" for every step; neutral and incorrect are the other words.

    A verdict without a line for each step, or with contradictory ones, cannot be read.
    """
    found = {(int(index), RATING_OF[word.lower()]) for index, word in _LINE.findall(_conclusion(text))}
    rating = dict(found)
    if len(rating) != len(found) or sorted(rating) != list(range(steps)):
        return None
    return tuple(rating[step] for step in range(steps))


VERDICTS: dict[str, ParseVerdict] = {"first_error": first_error, "each_step": each_step}
"""Forms of a verdict; each has a default template of the same name in ``templates``."""


def right_shares(verdicts: Sequence[Verdict]) -> npt.NDArray[np.float64]:
    """Computes P(right) of S steps: the share of the verdicts on each that do not call it wrong, float64 [S].

    Neutral counts as right. A step that none of the verdicts judges is NaN; if they all are first errors, it
    comes after a step with P(right) 0, and the product over the steps is the share that finds no error.
    """
    rating_KS = np.array(verdicts, dtype=np.float64)  # None becomes NaN
    judged_S = (~np.isnan(rating_KS)).sum(axis=0).astype(np.float64)
    return ratio((rating_KS >= 0).sum(axis=0).astype(np.float64), judged_S)


def _conclusion(text: str) -> str:
    return text.rpartition(THOUGHT_END)[2]
