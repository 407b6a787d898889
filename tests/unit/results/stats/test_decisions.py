"""Decision accuracy, on runs whose decisions are known."""

import numpy as np
import pandas as pd
import pytest

from results.stats.decisions import Values, accuracy, decisions, questions

PROBLEMS = 40


def scored(**shares: list[float]) -> Values:
    """Arm -> best-of-N at each data scale: both seeds solve a share of the problems, the first ones."""
    return {
        arm: [
            pd.DataFrame(
                [(np.arange(PROBLEMS) < share * PROBLEMS).astype(float)] * (1 if arm == "majority" else 2)
            )
            for share in values
        ]
        for arm, values in shares.items()
    }


TINY = scored(process=[0.5, 0.75, 1.0], final_answer=[0.25, 0.25, 0.5], majority=[0.5])
REAL = scored(process=[0.5, 0.5], final_answer=[0.25, 0.75], majority=[0.5])


def test_data_scales_pair_by_rank_and_gaps_are_means() -> None:
    small, large = decisions(TINY, REAL, [("process", "final_answer")])
    assert small.gaps == pytest.approx((0.25, 0.25))  # the smallest of each: 0.5 - 0.25
    assert large.gaps == pytest.approx((0.5, -0.25))  # the largest of each: 1 - 0.5, 0.5 - 0.75
    assert (small.agrees, large.agrees) == (1.0, 0.0)
    assert small.verdicts == ("above zero", "above zero")
    assert large.verdicts == ("above zero", "below zero")


def test_agreement_counts_decisions_and_ties_half() -> None:
    made = decisions(TINY, REAL, [("process", "final_answer"), ("process", "majority")])
    # process against majority: 0 and 0 at the smallest data scale, 0.5 and 0 at the largest. Both are ties.
    assert [one.agrees for one in made] == [1, 0, 0.5, 0.5]
    found = accuracy(made)
    assert (found.decisions, found.agreement) == (4, 0.5)
    assert (found.decided, found.decided_alike) == (2, 1)
    # Ten of 40 problems differ: hardly any resample changes the sign. Agreement stays at (1 + 0 + 1) / 4.
    assert found.lower == found.upper == 0.5
    assert found.ceiling == pytest.approx(0.75, abs=0.01)  # ties agree with themselves half the time: 3 / 4


def test_an_interval_is_wide_where_the_real_run_is_noisy() -> None:
    random = np.random.default_rng(0)
    noise = {
        arm: [pd.DataFrame(random.integers(0, 2, (2, PROBLEMS)).astype(float))]
        for arm in ("process", "final_answer")
    }
    made = decisions(TINY, noise, [("process", "final_answer")])
    found = accuracy(made)
    assert (found.lower, found.upper) == (0, 1)
    assert not made[0].decided
    assert 0.5 <= found.ceiling < 0.95


def test_only_seeds_of_both_arms_are_paired() -> None:
    first = pd.DataFrame([[1.0] * 10, [0.0] * 10], index=[0, 1])
    second = pd.DataFrame([[0.0] * 10, [1.0] * 10], index=[1, 2])
    values = {"process": [first], "final_answer": [second]}
    (made,) = decisions(values, values, [("process", "final_answer")])
    assert made.gaps == (0.0, 0.0)  # seed 1 alone: 0 - 0


def test_questions_are_about_arms_that_all_runs_have() -> None:
    kinds = questions([TINY, REAL | {"labeler": REAL["majority"]}])
    assert list(kinds.values()) == [
        [("process", "final_answer")],
        [("process", "majority"), ("final_answer", "majority")],
    ]
    with pytest.raises(ValueError, match="decisions: found none"):
        accuracy([])
