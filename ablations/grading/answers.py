"""Final answers as text: finding a solution's own, and comparing two where their text alone suffices."""

from __future__ import annotations

import re

from ablations.grading.extraction import extract_answer
from ablations.grading.numbers import number_of, same
from ablations.grading.spelling import plain, readable
from ablations.grading.units import split_unit
from ablations.grading.words import told_by_words

__all__ = ["extract_answer", "for_mathematics", "told_by_text"]

_OUTSIDE = re.compile(
    r"([a-z])\s*(<|\\le(?:q|qslant)?)\s*([^\s<>]+?),? or ([a-z])\s*(>|\\ge(?:q|qslant)?)\s*([^\s<>]+)"
)


def told_by_text(answer: str | None, reference: str) -> bool | None:
    """Decides whether an answer is right if that takes no more than arithmetic.

    Args:
        answer: a solution's answer; None or white space means no answer, which is wrong.
        reference: the right answer.

    Returns:
        True or False if the texts are equal except for spelling, or both are numbers, words, numerals with a
        base, or times of day, or their units differ; None if it takes mathematics.
    """
    if answer is None or not answer.strip():
        return False
    one, other = plain(answer), plain(reference)
    if one == other:
        return True
    told = told_by_words(one, other)
    if told is not None:
        return told
    (value, unit), (right, unit_of_right) = split_unit(readable(answer)), split_unit(readable(reference))
    if unit is not None and unit_of_right is not None and unit != unit_of_right:
        return False
    if _is_set(value) and _is_tuple(right) or _is_tuple(value) and _is_set(right):
        return False
    first, second = number_of(plain(value)), number_of(plain(right))
    return None if first is None or second is None else same(first, second)


def _is_set(text: str) -> bool:
    return text.startswith("\\{") and text.endswith("\\}") and "," in text and "(" not in text


def _is_tuple(text: str) -> bool:
    return text.startswith("(") and text.endswith(")") and "," in text and "\\" not in text


def for_mathematics(text: str) -> str:
    """Prepares a final answer for Math-Verify: in normalized spelling, without its unit."""
    return _union(split_unit(readable(text))[0])


def _union(text: str) -> str:
    """Rewrites "x < a or x > b" as a union of two half-lines."""
    found = _OUTSIDE.fullmatch(plain(text))
    if found is None or found[1] != found[4]:
        return text
    left, right = ("]" if "le" in found[2] else ")"), ("[" if "ge" in found[5] else "(")
    return f"(-\\infty, {found[3]}{left} \\cup {right}{found[6]}, \\infty)"
