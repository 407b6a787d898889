r"""Read the boxes in which a solution states its answer: \boxed{...} and \fbox{...}."""

from __future__ import annotations

import re

BETWEEN_WORDS = 6
"""Maximum number of words between two boxes that form one answer."""

BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
LATEX = re.compile(r"\\(?:text|mbox|textbf|mathbf|mathrm)\s*\{[^{}]*\}|\\(?:begin|end)\{[^{}]*\}|\\[A-Za-z]+")
WORD = re.compile(r"[^\W\d_]{2,}(?:['\u2019-][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_CORRECTION = re.compile(
    r"\b(?:so|thus|therefore|hence|then|which|gives?|giving|wait|no|not|actually|rather|instead|but|sorry|"
    r"correct\w*|equivalent\w*|total|altogether|i\.e|that is|means?|mistake|simplif\w+|becomes?)\b"
    r"|\\(?:Rightarrow|implies|to|approx|Longrightarrow)(?![A-Za-z])|\u21d2|\u2192|\u2248",
    re.IGNORECASE,
)
"""Text between two boxes of which the second follows from the first, or replaces it."""
_SEPARATOR = re.compile(r"[,;&]|\b(?:and|or)\b|\\q?quad(?![A-Za-z])")


def boxed(text: str) -> str | None:
    r"""Return the content of a text's last \boxed{} or \fbox{}; None if there is none or it is not closed.

    Boxes in one sentence are joined by ", ". Without braces (\boxed 5), a box holds what follows up to white
    space, a $, or the end of the enclosing group.
    """
    found = last_boxes(text)
    return found[1] if found is not None else None


def last_boxes(text: str) -> tuple[int, str] | None:
    """Return end and content of the last boxes that form one answer; None if the last one is not closed."""
    found: list[tuple[int, int, str]] = []
    starts = list(BOX.finditer(text))
    for number, start in enumerate(starts):
        held = _held(text, start.end())
        if held is None:
            if number == len(starts) - 1:
                return None
            continue
        while found and found[-1][1] > start.start():  # a box in a box: the inner one counts
            found.pop()
        found.append((start.start(), held[0], held[1]))
    if not found:
        return None
    filled = [one for one in found if one[2].strip()]
    if not filled:
        return found[-1][1], found[-1][2]
    parts = [filled[-1]]
    for one in reversed(filled[:-1]):
        if not _one_answer(text[one[1] : parts[-1][0]]):
            break
        parts.append(one)
    if len(parts) == 1:
        return parts[0][1], parts[0][2]
    different = dict.fromkeys(content.strip() for _, _, content in reversed(parts))
    return parts[0][1], ", ".join(different)


def _held(text: str, start: int) -> tuple[int, str] | None:
    """Return end and content of a box from its opening brace; None if it is not closed."""
    at = start
    braced = text.startswith("{", start)
    depth = 0
    while at < len(text):
        sign = text[at]
        if not braced and depth == 0 and (sign.isspace() or sign in "$}"):
            break
        depth += {"{": 1, "}": -1}.get(sign, 0)
        at += 2 if sign == "\\" else 1  # \{ and \} are not braces
        if braced and depth == 0:
            return at, text[start + 1 : at - 1]
    content = text[start:at].rstrip(".,;")
    return None if braced or depth or not content else (at, content)


def _one_answer(between: str) -> bool:
    """Return whether two boxes with this text between them form one answer."""
    if "\n\n" in between or _CORRECTION.search(between) or _SENTENCE_END.search(between.strip()):
        return False
    words = WORD.findall(LATEX.sub(" ", between))
    if "\n" in between and set(map(str.lower, words)) - {"and", "or"}:
        return False
    return len(words) <= BETWEEN_WORDS and bool(_SEPARATOR.search(between))
