"""What records show about the claims of their experiment.

A claim has one p. If all its differences lie within the bounds, this is the largest of their p, so that the
claim holds only if every one of them does (an intersection-union test needs no correction for their number).
If some difference lies outside, it is the smallest p of those times the number of differences, and counts
against the claim. The p of a difference is that of its distance from the nearer bound. Holm's procedure
corrects the p of a family. A claim is

* reproduced, if its p is below ``ALPHA`` and all differences lie within the bounds;
* not reproduced, if its p is below ``ALPHA`` and a difference lies outside; or if it says that the first is
  better, some difference is equivalent (``MARGIN``) and the claim is not reproduced;
* inconclusive otherwise, with what the run could have detected where the claim is weakest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from results.claim_differences import POINTS, TIMES, Difference
from results.claims import ABOVE_ZERO, CLAIMS, Claim
from results.stats.differences import holm
from results.stats.intervals import ALPHA, INCONCLUSIVE, NAN, is_equivalent
from results.tables.rendering import (
    Cell,
    Table,
    could_detect,
    heads,
    p_cell,
    points,
    reading,
    times,
    whole,
    word,
)

TABLE = "claims"
"""Id of the claims table."""

DESCRIPTIVE = "Descriptive: not part of the claims, p and verdicts are not corrected for their number."
"""Note on everything else that a report shows."""

REPRODUCED, NOT_REPRODUCED, NO_RECORDS = "reproduced", "not reproduced", "no records"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim and what the records show about it."""

    claim: Claim
    differences: tuple[Difference, ...]
    """Its differences; empty without records."""
    p: float
    """Two-sided p, Holm-corrected for the family; NaN if it cannot be computed."""
    comparisons: int
    """Number of claims in the family."""

    @property
    def weakest(self) -> Difference:
        """The deciding difference: the smallest p outside the bounds, otherwise the largest p within."""

        def rank(difference: Difference) -> tuple[bool, float]:
            inside, p = distance(self.claim, difference)
            known = np.inf if np.isnan(p) else p
            return (False, known) if inside <= 0 else (True, -known)

        return min(self.differences, key=rank)

    @property
    def verdict(self) -> str:
        """One of "reproduced", "not reproduced", "inconclusive" and "no records"."""
        if not self.differences:
            return NO_RECORDS
        if self.p < ALPHA:
            return REPRODUCED if distance(self.claim, self.weakest)[0] > 0 else NOT_REPRODUCED
        small = self.claim.within == ABOVE_ZERO and any(
            d.unit == POINTS and is_equivalent(d.found.lower, d.found.upper, d.found.problems)
            for d in self.differences
        )
        return NOT_REPRODUCED if small else INCONCLUSIVE

    @property
    def words(self) -> str:
        """The verdict; whether it rests on one seed; if inconclusive, why or what could be detected."""
        if not self.differences:
            return self.verdict
        weakest, detectable = self.weakest, self.detectable
        notes = ["one seed"] if weakest.seeds == 1 else []
        if self.verdict == INCONCLUSIVE:
            if weakest.reason:
                notes.append(weakest.reason)
            elif weakest.unit == TIMES and not np.isnan(detectable):
                notes.append(f"could detect {np.exp(detectable):.1f} times")
            else:
                notes.append(could_detect(detectable, weakest.found.problems))
        return f"{self.verdict} ({', '.join(notes)})" if notes else self.verdict

    @property
    def detectable(self) -> float:
        """The smallest distance from a bound that the run detects with 80% power; NaN if unknown."""
        return self.weakest.found.detectable(self.comparisons)


def distance(claim: Claim, difference: Difference) -> tuple[float, float]:
    """Return how far a difference lies within a claim's bounds (negative if outside), and its two-sided p."""
    low, high = claim.within
    inside = min(difference.found.estimate - low, high - difference.found.estimate)
    return inside, replace(difference.found, estimate=inside).p


def claims_of(frame: pd.DataFrame) -> tuple[Claim, ...]:
    """Return the family of claims of the records' experiment; empty if it has none."""
    return CLAIMS.get(next(iter(frame["experiment"]), ""), ())


def findings(frame: pd.DataFrame, claims: Sequence[Claim] | None = None) -> list[Finding]:
    """Find what records show about each claim, in the order of the family.

    Claims that differ only in N are one where a run measures too few N to tell them apart.

    Args:
        frame: records of one experiment, scale and dataset.
        claims: the family; None for that of the experiment.
    """
    found: dict[tuple[str, tuple[tuple[str, int | None], ...]], tuple[Claim, tuple[Difference, ...]]] = {}
    for claim in claims_of(frame) if claims is None else claims:
        differences = tuple(claim.differences(frame))
        found.setdefault((claim.text, tuple((d.where, d.n) for d in differences)), (claim, differences))
    family_p = holm([_p(claim, differences) for claim, differences in found.values()])
    return [
        Finding(claim=claim, differences=differences, p=p, comparisons=len(found))
        for (claim, differences), p in zip(found.values(), family_p, strict=True)
    ]


def _p(claim: Claim, differences: Sequence[Difference]) -> float:
    """Return the p of one claim, before correction."""
    known = [distance(claim, difference) for difference in differences]
    if not known or any(np.isnan(p) for _, p in known):
        return NAN
    against = [p for inside, p in known if inside <= 0]
    return min(1.0, len(known) * min(against)) if against else max(p for _, p in known)


def claims_table(found: Sequence[Finding]) -> Table:
    """Tabulate a family of claims and their verdicts."""
    return Table(
        id=TABLE,
        title="Claims",
        lead=(
            "Fixed before the run; everything else shown is descriptive. Difference: in points, or how many "
            "times fewer labels, where the claim is weakest, paired by problem and seed, with its 95% "
            "interval. Holds: at how many of the claim's differences, before correction. p: of the whole "
            f"claim, corrected after Holm for a family of {len(found)}. What could be detected is a distance "
            "from the bound that the claim names, else from zero."
        ),
        heads=heads(
            *("claim", "best-of", "difference", "weakest at", "holds", "p", "verdict", "seeds", "paper"),
            text=("claim", "weakest at", "holds", "verdict", "paper"),
        ),
        rows=tuple(map(_row, found)),
    )


def _row(finding: Finding) -> tuple[Cell, ...]:
    claim, differences = finding.claim, finding.differences
    name, paper = word(claim.text), word(claim.paper)
    if not differences:
        missing = (whole(pd.NA), points(NAN), word("–"), word("–"), p_cell(finding.p))
        return name, *missing, reading(NO_RECORDS), whole(pd.NA), paper
    weakest = finding.weakest
    known = [distance(claim, difference) for difference in differences]
    holding = sum(inside > 0 and p < ALPHA for inside, p in known)
    return (
        name,
        whole(pd.NA if weakest.n is None else weakest.n),
        difference_cell(weakest),
        word(weakest.where or "–"),
        word(f"{holding} of {len(differences)}"),
        p_cell(finding.p),
        reading(finding.verdict, finding.words),
        whole(weakest.seeds or pd.NA),
        paper,
    )


def difference_cell(difference: Difference) -> Cell:
    """Format a difference with its interval: signed points, or how many times fewer labels."""
    found = difference.found
    if difference.unit == TIMES:
        return times(*(float(np.exp(end)) for end in (found.estimate, found.lower, found.upper)))
    return points(found.estimate, found.lower, found.upper, signed=True)


def count_verdicts(found: Sequence[Finding]) -> str:
    """Say in a sentence how many claims have which verdict."""
    verdicts = [finding.verdict for finding in found]
    words = {verdict: verdict for verdict in (REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE)}
    words[NO_RECORDS] = "not in the records"
    parts = [
        f"{count} {'is' if count == 1 else 'are'} {shown}"
        for verdict, shown in words.items()
        if (count := verdicts.count(verdict))
    ]
    sizes = sorted(
        100 * finding.detectable
        for finding in found
        if finding.verdict == INCONCLUSIVE
        and finding.weakest.unit == POINTS
        and not np.isnan(finding.detectable)
    )
    ends = dict.fromkeys(f"{size:.1f}" for size in (*sizes[:1], *sizes[-1:]))
    power = f" (could detect {' to '.join(ends)} points)" if sizes else ""
    return f"Of {len(found)} {'claim' if len(found) == 1 else 'claims'}, {', '.join(parts)}{power}."
