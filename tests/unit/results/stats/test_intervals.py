"""Intervals by hand and against scipy, verdicts, and the bootstrap."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from results.stats.crossed import half_width, p_value
from results.stats.intervals import (
    MARGIN,
    Estimate,
    bootstrap,
    from_interval,
    mean_interval,
    resample_weights,
    seed_interval,
    verdict,
)

T2 = 4.302652729911275  # t_{.975, 2}


def test_a_metric_without_problem_values_has_the_t_interval() -> None:
    found = seed_interval([0.4, 0.5, 0.6])
    # sd = sqrt((0.01 + 0 + 0.01) / 2) = 0.1; t * sd / sqrt(3) = 4.3027 * 0.1 / 1.7321 = 0.24841
    low, high = stats.t.interval(0.95, 2, loc=0.5, scale=0.1 / math.sqrt(3))
    assert high - 0.5 == pytest.approx(0.24841, abs=1e-5)
    assert (found.estimate, found.lower, found.upper) == pytest.approx((0.5, low, high))
    one = seed_interval([0.4])
    assert (
        one.estimate == 0.4
        and math.isnan(one.lower)
        and math.isnan(one.upper)
        and one.verdict == "inconclusive"
    )


def test_equal_problems_leave_the_seed_term_alone() -> None:
    # every problem has its seed's value, so the problems have no variance
    value_SP = np.array([[0.4] * 5, [0.5] * 5, [0.6] * 5])
    found = mean_interval(value_SP)
    assert found.upper - 0.5 == pytest.approx(0.24841, abs=1e-5)
    assert 0.5 - found.lower == pytest.approx(0.24841, abs=1e-5)
    assert (found.seeds, found.problems) == (3, 5)


def test_one_seed_has_the_t_interval_over_problems() -> None:
    # problems 0, 0, 1, 1: sd = sqrt(4 * 0.25 / 3) = 0.57735, error 0.57735 / 2 = 0.288675
    # t_{.975, 3} = 3.1824, 3.1824 * 0.288675 = 0.91869
    found = mean_interval(np.array([[0.0, 0.0, 1.0, 1.0]]))
    assert (found.lower, found.upper) == pytest.approx((0.5 - 0.91869, 0.5 + 0.91869), abs=1e-5)
    value_P = np.random.default_rng(0).random(40)
    found = mean_interval(value_P[None])
    low, high = stats.ttest_1samp(value_P, 0.0).confidence_interval(0.95)
    assert (found.lower, found.upper) == pytest.approx((low, high))
    found = mean_interval(value_P[None] - 0.4)
    assert found.p == pytest.approx(stats.ttest_1samp(value_P, 0.4).pvalue, rel=1e-6)
    assert found.seeds == 1


def test_both_terms_combine_as_a_hypotenuse() -> None:
    # seed means 0.4, 0.5, 0.6 again, problem means 0 and 1, no residual. Seeds: t_{.975, 2} * 0.1 / sqrt(3) =
    # 0.24841. Problems: sd = sqrt(0.5), error sqrt(0.5) / sqrt(2) = 0.5, t_{.975, 1} = 12.7062, half 6.3531.
    # sqrt(0.24841^2 + 6.3531^2) = 6.35796
    value_SP = np.array([[-0.1, 0.9], [0.0, 1.0], [0.1, 1.1]])
    found = mean_interval(value_SP)
    assert found.upper == pytest.approx(0.5 + 6.35796, abs=1e-4)
    assert found.lower == pytest.approx(0.5 - 6.35796, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(6, 12)), elements=st.floats(-1, 1)),
    st.sampled_from([0.05, 0.01, 0.2]),
)
def test_p_is_below_alpha_where_the_interval_leaves_zero_out(value_SP: np.ndarray, alpha: float) -> None:
    found = mean_interval(value_SP)
    if not found.terms:
        assert math.isnan(found.p)
        return
    left_out = abs(found.estimate) > half_width(found.terms, 1 - alpha) * (1 + 1e-9)
    held = abs(found.estimate) < half_width(found.terms, 1 - alpha) * (1 - 1e-9)
    p = float(p_value(found.estimate, found.terms))
    assert not left_out or p < alpha
    assert not held or p > alpha
    assert found.p == max(p, 2.0 ** (1 - value_SP.shape[1]))
    assert (found.verdict == "inconclusive") == (found.lower <= 0 <= found.upper)


@pytest.mark.parametrize("shape", [(3,), (0, 3), (1, 0)])
def test_values_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"values: found shape"):
        mean_interval(np.zeros(shape))


def test_weights_are_resamples() -> None:
    weight_PB = resample_weights(7, 50)
    assert weight_PB.shape == (7, 50)
    np.testing.assert_allclose(weight_PB.sum(axis=0), 1)
    np.testing.assert_allclose(weight_PB * 7, np.round(weight_PB * 7), atol=1e-12)
    assert (resample_weights(7, 50) == weight_PB).all()


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.floats(0, 1)),
    st.floats(-2, 2),
)
def test_an_interval_holds_its_estimate_and_moves_with_the_values(value_SP: np.ndarray, shift: float) -> None:
    found = mean_interval(value_SP)
    moved = mean_interval(value_SP + shift)
    if value_SP.shape[1] == 1 or np.ptp(value_SP) == 0:
        assert math.isnan(found.lower) and math.isnan(found.upper)
    assert not found.estimate < found.lower and not found.estimate > found.upper
    assert (moved.lower, moved.estimate, moved.upper) == pytest.approx(
        (found.lower + shift, found.estimate + shift, found.upper + shift), abs=1e-9, nan_ok=True
    )


@pytest.mark.parametrize("value_SP", [[[0.5]], [[0.4], [0.6]], [[1.0, 1.0, 1.0]], [[0.25] * 9] * 3])
def test_no_interval_where_nothing_varies(value_SP: list[list[float]]) -> None:
    """One problem, or all problems and seeds alike, say nothing of how far off the estimate may be."""
    found = mean_interval(np.array(value_SP))
    assert found.estimate == pytest.approx(np.mean(value_SP)) and math.isnan(found.p)
    assert math.isnan(found.detectable())
    assert math.isnan(found.lower) and math.isnan(found.upper) and found.verdict == "inconclusive"
    perfect = bootstrap(lambda weight_PB: np.ones(weight_PB.shape[1]), 7)
    assert perfect.estimate == 1 and math.isnan(perfect.lower)
    assert math.isnan(seed_interval([0.3, 0.3]).lower)


def test_verdicts() -> None:
    assert [
        verdict(0.1, 0.2),
        verdict(-0.1, 0.2),
        verdict(0.0, 0.2),
        verdict(-0.2, -0.1),
        verdict(math.nan, math.nan),
        verdict(0.1, 0.2, problems=5),
        verdict(0.1, 0.2, problems=6),
    ] == ["above zero", *["inconclusive"] * 2, "below zero", *["inconclusive"] * 2, "above zero"]
    assert Estimate(estimate=0.1, lower=0.05, upper=0.2).verdict == "above zero"


def test_equivalent_needs_a_margin_and_the_whole_interval_in_it() -> None:
    assert MARGIN == 0.03
    assert [
        verdict(-0.02, 0.02),
        verdict(-0.02, 0.02, margin=MARGIN),
        verdict(-0.02, 0.03, margin=MARGIN),
        verdict(0.01, 0.02, margin=MARGIN),
        verdict(-0.02, 0.02, problems=5, margin=MARGIN),
        verdict(math.nan, math.nan, margin=MARGIN),
    ] == ["inconclusive", "equivalent", "inconclusive", "above zero", "inconclusive", "inconclusive"]


def test_an_estimate_is_made_again_from_its_interval() -> None:
    found = mean_interval(np.random.default_rng(2).random((1, 30)) - 0.4)
    again = from_interval(found.estimate, found.lower, found.upper, 30)
    assert (again.p, again.detectable(3)) == pytest.approx((found.p, found.detectable(3)))
    assert from_interval(0.1, math.nan, math.nan, 30).terms == ()


def test_a_ratio_is_resampled_by_problem() -> None:
    # two problems, 1 of 1 and 1 of 3: the ratio of sums is 2/4; with one problem twice it is 1 or 1/3
    part, whole = np.array([1.0, 1.0]), np.array([1.0, 3.0])
    found = bootstrap(lambda weight_PB: (part @ weight_PB) / (whole @ weight_PB), 2)
    assert (found.estimate, found.lower, found.upper) == pytest.approx((0.5, 1 / 3, 1.0))


def test_the_bootstrap_agrees_with_scipy() -> None:
    value_P = np.random.default_rng(0).beta(0.5, 0.5, 200)
    found = bootstrap(lambda weight_PB: value_P @ weight_PB, 200, resamples=20_000)
    reference = stats.bootstrap(
        (value_P,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.lower == pytest.approx(reference.low, abs=2e-3)
    assert found.upper == pytest.approx(reference.high, abs=2e-3)


def test_resamples_without_the_metric_are_left_out() -> None:
    def only_of_the_first(weight_PB: np.ndarray) -> np.ndarray:
        return np.where(weight_PB[0] > 0, 0.25, np.nan)

    # It is missing in 1/4 of the resamples, ten times what lies beyond an end: there is no such percentile.
    found = bootstrap(only_of_the_first, 2)
    assert found.estimate == 0.25 and math.isnan(found.lower) and math.isnan(found.upper)
    value_P = np.arange(6) / 6  # without any of four of six problems: in (2/6)^6 = 0.1% of the resamples
    rare = bootstrap(lambda w: np.where(w[0] + w[1] + w[2] + w[3] > 0, value_P @ w, np.nan), 6)
    assert rare.lower < rare.estimate < rare.upper
    nothing = bootstrap(lambda weight_PB: np.full(weight_PB.shape[1], np.nan), 2)
    assert math.isnan(nothing.estimate) and math.isnan(nothing.lower) and math.isnan(nothing.upper)
    late = bootstrap(
        lambda weight_PB: np.full(weight_PB.shape[1], np.nan if weight_PB.shape[1] > 1 else 0.5), 2
    )
    assert late.estimate == 0.5 and math.isnan(late.lower)
