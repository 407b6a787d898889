"""Stages that several processes compute together; as a script, a run of two under torchrun."""

import os
import signal
import sys
import time

import numpy as np

from ablations.engine.machine import Machine
from ablations.engine.ranks import Devices, started
from ablations.engine.run import run_tasks
from ablations.engine.step import Stage, Task
from ablations.engine.store import Store


def note(context, text):
    with open(context.local["notes"], "a") as file:
        file.write(text + "\n")


def ranked(config, inputs, out, context):
    group = context.group
    note(context, f"{config['n']} {group.rank} of {group.size} on {group.nodes} {os.getpid()}")
    context.progress(0.5)
    context.report_validation(0.5, 0.25)
    if config.get("die") == group.rank:
        os.kill(os.getpid(), signal.SIGKILL)
    if config.get("fail") == group.rank:
        raise ValueError("n: found no luck; allowed: some")
    total = group.sum(np.array([group.rank + 1, 10.0]))
    if config.get("wait"):
        time.sleep(config["wait"])
    if group.first:
        (out / "total.txt").write_text(str(total.tolist()))


def alone(config, inputs, out, context):
    assert context.group.size == 1
    note(context, "alone")
    (out / "n.txt").write_text((inputs["before"] / "total.txt").read_text())


STAGES = {"ranked": Stage(1, ranked, spreads=True), "alone": Stage(1, alone)}


def tasks(notes, *configs):
    local = {"notes": str(notes)}
    made = [Task(stage="ranked", version=1, config=config, local=local) for config in configs]
    return [Task(stage="alone", version=1, inputs={"before": one}, local=local) for one in made]


if __name__ == "__main__":
    root, notes = sys.argv[1:]
    with started(Devices()) as devices:
        if devices.group.first:
            asked = tasks(notes, {"n": 1}, {"n": 2})
            run_tasks(asked, Store(root), None, "toy_ranks:STAGES", machine=Machine(devices=devices))
