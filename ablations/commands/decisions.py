"""``ablations decisions RUN ... --real RUN``: what runs in embedded worlds can tell about real solutions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ablations.commands.run_files import records_of
from ablations.engine.files import check_new, new_folder
from results.writing import write_text

if TYPE_CHECKING:
    import pandas as pd

TABLE = "table.txt"


def decisions(
    run: tuple[str, ...], *, real: tuple[str, ...], n: int | None = None, out: Path | None = None
) -> None:
    """Shows how often cheap runs choose between two arms as runs on real solutions do. Needs no torch.

    Args:
        run: a cheap run, such as one of an embedded world: its out folder, its file of records, or the name
            of an experiment, for the committed reference run.
        real: a run to be predicted, such as one on real solutions, repeatable.
        n: N of best-of-N (default: the largest that all runs have).
        out: new folder for the tables, with a table of each decision.

    Raises:
        ValueError: a run has no records, or runs share no N or no two arms.
    """
    from results.analyses.decisions import decision_tables
    from results.tables.rendering import as_text

    if out is not None:
        check_new(out, "out")
    tables = decision_tables(_named(run), _named(real), n)
    print("\n".join(as_text(table) for table in tables if table.printed), end="")
    if out is not None:
        with new_folder(out, "out") as folder:
            write_text(folder / TABLE, "\n".join(map(as_text, tables)))


def _named(runs: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """Reads runs, named by folder, file or experiment, or by their paths if a name comes twice."""
    names = [Path(run).name for run in runs]
    if len(set(names)) < len(names):
        names = list(runs)
    if len(set(names)) < len(names):
        raise ValueError(f"run: found {', '.join(names)}; allowed: each run once")
    return {name: records_of(run) for name, run in zip(names, runs, strict=True)}
