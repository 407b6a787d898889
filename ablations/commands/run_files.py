"""A run's file, the meaning of its relative paths from any folder, and its records."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.commands.arguments import RUN_FILE, STARTED_IN, read_yaml

if TYPE_CHECKING:
    import pandas as pd


def run_file(args: Any) -> str:
    """Returns the text of a run's file: all arguments, and the folder that the run is started in.

    That folder is relative to the out folder if it contains it, so that both can be moved together.
    """
    current, out = Path.cwd(), args.out.resolve()
    folder = os.path.relpath(current, out) if out.is_relative_to(current.resolve()) else str(current)
    return f"{STARTED_IN}: {json.dumps(folder)}\n{args.dump}"


def started_in(run_dir: Path) -> Path:
    """Returns the folder that a run was started in, which its file's relative paths refer to.

    This is the current folder if the file does not name one, as in older runs.

    Raises:
        ValueError: the folder no longer exists.
    """
    folder = read_yaml(run_dir / RUN_FILE).get(STARTED_IN)
    if folder is None:
        return Path()
    found = (run_dir / str(folder)).resolve()
    if not found.is_dir():
        raise ValueError(
            f"{run_dir / RUN_FILE}: field {STARTED_IN}: found {folder}; allowed: the folder that the run was "
            "started in"
        )
    return found


def store_of_run(run_dir: Path) -> Path:
    """Returns the path of a run's artifact store from the current folder."""
    folder, store = started_in(run_dir), Path(read_yaml(run_dir / RUN_FILE)["store"])
    return store if folder.resolve() == Path.cwd() else folder / store


def records_of(run: str) -> pd.DataFrame:
    """Reads the records of a run's folder, a file, or an experiment's committed reference run.

    Raises:
        ValueError: there are none, or they are invalid.
    """
    import results
    from ablations.data.artifacts import RECORDS
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
