"""Kinds of labeling errors: their balanced error is the dose, and larger doses include smaller ones."""

import numpy as np
import pytest

from ablations.world.labeling_errors import COIN, KINDS_OF_ERRORS, LabeledSteps
from results.vocabulary import LABELING_ERRORS, USELESS


def steps(wrong: str, hard: str, lengths: tuple[int, ...]) -> LabeledSteps:
    """Steps of solutions of some lengths; 1 is wrong or hard."""
    of = {"wrong": wrong, "hard": hard}
    flags = {name: np.array([character == "1" for character in text]) for name, text in of.items()}
    judged = []
    for start, end in zip(np.cumsum((0, *lengths)), np.cumsum(lengths), strict=False):
        before = np.concatenate([[0], np.cumsum(flags["wrong"][start:end])])[:-1]
        judged += [not count for count in before]
    place = np.concatenate([np.arange(length) + 1 for length in lengths])
    return LabeledSteps(wrong=flags["wrong"], hard=flags["hard"], place=place, judged=np.array(judged))


# Two solutions: right, hard wrong, right (after the error); easy right, hard right, easy wrong.
SIX = steps("010001", "010010", (3, 3))


def balanced(of: LabeledSteps, chance: np.ndarray) -> float:
    right, wrong = (chance[of.judged & one].mean() for one in (~of.wrong, of.wrong))
    return float(right + wrong) / 2


@pytest.mark.parametrize("kind", KINDS_OF_ERRORS)
@pytest.mark.parametrize("of", [SIX, steps("0100010000", "0000010001", (4, 6))])
def test_the_balanced_error_is_the_dose(kind: str, of: LabeledSteps) -> None:
    before = np.zeros(len(of.wrong))
    for dose in (0.0, 0.05, 0.1, 0.25, 0.4, USELESS):
        chance = KINDS_OF_ERRORS[kind](of, dose)
        assert balanced(of, chance) == pytest.approx(dose, abs=1e-12)
        assert (chance >= before).all() and (chance <= 1).all()
        before = chance
    if kind != "favors_positive":  # at 1/2 all of these labels are coin flips
        assert chance[of.judged] == pytest.approx(np.full(of.judged.sum(), COIN))


def test_by_hand() -> None:
    """Judged right steps: 0, 3, 4; judged wrong steps: 1, 5; step 2 comes after an error."""
    assert SIX.judged.tolist() == [True, True, False, True, True, True]
    kinds = KINDS_OF_ERRORS
    assert kinds["random"](SIX, 0.1).tolist() == [0.1] * 6
    assert kinds["favors_positive"](SIX, 0.1).tolist() == [0, 0.2, 0, 0, 0, 0.2]
    # hard steps have weight 10, easy ones 1: right (1 + 1 + 10) / 3 = 4, wrong (10 + 1) / 2 = 5.5, mean 4.75
    factor = 0.19 / 4.75
    assert kinds["hard_steps"](SIX, 0.19) == pytest.approx(factor * np.array([1, 10, 1, 1, 10, 1]))
    # places: right (1 + 1 + 2) / 3 = 4/3, wrong (2 + 3) / 2 = 5/2, mean 23/12
    assert kinds["late_steps"](SIX, 0.23) == pytest.approx(0.12 * np.array([1, 2, 3, 1, 2, 3]))
    # beyond the coin: places 2 and 3 are at 1/2 from a factor of 1/4 on;
    # right (f + f + 1/2) / 3, wrong 1/2, mean f / 3 + 1/3: a dose of 0.45 needs f = 0.35
    assert kinds["late_steps"](SIX, 0.45) == pytest.approx([0.35, 0.5, 0.5, 0.35, 0.5, 0.5])


def test_without_wrong_steps_only_false_alarms_count() -> None:
    """Places 1, 2, 3 have a mean of 2: a dose of 0.1 is a chance of 0.05, 0.1 and 0.15."""
    assert KINDS_OF_ERRORS["late_steps"](steps("000", "000", (3,)), 0.1) == pytest.approx([0.05, 0.1, 0.15])


def test_every_kind_has_a_record() -> None:
    assert list(LABELING_ERRORS) == list(KINDS_OF_ERRORS)
