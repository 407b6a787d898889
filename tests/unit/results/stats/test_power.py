"""Power by hand, against a simple t test, and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from results.stats.crossed import Components, Term, mean_squares, p_value
from results.stats.power import detectable, power, problems_needed, seeds_needed

KNOWN = Components(seed=0.0004, problem=0.09, residual=0.16)
"""Standard deviations 0.02, 0.3 and 0.4."""


def test_the_terms_of_a_planned_run_by_hand() -> None:
    # seeds: 0.0004 / 5 + 0.16 / (5 * 200) = 0.00024; problems: 0.09 / 200 = 0.00045
    first, second = KNOWN.terms(5, 200)
    assert (first.variance, first.df) == (pytest.approx(0.00024), 4)
    assert (second.variance, second.df) == (pytest.approx(0.00045), 199)
    # without seeds the variance over problems, residual included, is all there is
    alone = Components(seed=math.nan, problem=0.25, residual=math.nan)
    assert [(term.variance, term.df) for term in alone.terms(9, 100)] == [(0.0025, 99)]


def test_one_term_has_the_power_of_the_t_test() -> None:
    # 100 differences of standard deviation 0.5, error 0.05; a true 0.1 is 2 errors from zero
    terms = (Term(variance=0.0025, df=99),)
    critical = stats.t.isf(0.025, 99)
    assert power(0.1, terms, 0.05) == pytest.approx(float(stats.nct.sf(critical, 99, 2.0)))
    assert power(0.1, terms, 0.05) == pytest.approx(0.508, abs=0.002)  # d = 0.2, n = 100
    # for 80% about (1.984 + 0.845) errors: 0.1415
    assert detectable(terms, 0.05) == pytest.approx(0.1415, abs=0.0005)
    assert detectable(terms, 0.05 / 8) > detectable(terms, 0.05)
    assert math.isnan(detectable((), 0.05)) and math.isnan(detectable((Term(variance=0.0, df=9),), 0.05))


@pytest.mark.parametrize("alpha", [0.05, 0.002])
@pytest.mark.parametrize("variances", [(1.0, 1e-6), (1e-6, 1.0), (1e-4, 1e-4)])
def test_few_seeds_detect_something_at_any_alpha(variances: tuple[float, float], alpha: float) -> None:
    terms = tuple(Term(variance=v, df=df) for v, df in zip(variances, (1, 299), strict=True))
    assert power(detectable(terms, alpha), terms, alpha) == pytest.approx(0.8, abs=1e-4)


def test_the_seeds_and_problems_needed_are_the_fewest() -> None:
    seeds = seeds_needed(0.08, KNOWN, 200, 0.05)
    assert seeds is not None
    of_seeds = [power(0.08, KNOWN.terms(count, 200), 0.05) for count in (seeds - 1, seeds)]
    assert of_seeds[0] < 0.8 <= of_seeds[1]
    problems = problems_needed(0.08, KNOWN, 5, 0.05)
    assert problems is not None
    of_problems = [power(0.08, KNOWN.terms(5, count), 0.05) for count in (problems - 1, problems)]
    assert of_problems[0] < 0.8 <= of_problems[1]
    # 0.02 with 100 problems: they alone have an error of 0.03, whatever the seeds
    assert seeds_needed(0.02, KNOWN, 100, 0.05) is None
    assert seeds_needed(0.02, Components(seed=math.nan, problem=1.0, residual=math.nan), 100, 0.05) is None
    # 0.02 with 2 seeds: they alone have an error of 0.014, times 12.7
    assert problems_needed(0.02, KNOWN, 2, 0.05) is None


@pytest.mark.parametrize(("seeds", "problems", "alpha"), [(5, 100, 0.05), (3, 100, 0.05), (5, 100, 0.00625)])
def test_the_power_that_is_asked_for_is_reached(seeds: int, problems: int, alpha: float) -> None:
    """2000 runs with the difference that is said to be detected: 80% +- 3 standard errors of 0.9%, and 2% for
    the approximation."""
    difference = detectable(KNOWN.terms(seeds, problems), alpha)
    rng = np.random.default_rng(7)
    effect = rng.normal(0, 0.02, (2000, seeds, 1)) + rng.normal(0, 0.3, (2000, 1, problems))
    found = mean_squares(difference + effect + rng.normal(0, 0.4, (2000, seeds, problems)))
    assert (p_value(found.mean, found.terms) < alpha).mean() == pytest.approx(0.8, abs=0.047)
