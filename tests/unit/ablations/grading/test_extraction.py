"""Which final answer a solution states, if any."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ablations.grading.boxes import boxed
from ablations.grading.extraction import extract_answer

BOXES = {
    "one box": ("So it is $\\boxed{5}$.", "5"),
    "nested braces": ("\\boxed{\\frac{1}{\\sqrt{2}}} it is", "\\frac{1}{\\sqrt{2}}"),
    "escaped braces": ("$\\boxed{\\left\\{ x : x \\le \\{2\\right.}$", "\\left\\{ x : x \\le \\{2\\right."),
    "a line break in a box": ("\\boxed{\\begin{pmatrix} 1 \\\\ 2 \\\\}", "\\begin{pmatrix} 1 \\\\ 2 \\\\"),
    "several lines": ("\\[\\boxed{\n\\frac{1}{2}\n}\\]", "\\frac{1}{2}"),
    "a box in a box": ("\\boxed{\\boxed{3}}", "3"),
    "fbox": ("It is \\fbox{ 2 }", "2"),
    "white space before the brace": ("\\boxed {7}", "7"),
    "no braces": ("$\\boxed 5$", "5"),
    "no braces, end of a sentence": ("It is \\boxed 5. Done", "5"),
    "no braces, a command": ("$\\boxed\\frac{1}{2}$", "\\frac{1}{2}"),
    "no braces, in braces": ("{\\boxed 5}", "5"),
    "in a text command": ("\\text{The answer is } \\boxed{5} \\text{ eggs}", "5"),
    "another command": ("\\boxedfoo{5}", None),
    "cut off": ("\\boxed{1} no, \\boxed{\\frac{1}{2}", None),
    "cut off after the command": ("\\boxed", None),
    "an empty box": ("\\boxed{ }", None),
    "an empty box after the answer": ("It is \\boxed{5}. I was to write \\boxed{}.", "5"),
    "a statement after an empty box": ("I was to write \\boxed{}. The answer is 5.", "5"),
    "after the final answer is": (
        "The final answer is $\\boxed{\\frac{3}{4}}$. I hope it is correct.",
        "\\frac{3}{4}",
    ),
    "bold": ("**Answer:** $\\boxed{5}$", "5"),
    "calculator": ("\\boxed{<<3*4=12>>12}", "12"),
    "Windows line ends": ("It is\r\n\\boxed{5}\r\n", "5"),
    "the mark is no answer": ("#### Step 1\nIt is \\boxed{8}", "8"),
}
SEVERAL_BOXES = {
    "commas": ("So \\boxed{3}, \\boxed{5}, and \\boxed{7}.", "3, 5, 7"),
    "in dollars": ("The roots are $\\boxed{3}$, $\\boxed{5}$ and $\\boxed{7}$.", "3, 5, 7"),
    "or": ("x=\\boxed{2} or x=\\boxed{-2}", "2, -2"),
    "text commands": ("$\\boxed{2}\\text{ and }\\boxed{-2}$", "2, -2"),
    "quad": ("\\[\\boxed{2}\\qquad\\boxed{4}\\]", "2, 4"),
    "words between": ("Ann has \\boxed{3} apples and Bob has \\boxed{5} pears.", "3, 5"),
    "a list over lines": ("\\boxed{3},\n\\boxed{5},\nand \\boxed{7}", "3, 5, 7"),
    "the same twice": ("So \\boxed{5}, and \\boxed{5}.", "5"),
    "the last sentence": ("First \\boxed{1}. So we get \\boxed{3} and \\boxed{4}.", "3, 4"),
    "a correction": ("\\boxed{2}. wait, it is \\boxed{3}", "3"),
    "a correction in a sentence": ("It is \\boxed{2}, no, and I am sure, \\boxed{3}", "3"),
    "rather": ("\\boxed{1}, rather \\fbox{ 2 }", "2"),
    "a consequence": ("There are \\boxed{3} cats, so \\boxed{12} legs", "12"),
    "then": ("First \\boxed{1}, then \\boxed{2}.", "2"),
    "an equation": ("\\boxed{\\frac{4}{2}} = \\boxed{2}", "2"),
    "the same thing otherwise": ("\\boxed{0.5}, or equivalently \\boxed{\\frac12}", "\\frac12"),
    "an intermediate step": ("Half is \\boxed{3}.\nTwice that is \\boxed{6}.", "6"),
    "paragraphs": ("\\boxed{3}\n\n\\boxed{4}", "4"),
    "lines": ("\\boxed{3}\n\\boxed{4}", "4"),
    "one that is not closed before": ("\\boxed{3, \\boxed{4}", "4"),
}
HASHES = {
    "GSM8K": ("She has 3 + 4 = <<3+4=7>>7 eggs.\n#### 7", "7"),
    "annotated": ("#### $<<3*4=12>>12\n", "$12"),
    "in a line": ("She sells them at the market. #### 18", "18"),
    "no space": ("She has 18.####18", "18"),
    "the last": ("#### 7\nNo.\n#### 1,008 ", "1,008"),
    "twice in a line": ("It is 18 #### 18 #### 18", "18"),
    "negative": ("#### -5", "-5"),
    "a minus sign": ("#### \N{MINUS SIGN}5", "\N{MINUS SIGN}5"),
    "money": ("so\n#### $1,234.50", "$1,234.50"),
    "euros": ("so\n#### \N{EURO SIGN}12", "\N{EURO SIGN}12"),
    "percent": ("#### 25%", "25%"),
    "a unit": ("#### 18 dollars", "18 dollars"),
    "a period": ("#### 18.", "18"),
    "a sentence after it": ("Yes. #### 18. That is all.", "18"),
    "bold": ("#### **18**", "18"),
    "dollar signs": ("#### $18$", "18"),
    "a fraction": ("#### \\frac{1}{2}", "\\frac{1}{2}"),
    "a pair": ("#### (3, -4)", "(3, -4)"),
    "a time": ("#### 10:30 a.m.", "10:30 a.m."),
    "a choice": ("#### B", "B"),
    "Windows line ends": ("so\r\n#### 18\r\n", "18"),
    "no line end": ("so\r#### 18", "18"),
    "nothing": ("She has 7 eggs.\n####", None),
    "white space": ("She has 7 eggs.\n####  \n", None),
    "a heading with words": ("#### Case 2: x < 0\nThen", None),
    "a heading with a number in it": ("#### Step 3\nWe add.", None),
    "a numbered heading": ("#### 1. Find the area of 3 by 4", None),
    "a numbered heading, parenthesis": ("#### 2) Multiply", None),
    "a heading with a formula": ("#### $x$-intercepts", None),
    "a heading with an equation": ("#### n = 1", None),
    "another level of heading": ("##### 7", None),
    "a lower level": ("### 7", None),
    "a heading, then the number": ("#### Case 2: x < 0\nso 5.\n#### 5", "5"),
    "a heading after the number": ("so #### 5\n#### Explanation", "5"),
    "after an intermediate box": ("Half is \\boxed{3}.\n#### 6", "6"),
    "a label": ("#### Final Answer: 18", "18"),
}
IN_WORDS = {
    "the answer is:": ("She has 26 left. The answer is: 26", "26"),
    "the answer is": ("So the answer is 26.", "26"),
    "capitals": ("THE ANSWER IS 26", "26"),
    "final": ("Therefore, the final answer is 3/4. I hope it is correct.", "3/4"),
    "correct": ("The correct answer is (B).", "(B)"),
    "dollar signs": ("The final answer is $5$. I hope it is correct.", "5"),
    "parentheses of LaTeX": ("The answer is \\(x^2 + 1\\).", "x^2 + 1"),
    "money": ("The answer is $5.", "$5"),
    "a decimal": ("The answer is 0.75. Done.", "0.75"),
    "units": ("The answer is 26 square feet.", "26 square feet"),
    "a reason": ("The answer is 5, because 2 + 3 = 5.", "5"),
    "another is not": ("The answer is 26, not 25.", "26"),
    "bold": ("The answer is **26**.", "26"),
    "bold words": ("**The answer is 26.**", "26"),
    "of a question": ("Therefore, the answer to the question is B, since c can be 0.", "B"),
    "a word": ("The answer is Monday.", "Monday"),
    "a time": ("The answer is 6 p.m.", "6 p.m."),
    "a line below": ("The final answer is:\n\n26\n", "26"),
    "a formula below": ("The final answer is:\n\\[\n26\n\\]\n", "26"),
    "a formula in dollars below": ("The final answer is\n$$\n26\n$$", "26"),
    "a formula that is cut off": ("The final answer is:\n\\[\n26\n", None),
    "Answer:": ("2 + 3 = 5\nAnswer: 5", "5"),
    "Answer =": ("Answer = 5", "5"),
    "bold label": ("**Answer:** 5", "5"),
    "bold label, colon outside": ("**Answer**: 5", "5"),
    "a bold line": ("**Final Answer: 5**", "5"),
    "Final Answer:": ("Final Answer: 5 apples", "5 apples"),
    "Ans:": ("Ans: 5", "5"),
    "full-width colon": ("Answer\N{FULLWIDTH COLON}5", "5"),
    "white space": ("Answer :  5  \n", "5"),
    "in a sentence": ("So we have it. Answer: 5.", "5"),
    "calculator": ("Answer: <<2+3=5>>5", "5"),
    "Windows line ends": ("so\r\nAnswer:\r\n5\r\n", "5"),
    "the last of several": ("The answer is 5. No, I was mistaken. The answer is 6.", "6"),
    "PRM800K": ("So it is 5.\n\n# Answer\n\n5", "5"),
    "PRM800K, dollar signs": ("# Answer\n\n$\\mathbb{R}$", "\\mathbb{R}"),
    "PRM800K, several": ("# Answer\n\n8, 3, 1", "8, 3, 1"),
    "PRM800K, a sentence": (
        "# Answer\n\nDana has larger meals than Anna.",
        "Dana has larger meals than Anna",
    ),
    "PRM800K, nothing": ("# Answer\n\n", None),
    "PRM800K, a matrix": (
        "# Answer\n\n\\begin{pmatrix} 1 \\\\\n2 \\end{pmatrix}",
        "\\begin{pmatrix} 1 \\\\\n2 \\end{pmatrix}",
    ),
    "PRM800K, text after it": ("# Answer\n\n5\n\nThis is right.", "5"),
    "another heading": ("### Final Answer\n26", "26"),
    "a bold heading": ("**Final Answer**\n\n26", "26"),
    "a heading of a solution": ("## Answer\nTo find the total, we add 3 and 4.", None),
    "a label of a solution": ("Answer: We add 3 and 4.", None),
    "a sentence": ("The answer is the sum of the two numbers.", None),
    "to be found": ("The answer is in the table.", None),
    "denied": ("The answer is not 5.", None),
    "a condition": ("We check whether the answer is 5.", None),
    "a check": ("To check the answer: 2 + 3 = 5", None),
    "a question": ("So is the answer is 5?", None),
    "a plain value after a box": ("Half is \\boxed{3}. The final answer is 6.", "6"),
    "words after a box": ("It is \\boxed{42}. The answer is in square feet.", "42"),
    "units after a box": ("It is \\boxed{42}. The answer is 42 square feet.", "42"),
    "a check after a box": ("It is \\boxed{5}.\nChecking the answer: 2 + 3 = 5", "5"),
    "A:": ("He makes 9 * 2 = $<<9*2=18>>18\nA: 18\n", "18"),
    "A: in a line before the last": ("A: 18\nor so", None),
    "no statement": ("It is 5.", None),
    "the last number is no answer": ("Therefore, there are 260 sheep.", None),
    "empty": ("", None),
    "white space only": (" \n\r\n ", None),
}
NEXT_QUESTIONS = {
    "Question:": ("#### 18\n\nQuestion: How many?\n#### 7", "18"),
    "Problem:": ("The answer is 5.\n\nProblem: Two?\nThe answer is 2.", "5"),
    "Problem 2:": ("It is \\boxed{5}.\nProblem 2: Two?\nIt is \\boxed{2}.", "5"),
    "Q:": ("So 18.\nA: 18\nQ: And then?\nA: 7", "18"),
    "bold": ("Answer: 5\n**Question:** Two?\nAnswer: 2", "5"),
    "a heading": ("\\boxed{5}\n### Question: Two?\n\\boxed{2}", "5"),
    "in the same line": ("The answer is 5. Question: Two? The answer is 2.", "5"),
    "after the mark": ("#### 18 Question: Two? #### 2", "18"),
    "a user's turn": ("\\boxed{5}\nUser: And 2?\n\\boxed{2}", "5"),
    "several": ("#### 1\nQ: a\n#### 2\nQ: b\n#### 3", "1"),
    "cut off": ("\\boxed{5}\nQuestion: Two?\nIt is \\boxed{", "5"),
    "the problem said again": ("Problem: 1 + 1?\nSolution: 1 + 1 = 2\nThe answer is 2", "2"),
    "the question said again": ("Question: how many are left?\n5 are left.\n#### 5", "5"),
    "Windows line ends": ("#### 18\r\n\r\nQuestion: Two?\r\n#### 2", "18"),
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        pytest.param(*case, id=f"{kind}, {name}")
        for kind, cases in (
            ("boxes", BOXES),
            ("several boxes", SEVERAL_BOXES),
            ("hashes", HASHES),
            ("words", IN_WORDS),
            ("next question", NEXT_QUESTIONS),
        )
        for name, case in cases.items()
    ],
)
def test_extraction_by_hand(text, answer):
    assert extract_answer(text) == answer


def test_boxes_of_a_reference_solution_are_one_answer():
    assert boxed("The roots are $\\boxed{3}$ and $\\boxed{5}$.") == "3, 5"


plain = st.text(st.sampled_from("ab1+-^_,.$ \n"), max_size=4)
pieces = st.recursive(
    plain | st.sampled_from(["\\{", "\\}", "\\\\", "\\$", "\\frac"]),
    lambda inside: st.lists(inside, max_size=3).map("".join) | inside.map(lambda text: f"{{{text}}}"),
    max_leaves=8,
)
"""Texts whose braces are balanced."""


@given(pieces, pieces, pieces, st.sampled_from(["\\boxed", "\\fbox"]))
def test_what_a_box_holds_comes_back(before, held, after, box):
    assert boxed(f"{before}{box}{{{held}}}{after}") == held
    assert extract_answer(f"{before}\\boxed{{0}}. {before}{box}{{{held}}}{after}") == (held.strip() or "0")


@given(pieces, pieces)
def test_a_box_that_does_not_end_is_no_answer(before, held):
    assert extract_answer(f"{before}\\boxed{{0}}{before}\\boxed{{{held}") is None


parts = st.sampled_from(["\\boxed", *"{}$ 5\n#A:.<>,", "####", "answer is ", "Q:", "and"])


@given(st.lists(parts, max_size=40).map("".join))
@example("\\boxed\\")
@example("\\boxed{\\")
def test_any_text_has_an_answer_of_its_own_or_none(text):
    found = extract_answer(text)
    assert found is None or (found and found == found.strip())
    if found is not None and text.count("\\boxed") < 2:
        assert found in re.sub("<<[^<>]*>>", "", text)


@pytest.mark.parametrize(
    "text", ["answer is ", "#### ", "if ", "\\boxed{1}, ", "Q: ", "Answer:\n", "$", "\\[\n"]
)
def test_degenerate_texts_take_no_time(text):
    began = time.monotonic()
    extract_answer(text * (8000 // len(text)))
    assert time.monotonic() - began < 2
