"""Final answers without symbols to compute with: words, numerals with a base, or times of day."""

from __future__ import annotations

import re

_WORDS = re.compile(r"[A-Za-z][A-Za-z' -]*[A-Za-z]")
_NUMERAL = re.compile(r"\(?([0-9A-Fa-f]+)\)?\s*_\s*\{?\s*\(?([0-9]+|[a-z]+)\)?\s*\}?")
_BASES = {
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10},
    **{"eleven": 11, "twelve": 12, "sixteen": 16},
}
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2}))?\s*(?:([ap])\.?\s*m\.?)?", re.IGNORECASE)
_CHOICE = re.compile(r"(?:option |choice )?\(?([a-j])\)?(?:(?<=\))[\s:.]+[^\s+*/^=<>-].*)?", re.IGNORECASE)
Time = tuple[tuple[int, int, int], str | None]
"""Hour, minute and second; and the half of the day, "a" or "p", if it is given."""
_NAMED_TIMES = {"noon": "12 pm", "midnight": "12 am"}


def told_by_words(answer: str, reference: str) -> bool | None:
    """Compares two answers in normalized spelling if both are words, or one has a base or a time.

    Letters in a row are a word or an order, never a product: ABC is not CBA. Numerals are equal if their
    digits and bases are; a missing base is forgiven. So is a missing half of the day.

    Returns:
        Whether they are equal; None for any other pair.
    """
    one_choice, other_choice = _choice(answer), _choice(reference)
    if one_choice is not None and other_choice is not None:
        return one_choice == other_choice
    if _WORDS.fullmatch(answer) and _WORDS.fullmatch(reference):
        return _names(answer) == _names(reference)
    one, other = _numeral(answer), _numeral(reference)
    if one is not None or other is not None:
        return _same_parts(one or _digits(answer), other or _digits(reference))
    first, second = _time(answer), _time(reference)
    if first is not None and second is not None and not first[1] is second[1] is None:
        return _same_time(first, second)
    return None


def _choice(text: str) -> str | None:
    """Returns the letter of a choice, such as C, (C), C), Option C or (C) 5."""
    found = _CHOICE.fullmatch(text)
    return found[1].upper() if found is not None else None


def _names(text: str) -> list[list[str]]:
    """Returns the words of each name in a list (Ann and Bob), sorted by name, without articles."""
    parts = re.split(r"\s+(?:and|or)\s+", text.casefold())
    return sorted(re.sub(r"^(?:the|a|an)\s+(?=\S\S)", "", part).split() for part in parts)


def _numeral(text: str) -> tuple[str, int | None] | None:
    found = _NUMERAL.fullmatch(text)
    if found is None:
        return None
    base = int(found[2]) if found[2].isdecimal() else _BASES.get(found[2])
    if base is None or not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in found[1]):
        return None
    return found[1].upper().lstrip("0"), base


def _digits(text: str) -> tuple[str, int | None] | None:
    found = re.fullmatch(r"[0-9A-F]+", text.replace(",", "").upper())
    return None if found is None else (found[0].lstrip("0"), None)


def _same_parts(one: tuple[str, int | None] | None, other: tuple[str, int | None] | None) -> bool | None:
    if one is None or other is None:
        return None
    return one[0] == other[0] and (None in (one[1], other[1]) or one[1] == other[1])


def _time(text: str) -> Time | None:
    found = _TIME.fullmatch(_NAMED_TIMES.get(text.casefold(), re.sub(r"\s+noon$", " pm", text)))
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3))
    return (hour, minute, second), found[4] and found[4].lower()


def _same_time(one: Time, other: Time) -> bool:
    if None in (one[1], other[1]):
        return one[0] == other[0] or _of_day(one) == _of_day(other)
    return _of_day(one) == _of_day(other)


def _of_day(time: Time) -> tuple[int, int, int]:
    (hour, minute, second), half = time
    return (hour % 12 + 12 * (half == "p") if half else hour), minute, second
