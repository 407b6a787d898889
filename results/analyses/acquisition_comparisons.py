"""Comparisons of acquisitions: the gain at equal budgets and the data efficiency of each.

The hypothesis, fixed in advance, is `convincing_wrong_answers` against `uniform_distinct`, so that leaving
out duplicates does not count as the selector's gain. The comparison with `uniform` is reported too, because
it is the paper's. The primary test is of the mean gain in best-of-N over the budgets of ``RISING_BUDGETS``
that both have; the p of all other pairs are corrected together after Holm. Data efficiencies are estimates
with intervals, in labeled solutions, as the paper counts, and in labeled steps.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results.stats.data_efficiency import Curve, Efficiency, estimate_efficiency
from results.stats.differences import corrected, with_estimates
from results.stats.intervals import INCONCLUSIVE, Estimate, mean_interval, subtract_shares
from results.stats.summaries import at_n, comparison_n
from results.vocabulary import PLAIN_ACQUISITION

HYPOTHESIS = ("convincing_wrong_answers", "uniform_distinct")
"""Acquisition and baseline of the hypothesis, fixed before any run."""
PAPER = ("convincing_wrong_answers", PLAIN_ACQUISITION)
"""Acquisition and baseline of the paper's comparison."""
PAPER_EFFICIENCY = 2.6
"""Data efficiency that the paper reports."""
RISING_BUDGETS = (2, 3, 4, 6)
"""Labeled solutions per problem at which the primary test compares: where the curves rise and choosing
matters. Fixed before any run, because budgets chosen from test results would favor one side."""
LABELS = {"labelled_solutions": "solutions labeled", "labelled_steps": "steps labeled"}
"""Units in which labels can be counted: column -> words."""
_ROLES = {HYPOTHESIS: "hypothesis", PAPER: "paper"}


@dataclass(frozen=True, kw_only=True)
class AcquisitionEfficiency:
    """Data efficiency of one acquisition over another."""

    acquisition: str
    baseline: str
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
        most = self.efficiency.detectable
        power = "no interval" if np.isnan(most) else f"could detect {most:.1f} times"
        return f"{self.verdict} ({self.efficiency.reason or power})"

    @property
    def paper(self) -> str:
        """Whether the interval contains the paper's efficiency; empty if there is no interval."""
        if np.isnan([self.efficiency.lower, self.efficiency.upper]).any():
            return ""
        return "excluded" if self.efficiency.excludes(PAPER_EFFICIENCY) else "possible"


def points(frame: pd.DataFrame, counted: str = "labelled_solutions") -> dict[str, dict[int, pd.DataFrame]]:
    """Select best-of-N under process supervision: acquisition -> budget -> records by seed.

    N is the largest for which best-of-N is an expectation.

    Args:
        counted: key of ``LABELS``, which all records must have.
    """
    rows = frame[(frame["arm"] == "process") & (frame["metric"] == "best_of_n")]
    rows = at_n(rows[rows[counted].notna()], comparison_n(frame))
    found: dict[str, dict[int, pd.DataFrame]] = {}
    groups: Any = rows.groupby(["acquisition", "data_scale"], sort=True)
    for (acquisition, budget), group in groups:
        found.setdefault(str(acquisition), {})[int(budget)] = group.set_index("seed")
    return found


def curves(frame: pd.DataFrame, counted: str = "labelled_solutions") -> dict[str, Curve]:
    """Make curves of best-of-N under process supervision over labels bought, one per acquisition.

    Args:
        counted: key of ``LABELS``; the mean over seeds is taken.

    Returns:
        Acquisition -> curve, with only the seeds that all points of the curve have.
    """
    found = {}
    for acquisition, by_budget in points(frame, counted).items():
        groups = [by_budget[budget] for budget in sorted(by_budget)]
        seeds = _common_seeds(groups)
        if seeds:
            found[acquisition] = Curve(
                labels=np.array([float(group.loc[seeds, counted].mean()) for group in groups]),
                seeds=np.array(seeds),
                value=np.stack([_values(group, seeds) for group in groups]),
            )
    return found


def gains(frame: pd.DataFrame) -> pd.DataFrame:
    """Run the primary test: mean gain at equal budgets over `uniform_distinct` and `uniform`.

    Returns:
        Columns acquisition, against, budgets (words), role (hypothesis, paper or other), seeds, metric and
        those of ``with_estimates``, with p corrected after Holm for the role ``other``; the hypothesis comes
        first, then the paper's comparison. Pairs without a common budget of ``RISING_BUDGETS`` or a common
        seed have no row.
    """
    known = points(frame)
    keys = []
    found: list[Estimate] = []
    for acquisition, baseline in _pairs(list(known)):
        first, second = known[acquisition], known[baseline]
        budgets = [budget for budget in RISING_BUDGETS if budget in first and budget in second]
        seeds = _common_seeds([side[budget] for budget in budgets for side in (first, second)])
        if not seeds:
            continue
        gain_KSP = [
            subtract_shares(_values(first[budget], seeds), _values(second[budget], seeds))
            for budget in budgets
        ]
        found.append(mean_interval(np.mean(gain_KSP, axis=0)))
        role = _ROLES.get((acquisition, baseline), "other")
        keys.append((acquisition, baseline, ", ".join(map(str, budgets)), role, len(seeds), "best_of_n"))
    out = pd.DataFrame(keys, columns=["acquisition", "against", "budgets", "role", "seeds", "metric"])
    out = with_estimates(out, found)
    others = out["role"] == "other"
    return pd.concat([out[~others], corrected(out[others])])


def comparisons(frame: pd.DataFrame) -> list[AcquisitionEfficiency]:
    """Estimate the data efficiency of acquisitions over `uniform_distinct` and `uniform`, in both units.

    For each unit the hypothesis comes first, then the paper's comparison, then the others; an acquisition
    with a single budget has no efficiency and is left out.
    """
    found = []
    for counted in LABELS:
        known = {name: curve for name, curve in curves(frame, counted).items() if len(curve.labels) > 1}
        found += [
            AcquisitionEfficiency(
                acquisition=acquisition,
                baseline=baseline,
                counted=counted,
                efficiency=estimate_efficiency(known[acquisition], known[baseline]),
                role=_ROLES.get((acquisition, baseline), "other"),
            )
            for acquisition, baseline in _pairs(list(known))
        ]
    return found


def _pairs(known: list[str]) -> list[tuple[str, str]]:
    """List pairs (acquisition, baseline): the hypothesis, the paper's comparison, then the others."""
    pairs = [
        (acquisition, baseline)
        for baseline in ("uniform_distinct", PLAIN_ACQUISITION)
        for acquisition in known
        if baseline in known and acquisition not in (baseline, PLAIN_ACQUISITION)
    ]
    return sorted(pairs, key=lambda pair: list(_ROLES).index(pair) if pair in _ROLES else len(_ROLES))


def _common_seeds(groups: list[pd.DataFrame]) -> list[int]:
    """List the seeds that all records by seed have, ascending; none without records."""
    return sorted(set.intersection(*(set(group.index) for group in groups))) if groups else []


def _values(by_seed: pd.DataFrame, seeds: list[int]) -> np.ndarray:
    """Stack the problem values of these seeds, [S, P]."""
    return np.stack([np.asarray(values, dtype=np.float64) for values in by_seed.loc[seeds, "problem_values"]])
