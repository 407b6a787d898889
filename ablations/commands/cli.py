"""The command line: which experiment, at which scale, on which machine. The science is in the settings."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

from ablations.commands.arguments import (
    RUN_FILE,
    check_logger,
    experiments,
    parse_run,
    parse_run_file,
)
from ablations.commands.run_files import run_file, started_in, store_of_run
from ablations.engine.experiment import Experiment
from ablations.engine.files import alone, check_output, lock_of
from ablations.engine.locks import locked
from results.writing import write_text

COMMANDS = {
    "run": "Run an experiment. The same command resumes it.",
    "plan": "Show an experiment's tasks, what is cached, tokens and estimated time, or its cost on given "
    "devices. Runs nothing.",
    "annotate": "Write solutions for people to rate step by step, and check their ratings.",
    "status": "Show the state of a run or of a store, also from another terminal.",
    "report": "Write figures, table and report from a run's records.",
    "convert": "Convert a file of problems, solutions or step labels from one public format to another.",
    "grade": "Grade the final answers of solutions by mathematical equivalence.",
    "sample": "Sample solutions of problems from any checkpoint. The same command resumes it.",
    "label": "Label the steps of solutions with any public PRM. The same command resumes it.",
    "finetune": "Finetune a checkpoint the paper's way: MathMix, the generator, or the large PRM.",
    "evaluate": "Evaluate any reward model, by its checkpoint or by scores computed elsewhere.",
    "power": "Show which differences a run can detect, from the variances of an earlier one.",
    "export": "Write a trained reward model as a folder for transformers, with a model card.",
    "list": "List the experiments.",
    "gc": "Show the artifacts that no run refers to; with --delete, remove them.",
    "world": "Check, pretrain or sample an embedded world.",
}
WORLD_COMMANDS = {
    "check": "Compute the properties that a world must have.",
    "pretrain": "Pretrain a world's base models.",
    "sample": "Print some problems and solutions of a world.",
}
QUIET = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
"""Variables for transformers, unless the user sets them: it reports every new head, as all heads here are."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command `ablations`.

    Args:
        argv: the arguments; None: those of the process.

    Returns:
        Exit code, as documented for ``failures.guarded``.
    """
    from ablations.engine.failures import guarded

    quieten()
    arguments = list(sys.argv[1:] if argv is None else argv)

    def work() -> int:
        _dispatch(arguments)
        return 0

    return guarded("ablations", arguments, work)


def quieten() -> None:
    """Makes our warnings plain lines and keeps libraries quiet."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def _dispatch(argv: list[str]) -> None:
    from ablations.engine.processes import one_thread

    command = argv[0] if argv else None
    if command in ("run", "plan"):
        with one_thread():  # before anything that computes is imported
            experiment, args = parse_run(command, argv[1:])
            (_run if command == "run" else _plan)(experiment, args)
    elif command == "annotate":
        with one_thread():
            _annotate(argv[1:])
    elif command == "convert":
        _convert(argv[1:])
    elif command == "sample":
        with one_thread():
            _module_of(command)(argv[1:])
    elif command in ("grade", "label", "finetune", "evaluate", "export", "power"):
        _module_of(command)(argv[1:])
    elif command == "report":
        _report(argv[1:])
    elif command == "status":
        _status(argv[1:])
    elif command == "gc":
        _gc(argv[1:])
    elif command == "list":
        _list(argv[1:])
    elif command == "world":
        _world(argv[1:])
    else:
        import jsonargparse

        parser = jsonargparse.ArgumentParser(
            prog="ablations",
            description="Ablations of process against outcome supervision.",
            epilog="`ablations COMMAND --help` says more.",
            exit_on_error=False,
        )
        commands = parser.add_subcommands(required=True, dest="command")
        for name, summary in COMMANDS.items():
            commands.add_subcommand(name, jsonargparse.ArgumentParser(exit_on_error=False), help=summary)
        parser.parse_args(argv)


def _module_of(command: str) -> Callable[[Sequence[str]], None]:
    """Returns the function of a command that has its own module; both are named after the command."""
    function: Callable[[Sequence[str]], None] = getattr(
        importlib.import_module(f"ablations.commands.{command}"), command
    )
    return function


def _run(experiment: Experiment, args: Any) -> None:
    from ablations.engine.logs import Logs
    from ablations.engine.machine import Machine
    from ablations.engine.progress import reporter_of
    from ablations.engine.ranks import Devices, check_devices, started
    from ablations.engine.run import run_tasks
    from ablations.engine.store import Store

    plan = experiment.plan(args.settings)
    for name in ("store", "out"):
        check_output(getattr(args, name), name, folder=True)
    check_logger(args.logger)
    store = Store(args.store)
    asked = Devices(devices=args.devices, nodes=args.nodes, strategy=args.strategy)
    if args.executor == "local":
        left = [task for task in plan.tasks if store.fault(task, full=False) is not None]
        check_devices(left, asked.devices)
    with started(asked) as devices:
        if not devices.group.first:
            return
        args.out.mkdir(parents=True, exist_ok=True)
        write_text(args.out / RUN_FILE, run_file(args))
        reporter = reporter_of(args.log_format)
        targets = (*plan.targets, plan.records)
        machine = Machine(
            devices=devices,
            logs=Logs(kind=args.logger, folder=(args.out / "logs").absolute()),
            executor=args.executor,
            address=args.address,
            resources=args.resources,
        )
        run_tasks(targets, store, args.workers, reporter, machine)
        with locked(lock_of(args.out)):  # one at a time, if several machines share the run
            experiment.finish(args.settings, store, plan, args.out)


def _plan(experiment: Experiment, args: Any) -> None:
    from ablations.commands.plan import asks_for_costs, described
    from ablations.engine.processes import default_workers
    from ablations.engine.progress import duration, text_table
    from ablations.engine.schedule import Rates, total_seconds
    from ablations.engine.store import NOT_MADE, Store

    plan = experiment.plan(args.settings)
    store, workers = Store(args.store), args.workers or default_workers()
    rates = Rates(store)
    rows, left = [], []
    tokens = 0
    for task in plan.tasks:
        fault = store.fault(task, full=False)
        seconds = "" if fault is None else duration(rates.seconds(task))
        state = "cached" if fault is None else "to do" if fault == NOT_MADE else "damaged, to do"
        rows.append(
            (task.label, task.name, state, "" if task.tokens is None else f"{task.tokens:,}", seconds)
        )
        if fault is not None:
            left.append(task)
            tokens += task.tokens or 0
    if asks_for_costs(args):
        print(f"{described(args, plan.tasks, store)}\n")
    else:
        print(text_table(("task", "step", "state", "tokens", "time"), rows, right=(3, 4)))
    total = total_seconds(left, rates.seconds, workers)
    print(
        f"{len(rows)} tasks, {len(rows) - len(left)} cached, {len(left)} to do: {tokens:,} tokens, "
        f"about {duration(total)} with {workers} worker{'s' * (workers != 1)}"
    )


def _annotate(argv: list[str]) -> None:
    """Runs `annotate write EXPERIMENT` or `annotate read EXPERIMENT`, with the flags of `run`."""
    import jsonargparse

    from ablations.commands.annotate import annotate
    from ablations.engine.store import Store

    if argv[:1] in (["-h"], ["--help"]):
        parser = jsonargparse.ArgumentParser(prog="ablations annotate", description=COMMANDS["annotate"])
        parser.add_argument("what", choices=["write", "read"], help="write the forms, or read the ratings")
        parser.add_argument("experiment", help="with the flags of `ablations run EXPERIMENT`")
        parser.parse_args(argv)
    if not argv or argv[0] not in ("write", "read"):
        raise ValueError(f"annotate: found {argv[0] if argv else 'nothing'}; allowed: write, read")
    _, args = parse_run(f"annotate {argv[0]}", argv[1:])
    check_output(args.store, "store", folder=True)
    annotate(args.settings, Store(args.store), args.workers, write=argv[0] == "write")


def _convert(argv: list[str]) -> None:
    from ablations.commands.convert import command

    command(argv, COMMANDS["convert"])


def _report(argv: list[str]) -> None:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog="ablations report", description=COMMANDS["report"], exit_on_error=False
    )
    parser.add_argument("run_dir", type=Path, help="the out folder of a run")
    run_dir = Path(parser.parse_args(argv).run_dir)
    experiment, args = parse_run_file(run_dir)
    check_output(run_dir, "run_dir", folder=True)
    with alone(run_dir, "run_dir"):
        experiment.report(args.settings, run_dir)


def _status(argv: list[str]) -> None:
    import jsonargparse

    from ablations.engine.status import described, described_store, standings
    from ablations.engine.store import Store, is_store

    parser = jsonargparse.ArgumentParser(
        prog="ablations status", description=COMMANDS["status"], exit_on_error=False
    )
    parser.add_argument("path", type=Path, help="the out folder of a run, or a store, for all commands")
    run_dir = Path(parser.parse_args(argv).path)
    if is_store(run_dir):
        print(described_store(Store(run_dir)))
        return
    experiment, args = parse_run_file(run_dir)
    store = Store(store_of_run(run_dir))
    with chdir(started_in(run_dir)):
        tasks = experiment.plan(args.settings).tasks
    print(described(standings(tasks, store), store))


def _gc(argv: list[str]) -> None:
    import jsonargparse

    from ablations.engine.garbage import of_sweeps, remove, unused
    from ablations.engine.progress import text_table
    from ablations.engine.store import Store

    parser = jsonargparse.ArgumentParser(prog="ablations gc", description=COMMANDS["gc"], exit_on_error=False)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs' out folders")
    parser.add_argument("--store", type=Path, default=Path("runs/store"), help="folder of artifacts")
    parser.add_argument("--delete", action="store_true", help="remove them; without it they are only listed")
    args = parser.parse_args(argv)
    runs = sorted(path.parent for path in Path(args.runs).glob(f"*/{RUN_FILE}"))
    sweeps = of_sweeps(Path(args.runs))
    if not runs and not sweeps:
        raise ValueError(
            f"runs: found no {RUN_FILE} below {args.runs}; allowed: a folder with one run or more"
        )
    used: set[str] = set().union(*sweeps.values())
    for run in runs:
        experiment, of_run = parse_run_file(run)
        with chdir(started_in(run)):
            used |= {task.address for task in experiment.plan(of_run.settings).tasks}
    store = Store(args.store)
    found = unused(store, used)
    told = remove(store, found) if args.delete else found
    rows = [(one.address, f"{one.size / 1e6:,.1f} MB") for one in told]
    if rows:
        print(text_table(("artifact", "size"), rows, right=(1,)))
    done = "removed" if args.delete else "not referred to; --delete removes them"
    total = sum(one.size for one in told) / 1e6
    told_by = f"{len(runs)} runs and {len(sweeps)} sweeps"
    print(f"{len(told)} artifacts, {total:,.1f} MB {done}; {told_by} refer to {len(used)}")


def _list(argv: list[str]) -> None:
    import jsonargparse

    from ablations.engine.progress import text_table

    jsonargparse.ArgumentParser(
        prog="ablations list", description=COMMANDS["list"], exit_on_error=False
    ).parse_args(argv)
    rows = [
        (name, ", ".join(one.scales), ", ".join(one.worlds), ", ".join(one.labelers), one.summary)
        for name, one in experiments().items()
    ]
    print(text_table(("experiment", "scales", "worlds", "labelers", "what it shows"), rows))


def _world(argv: list[str]) -> None:
    """Runs a `world` command; the flags of `check` are the arguments of `cli_check`, and so on."""
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog="ablations world", description=COMMANDS["world"], exit_on_error=False
    )
    commands = parser.add_subcommands(required=True, dest="command")
    functions = {}
    world = importlib.import_module("ablations.commands.world")
    for name, summary in WORLD_COMMANDS.items():
        functions[name] = getattr(world, f"cli_{name}")
        command = jsonargparse.ArgumentParser(description=summary, exit_on_error=False)
        command.add_function_arguments(functions[name], as_group=False)
        commands.add_subcommand(name, command, help=summary)
    args = parser.instantiate(parser.parse_args(argv))
    functions[args.command](**vars(args[args.command]))
