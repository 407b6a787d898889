"""Power of a planned run for the claims of an experiment, from the variances of an earlier run.

The power of active learning is in ``results.analyses.active_learning``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from results.analyses.large_scale import PAIRS as LARGE_PAIRS
from results.claim_differences import POINTS, Difference, between_arms
from results.findings import claims_of, findings
from results.records import plain
from results.stats.crossed import Components
from results.stats.intervals import ALPHA
from results.stats.power import POWER, detectable, problems_needed, seeds_needed
from results.tables.rendering import Cell, Table, heads, points, whole, word
from results.tables.shared import PAIRS


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A difference and its variance in an earlier run."""

    difference: Difference
    components: Components
    """Variances of single differences."""
    family: int
    """Number of comparisons for which p is Holm-corrected."""


def planned(frame: pd.DataFrame) -> list[Planned]:
    """List the differences, in points, of an experiment's claims, or all usual ones if it has no claims.

    Returns:
        The differences of each claim, in order, without those whose variance is not known.
    """
    claims = claims_of(frame)
    if claims:
        found = [difference for one in findings(frame) for difference in one.differences]
    else:
        frame = plain(frame)
        pairs = dict.fromkeys([*LARGE_PAIRS, *PAIRS])
        found = [difference for pair in pairs for difference in between_arms(*pair, frame)]
    return [
        Planned(difference=one, components=one.found.components, family=len(claims) or len(found))
        for one in found
        if one.found.components is not None and one.unit == POINTS
    ]


def power_table(
    rows: Sequence[Planned],
    *,
    seeds: int | None = None,
    problems: int | None = None,
    difference: float | None = None,
    family: int | None = None,
) -> Table:
    """Tabulate what a planned run can detect with 80% power.

    Args:
        rows: differences from ``planned``.
        seeds: number of seeds of the planned run; None: as in the earlier one.
        problems: number of problems of the planned run; None: as in the earlier one.
        difference: a share; the seeds and problems that detect it are shown. None: they are not.
        family: number of comparisons for which p is corrected after Holm; None: as in ``rows``.

    Raises:
        ValueError: ``seeds`` is given, but the earlier run has one seed and so no variance between seeds.
    """
    alone = [row.difference for row in rows if row.difference.seeds == 1]
    if alone and seeds is not None:
        raise ValueError(
            f"seeds: found {seeds}, but {alone[0].arm} has one seed in the earlier run; allowed: a run "
            "with 2 seeds or more, which shows the variance between them"
        )
    names = ["arm", "minus", "where", "best-of", "sd seeds", "sd problems", "sd residual"]
    names += ["seeds", "problems", "detects"]
    lead = (
        f"Detects: the smallest difference, in points, that is detected with {POWER:.0%} power at alpha "
        f"{ALPHA:g}, two-sided, corrected after Holm for {family or max(row.family for row in rows)} "
        "comparisons. Standard deviations, in points, of single differences: between seeds, between "
        "problems, and of a seed on a problem. For a claim with a margin, what is detected is a distance "
        "from the margin."
    )
    if alone:
        lead += " With one seed the variance between seeds is not known: the results apply only to that seed."
    if difference is not None:
        names += ["needs seeds", "or needs problems"]
        lead += (
            f" Needs: the seeds at this number of problems, or the problems at this number of seeds, that "
            f"detect {100 * difference:g} points; a dash where no number does."
        )
    return Table(
        id="power",
        title="Power",
        lead=lead,
        heads=heads(*names, text=("arm", "minus", "where")),
        rows=tuple(
            _cells(
                row,
                seeds or row.difference.seeds,
                problems or row.difference.found.problems,
                difference,
                ALPHA / (family or row.family),
            )
            for row in rows
        ),
    )


def _cells(
    row: Planned, seeds: int, problems: int, difference: float | None, alpha: float
) -> tuple[Cell, ...]:
    parts = row.components
    cells = [
        word(row.difference.arm),
        word(row.difference.against),
        word(row.difference.where or "–"),
        whole(row.difference.n),
        *(points(variance**0.5) for variance in (parts.seed, parts.problem, parts.residual)),
        whole(seeds if row.difference.seeds else None),
        whole(problems),
        points(detectable(parts.terms(seeds, problems), alpha)),
    ]
    if difference is not None:
        cells.append(whole(seeds_needed(difference, parts, problems, alpha)))
        cells.append(whole(problems_needed(difference, parts, seeds, alpha)))
    return tuple(cells)
