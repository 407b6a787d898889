"""Commands on the results and artifacts of runs: ``ablations report | status | gc | list``."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

from ablations.commands.arguments import RUN_FILE, experiments, parse_run_file
from ablations.commands.run_files import started_in, store_of_run
from ablations.engine.files import alone, check_output
from ablations.engine.progress import text_table
from ablations.engine.store import STORE, Store, is_store


def report(run_dir: Path) -> None:
    """Writes figures, table and report from a run's records.

    Args:
        run_dir: the out folder of a run.
    """
    experiment, args = parse_run_file(run_dir)
    check_output(run_dir, "run_dir", folder=True)
    with alone(run_dir, "run_dir"):
        experiment.report(args.settings, run_dir)


def status(path: Path) -> None:
    """Prints the state of a run or of a store.

    Args:
        path: the out folder of a run, or a store, for all commands.
    """
    from ablations.engine.status import described, described_store, standings

    if is_store(path):
        print(described_store(Store(path)))
        return
    experiment, args = parse_run_file(path)
    store = Store(store_of_run(path))
    with chdir(started_in(path)):
        tasks = experiment.plan(args.settings).tasks
    print(described(standings(tasks, store), store))


def gc(*, runs: Path = Path("runs"), store: Path = STORE, delete: bool = False) -> None:
    """Prints or removes the artifacts that no run refers to.

    Args:
        runs: folder of the runs' out folders.
        store: folder of artifacts.
        delete: remove them; without it they are only listed.
    """
    from ablations.engine.garbage import of_sweeps, remove, unused

    folders = sorted(path.parent for path in runs.glob(f"*/{RUN_FILE}"))
    sweeps = of_sweeps(runs)
    if not folders and not sweeps:
        raise ValueError(f"runs: found no {RUN_FILE} below {runs}; allowed: a folder with one run or more")
    used: set[str] = set().union(*sweeps.values())
    for folder in folders:
        experiment, args = parse_run_file(folder)
        with chdir(started_in(folder)):
            used |= {task.address for task in experiment.plan(args.settings).tasks}
    artifacts = Store(store)
    garbage = unused(artifacts, used)
    if delete:
        garbage = remove(artifacts, garbage)
    rows = [(artifact.address, f"{artifact.size / 1e6:,.1f} MB") for artifact in garbage]
    if rows:
        print(text_table(("artifact", "size"), rows, right=(1,)))
    done = "removed" if delete else "not referred to; --delete removes them"
    total = sum(artifact.size for artifact in garbage) / 1e6
    print(
        f"{len(garbage)} artifacts, {total:,.1f} MB {done}; {len(folders)} runs and {len(sweeps)} sweeps "
        f"refer to {len(used)}"
    )


def list_experiments() -> None:
    """Prints the experiments."""
    rows = [
        (name, ", ".join(known.scales), ", ".join(known.worlds), ", ".join(known.labelers), known.summary)
        for name, known in experiments().items()
    ]
    print(text_table(("experiment", "scales", "worlds", "labelers", "what it shows"), rows))
