"""Where solutions say their answers, and what texts alone tell of them."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ablations.answer_spelling import bare
from ablations.answers import boxed, extract_answer, told_by_text

EXTRACTED = {
    "one box": ("So it is $\\boxed{5}$.", "5"),
    "nested braces": ("\\boxed{\\frac{1}{\\sqrt{2}}} it is", "\\frac{1}{\\sqrt{2}}"),
    "escaped braces": ("$\\boxed{\\left\\{ x : x \\le \\{2\\right.}$", "\\left\\{ x : x \\le \\{2\\right."),
    "a line break in a box": ("\\boxed{\\begin{pmatrix} 1 \\\\ 2 \\\\}", "\\begin{pmatrix} 1 \\\\ 2 \\\\"),
    "the last of several": ("First \\boxed{1}, then \\boxed{2}.", "2"),
    "a box in a box": ("\\boxed{\\boxed{3}}", "3"),
    "fbox": ("\\boxed{1}, rather \\fbox{ 2 }", "2"),
    "white space before the brace": ("\\boxed {7}", "7"),
    "no braces": ("$\\boxed 5$", "5"),
    "no braces, end of a sentence": ("It is \\boxed 5. Done", "5"),
    "no braces, a command": ("$\\boxed\\frac{1}{2}$", "\\frac{1}{2}"),
    "no braces, in braces": ("{\\boxed 5}", "5"),
    "another command": ("\\boxedfoo{5}", None),
    "cut off": ("\\boxed{1} no, \\boxed{\\frac{1}{2}", None),
    "an empty box": ("\\boxed{ }", None),
    "nothing after it": ("\\boxed", None),
    "GSM8K": ("She has 3 + 4 = <<3+4=7>>7 eggs.\n#### 7", "7"),
    "GSM8K, annotated": ("#### $<<3*4=12>>12\n", "$12"),
    "GSM8K, the last": ("#### 7\nNo.\n#### 1,008 ", "1,008"),
    "GSM8K, nothing": ("She has 7 eggs.\n####", None),
    "a heading is none": ("##### 7", None),
    "a box is stronger": ("#### Step 1\nIt is \\boxed{8}", "8"),
    "A:": ("He makes 9 * 2 = $<<9*2=18>>18\nA: 18\n", "18"),
    "A: alone in the last line": ("A: 18\nor so", None),
    "none": ("It is 5.", None),
    "empty": ("", None),
}


@pytest.mark.parametrize("case", EXTRACTED)
def test_extraction_by_hand(case):
    text, answer = EXTRACTED[case]
    assert extract_answer(text) == answer


plain = st.text(st.sampled_from("ab1+-^_,.$ \n"), max_size=4)
pieces = st.recursive(
    plain | st.sampled_from(["\\{", "\\}", "\\\\", "\\$", "\\frac"]),
    lambda inside: st.lists(inside, max_size=3).map("".join) | inside.map(lambda text: f"{{{text}}}"),
    max_leaves=8,
)
"""Texts whose braces are balanced."""


@given(pieces, pieces, pieces, st.sampled_from(["\\boxed", "\\fbox"]))
def test_what_a_box_holds_comes_back(before, held, after, box):
    assert boxed(f"{before}\\boxed{{0}}{box}{{{held}}}{after}") == held
    assert extract_answer(f"{before}{box}{{{held}}}{after}") == (held.strip() or None)


@given(pieces, pieces)
def test_a_box_that_does_not_end_is_no_answer(before, held):
    assert extract_answer(f"{before}\\boxed{{0}}{before}\\boxed{{{held}") is None


@given(st.text(st.sampled_from("\\boxed{}$ 5\n#A:.<>"), max_size=40))
@example("\\boxed\\")
@example("\\boxed{\\")
def test_any_text_has_an_answer_of_its_own_or_none(text):
    found = extract_answer(text)
    assert found is None or (found and found == found.strip() and found in re.sub("<<[^<>]*>>", "", text))


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
