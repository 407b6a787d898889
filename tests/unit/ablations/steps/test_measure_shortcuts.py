"""Shortcuts to the labels of rated solutions, and the warning."""

import logging

import pytest

from ablations.evaluation.shortcuts import NOTABLE, Shortcut, warn
from ablations.formats.rated_solutions import Branch, Rated
from ablations.steps.measure_shortcuts import shortcuts_of_ratings
from results.stats.intervals import Estimate


def test_ratings_count_up_to_the_first_error_and_alternatives_do_not() -> None:
    rated = [
        Rated(
            name=f"file:{number}",
            problem=f"Problem {number // 2}",  # two solutions each
            branches=(
                Branch(steps=("one", "two", "three"), ratings=(1, None, -1)),
                Branch(steps=("one", "short"), ratings=(None, -1)),
            ),
        )
        for number in range(80)
    ]
    found = shortcuts_of_ratings(rated)
    assert found["position"].labels.estimate == 1  # the first is right, the third is wrong
    assert found["position"].solutions != found["position"].solutions  # NaN: no final answers are known
    assert found["prompt"].labels.estimate == 0.5
    assert shortcuts_of_ratings([]) == {}


def test_only_what_certainly_predicts_much_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    def shortcut(estimate: float, lower: float) -> Shortcut:
        labels = Estimate(estimate=estimate, lower=lower, upper=1.0)
        return Shortcut(labels=labels, solutions=0.5)

    with caplog.at_level(logging.WARNING):
        warn({"length": shortcut(0.9, NOTABLE - 0.01)}, "the ratings")
        assert not caplog.messages
        found = {"length": shortcut(0.81, 0.7), "prompt": shortcut(0.5, 0.4), "format": shortcut(0.7, 0.61)}
        warn(found, "the ratings")
    (message,) = caplog.messages
    assert message == (
        "shortcut: length or format alone predicts the ratings (AUROC 0.81 and 0.70): a reward model may "
        "learn that instead"
    )
