"""Final answers as texts: where a solution says its own, and what two texts alone tell of being equal."""

from __future__ import annotations

import re

from ablations.answer_numbers import number_of, same
from ablations.answer_spelling import plain, readable
from ablations.answer_units import split_unit
from ablations.answer_words import told_by_words
from ablations.formats.gsm8k import without_calculator

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_HASHES = re.compile(r"^[ \t]*####(?!#)(.*)$", re.MULTILINE)

_OUTSIDE = re.compile(
    r"([a-z])\s*(<|\\le(?:q|qslant)?)\s*([^\s<>]+?),? or ([a-z])\s*(>|\\ge(?:q|qslant)?)\s*([^\s<>]+)"
)


def extract_answer(text: str) -> str | None:
    r"""The final answer that a solution says it comes to.

    That is what its last \boxed or \fbox holds; without any, what stands after the last #### (GSM8K), else in
    a last line "A: ...". A last box that does not end, as of a solution that was cut off, is no answer.

    Args:
        text: the whole solution.

    Returns:
        The answer without white space around it; None if there is none.
    """
    if _BOX.search(text):
        found = boxed(text)
    elif marked := _HASHES.findall(text):
        found = without_calculator(marked[-1])
    else:
        last = text.rstrip().rpartition("\n")[2]
        found = without_calculator(last.removeprefix("A:")) if last.startswith("A:") else None
    return found.strip() or None if found is not None else None


def boxed(text: str) -> str | None:
    r"""What the last \boxed{} or \fbox{} of a text holds; None if there is none that ends.

    Without braces (\boxed 5) it holds what follows up to white space, a $, or the end of what is around it.
    """
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None
    start = at = boxes[-1].end()
    braced = text.startswith("{", start)
    depth = 0
    while at < len(text):
        sign = text[at]
        if not braced and depth == 0 and (sign.isspace() or sign in "$}"):
            break
        depth += {"{": 1, "}": -1}.get(sign, 0)
        at += 2 if sign == "\\" else 1  # \{ and \} are no braces
        if braced and depth == 0:
            return text[start + 1 : at - 1]
    if braced or depth:
        return None
    return text[start:at].rstrip(".,;") or None


def told_by_text(answer: str | None, reference: str) -> bool | None:
    """Decides whether an answer is right where that takes no more than arithmetic.

    Args:
        answer: of a solution; None, or a text of white space, is none, and so wrong.
        reference: the right answer.

    Returns:
        True or False where the texts are equal but for spelling, or both are numbers, words, numerals with a
        base, or times of day, or their units differ; None where it takes mathematics.
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
    """A final answer as Math-Verify is to read it: in the one spelling, without its unit."""
    return _union(split_unit(readable(text))[0])


def _union(text: str) -> str:
    """Two half-lines in place of x < a or x > b."""
    found = _OUTSIDE.fullmatch(plain(text))
    if found is None or found[1] != found[4]:
        return text
    left, right = ("]" if "le" in found[2] else ")"), ("[" if "ge" in found[5] else "(")
    return f"(-\\infty, {found[3]}{left} \\cup {right}{found[6]}, \\infty)"
