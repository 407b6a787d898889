"""Steps that several processes compute together, and a run in processes that a launcher started."""

import os
import signal
import time
from dataclasses import dataclass

import numpy as np
from toy_steps import Noting, Text

from ablations.engine.machine import Machine
from ablations.engine.ranks import Devices, joined_devices
from ablations.engine.run import run_tasks
from ablations.engine.step import Step
from ablations.engine.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked(Noting, Step[Text], name="ranked", spreads=True):
    n: int
    die: int | None = None
    """Rank to kill."""
    fail: int | None = None
    """Rank to fail."""
    wait: float = 0.0
    """Seconds to wait after all ranks have met."""

    def run(self, context):
        group = context.group
        self.note(f"{self.n} {group.rank} of {group.size} on {group.nodes} {os.getpid()}")
        context.progress(0.5)
        context.report_validation(0.5, 0.25)
        if self.die == group.rank:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fail == group.rank:
            raise ValueError("n: found no luck; allowed: some")
        total = group.sum(np.array([group.rank + 1, 10.0]))
        time.sleep(self.wait)
        return Text(str(total.tolist()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Alone(Noting, Step[Text], name="alone"):
    before: Step[Text]

    def run(self, context):
        assert context.group.size == 1
        self.note("alone")
        return context.read(self.before)


def tasks(notes, *fields):
    return [Alone(before=Ranked(**values, notes=str(notes)), notes=str(notes)) for values in fields]


def under_a_launcher(root, notes):
    """Runs two tasks in this process, as one of the group that the environment tells of."""
    with joined_devices(Devices()) as devices:
        if devices.group.first:
            run_tasks(tasks(notes, {"n": 1}, {"n": 2}), Store(root), machine=Machine(devices=devices))
