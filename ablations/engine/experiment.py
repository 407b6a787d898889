"""Experiments as the command line sees them: settings, a plan of tasks, and a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.engine.step import Task, ordered
from ablations.engine.store import Store

SCALES = ("smoke", "quick", "small", "paper")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Tasks that an experiment needs done."""

    targets: tuple[Task, ...]
    """Every task whose artifact must exist, in the order of the report."""
    records: Task
    """Task whose artifact holds the tidy records."""

    @property
    def tasks(self) -> list[Task]:
        """All tasks, each after its inputs."""
        return ordered((*self.targets, self.records))


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One ablation, as the command line sees it. The docstring of `plan` describes it."""

    settings: Callable[[str, str | None, Path | None, str | None], Any]
    """`settings(scale, world, pool, labeler)`: the defaults, a frozen dataclass; ValueError if impossible."""
    plan: Callable[[Any], Plan]
    """`plan(settings)`: the tasks; reads no artifact and computes nothing."""
    finish: Callable[[Any, Store, Plan, Path], None]
    """`finish(settings, store, plan, out)`: copies the records into `out`, and does what `report` does."""
    report: Callable[[Any, Path], None]
    """`report(settings, out)`: writes figures, table and report from the records in `out`; prints them."""
    scales: tuple[str, ...] = SCALES
    worlds: tuple[str, ...] = ()
    """Worlds in which it can run, the default first."""
    labelers: tuple[str, ...] = ()
    """Labelers with which it can run, the default first."""

    @property
    def summary(self) -> str:
        """First line of the docstring of `plan`."""
        return ((self.plan.__doc__ or "").strip().splitlines() or [""])[0]
