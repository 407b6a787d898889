"""The crossed random-effects model by hand, against scipy, and its false-positive rates by simulation."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.coverage import FILE, PAGE, Setting, draw, page, simulate
from scipy import stats

from results.stats.crossed import Components, Term, half_width, mean_squares, p_value, satterthwaite

VALUE_SP = np.array([[0.0, 0.2, 0.4], [0.3, 0.3, 0.6]])


def test_mean_squares_by_hand() -> None:
    # seed means 0.2 and 0.4, problem means 0.15, 0.25, 0.5, grand mean 0.3.
    # seeds: 3 * ((-0.1)^2 + 0.1^2) / 1 = 0.06
    # problems: 2 * (0.15^2 + 0.05^2 + 0.2^2) / 2 = 0.065
    # residuals: first seed -0.05, 0.05, 0, second the negatives; 4 * 0.0025 / (1 * 2) = 0.005
    found = mean_squares(VALUE_SP)
    assert (found.mean, found.seed, found.problem, found.residual) == pytest.approx((0.3, 0.06, 0.065, 0.005))
    # terms: 0.06 / 6 with 1 degree of freedom, (0.065 - 0.005) / 6 with 2
    assert [(term.variance, term.df) for term in found.terms] == [
        (pytest.approx(0.01), 1),
        (pytest.approx(0.01), 2),
    ]
    # components: (0.06 - 0.005) / 3, (0.065 - 0.005) / 2, 0.005
    parts = found.components
    assert (parts.seed, parts.problem, parts.residual) == pytest.approx((0.055 / 3, 0.03, 0.005))
    # as many seeds and problems, the same terms: 0.055 / 3 / 2 + 0.005 / 6 = 0.01, 0.03 / 3 = 0.01
    assert [term.variance for term in parts.terms(2, 3)] == pytest.approx([0.01, 0.01])


def test_many_tables_are_as_one_each() -> None:
    many = np.random.default_rng(0).random((4, 3, 7))
    found = mean_squares(many)
    for index, one in enumerate(map(mean_squares, many)):
        for name in ("mean", "seed", "problem", "residual"):
            assert getattr(found, name)[index] == pytest.approx(getattr(one, name))


def test_the_interval_and_p_by_hand() -> None:
    # t_{.975, 1} = 12.70620, t_{.975, 2} = 4.30265: sqrt(12.7062^2 * 0.01 + 4.30265^2 * 0.01) = 1.341493
    terms = mean_squares(VALUE_SP).terms
    assert half_width(terms, 0.95) == pytest.approx(1.3414934, abs=1e-7)
    assert p_value(1.3414934, terms) == pytest.approx(0.05, rel=1e-5)
    assert p_value(0.0, terms) == 1.0
    # after Satterthwaite: (0.01 + 0.01)^2 / (0.01^2 / 1 + 0.01^2 / 2) = 4 / 1.5
    assert satterthwaite(terms) == pytest.approx(4 / 1.5)


def test_one_term_is_the_t_test() -> None:
    value_P = np.random.default_rng(1).normal(0.3, 1, 30)
    found = mean_squares(value_P[None])
    wanted = stats.ttest_1samp(value_P, 0)
    assert p_value(found.mean, found.terms) == pytest.approx(wanted.pvalue, rel=1e-9)
    assert len(found.terms) == 1 and math.isnan(found.components.seed)
    assert found.components.terms(5, 60)[0].variance == pytest.approx(value_P.var(ddof=1) / 60)


def test_a_tiny_p_has_its_own_size() -> None:
    terms = (Term(variance=1.0, df=99),)
    assert p_value(12.0, terms) == pytest.approx(2 * stats.t.sf(12.0, 99), rel=1e-9)
    assert np.isnan(p_value(1.0, (Term(variance=0.0, df=9),)))


def test_a_component_is_not_below_zero() -> None:
    found = mean_squares(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert found.components == Components(seed=0.0, problem=0.0, residual=1.0)
    assert [term.variance for term in found.terms] == [0.0, 0.0]


SETTING = Setting(seed=0.1, problem=0.3, residual=0.4, shape="gaussian", seeds=3, problems=100)


@pytest.mark.parametrize("seeds", [3, 10])
def test_false_positives_are_as_rare_as_they_should_be(seeds: int) -> None:
    """40,000 runs without a difference, Gaussian seeds that vary as much as the problems.

    Three standard errors of a rate of 0.05 in 40,000 are 0.0033, of 0.01 are 0.0015, of 0.002 are 0.0007.
    """
    found = simulate(replace(SETTING, seeds=seeds), runs=40_000, rng=np.random.default_rng(3))
    rates = found["rates"]
    assert 0.03 < rates["0.05"] < 0.0533 and found["coverage"] == pytest.approx(1 - rates["0.05"])
    assert rates["0.01"] < 0.0115 and rates["0.002"] < 0.0027
    if seeds == 3:  # what it replaced is several times too liberal
        assert found["satterthwaite"]["0.002"] > 0.008 and found["normal"]["0.002"] > 0.005


def test_the_drawn_mean_squares_are_those_of_drawn_values() -> None:
    """The means of 20,000 drawn mean squares and of 2000 computed from values, to 10%."""
    rng = np.random.default_rng(4)
    value = 0.1 * rng.normal(size=(2000, 3, 1)) + 0.3 * rng.normal(size=(2000, 1, 100))
    computed = mean_squares(value + 0.4 * rng.normal(size=(2000, 3, 100)))
    drawn = draw(SETTING, 20_000, rng)
    for name in ("seed", "problem", "residual"):
        assert getattr(drawn, name).mean() == pytest.approx(getattr(computed, name).mean(), rel=0.1)
    assert drawn.mean.std() == pytest.approx(computed.mean.std(), rel=0.05)


def test_the_table_of_the_documentation_is_that_of_the_results() -> None:
    text = PAGE.read_text()
    assert page(text, json.loads(FILE.read_text())) == text
