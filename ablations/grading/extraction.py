r"""Find the final answer that a solution states.

A solution states its answer in a \boxed or \fbox, after "####" (GSM8K), under a heading "Answer" (PRM800K) or
in words: "The answer is 5", "Final answer: 5". Nothing is guessed: the last number of a text is not an answer
unless the text says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ablations.grading.boxes import BOX, LATEX, WORD, last_boxes

MOST_WORDS = 5
"""Maximum number of words in an answer stated in words, and in the units after a number."""
HEADED_WORDS = 12
"""Maximum number of words in an answer stated in words under a heading "# Answer"."""
LONGEST = 500
"""Maximum number of characters read after a statement, and before it."""

_HASHES = re.compile(r"(?<!#)####(?!#)([^\n]*?)(?=(?<!#)####(?!#)|\n|\Z)")
_NEXT_QUESTION = re.compile(
    r"(?:^[ \t>*#_\[]*|(?<=[.!?\d)}$])[ \t]+)"
    r"(?:(?:next|new|another)[ \t]+)?"
    r"(?:(?:[Qq]uestion|QUESTION|[Pp]roblem|PROBLEM|Exercise|Human|User|Instruction)s?(?:[ \t]*#?\d+)?|Q\d*)"
    r"[ \t*_\]]*[:\uff1a]",
    re.MULTILINE,
)
"""Where a model that does not stop begins a question of its own."""
_STATEMENT = re.compile(
    r"\b(?:answers?|ans)\b(?:[ \t]+(?:to|for|of)\b[^.\n:]{1,80}?)?[ \t*_)\]]*"
    r"(?:\b(?:is|are|will be|would be|should be|must be|equals|becomes|comes out to)\b"
    r"(?:[ \t]+(?:given by|equal to|simply|just|thus|therefore|then)\b)?[ \t*_]*[:=\uff1a]?|[:=\uff1a])"
    r"[ \t]*",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"^[ \t]*(?:\#{1,6}[ \t]*[*_]*|\*\*|__)(?:the[ \t]+)?(?:final[ \t]+)?answer[ \t]*[*_]*[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_LAST_LINE = re.compile(r"^[ \t]*\**A[:\uff1a]\**[ \t]*(?=[^\n]*\s*\Z)", re.MULTILINE)
_NO_STATEMENT = re.compile(
    r"\b(?:if|whether|suppose|assum\w*|check\w*|verif\w*|confirm\w*|no|previous|wrong|incorrect)\b[^.!?\n]*\Z",
    re.IGNORECASE,
)
"""Text before words that only look like a statement: "to check the answer: 2 + 3 = 5"."""
_REASON = re.compile(
    r",?\s+\(?(?:because|since|so that|so|which|meaning|not|rather than|instead of)\b.*", re.DOTALL
)
_OTHER_SENTENCE = re.compile(r"(?<![ap]\.m)[.!](?=\s).*", re.DOTALL | re.IGNORECASE)
_MARKUP = re.compile(r"\A[\s*_`>]+|[\s*_`]+\Z")
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_BEGINS_NUMBER = re.compile(
    r"[\s$*({\[+\-\u2212\u2013\u00b1\\]*[\u20ac\u00a3\u00a5\u20b9]?[\s*+\-\u2212]*(?:\.?\d|"
    r"(?:\\?(?:frac|dfrac|tfrac|sqrt|pi|infty|pm|text|left|begin))(?![A-Za-z]))"
)
_CALCULATOR = re.compile(r"<<[^<>]*>>")
"""GSM8K's calculator annotations, such as <<48/2=24>>."""
_ENUMERATION = re.compile(r"\s*\(?\d{1,2}[.):]\s+\S")
"""A number that enumerates headings or cases: "1. Find the area"."""
_PROSE = re.compile(
    r"(?:to|let|let['\u2019]?s|we|i|first|here|since|because|if|as|this|it|there|in|not|that|what|given|for|from|when"
    r"|by|with|on|at|he|she|they|you|calculate|find|compute|add|subtract|steps?|now|next|see)\b"
)
"""Words that begin a sentence rather than an answer."""
_ARTICLES = frozenset(("the", "a", "an"))


class _Found(NamedTuple):
    at: int
    """Position in the text."""
    answer: str
    sure: bool
    """Whether it is final even after a box: marked by #### or a plain value."""


def extract_answer(text: str) -> str | None:
    r"""Find the final answer that a solution states.

    The last statement counts; a box outranks an answer in words unless a plain value is stated after it.
    Boxes in one sentence are one answer ("3, 5, 7"). After an answer, a line such as "Question: ..." begins a
    question that the model made up; it and what follows are not read. A last box that is not closed, as in a
    solution that was cut off, is not an answer.

    Args:
        text: the whole solution.

    Returns:
        The answer without white space around it; None if the text states none.
    """
    text = without_calculator(text.replace("\r\n", "\n").replace("\r", "\n"))
    for question in _NEXT_QUESTION.finditer(text):
        if (answer := _stated(text[: question.start()])) is not None:
            return answer
    return _stated(text)


def _stated(text: str) -> str | None:
    box = None
    if BOX.search(text):
        found = last_boxes(text)
        if found is None:
            return None
        if found[1].strip():
            box = found
    last = max((*_after_hashes(text), *_in_words(text)), key=lambda one: one.at, default=None)
    if box is None:
        return last.answer if last is not None else None
    if last is not None and last.sure and last.at > box[0]:
        return last.answer
    return box[1].strip()


def _after_hashes(text: str) -> Iterator[_Found]:
    """Yield values after ####, anywhere in a line; a Markdown heading does not count."""
    for mark in _HASHES.finditer(text):
        rest = mark[1]
        line = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
        if not line.strip() and _ENUMERATION.match(rest):
            continue
        rest = _clean(_OTHER_SENTENCE.sub("", rest))
        choice = len(rest) == 1 and rest.isalpha() and rest.isupper()
        if choice or (_BEGINS_NUMBER.match(rest) and _is_value(rest, words=MOST_WORDS)):
            yield _Found(mark.start(), rest, True)


def _in_words(text: str) -> Iterator[_Found]:
    """Yield answers after "the answer is", "Answer:", a heading "Answer", or in a last line "A: ..."."""
    for pattern in (_STATEMENT, _HEADING, _LAST_LINE):
        for start in pattern.finditer(text):
            line = text[max(text.rfind("\n", 0, start.start()) + 1, start.start() - LONGEST) : start.start()]
            if pattern is _STATEMENT and _NO_STATEMENT.search(line):
                continue
            rest = _rest(text[start.end() : start.end() + LONGEST])
            if rest is None or rest.rstrip("*_ ").endswith("?"):
                continue
            answer = _clean(_REASON.sub("", _OTHER_SENTENCE.sub("", rest)))
            headed = pattern is _HEADING and start[0].lstrip().startswith("#")
            most = HEADED_WORDS if headed else MOST_WORDS
            if _is_value(answer, words=most) or _is_short(answer, most):
                yield _Found(start.start(), answer, "=" not in answer and _is_value(answer, words=0))


def _rest(text: str) -> str | None:
    """Return the rest of a line, else the next line with text; all of a formula, None if it is cut off."""
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip(" \t*_`")), None)
    if first is None:
        return None
    for last in range(first, len(lines)):
        rest = "\n".join(lines[first : last + 1])
        pairs = ("\\begin{", "\\end{"), ("\\[", "\\]")
        closed = all(rest.count(begin) == rest.count(end) for begin, end in pairs)
        if closed and rest.count("$") % 2 == 0 and rest.count("$$") % 2 == 0:
            return rest
        if not lines[last].strip():
            break
    # a lone dollar sign means money
    return None if re.search(r"\\begin\{|\\\[|\$\$", lines[first]) else lines[first]


def _clean(text: str) -> str:
    """Remove Markdown, a period, or dollar signs around an answer."""
    before = None
    while text != before:
        before = text
        text = _MARKUP.sub("", text)
        if text.endswith((".", ",", ";", ":", "!")) and not text.lower().endswith(("..", "a.m.", "p.m.")):
            text = text[:-1]
        if text.endswith(")") and text.count(")") > text.count("(") and not text.startswith("["):
            text = text[:-1]
        for begin, end in _DELIMITERS:
            inner = text[len(begin) : -len(end)]
            if text == f"{begin}{inner}{end}" and begin not in inner and not inner.endswith("\\"):
                text = inner
    return text


def _is_value(text: str, *, words: int) -> bool:
    """Return whether a text is a number or formula, with at most `words` words after a number."""
    found = WORD.findall(LATEX.sub(" ", text))
    if not found:
        return any(sign.isalnum() for sign in text)
    return len(found) <= words and bool(_BEGINS_NUMBER.match(text)) and ": " not in text


def _is_short(text: str, most: int) -> bool:
    """Return whether a text in words is an answer rather than a sentence."""
    words = [word.lower() for word in re.findall(r"[^\W_]+(?:['\u2019-][^\W_]+)*", text)]
    if not words or _PROSE.match(words[0]) or ": " in text:
        return False
    return len(words) <= (3 if words[0] in _ARTICLES else most)


def without_calculator(text: str) -> str:
    """Remove the calculator annotations from a step's text."""
    return _CALCULATOR.sub("", text)
