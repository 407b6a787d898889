"""Arguments of the commands that take an experiment: defaults by scale, config files, flags.

Settings come from the experiment's defaults for the scale; `--config` overrides them, flags override both.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, make_dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, get_args

from ablations.commands import plan
from ablations.data.checks import allowed
from ablations.data.field_types import Count, check_value, limit_of
from ablations.engine.experiment import Experiment
from ablations.engine.logs import DEFAULT_KIND, NONE, logger_kinds
from ablations.engine.machine import Resources
from ablations.engine.progress import LOG_FORMATS
from ablations.engine.ranks import Devices
from lightning_modules.process_group import Strategy

MACHINE = ("executor", "address", "resources", "devices", "nodes", "strategy", "logger")
"""Flags of `run` that `plan` does not use, or uses differently."""
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}
RUN_FILE = "run.yaml"
"""File that `run` leaves in its out folder: the whole configuration, as `--config` takes it."""
STARTED_IN = "started_in"
"""Field of that file: the folder that the run was started in, relative to the file's own where it can be."""


def experiments() -> Mapping[str, Experiment]:
    """Returns all experiments by name."""
    from ablations.experiments import EXPERIMENTS

    return EXPERIMENTS


def unescape(name: str, text: str) -> str:
    r"""Returns a text from the shell with line breaks for \n, tabs for \t and backslashes for \\.

    Raises:
        ValueError: an escape could also begin a LaTeX command, as in \text.
    """
    if (found := re.search(r"(?<!\\)(?:\\\\)*(\\[nt][a-z]\w*)", text)) is not None:
        command = found[1]
        real = f"$'{command[:2]}'{command[2:]}"
        raise ValueError(
            f"{name}: found {command} in {text}, which may be a LaTeX command or begin with a line break or "
            f"a tab; allowed: \\{command} for the command, {real} for the other"
        )
    return re.sub(r"\\([nt\\])", lambda match: _ESCAPES[match[1]], text)


def check_logger(kind: str) -> None:
    """Checks a value of `Logs.kind`; imports Lightning only for an unusual one.

    Raises:
        ValueError: no logger has this name.
    """
    if kind in (NONE, DEFAULT_KIND):
        return
    allowed("logger", kind, [NONE, *sorted(logger_kinds())])


def parse_run(command: str, argv: list[str]) -> tuple[Experiment, Any]:
    """Parses in two passes, because the scale determines the settings' defaults.

    Returns:
        The experiment, and the arguments: `settings` is its dataclass, `dump` all of them as YAML.
    """
    import jsonargparse

    from lightning_modules.presets import Precision

    if importlib.util.find_spec("docstring_parser"):  # it provides the help of each field
        jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    known = experiments()
    if not argv or argv[0].startswith("-"):
        if not {"-h", "--help"}.intersection(argv):
            raise ValueError(f"{command}: the name of an experiment must come first: {', '.join(known)}")
        argv = [next(iter(known)), *argv]
    name, rest = argv[0], argv[1:]
    allowed("experiment", name, tuple(known))
    experiment = known[name]

    choice, rest, config = _first_look(rest)
    if choice["precision"] is not None:
        allowed("precision", choice["precision"], get_args(Precision))
    allowed("scale", choice["scale"], experiment.scales)
    on_pool = choice["pool"] is not None
    if choice["world"] is not None and experiment.worlds:
        allowed("world", choice["world"], experiment.worlds)
    if choice["labeler"] is not None and experiment.labelers and not on_pool:  # a pool names its own
        allowed("labeler", choice["labeler"], experiment.labelers)
    if command == "report":  # the run's file holds every setting, so its pool may be gone
        settings = experiment.settings(choice["scale"], None, None, None)
    else:
        pool = Path(choice["pool"]) if on_pool else None
        settings = experiment.settings(choice["scale"], choice["world"], pool, choice["labeler"])
        if choice["precision"] is not None:
            settings = _with_precision(settings, choice["precision"])
    kind = _concrete(type(settings), on_pool=on_pool)
    default = {} if command == "report" and on_pool else {"default": kind(**_values(settings))}

    parser = jsonargparse.ArgumentParser(
        prog=f"ablations {command} {name}",
        description=experiment.summary,
        print_config="--print-config",
        exit_on_error=False,
        allow_abbrev=False,
    )

    def add(flag: str, kind: Any, default: Any, help: str) -> None:
        parser.add_argument(f"--{flag}", type=kind, default=default, help=help)

    add("experiment", str, name, argparse.SUPPRESS)
    add(STARTED_IN, str | None, None, argparse.SUPPRESS)
    add("scale", str, "quick", f"one of {', '.join(experiment.scales)}")
    add("world", str | None, None, _one_of("embedded world", experiment.worlds))
    add("pool", Path | None, None, "file of solutions to use instead of a world")
    add("labeler", str | None, None, _one_of("labeler", experiment.labelers))
    add("store", Path, Path("runs/store"), "folder of artifacts")
    add("out", Path | None, None, "folder for the results (default: runs/, named by the choice)")
    most = "as many as the cores allow, or with --address the cluster"
    add("workers", int | None, None, f"tasks at once (default: {most})")
    precisions = ", ".join(get_args(Precision))
    add("precision", str | None, None, f"of the reward models: {precisions} (default: the scale's)")
    add("log-format", str, "text", f"of the progress: {', '.join(LOG_FORMATS)}")
    if command == "plan":
        plan.add_arguments(parser)
    else:
        add("executor", str, "local", "local: this machine; ray: a cluster")
        cluster = "of a Ray cluster to join, HOST:PORT or auto (default: Ray is started on this machine)"
        add("address", str | None, None, cluster)
        parser.add_argument("--resources", type=Resources, default=Resources())
        add("devices", int, 1, "processes, or GPUs, for one model on a machine")
        add("nodes", int, 1, "machines for one model, under torchrun or SLURM")
        strategies = ", ".join(get_args(Strategy))
        add(
            "strategy", str, "auto", f"how they share it: {strategies} (fsdp: each has a part of the weights)"
        )
        loggers = "of trainings, in the out folder: none, TrackioLogger, or one of Lightning's"
        add("logger", str, DEFAULT_KIND, loggers)
    parser.add_argument("--config", action="config", help="YAML file with any of these; flags go over it")
    parser.add_argument("--settings", type=kind, **default)
    args = parser.parse_args([*(f"--config={_without_machine(command, path)}" for path in config), *rest])
    if args.experiment != name:
        raise ValueError(f"experiment: the config is of {args.experiment!r}, not of {name!r}")
    check_value("workers", args.workers, limit_of(Count))
    allowed("log_format", args.log_format, LOG_FORMATS)
    if command != "plan":
        Devices(devices=args.devices, nodes=args.nodes, strategy=args.strategy)
    instance = parser.instantiate(args)
    if command != "report":
        _check_choice(instance.settings, settings)
    instance.dump = f"experiment: {name}\n{parser.dump(args, skip_unset=False)}"
    if instance.out is None:
        parts = (args.scale, args.world, args.pool and Path(args.pool).name.split(".")[0], args.labeler)
        instance.out = Path("runs") / "-".join([name, *filter(None, parts)])
    return experiment, instance


def _without_machine(command: str, path: str) -> str:
    """Returns a config file; for `plan`, its content without the flags for a run's machine."""
    import yaml

    if command != "plan":
        return path
    content = {name: value for name, value in read_yaml(Path(path)).items() if name not in MACHINE}
    return str(yaml.safe_dump(content))


def _check_choice(found: Any, chosen: Any) -> None:
    """Checks that settings match the scale, world, pool and labeler that were chosen separately."""
    for name in ("scale", "source.world", "source.path", "source.labeler.name"):
        value, wanted = found, chosen
        for part in name.split("."):
            value, wanted = getattr(value, part, None), getattr(wanted, part, None)
        if value != wanted:
            raise ValueError(
                f"settings.{name}: found {value}; allowed: {wanted}, as chosen by flag, config or default"
            )


def _concrete(kind: type[Any], *, on_pool: bool) -> type[Any]:
    """Returns a kind of settings whose source is a world or a pool, so that its fields are flags."""
    from ablations.experiments.source_settings import PoolSettings, WorldSettings

    if "source" not in (field.name for field in fields(kind)):
        return kind
    source = PoolSettings if on_pool else WorldSettings
    content = {"__doc__": kind.__doc__, "__module__": kind.__module__}
    return make_dataclass(
        kind.__name__, [("source", source)], bases=(kind,), frozen=True, kw_only=True, namespace=content
    )


def _values(settings: Any) -> dict[str, Any]:
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def _with_precision(settings: Any, precision: Any) -> Any:
    """Returns an experiment's settings with the precision of all reward models under study."""
    from ablations.experiments.settings import StudentSettings

    models = {name: model for name, model in _values(settings).items() if isinstance(model, StudentSettings)}
    return replace(settings, **{name: replace(model, precision=precision) for name, model in models.items()})


def _one_of(noun: str, names: Sequence[str]) -> str:
    return f"{noun}: {', '.join(names)} (default: {names[0]})" if names else noun


def _first_look(argv: list[str]) -> tuple[dict[str, Any], list[str], list[str]]:
    """Finds what determines the settings' defaults in the config files and the flags.

    Returns:
        Scale, world, pool, labeler and precision; the arguments without `--config`; the config files.
    """
    look = _Look(add_help=False, allow_abbrev=False)
    look.add_argument("--config", action="append", default=[])
    found, rest = look.parse_known_args(argv)
    choice = {"scale": "quick", "world": None, "pool": None, "labeler": None, "precision": None}
    for path in found.config:
        if not Path(path).is_file():
            raise ValueError(f"config: {path} is not a file")
        content = read_yaml(Path(path))
        choice.update({name: content[name] for name in choice if name in content})
    for name, value in choice.items():
        look.add_argument(f"--{name}", default=value)
    given = look.parse_known_args(argv)[0]
    return {name: getattr(given, name) for name in choice}, rest, found.config


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a mapping from a YAML file; raises a ValueError if it holds none."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"config: {path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"config: {path} must hold a mapping")
    return content


class _Look(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parse_run_file(run_dir: Path) -> tuple[Experiment, Any]:
    """Reads a run's experiment and arguments from the file in its out folder.

    Raises:
        ValueError: the file is missing or malformed.
    """
    file = run_dir / RUN_FILE
    if not file.is_file():
        raise ValueError(f"run_dir: found no {RUN_FILE} in {run_dir}; allowed: the out folder of a run")
    name = read_yaml(file).get("experiment")
    allowed(f"experiment in {file}", str(name), tuple(experiments()))
    return parse_run("report", [str(name), "--config", str(file)])
