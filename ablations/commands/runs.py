"""Commands on the results and artifacts of runs: ``ablations report | status | gc | list``."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

from ablations.commands.arguments import RUN_FILE, experiments, parse_run_file
from ablations.commands.run_files import started_in, store_of_run
from ablations.engine.files import check_output, exclusive
from ablations.engine.progress import text_table
from ablations.engine.store import STORE, Store, is_store


def report(run_dir: Path) -> None:
    """Writes figures, table and report from a run's records.

    Args:
        run_dir: the out folder of a run.
    """
    experiment, args = parse_run_file(run_dir)
    check_output(run_dir, "run_dir", folder=True)
    with exclusive(run_dir, "run_dir"):
        experiment.report(args.settings, run_dir)


def status(path: Path) -> None:
    """Prints the state of a run or of a store.

    Args:
        path: the out folder of a run, or a store, for all commands.
    """
    from ablations.engine.status import describe_statuses, describe_store, task_statuses

    if is_store(path):
        print(describe_store(Store(path)))
        return
    experiment, args = parse_run_file(path)
    store = Store(store_of_run(path))
    with chdir(started_in(path)):
        tasks = experiment.plan(args.settings).tasks
    print(describe_statuses(task_statuses(tasks, store), store))


def gc(*, runs: Path = Path("runs"), store: Path = STORE, delete: bool = False) -> None:
    """Prints or removes the artifacts that no run refers to.

    Args:
        runs: folder of the runs' out folders.
        store: folder of artifacts.
        delete: remove them; without it they are only listed.
    """
    from ablations.engine.garbage import find_unused, sweep_addresses

    folders = sorted(path.parent for path in runs.glob(f"*/{RUN_FILE}"))
    sweeps = sweep_addresses(runs)
    if not folders and not sweeps:
        raise ValueError(f"runs: found no {RUN_FILE} below {runs}; allowed: a folder with one run or more")
    used: set[str] = set().union(*sweeps.values())
    for folder in folders:
        experiment, args = parse_run_file(folder)
        with chdir(started_in(folder)):
            used |= {task.address for task in experiment.plan(args.settings).tasks}
    artifacts = Store(store)
    unused = find_unused(artifacts, used)
    listed = [address for address in unused if not delete or artifacts.discard(address)]
    rows = [(address, f"{unused[address] / 1e6:,.1f} MB") for address in listed]
    if rows:
        print(text_table(("artifact", "size"), rows, right=(1,)))
    done = "removed" if delete else "not referred to; --delete removes them"
    total = sum(unused[address] for address in listed) / 1e6
    users = f"{len(folders)} runs and {len(sweeps)} sweeps"
    print(f"{len(listed)} artifacts, {total:,.1f} MB {done}; {users} refer to {len(used)}")


def list_experiments() -> None:
    """Prints the experiments."""
    rows = [
        (name, ", ".join(known.scales), ", ".join(known.worlds), ", ".join(known.labelers), known.summary)
        for name, known in experiments().items()
    ]
    print(text_table(("experiment", "scales", "worlds", "labelers", "what it shows"), rows))
