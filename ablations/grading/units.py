"""Units of final answers: the value without its unit, and the unit if it is a well-known one."""

from __future__ import annotations

import re
from functools import lru_cache

from ablations.grading.numbers import number_of

_SPELLINGS = {
    "mm": "millimeter millimeters millimetre millimetres",
    "cm": "centimeter centimeters centimetre centimetres",
    "m": "meter meters metre metres",
    "km": "kilometer kilometers kilometre kilometres",
    "inch": "in inches",
    "foot": "feet ft",
    "yard": "yards yd yds",
    "mile": "miles mi",
    "second": "seconds sec secs s",
    "minute": "minutes min mins",
    "hour": "hours hr hrs h",
    "day": "days",
    "week": "weeks",
    "month": "months",
    "year": "years yr yrs",
    "mg": "milligram milligrams",
    "g": "gram grams",
    "kg": "kilogram kilograms",
    "pound": "pounds lb lbs",
    "ounce": "ounces oz",
    "ml": "milliliter milliliters mL",
    "liter": "liters litre litres L l",
    "gallon": "gallons gal",
    "dollar": "dollars USD usd buck bucks",
    "cent": "cents",
    "degree": "degrees deg",
    "radian": "radians rad",
}
_KNOWN = {word: unit for unit, words in _SPELLINGS.items() for word in (unit, *words.split())}
_COMPOUND = {"mph": "mile/hour", "kph": "km/hour", "kmh": "km/hour"}
_WORDS = re.compile(r"[A-Za-z]+(?:[ ./-]+[A-Za-z]+){0,5}\.?")
_NO_UNIT = {
    "and",
    "or",
    "to",
    "so",
    "not",
    "than",
    "about",
    "between",
    "plus",
    "minus",
    "times",
    "x",
    "i",
    "e",
} | {"pi", "at", "pm", "am", "a.m", "p.m", "noon"}
"""Words that cannot be part of a unit after a number."""
_TEXT = re.compile(r"\\(?:text|textrm|mathrm|mbox|textbf)\s*\{([^{}]*[0-9][^{}]*)\}")
"""A text command around a whole answer that contains a digit."""
_POWER = r"(?:\s*\^\s*\{?([23])\}?)?"
_MARKED = re.compile(
    rf"(.*[^\s,;=+*/<>({{\[-])\s*\\(?:text|textrm|mathrm|mbox|textbf)\s*\{{([^{{}}]*)\}}{_POWER}", re.DOTALL
)
_PLAIN = re.compile(rf"(.*?[0-9}})%$])(\s*)([A-Za-z][A-Za-z ./-]*?){_POWER}", re.DOTALL)
_DEGREES = re.compile(r"(.*?)\s*\^\s*\\circ\s*(?:\\(?:text|mathrm)\s*\{\s*)?([CF]?)\s*\}?", re.DOTALL)
_MONEY = re.compile(r"([+-]?)\s*\$\s*(?=[0-9.+-])")


@lru_cache(maxsize=65_536)
def split_unit(text: str) -> tuple[str, str | None]:
    r"""Splits a final answer into its value and its unit.

    Words after a number are its unit, and so is text (\text{...}) after any expression. A single letter right
    after a number (3m) is a symbol.

    Args:
        text: an answer in normalized spelling, with text marked as such.

    Returns:
        The value (the whole answer if it has no unit), and the unit in normalized spelling; None if there is
        none or it is not a well-known one.
    """
    if (whole := _TEXT.fullmatch(text)) is not None:
        return split_unit(whole[1].strip())
    if (money := _MONEY.match(text)) is not None:
        value = money[1] + text[money.end() :]
        return split_unit(value)[0], "dollar"
    if (found := _DEGREES.fullmatch(text)) is not None and number_of(found[1]) is not None:
        return found[1], f"degree {found[2]}".strip()
    if (found := _MARKED.fullmatch(text)) is not None and _may_be_unit(found[2]):
        return found[1].rstrip("\\ "), _unit(found[2].strip(), found[3])
    if (found := _PLAIN.fullmatch(text)) is not None and number_of(found[1].removesuffix("$")) is not None:
        words = found[3].strip()
        unit = _unit(words, found[4])
        attached = not found[2] and (len(words) == 1 or unit is None)
        if not attached and _may_be_unit(words):
            return found[1].removesuffix("$"), unit
    return text, None


def _may_be_unit(words: str) -> bool:
    return bool(_WORDS.fullmatch(words.strip())) and not _NO_UNIT & set(words.lower().split())


def _unit(words: str, power: str | None) -> str | None:
    """Returns the normalized spelling of a well-known unit; None for other words."""
    words = words.rstrip(".").strip()
    for prefix, number in (("square ", "2"), ("sq ", "2"), ("sq. ", "2"), ("cubic ", "3"), ("cu ", "3")):
        if words.lower().startswith(prefix):
            words, power = words[len(prefix) :].strip(), number
    words = _COMPOUND.get(words.lower(), words)
    parts = [part.strip() for part in re.split(r"\s+per\s+|\s*/\s*", words)]
    known = [_KNOWN.get(part) or _KNOWN.get(part.lower()) for part in parts]
    if None in known:
        return None
    return "/".join(str(unit) for unit in known) + (f"^{power}" if power else "")
