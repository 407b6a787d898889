"""``ablations power RUN``: the differences that a run can detect, from the variances of an earlier one."""

from __future__ import annotations

from typing import Annotated

from ablations.commands.run_files import records_of
from ablations.data.field_types import Range
from results.stats.power import MOST

Planned = Annotated[int, Range(least=2, most=MOST)]
"""Number of seeds or problems to plan with."""


def power(
    run: str,
    *,
    seeds: Planned | None = None,
    problems: Planned | None = None,
    difference: Annotated[float, Range(above=0, most=100)] | None = None,
    family: Annotated[int, Range(least=1, most=MOST)] | None = None,
) -> None:
    """Prints the differences that a run can detect, from the variances of an earlier one.

    Args:
        run: the earlier run, maybe a pilot at a smaller scale: its out folder, its file of records, or the
            name of an experiment, for the committed reference run.
        seeds: seeds to plan with (default: the run's).
        problems: problems to plan with (default: the run's).
        difference: a difference in points: show the seeds, and the problems, that detect it.
        family: comparisons for which p is corrected after Holm (default: the claims, or all rows).

    Raises:
        ValueError: an argument is invalid, or there are no records to plan with.
    """
    from results.analyses.active_learning import efficiency_power_table
    from results.analyses.planning import planned, power_table
    from results.tables.rendering import as_text

    frame = records_of(run)
    if set(frame["experiment"]) == {"active_learning"}:
        print(as_text(efficiency_power_table(frame, seeds=seeds, problems=problems)))
    rows = planned(frame)
    if not rows:
        raise ValueError(
            f"run: found no two arms of a comparison with values per problem in {run}; allowed: records with "
            "best-of-N on 2 problems or more"
        )
    print(
        as_text(
            power_table(
                rows,
                seeds=seeds,
                problems=problems,
                difference=None if difference is None else difference / 100,
                family=family,
            )
        )
    )
