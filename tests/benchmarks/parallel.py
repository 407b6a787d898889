"""Two local workers against one on independent trainings, one thread each: the start of workers counts."""

import time
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

from ablations.commands.cli import quieten
from ablations.engine.progress import Lines
from ablations.engine.run import run_tasks
from ablations.engine.step import Task
from ablations.engine.store import Store
from ablations.experiments.scales import shared, world_source
from ablations.experiments.trainings import Trainings
from ablations.experiments.world_fold import embedded_fold


def trainings(count: int, updates: int) -> tuple[list[Task], list[Task]]:
    """Independent trainings at scale smoke, and what all of them read."""
    source = world_source("smoke")
    students = replace(shared("smoke", source).students, max_updates=updates)
    fold = embedded_fold(source, students=students)
    trainings = Trainings(students=students, fold=fold, arm="final_answer", data_scale=2)
    made = [trainings.train(seed) for seed in range(count)]
    return made, [parent for parent in made[0].parents]


def measure(count: int, updates: int, workers: int = 2) -> dict[str, float]:
    """Seconds with one worker and with several, and the efficiency: 1 where each does its whole share."""
    quieten()
    tasks, before = trainings(count, updates)
    with TemporaryDirectory() as folder, open("/dev/null", "w") as nowhere:
        made = Store(Path(folder) / "before")
        run_tasks(before, made, 1, reporter=Lines(nowhere))
        seconds = {}
        for number in (1, workers):
            store = Store(copytree(made.root, Path(folder) / str(number)))
            start = time.perf_counter()
            run_tasks(tasks, store, number, reporter=Lines(nowhere))
            seconds[number] = time.perf_counter() - start
    efficiency = seconds[1] / (workers * seconds[workers])
    return {"one_worker_s": seconds[1], "two_workers_s": seconds[workers], "efficiency": efficiency}
