"""Where solutions say their answers, and what texts alone tell of them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.grading.answers import told_by_text
from ablations.grading.spelling import bare

TOLD = {
    # (answer, reference): verdict
    (None, "5"): False,
    ("", "5"): False,
    (" \n", " "): False,  # no answer, whatever the reference
    ("5", "5"): True,
    (" 6.00 ", "6"): True,
    ("$1,234.50", "1234.5"): True,
    ("\\$18", "18"): True,
    ("-$5", "\N{MINUS SIGN}5"): True,
    ("$ -5", "-5"): True,
    ("$18$.", "18"): True,
    ("\\(0.5\\)", ".50"): True,
    ("007", "7."): True,
    ("10,\\!000", "10{,}000"): True,
    ("50\\%", "50 %"): True,
    ("5", "6"): False,
    ("-5", "5"): False,
    ("12", "12,000"): False,
    ("49%", "50%"): False,
    ("6.00001", "6"): False,  # 1e-5 apart
    ("6.000009", "6"): False,  # 6.000009 - 6 = 9e-6, more than a unit in the sixth place
    ("50%", "50"): True,  # and 0.5, since both are written
    ("50%", "51"): False,
    ("+-5", "5"): False,
    ("- $ -5", "5"): True,  # -(-5)
    ("1,23", "123"): None,  # no thousands
    ("0,123", "123"): None,
    ("1 234", "1234"): True,
    ("3 1/2", "31/2"): False,  # a mixed number, 7/2
    ("\\dfrac{1}{2}", "\\tfrac{1}{2}"): True,
    ("\\left( 1, 2 \\right]", "( 1, 2 ]"): True,
    ("June  20", "\\text{June 20}"): True,
    ("40 feet", "40\\text{ feet}"): True,
    ("x", "X"): None,
    ("\\frac12", "\\frac{1}{2}"): True,
    ("5 apples", "5"): True,
    ("\\leftarrow", "arrow"): None,
    ("5", ""): None,
    ("9" * 5000, "9" * 5000 + ".0"): True,  # more digits than Python makes an int of
    ("9" * 5000, "8"): False,
}


@pytest.mark.parametrize("pair", TOLD)
def test_told_by_text_by_hand(pair):
    assert told_by_text(*pair) is TOLD[pair]


numbers = st.decimals(min_value=-(10**7), max_value=10**7, places=4)


def spelled(number, comma, dollar, zeros):
    """A number as people may write it."""
    digits = f"{abs(number):,.4f}" if comma else f"{abs(number):.4f}"
    sign = "-" if number.is_signed() else ""
    return f"{sign}{dollar}{digits if zeros else digits.rstrip('0').rstrip('.')}"


way = st.tuples(st.booleans(), st.sampled_from(["", "$", "\\$"]), st.booleans())


@given(numbers, way, way)
def test_a_number_in_two_spellings_is_right(number, one, other):
    assert told_by_text(spelled(number, *one), spelled(number, *other)) is True


@given(numbers, numbers, way, way)
def test_two_numbers_are_told_apart(a, b, one, other):
    """With four places they are equal or 1e-4 apart, which is clear."""
    assert told_by_text(spelled(a, *one), spelled(b, *other)) is (Decimal(a) == Decimal(b))


@given(st.text(st.sampled_from("$.()[]\\ 5x"), max_size=10))
def test_bare_is_bare(text):
    assert bare(bare(text)) == bare(text) == bare(text).strip()
