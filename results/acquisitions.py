"""Ways of choosing what is labeled, compared: the gain at equal budgets and the data efficiency of each.

The hypothesis fixed beforehand is `convincing_wrong_answers` against `uniform_distinct`: leaving duplicates
out is not counted as the selector's gain. Against `uniform` it is reported too, as the paper's comparison.
The primary test is of the mean gain in best-of-N over the budgets of ``RISING_BUDGETS`` that both have; the p
of all other pairs are corrected together after Holm. Data efficiencies are estimates with intervals, in
labeled solutions, as the paper counts, and in labeled steps.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.arms import PLAIN_ACQUISITION, acquisition_words
from results.data_efficiency import Curve, Efficiency, estimate_efficiency
from results.differences import contrasts, corrected, with_estimates
from results.headline import Headline, Reading, capital, reading_of, solves
from results.intervals import INCONCLUSIVE, intervals, paired
from results.shifted_logistic import LEAST_FIT
from results.statistics import at_n, comparison_n, rows_of
from results.tabular import Table, compared, heads, number, reading, tested, whole, word

HYPOTHESIS = ("convincing_wrong_answers", "uniform_distinct")
"""(acquisition, baseline), fixed before any run."""
PAPER = ("convincing_wrong_answers", PLAIN_ACQUISITION)
"""The paper's comparison."""
PAPER_EFFICIENCY = 2.6
"""The data efficiency that the paper reports."""
RISING_BUDGETS = (2, 3, 4, 6)
"""Labeled solutions per problem at which the primary test compares: on the rise of the curves, where choosing
matters. Fixed before any run, as budgets chosen from test results would favor one side."""
LABELS = {"labelled_solutions": "solutions labelled", "labelled_steps": "steps labelled"}
"""What labels can be counted in: column -> words."""
_ROLES = {HYPOTHESIS: "hypothesis", PAPER: "paper"}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The data efficiency of one acquisition over another."""

    acquisition: str
    """The one that is judged."""
    baseline: str
    """The one it is compared with."""
    counted: str
    """Key of ``LABELS``."""
    efficiency: Efficiency
    """How many times more labels the baseline needs."""
    role: str
    """hypothesis, paper, or other."""

    @property
    def verdict(self) -> str:
        """Whether it needs fewer or more labels, if the interval excludes 1."""
        if not self.efficiency.excludes(1):
            return INCONCLUSIVE
        return "fewer labels" if self.efficiency.lower > 1 else "more labels"

    @property
    def words(self) -> str:
        """The verdict; if inconclusive, with the reason or with what could have been detected."""
        if self.verdict != INCONCLUSIVE:
            return self.verdict
        could = f"could detect {self.efficiency.detectable:.1f} times"
        known = self.efficiency.reason or ("no interval" if np.isnan(self.efficiency.detectable) else could)
        return f"{self.verdict} ({known})"

    @property
    def paper(self) -> str:
        """Whether the interval holds the paper's efficiency; empty where there is no interval."""
        if np.isnan([self.efficiency.lower, self.efficiency.upper]).any():
            return ""
        return "excluded" if self.efficiency.excludes(PAPER_EFFICIENCY) else "possible"


def points(frame: pd.DataFrame, counted: str = "labelled_solutions") -> dict[str, dict[int, pd.DataFrame]]:
    """Best-of-N under process supervision: acquisition -> budget -> its records, by seed.

    N is the largest that is an expectation.

    Args:
        frame: records of one experiment, scale and dataset.
        counted: key of ``LABELS``, which all records must have.
    """
    rows = frame[(frame["arm"] == "process") & (frame["metric"] == "best_of_n")]
    rows = at_n(rows[rows[counted].notna()], comparison_n(frame))
    return {
        str(acquisition): {
            int(budget): group.set_index("seed") for budget, group in of_acquisition.groupby("data_scale")
        }
        for acquisition, of_acquisition in rows.groupby("acquisition", sort=True)
    }


def curves(frame: pd.DataFrame, counted: str = "labelled_solutions") -> dict[str, Curve]:
    """Best-of-N under process supervision against labels bought, one curve per acquisition.

    Args:
        frame: records of one experiment, scale and dataset.
        counted: key of ``LABELS``; the mean over seeds is taken.

    Returns:
        Acquisition -> curve; only seeds that all of a curve's points have.
    """
    found = {}
    for acquisition, by_budget in points(frame, counted).items():
        groups = [by_budget[budget] for budget in sorted(by_budget)]
        seeds = sorted(set.intersection(*(set(group.index) for group in groups)))
        if seeds:
            found[acquisition] = Curve(
                labels=np.array([float(group.loc[seeds, counted].mean()) for group in groups]),
                seeds=np.array(seeds),
                value=np.stack([_values(group, seeds) for group in groups]),
            )
    return found


def gains(frame: pd.DataFrame) -> pd.DataFrame:
    """The primary test: mean gain at equal budgets of acquisitions over `uniform_distinct` and `uniform`.

    Args:
        frame: records of one experiment, scale and dataset.

    Returns:
        Columns acquisition, against, budgets (words), role (hypothesis, paper or other), seeds, and those of
        ``with_estimates``, p corrected after Holm for the role ``other``; the hypothesis first, then the
        paper's comparison. Pairs without a common budget of ``RISING_BUDGETS`` or a common seed have no row.
    """
    known = points(frame)
    keys, found = [], []
    for acquisition, baseline in _pairs(list(known)):
        one, other = known[acquisition], known[baseline]
        budgets = [budget for budget in RISING_BUDGETS if budget in one and budget in other]
        groups = [(one[budget], other[budget]) for budget in budgets]
        seeds = (
            sorted(set.intersection(*(set(group.index) for pair in groups for group in pair)))
            if groups
            else []
        )
        if not seeds:
            continue
        gain_KSP = [paired(_values(first, seeds), _values(second, seeds)) for first, second in groups]
        found += intervals([np.mean(gain_KSP, axis=0)])
        keys.append(
            {
                "acquisition": acquisition,
                "against": baseline,
                "budgets": ", ".join(map(str, budgets)),
                "role": _ROLES.get((acquisition, baseline), "other"),
                "seeds": len(seeds),
                "metric": "best_of_n",
            }
        )
    out = pd.DataFrame(keys, columns=["acquisition", "against", "budgets", "role", "seeds", "metric"])
    out = with_estimates(out, found)
    others = out["role"] == "other"
    return pd.concat([out[~others], corrected(out[others])])


def comparisons(frame: pd.DataFrame) -> list[Comparison]:
    """The data efficiency of acquisitions over `uniform_distinct` and `uniform`, in both counts of labels.

    The hypothesis comes first, then the paper's comparison, then the others; an acquisition with a single
    budget has no efficiency, and is left out.
    """
    made = []
    for counted in LABELS:
        known = {name: curve for name, curve in curves(frame, counted).items() if len(curve.labels) > 1}
        made += [
            Comparison(
                acquisition=acquisition,
                baseline=baseline,
                counted=counted,
                efficiency=estimate_efficiency(known[acquisition], known[baseline]),
                role=_ROLES.get((acquisition, baseline), "other"),
            )
            for acquisition, baseline in _pairs(list(known))
        ]
    return made


def _pairs(known: list[str]) -> list[tuple[str, str]]:
    """(acquisition, baseline): the hypothesis, the paper's comparison, then the others."""
    pairs = [
        (acquisition, baseline)
        for baseline in ("uniform_distinct", PLAIN_ACQUISITION)
        for acquisition in known
        if baseline in known and acquisition not in (baseline, PLAIN_ACQUISITION)
    ]
    return sorted(pairs, key=lambda pair: [HYPOTHESIS, PAPER].index(pair) if pair in _ROLES else 2)


def _values(by_seed: pd.DataFrame, seeds: list[int]) -> np.ndarray:
    """[S, P]: of these seeds."""
    return np.stack([np.asarray(values, dtype=np.float64) for values in by_seed.loc[seeds, "problem_values"]])


def gains_table(frame: pd.DataFrame) -> Table:
    """The primary test: mean gain in best-of-N at equal budgets."""
    text = ("acquisition", "minus", "budgets", "role", "reading")
    return Table(
        id="gains",
        title=f"Mean gain in best-of-{comparison_n(frame)} at equal budgets",
        lead=(
            "Percentage points under process supervision, averaged over those of the budgets "
            f"{', '.join(map(str, RISING_BUDGETS))} that both have, paired by problem and seed. The "
            "hypothesis is the primary test; the p of others is corrected after Holm."
        ),
        heads=heads(
            *("acquisition", "minus", "budgets", "points", "p", "reading", "role", "seeds"), text=text
        ),
        rows=tuple(
            (
                word(acquisition_words(row.acquisition)),
                word(acquisition_words(row.against)),
                word(row.budgets),
                *tested(row),
                word(row.role),
                whole(row.seeds),
            )
            for row in rows_of(gains(frame))
        ),
    )


def efficiency_table(frame: pd.DataFrame) -> Table:
    """How many times fewer labels each way of choosing them needs."""
    text = ("acquisition", "against", "counted in", f"the paper's {PAPER_EFFICIENCY}", "role", "reading")
    names = ("acquisition", "against", "counted in", "efficiency", "fit R²", text[3], "role", "reading")
    return Table(
        id="efficiency",
        title="Data efficiency",
        lead=(
            "How many times fewer labels reach the same best-of-N: the shift between two logistic curves in "
            "log labels, with 95% intervals, not corrected for their number. There is none where the curves "
            "reach no common value, do not rise, or the fit explains less than "
            f"{LEAST_FIT:.0%} of the variance."
        ),
        heads=heads(*names, text=text),
        rows=tuple(
            (
                word(acquisition_words(one.acquisition)),
                word(acquisition_words(one.baseline)),
                word(LABELS[one.counted]),
                number(one.efficiency.estimate, 2, one.efficiency.lower, one.efficiency.upper),
                number(one.efficiency.fit),
                word(one.paper or "–"),
                word(one.role),
                reading(one.verdict, one.words),
            )
            for one in comparisons(frame)
        ),
    )


def budgets_table(frame: pd.DataFrame) -> Table:
    """Differences between acquisitions at each budget."""
    n = comparison_n(frame)
    of_process = frame[frame["arm"] == "process"]
    baselines = ("uniform_distinct", PLAIN_ACQUISITION)
    known = [name for name in sorted(of_process["acquisition"].dropna().unique()) if name not in baselines]
    pairs = [(name, baseline) for baseline in baselines for name in known]
    pairs.append(baselines)
    return Table(
        id="budgets",
        title=f"Differences in best-of-{n} between acquisitions at the same budget",
        lead=(
            "Percentage points under process supervision, paired by problem and seed, with 95% intervals, "
            "not corrected for their number. A budget is all that is labelled, the selector's own included."
        ),
        heads=heads(
            *("acquisition", "minus", "budget", "points", "reading", "seeds"),
            text=("acquisition", "minus", "reading"),
        ),
        rows=tuple(
            (
                word(acquisition_words(row.acquisition)),
                word(acquisition_words(row.against)),
                whole(row.data_scale),
                *compared(row),
                whole(row.seeds),
            )
            for row in rows_of(contrasts(of_process, "acquisition", pairs, "best_of_n", n))
        ),
    )


def headline(frame: pd.DataFrame) -> Headline:
    """Whether choosing helps at equal budgets, and how many labels it saves."""
    tests = [row for row in rows_of(gains(frame)) if row.role != "other"]
    if not tests:
        return Headline(sentence="The records do not hold convincing wrong answers and uniform solutions.")
    readings = [
        reading_of(f"minus {acquisition_words(row.against)}, mean over {row.budgets} per problem", row)
        for row in tests
    ]
    found = [one for one in comparisons(frame) if one.role != "other"]
    readings += [
        Reading(
            where=f"against {acquisition_words(one.baseline)}, {LABELS[one.counted]}",
            difference=f"{one.efficiency.estimate:.2f} times" if one.efficiency.estimate > 0 else "–",
            interval=number(one.efficiency.estimate, 2, one.efficiency.lower, one.efficiency.upper).interval,
            verdict=one.verdict,
            words=one.words,
        )
        for one in found
    ]
    first = tests[0]
    one, other = (f"choosing {acquisition_words(name)}" for name in (first.acquisition, first.against))
    sentence = f"With best-of-{comparison_n(frame)} and as many labels, {solves(one, first, other)}."
    return Headline(sentence=sentence, readings=tuple(readings), further=tuple(map(_saving, found[:1])))


def _saving(one: Comparison) -> str:
    """The data efficiency in a sentence."""
    if one.efficiency.reason:
        return f"How many labels this saves is not known: {one.efficiency.reason}."
    times, against = one.efficiency.estimate, acquisition_words(one.baseline)
    name = f"choosing {acquisition_words(one.acquisition)}"
    needs = {
        "fewer labels": f"{capital(name)} needs {times:.1f} times fewer labels than {against}",
        "more labels": f"{capital(name)} needs {1 / times:.1f} times more labels than {against}",
    }.get(one.verdict, f"Whether {name} needs fewer labels than {against} is {one.words}")
    if not one.paper:
        return f"{needs}."
    interval = number(times, 2, one.efficiency.lower, one.efficiency.upper).interval
    holds = "excludes" if one.paper == "excluded" else "holds"
    return (
        f"{needs}; the interval of the data efficiency, {interval}, {holds} the paper's {PAPER_EFFICIENCY}."
    )
