"""The command line: which experiment, at which scale, on which machine. The science is in the settings."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from ablations.commands.arguments import RUN_FILE, check_logger, parse_run
from ablations.commands.run_files import run_file
from ablations.engine.experiment import Experiment
from ablations.engine.files import check_output, lock_of
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
    "label": "Label the steps of solutions with any public PRM or judge. The same command resumes it.",
    "rollout": "Label the steps of solutions by rollouts of a generator. The same command resumes it.",
    "finetune": "Finetune a checkpoint the paper's way: MathMix, the generator, or the large PRM.",
    "evaluate": "Evaluate any reward model, by its checkpoint or by scores computed elsewhere.",
    "compare": "Compare reward models by their scores of the same solutions, or runs by their records.",
    "benchmark": "Rank reward models on pools that never change.",
    "decisions": "Show how often runs in embedded worlds choose between arms as runs on real solutions do.",
    "power": "Show which differences a run can detect, from the variances of an earlier one.",
    "advise": "Say what labels to buy for a budget, from a pilot's records and prices.",
    "unpack": "Turn a GGUF file, which a package may hold, into a checkpoint.",
    "export": "Write a trained reward model, or a pool, as a folder with a card, and upload it if you like.",
    "list": "List the experiments.",
    "gc": "Show the artifacts that no run refers to; with --delete, remove them.",
    "world": "Check, pretrain or sample an embedded world.",
}
RUNS = {"report": "report", "status": "status", "gc": "gc", "list": "list_experiments"}
"""Commands that are a function in ``runs``; another command is the function in the module of its name."""
GROUPS = ("benchmark", "finetune", "world")
"""Commands that are several functions, in the ``KINDS`` of their modules."""
QUIET = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
"""Variables for transformers, unless the user sets them. Otherwise it reports every head, as all are new."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command `ablations`.

    Args:
        argv: the arguments; None: those of the process.

    Returns:
        Exit code, as documented for ``failures.run_guarded``.
    """
    from ablations.engine.failures import run_guarded

    quieten()
    arguments = list(sys.argv[1:] if argv is None else argv)

    def work() -> int:
        _dispatch(arguments)
        return 0

    return run_guarded("ablations", arguments, work)


def quieten() -> None:
    """Makes our warnings plain lines and keeps libraries quiet."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def _dispatch(argv: list[str]) -> None:
    from ablations.engine.processes import one_thread

    command = argv[0] if argv else None
    if command in ("run", "plan", "annotate", "sample", "rollout"):
        with one_thread():  # before anything that computes is imported
            _call(str(command), argv[1:])
    elif command in COMMANDS:
        _call(command, argv[1:])
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


def _call(command: str, argv: list[str]) -> None:
    from ablations.commands.signatures import call, call_one_of

    if command == "annotate":
        _annotate(argv)
    elif command in ("run", "plan"):
        experiment, args = parse_run(command, argv)
        (_run if command == "run" else _plan)(experiment, args)
    else:
        about = {"prog": f"ablations {command}", "summary": COMMANDS[command]}
        module = importlib.import_module(f"ablations.commands.{'runs' if command in RUNS else command}")
        if command in GROUPS:
            call_one_of(module.KINDS, argv, **about)
        else:
            call(getattr(module, RUNS.get(command, command)), argv, **about)


def _run(experiment: Experiment, args: Any) -> None:
    from ablations.engine.logs import Logs
    from ablations.engine.machine import Machine
    from ablations.engine.progress import reporter_of
    from ablations.engine.ranks import Devices, check_devices, joined_devices
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
    with joined_devices(asked) as devices:
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
    from ablations.commands.plan import asks_for_costs, describe_costs
    from ablations.engine.processes import default_workers
    from ablations.engine.progress import duration, text_table
    from ablations.engine.schedule import Rates, total_seconds
    from ablations.engine.store import NOT_MADE, Store

    tasks = experiment.plan(args.settings).tasks
    store, workers = Store(args.store), args.workers or default_workers()
    rates = Rates(store)
    rows, left = [], []
    for task in tasks:
        fault = store.fault(task, full=False)
        state = "cached" if fault is None else "to do" if fault == NOT_MADE else "damaged, to do"
        tokens = "" if task.tokens is None else f"{task.tokens:,}"
        rows.append(
            (task.label, task.name, state, tokens, "" if fault is None else duration(rates.seconds(task)))
        )
        if fault is not None:
            left.append(task)
    if asks_for_costs(args):
        print(f"{describe_costs(args, tasks, store)}\n")
    else:
        print(text_table(("task", "step", "state", "tokens", "time"), rows, right=(3, 4)))
    total = total_seconds(left, rates.seconds, workers)
    print(
        f"{len(rows)} tasks, {len(rows) - len(left)} cached, {len(left)} to do: "
        f"{sum(task.tokens or 0 for task in left):,} tokens, "
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
