"""``ablations power RUN``: the differences that a run can detect, from the variances of an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.cli import COMMANDS
from ablations.data.artifacts import RECORDS
from results.stats.power import MOST

if TYPE_CHECKING:
    import pandas as pd


def power(argv: Sequence[str]) -> None:
    """Runs the command.

    Args:
        argv: the command's arguments.

    Raises:
        ValueError: an argument is invalid, or there are no records to plan with.
    """
    from results.analyses.active_learning import efficiency_power_table
    from results.analyses.planning import planned, power_table
    from results.tables.rendering import as_text

    args = _parse(argv)
    frame = _records(args.run)
    if set(frame["experiment"]) == {"active_learning"}:
        print(as_text(efficiency_power_table(frame, seeds=args.seeds, problems=args.problems)))
    rows = planned(frame)
    if not rows:
        raise ValueError(
            f"run: found no two arms of a comparison with values per problem in {args.run}; allowed: records "
            "with best-of-N on 2 problems or more"
        )
    print(
        as_text(
            power_table(
                rows,
                seeds=args.seeds,
                problems=args.problems,
                difference=None if args.difference is None else args.difference / 100,
                family=args.family,
            )
        )
    )


def _records(run: str) -> pd.DataFrame:
    """Reads the records of a run's folder, a file, or an experiment's committed reference run."""
    import results
    from results.records import read_records

    path = Path(run)
    if path.is_dir():
        path = path / RECORDS
    if not path.is_file():
        reference = Path(results.__file__).parent / "reference" / f"{run}-small" / RECORDS
        if "/" in run or not reference.is_file():
            raise ValueError(
                f"run: found no {path}; allowed: the out folder of a finished run, a file of records, or the "
                "name of an experiment with a committed reference run"
            )
        path = reference
    return read_records(path)


def _parse(argv: Sequence[str]) -> Any:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog="ablations power", description=COMMANDS["power"], exit_on_error=False, allow_abbrev=False
    )
    parser.add_argument(
        "run",
        type=str,
        help="the earlier run, maybe a pilot at a smaller scale: its out folder, its file of records, or the "
        "name of an experiment, for the committed reference run",
    )
    parser.add_argument("--seeds", type=int | None, default=None, help="to plan with (default: the run's)")
    parser.add_argument("--problems", type=int | None, default=None, help="to plan with (default: the run's)")
    parser.add_argument(
        "--difference",
        type=float | None,
        default=None,
        help="in points: show the seeds, and the problems, that detect it",
    )
    parser.add_argument(
        "--family",
        type=int | None,
        default=None,
        help="comparisons for which p is corrected after Holm (default: the claims, or all rows)",
    )
    args = parser.parse_args(list(argv))
    for name, least in (("seeds", 2), ("problems", 2), ("family", 1)):
        value = getattr(args, name)
        if value is not None and not least <= value <= MOST:
            raise ValueError(f"{name}: found {value}; allowed: {least} to {MOST}")
    if args.difference is not None and not 0 < args.difference <= 100:
        raise ValueError(f"difference: found {args.difference:g}; allowed: above 0, at most 100 points")
    return args
