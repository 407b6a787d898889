"""Verdicts by hand: what is read, what is missing, and the shares that many verdicts give."""

import math

import numpy as np
import pytest

from ablations.labelers.verdicts import VERDICTS, each_step, first_error, right_shares


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (r"All good: \boxed{-1}", (1, 1, 1)),
        (r"\boxed{0}", (-1, None, None)),
        (r"Is it \boxed{0}? No. The error is in the second: $\boxed{1}$.", (1, -1, None)),
        (r"\boxed{\text{paragraph_2}}", (1, 1, -1)),
        (r"\boxed{<paragraph_2>}", (1, 1, -1)),
        (r"\boxed{" + "\u2212" + "1}", (1, 1, 1)),
        (r"<think> \boxed{0} </think> \boxed{2}", (1, 1, -1)),
        # missing: no box, no number, no such step, only a thought, an open box, two answers, too many digits
        ("The error is in paragraph 1.", None),
        (r"\boxed{none}", None),
        (r"\boxed{3}", None),
        (r"\boxed{-2}", None),
        (r"\boxed{1.5}", None),
        (r"<think> \boxed{0} </think> I do not know.", None),
        (r"\boxed{1", None),
        (r"\boxed{0} and \boxed{2}", None),
        (r"\boxed{" + "1" * 5000 + "}", None),
        ("", None),
    ],
)
def test_first_errors(text, verdict):
    assert first_error(text, 3) == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Paragraph 0: correct\nParagraph 1: neutral\nParagraph 2: incorrect", (1, 0, -1)),
        ("- **Step 2**: Incorrect, as 2 + 2 = 4\n- **Step 0**: CORRECT\n- **Step_1** - neutral.", (1, 0, -1)),
        ("step 0: correct\nstep 0: correct\nstep 1: correct\nstep 2: correct", (1, 1, 1)),
        (
            "<think>step 0: incorrect</think>step 0: correct\nstep 1: correct\nstep 2: correct",
            (1, 1, 1),
        ),
        # missing: a step without a line, a contradiction, one too many, other words
        ("Step 0: correct\nStep 1: incorrect", None),
        ("Step 0: correct\nStep 1: incorrect\nStep 1: correct\nStep 2: correct", None),
        ("Step 0: correct\nStep 1: correct\nStep 2: correct\nStep 3: correct", None),
        ("Step 0: correct\nStep 1: not correct\nStep 2: correct", None),
        ("Step 0: correctly done\nStep 1: correct\nStep 2: correct", None),
        ("", None),
    ],
)
def test_verdicts_on_each_step(text, verdict):
    assert each_step(text, 3) == verdict


@pytest.mark.parametrize("parse", VERDICTS.values())
def test_long_nonsense_is_read_in_no_time(parse):
    for text in (
        "\n" * 10**6,
        " " * 10**6,
        "step " * 10**5,
        "*" * 10**6 + "step 0: correct",
        "\\boxed{" * 10**3,
    ):
        parse(text, 3)


def test_shares_of_first_errors():
    """Of four verdicts, one finds the first step wrong, two the third, and one finds no error.

    Step 0: 3 of 4 call it right. Step 1: all 3 that judge it. Step 2: 1 of 3. Step 3: the one that judges it.
    The product 3/4 * 1 * 1/3 * 1 = 1/4 is the share that finds no error.
    """
    verdicts = [(-1, None, None, None), (1, 1, -1, None), (1, 1, -1, None), (1, 1, 1, 1)]
    shares = right_shares(verdicts)
    np.testing.assert_allclose(shares, [3 / 4, 1, 1 / 3, 1])
    assert math.prod(shares) == pytest.approx(1 / 4)


def test_steps_that_nobody_judges_have_no_share():
    """Both find an error in the first two steps, so the second of them is wrong for all that judge it."""
    np.testing.assert_array_equal(right_shares([(-1, None, None), (1, -1, None)]), [1 / 2, 0, math.nan])


def test_neutral_counts_as_right():
    np.testing.assert_array_equal(right_shares([(1, 0, -1), (0, -1, -1)]), [1, 1 / 2, 0])
