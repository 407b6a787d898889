"""Final answers that are numbers, read exactly: decimals, fractions, powers and percentages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

ENOUGH = 6
"""Decimal places, and significant digits, that a decimal needs to represent a number that it does not equal,
such as 0.333333 for 1/3."""
MOST_BITS = 100_000
"""Maximum number of bits of a number that is computed here."""
_DIGITS = r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_DIGITS}(?:\.[0-9]*)?|\.[0-9]+)"
    r"|(?P<frac>\\frac)|(?P<times>\\times|\\cdot|\*)|(?P<over>/|\\div)|(?P<sign>[+-])|(?P<power>\^)"
    r"|(?P<open>[({])|(?P<close>[)}]))"
)
_REPEATING = re.compile(r"([+-]?)([0-9]{0,50})\.([0-9]{0,50})\\overline\s*\{\s*([0-9]{1,50})\s*\}")
_MIXED = re.compile(r"([+-]?) ?([0-9]+) ([0-9]+) ?/ ?([0-9]+)")


@dataclass(frozen=True, kw_only=True)
class Number:
    """A numeric answer."""

    value: Fraction
    """Exact value; for a percentage, the number before the sign."""
    places: int | None = None
    """Number of digits after the decimal point; None if there are none, and the number is exact."""
    percent: bool = False
    """Whether a percent sign follows."""

    @property
    def unit(self) -> Fraction:
        """One unit in the last place of a decimal."""
        return Fraction(1, 10 ** (self.places or 0))

    @property
    def rounds(self) -> bool:
        """Whether it may be a rounding of another number."""
        return (self.places or 0) >= ENOUGH and abs(self.value) >= self.unit * 10 ** (ENOUGH - 1)


def same(one: Number, other: Number) -> bool:
    """Compares two numbers.

    They are equal if they are exactly equal, or if one is the other truncated or rounded to six places or
    more. A percentage (50%) is also equal to the number before the sign (50).
    """
    if one.percent != other.percent:
        number, percentage = (other, one) if one.percent else (one, other)
        places = None if percentage.places is None else percentage.places + 2
        before = Number(value=percentage.value, places=percentage.places)
        return same(number, before) or same(number, Number(value=percentage.value / 100, places=places))
    difference = abs(one.value - other.value)
    return difference == 0 or any(number.rounds and difference < number.unit for number in (one, other))


def number_of(text: str) -> Number | None:
    """Reads an answer in normalized spelling; None if it is not a number, or takes more than arithmetic."""
    text = re.sub(r"^([+-]?)\s*\$\s*", r"\1", text.strip())
    text = re.sub(r"^\$\s*([+-])\s*", r"\1", text).removesuffix("$").strip()
    percent = text.endswith("%")
    text = text.removesuffix("%").strip()
    if re.fullmatch(r"[+-]?[1-9][0-9]{0,2}( [0-9]{3})+(\.[0-9]*)?", text):
        text = text.replace(" ", "")
    if (repeating := _REPEATING.fullmatch(text)) is not None:
        return Number(value=_repeating(*repeating.group(1, 2, 3, 4)), percent=percent)
    text = _MIXED.sub(r"\1(\2+\3/\4)", text)
    found = re.fullmatch(rf"([+-]?)\s*((?:{_DIGITS})?(?:\.([0-9]*))?)", text)
    if found is not None and re.search("[0-9]", found[2]):
        value = Fraction(Decimal(found[1] + found[2].replace(",", "")))
        return Number(value=value, places=len(found[3]) if found[3] else None, percent=percent)
    try:
        value = _Sum(text).value
    except (_Unread, ZeroDivisionError, OverflowError):
        return None
    return Number(value=value, percent=percent)


def _repeating(sign: str, whole: str, once: str, again: str) -> Fraction:
    r"""Returns the value of sign whole.once\overline{again}."""
    value = int(whole or 0) + Fraction(
        int((once + again) or 0) - int(once or 0), 10 ** len(once) * (10 ** len(again) - 1)
    )
    return -value if sign == "-" else value


class _Unread(Exception):
    """The text is more than arithmetic, or too large."""


class _Sum:
    """Arithmetic on rational numbers, read by recursive descent."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None or len(self._tokens) > 200:
                raise _Unread
            self._tokens.append((str(found.lastgroup), found[found.lastgroup or 0]))
            at = found.end()
        self._at = 0
        self.value = self._sum()
        if self._at < len(self._tokens):
            raise _Unread

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _take(self, *kinds: str) -> str:
        if self._peek() not in kinds:
            raise _Unread
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _sum(self) -> Fraction:
        value = self._product()
        while self._peek() == "sign":
            value = value + self._product() if self._take("sign") == "+" else value - self._product()
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while self._peek() in ("times", "over"):
            if self._peek() == "times":
                self._take("times")
                value *= self._signed()
            else:
                self._take("over")
                value /= self._signed()
        return value

    def _signed(self) -> Fraction:
        if self._peek() == "sign":
            return -self._signed() if self._take("sign") == "-" else self._signed()
        return self._power()

    def _power(self) -> Fraction:
        value = self._atom()
        if self._peek() == "power":
            self._take("power")
            exponent = self._signed_group()
            bits = value.numerator.bit_length() + value.denominator.bit_length()
            if exponent.denominator != 1 or abs(exponent) * bits > MOST_BITS:
                raise _Unread
            value = value ** int(exponent)
        return value

    def _signed_group(self) -> Fraction:
        return self._group() if self._peek() == "open" else self._signed()

    def _atom(self) -> Fraction:
        if self._peek() == "number":
            value = Fraction(Decimal(self._take("number").replace(",", "")))
            if self._peek() == "frac":  # a mixed number
                return value + self._frac()
            return value
        return self._frac() if self._peek() == "frac" else self._group()

    def _frac(self) -> Fraction:
        self._take("frac")
        return self._group() / self._group()

    def _group(self) -> Fraction:
        begin = self._take("open")
        value = self._sum()
        if self._take("close") != {"(": ")", "{": "}"}[begin]:
            raise _Unread
        return value
