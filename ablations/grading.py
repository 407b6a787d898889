"""Final answers: reading them out of texts and comparing them.

Everything here is a pure function of its arguments. `same_answer` is the cheap path: equal texts or equal
numbers after a normalisation that drops units of money and percent; other expressions are not its matter.
"""

import re
from fractions import Fraction

_GSM8K = re.compile(r"####[ \t]*([^\n]*)")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_RATIO = re.compile(r"([+-]?\d+)/(\d+)")


def extract_gsm8k(text: str) -> str | None:
    """The final answer of a GSM8K solution, the text after its last `####`.

    Args:
        text: a solution; a number's dollar sign, thousands separators and closing full stop are dropped.

    Returns:
        The answer, or None if there is no marker or nothing after it.
    """
    marks = _GSM8K.findall(text)
    return (_normalised(marks[-1]) or None) if marks else None


def same_answer(a: str | None, b: str | None) -> bool:
    """Whether two final answers are the same text or the same number.

    Args:
        a: an answer; None (no answer) equals nothing.
        b: another.
    """
    if a is None or b is None:
        return False
    left, right = _normalised(a), _normalised(b)
    if not left or not right:
        return False
    if left == right:
        return True
    left_number, right_number = _number(left), _number(right)
    return left_number is not None and left_number == right_number


def _normalised(answer: str) -> str:
    """Drops what does not change a value: outer space, $, a percent sign, a closing full stop, thousands."""
    text = answer.strip().removesuffix(".").replace("\\$", "").replace("$", "").replace("\\%", "%")
    text = text.strip().removesuffix("%").rstrip()
    return text.replace(",", "") if _THOUSANDS.fullmatch(text) else text


def _number(text: str) -> Fraction | None:
    """The exact value of an integer, decimal or ratio of integers; None for others and absurdly long ones."""
    if len(text) > 200:
        return None
    if _DECIMAL.fullmatch(text):
        return Fraction(text)
    ratio = _RATIO.fullmatch(text)
    if ratio and int(ratio[2]):
        return Fraction(int(ratio[1]), int(ratio[2]))
    return None
