"""The command line: which experiment, at which scale, on which machine. Science is in the settings.

A setting comes from the experiment's defaults for the scale, over which goes `--config`, over which go flags.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ablations.pipeline import Experiment

COMMANDS = {
    "run": "Run an experiment; again, it goes on from what stands.",
    "plan": "Show an experiment's tasks, what is cached, tokens and estimated time. Runs nothing.",
    "annotate": "Write solutions for people to rate step by step, and check their ratings.",
    "report": "Write figures, table and report again from a run's records.",
    "list": "List the experiments.",
    "world": "Check, pretrain or sample an embedded world.",
}
WORLD_COMMANDS = {
    "check": "Compute the properties that a world must have.",
    "pretrain": "Make a world's base models again.",
    "sample": "Print some problems and solutions of a world.",
}
QUIET = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
"""For transformers, unless the user says otherwise: it reports every new head, as all heads here are."""
RUN_FILE = "run.yaml"
"""What `run` leaves in its out folder: the whole configuration, as `--config` takes it."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command `ablations`.

    Args:
        argv: the arguments; None takes those of the process.

    Returns:
        Exit code: 0 done, 1 tasks failed, 2 the user's mistake (one line on standard error), 130 interrupted.
        With ABLATIONS_DEBUG set in the environment, mistakes are raised with their traceback.
    """
    from jsonargparse import ArgumentError

    from ablations.scheduling import RunFailed

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        _dispatch(list(sys.argv[1:] if argv is None else argv))
    except RunFailed as failed:
        print(f"ablations: {failed}\nThe same command tries these again and keeps the rest.", file=sys.stderr)
        return 1
    except (ValueError, ArgumentError) as error:
        if os.environ.get("ABLATIONS_DEBUG"):
            raise
        print(f"ablations: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ablations: interrupted; the same command goes on from what stands", file=sys.stderr)
        return 130
    return 0


def _one_line(message: str) -> str:
    """A mistake in one line; of a value that fits none of several types, what our own rules say of it."""
    told = [line.strip().removeprefix("- ") for line in message.splitlines() if "; allowed: " in line]
    return told[0] if told and "Union subtypes" in message else " ".join(message.split())


def _dispatch(argv: list[str]) -> None:
    from ablations.executors import one_thread

    command = argv[0] if argv else None
    if command in ("run", "plan"):
        with one_thread():  # before anything that computes is imported
            experiment, args = _parse_run(command, argv[1:])
            (_run if command == "run" else _plan)(experiment, args)
    elif command == "annotate":
        with one_thread():
            _annotate(argv[1:])
    elif command == "report":
        _report(argv[1:])
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


def _experiments() -> Mapping[str, Experiment]:
    from ablations.experiments import EXPERIMENTS

    return EXPERIMENTS


def _allowed(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: {value!r} is not allowed; allowed are {', '.join(allowed)}")


def _parse_run(command: str, argv: list[str]) -> tuple[Experiment, Any]:
    """Parses in two goes, for the scale decides the defaults of the settings.

    Returns:
        The experiment, and the arguments: `settings` is its dataclass, `dump` all of them as YAML.
    """
    import jsonargparse

    if importlib.util.find_spec("docstring_parser"):  # it tells the help of each field
        jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    experiments = _experiments()
    if not argv or argv[0].startswith("-"):
        if not {"-h", "--help"}.intersection(argv):
            raise ValueError(
                f"{command}: the name of an experiment must come first: {', '.join(experiments)}"
            )
        argv = [next(iter(experiments)), *argv]
    name, rest = argv[0], argv[1:]
    _allowed("experiment", name, tuple(experiments))
    experiment = experiments[name]

    choice, rest, config = _first_look(rest)
    _allowed("scale", choice["scale"], experiment.scales)
    for facet, allowed in (("world", experiment.worlds), ("labeler", experiment.labelers)):
        if facet == "labeler" and choice["pool"] is not None:
            continue  # the pool says whose scores it holds
        if choice[facet] is not None and allowed:
            _allowed(facet, choice[facet], allowed)
    if command == "report":  # the run's file holds every setting: its pool need not be there any more
        settings = experiment.settings(choice["scale"], None, None, None)
    else:
        pool = None if choice["pool"] is None else Path(choice["pool"])
        settings = experiment.settings(choice["scale"], choice["world"], pool, choice["labeler"])

    parser = jsonargparse.ArgumentParser(
        prog=f"ablations {command} {name}",
        description=experiment.summary,
        print_config="--print-config",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--experiment", type=str, default=name, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=str, default="quick", help=f"one of {', '.join(experiment.scales)}")
    parser.add_argument(
        "--world", type=str | None, default=None, help=_one_of("embedded world", experiment.worlds)
    )
    parser.add_argument(
        "--pool", type=Path | None, default=None, help="file of solutions to use instead of a world"
    )
    parser.add_argument(
        "--labeler", type=str | None, default=None, help=_one_of("labeler", experiment.labelers)
    )
    parser.add_argument("--store", type=Path, default=Path("runs/store"), help="folder of artifacts")
    parser.add_argument(
        "--out",
        type=Path | None,
        default=None,
        help="folder for the results (default: runs/, named by the choice)",
    )
    parser.add_argument(
        "--workers", type=int | None, default=None, help="processes (default: number of cores)"
    )
    parser.add_argument("--config", action="config", help="YAML file with any of these; flags go over it")
    parser.add_argument("--settings", type=type(settings), default=settings)
    args = parser.parse_args([*(f"--config={path}" for path in config), *rest])
    if args.experiment != name:
        raise ValueError(f"experiment: the config is of {args.experiment!r}, not of {name!r}")
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"workers: {args.workers} is not allowed; must be at least 1")
    instance = parser.instantiate(args)
    if command != "report":
        _check_choice(instance.settings, settings)
    instance.dump = f"experiment: {name}\n{parser.dump(args, skip_unset=False)}"
    if instance.out is None:
        parts = (args.scale, args.world, args.pool and Path(args.pool).name.split(".")[0], args.labeler)
        instance.out = Path("runs") / "-".join([name, *filter(None, parts)])
    return experiment, instance


def _check_choice(found: Any, chosen: Any) -> None:
    """Settings must be of the scale, world, pool and labeler that were chosen beside them."""
    for name in ("scale", "world", "pool.path", "pool.labeler"):
        values = []
        for value in (found, chosen):
            for part in name.split("."):
                value = getattr(value, part, None)
            values.append(value)
        if values[0] != values[1]:
            raise ValueError(
                f"settings.{name}: found {values[0]}; allowed: {values[1]}, as chosen by flag, config or "
                "default"
            )


def _one_of(what: str, allowed: Sequence[str]) -> str:
    return f"{what}: {', '.join(allowed)} (default: {allowed[0]})" if allowed else what


def _first_look(argv: list[str]) -> tuple[dict[str, Any], list[str], list[str]]:
    """What decides the defaults of the settings, from the config files and the flags.

    Returns:
        Scale, world, pool and labeler; the arguments without `--config`; the config files.
    """
    look = _Look(add_help=False, allow_abbrev=False)
    look.add_argument("--config", action="append", default=[])
    found, rest = look.parse_known_args(argv)
    choice: dict[str, Any] = {"scale": "quick", "world": None, "pool": None, "labeler": None}
    for path in found.config:
        if not Path(path).is_file():
            raise ValueError(f"config: {path} is not a file")
        content = _read_yaml(Path(path))
        choice.update({name: content[name] for name in choice if name in content})
    for name in choice:
        look.add_argument(f"--{name}", default=choice[name])
    choice.update(
        {name: value for name, value in vars(look.parse_known_args(argv)[0]).items() if name in choice}
    )
    return choice, rest, found.config


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"config: {path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"config: {path} must hold a mapping")
    return content


class _Look(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _run(experiment: Experiment, args: Any) -> None:
    from ablations.executors import run_tasks
    from ablations.store import Store

    plan = experiment.plan(args.settings)
    for name in ("store", "out"):
        _folder(name, getattr(args, name))
    store = Store(args.store)
    run_tasks((*plan.targets, plan.records), store, workers=args.workers, stages=experiment.stages)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / RUN_FILE).write_text(args.dump)
    experiment.finish(args.settings, store, plan, args.out)


def _folder(name: str, path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{name}: found the file {path}; allowed: a folder, or a new one")


def _plan(experiment: Experiment, args: Any) -> None:
    from ablations.executors import default_workers
    from ablations.progress import duration, text_table
    from ablations.scheduling import Rates, total_seconds
    from ablations.store import NOT_MADE, Store

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
            (task.label, task.stage, state, "" if task.tokens is None else f"{task.tokens:,}", seconds)
        )
        if fault is not None:
            left.append(task)
            tokens += task.tokens or 0
    print(text_table(("task", "stage", "state", "tokens", "time"), rows, right=(3, 4)))
    total = total_seconds(left, rates.seconds, workers)
    print(
        f"{len(rows)} tasks, {len(rows) - len(left)} cached, {len(left)} to do: {tokens:,} tokens, "
        f"about {duration(total)} with {workers} worker{'s' * (workers != 1)}"
    )


def _annotate(argv: list[str]) -> None:
    """`annotate write EXPERIMENT` and `annotate read EXPERIMENT`, with the flags of `run`."""
    from ablations.experiments.annotation import annotate
    from ablations.store import Store

    if not argv or argv[0] not in ("write", "read"):
        raise ValueError(f"annotate: found {argv[0] if argv else 'nothing'}; allowed: write, read")
    _, args = _parse_run(f"annotate {argv[0]}", argv[1:])
    _folder("store", args.store)
    annotate(args.settings, Store(args.store), args.workers, write=argv[0] == "write")


def _report(argv: list[str]) -> None:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog="ablations report", description=COMMANDS["report"], exit_on_error=False
    )
    parser.add_argument("run_dir", type=Path, help="the out folder of a run")
    run_dir = Path(parser.parse_args(argv).run_dir)
    file = run_dir / RUN_FILE
    if not file.is_file():
        raise ValueError(f"run_dir: {run_dir} has no {RUN_FILE}; allowed is the out folder of a finished run")
    name = _read_yaml(file).get("experiment")
    _allowed(f"experiment in {file}", str(name), tuple(_experiments()))
    experiment, args = _parse_run("report", [str(name), "--config", str(file)])
    experiment.report(args.settings, run_dir)


def _list(argv: list[str]) -> None:
    import jsonargparse

    from ablations.progress import text_table

    jsonargparse.ArgumentParser(
        prog="ablations list", description=COMMANDS["list"], exit_on_error=False
    ).parse_args(argv)
    rows = [
        (name, ", ".join(one.scales), ", ".join(one.worlds), ", ".join(one.labelers), one.summary)
        for name, one in _experiments().items()
    ]
    print(text_table(("experiment", "scales", "worlds", "labelers", "what it shows"), rows))


def _world(argv: list[str]) -> None:
    """The flags of `world check` are the arguments of `ablations.world.cli_check`, and so on."""
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog="ablations world", description=COMMANDS["world"], exit_on_error=False
    )
    commands = parser.add_subcommands(required=True, dest="command")
    functions = {}
    world = importlib.import_module("ablations.world")
    for name, summary in WORLD_COMMANDS.items():
        functions[name] = getattr(world, f"cli_{name}")
        command = jsonargparse.ArgumentParser(description=summary, exit_on_error=False)
        command.add_function_arguments(functions[name], as_group=False)
        commands.add_subcommand(name, command, help=summary)
    args = parser.instantiate(parser.parse_args(argv))
    functions[args.command](**vars(args[args.command]))
