"""The command `sweeps`: search the hyperparameters of each kind of supervision, and report the results."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.data.field_types import Count
from ablations.engine.store import STORE
from lightning_modules.process_group import Strategy

if TYPE_CHECKING:
    from sweeps.sweep_workers import Sweep


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        Exit code, as ``failures.run_guarded`` says; also 1 if trials failed or workers died.
    """
    import optuna

    from ablations.commands.cli import quieten
    from ablations.commands.signatures import call_one_of
    from ablations.engine.failures import run_guarded

    quieten()
    optuna.logging.set_verbosity(logging.WARNING)
    given = list(sys.argv[1:] if argv is None else argv)
    summary = "Hyperparameters of reward models by search."
    return run_guarded(
        "sweeps", given, lambda: int(call_one_of(COMMANDS, given, prog="sweeps", summary=summary))
    )


def sweep(
    space: str,
    *,
    scale: str = "quick",
    trials: Count = 30,
    world: str | None = None,
    arms: tuple[str, ...] = ("process", "prm_outcome", "final_answer"),
    storage: str | None = None,
    store: Path = STORE,
    out: Path | None = None,
    workers: Count | None = None,
    heartbeat: Count = 30,
    devices: int = 1,
    strategy: Strategy = "auto",
) -> int:
    """Searches the hyperparameters.

    Args:
        space: name of the search space.
        scale: smoke, quick, small or paper.
        trials: number of trials per arm.
        world: embedded world.
        arms: form of supervision, repeatable.
        storage: SQLAlchemy URL (default: an SQLite file in the out folder).
        store: folder of artifacts.
        out: folder for the results (default: a folder in runs/sweeps, named by space, scale and world).
        workers: trials at once (default: as many as the cores allow, with one core per device of a trial).
        heartbeat: seconds between a worker's heartbeats; after three missed ones, its trial is retried.
        devices: processes, or GPUs, per trial.
        strategy: how they share the model: auto, ddp or fsdp.
    """
    from ablations.engine.processes import default_workers
    from ablations.engine.ranks import Devices, check_gpus
    from sweeps.sweep_workers import run

    chosen, folder = _sweep(space, scale, trials, world, arms, storage, store, out)
    chosen = replace(chosen, heartbeat=heartbeat, devices=Devices(devices=devices, strategy=strategy))
    check_gpus([chosen.settings.device], devices)
    run(chosen, default_workers(devices) if workers is None else workers)
    unfinished = _report(chosen, folder)
    if unfinished:
        print(f"sweeps: {unfinished} trials failed; {folder / 'trials.csv'} lists them", file=sys.stderr)
    return 1 if unfinished else 0


def report(
    space: str,
    *,
    scale: str = "quick",
    world: str | None = None,
    arms: tuple[str, ...] = ("process", "prm_outcome", "final_answer"),
    storage: str | None = None,
    out: Path | None = None,
) -> int:
    """Reports the results so far.

    Args:
        space: name of the search space.
        scale: smoke, quick, small or paper.
        world: embedded world.
        arms: form of supervision, repeatable.
        storage: SQLAlchemy URL (default: an SQLite file in the out folder).
        out: folder for the results (default: a folder in runs/sweeps, named by space, scale and world).
    """
    chosen, folder = _sweep(space, scale, 1, world, arms, storage, STORE, out)
    _report(chosen, folder)
    return 0


def _sweep(
    space: str,
    scale: str,
    trials: int,
    world: str | None,
    arms: tuple[str, ...],
    storage: str | None,
    store: Path,
    out: Path | None,
) -> tuple[Sweep, Path]:
    """Checks the arguments; returns the sweep and the folder for its results."""
    from ablations.data.checks import allowed, each_once
    from ablations.engine.experiment import SCALES
    from ablations.experiments.hyperparameters import HYPERPARAMETERS
    from ablations.supervision import TARGETS, rolls_out
    from ablations.world.worlds import WORLDS
    from sweeps.spaces import SPACES
    from sweeps.study import sqlite_url
    from sweeps.sweep_workers import Sweep

    allowed("space", space, tuple(SPACES))
    allowed("scale", scale, SCALES)
    if world is not None:
        allowed("world", world, tuple(WORLDS))
    each_once("arms", arms, [arm for arm in TARGETS if not rolls_out(arm)])
    folder = out or Path("runs") / "sweeps" / "-".join(filter(None, [space, scale, world]))
    chosen = Sweep(
        space=space,
        settings=replace(HYPERPARAMETERS.settings(scale, world, None, None), arms=tuple(arms)),
        trials=trials,
        storage=storage or sqlite_url(folder / "trials.db"),
        store=store,
    )
    return chosen, folder


def _report(chosen: Sweep, folder: Path) -> int:
    """Writes and prints the results; returns the number of planned trials that are unfinished."""
    from sweeps.report import write
    from sweeps.spaces import SPACES
    from sweeps.study import missing

    with chosen.studies as studies:
        by_arm = {arm: studies.study(arm) for arm in studies.arms}
        print(write(by_arm, SPACES[chosen.space], chosen.settings, folder))
        unfinished = sum(len(missing(study)) for study in by_arm.values())
    print(*sorted(folder.iterdir()), sep="\n")
    return unfinished


COMMANDS = {
    "run": (
        sweep,
        "Search. The same command resumes; with the same storage elsewhere, it joins as another worker.",
    ),
    "report": (report, "Report the results so far."),
}
"""The commands, each with its summary."""
