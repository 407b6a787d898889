"""Two local workers against one on independent trainings, one thread each, including the start of workers."""

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


def trainings(count: int, updates: int) -> list[Task]:
    """Makes independent trainings at scale smoke, which all have the same inputs."""
    source = world_source("smoke")
    students = replace(shared("smoke", source).students, max_updates=updates)
    fold = embedded_fold(source, students=students)
    cell = Trainings(students=students, fold=fold, arm="final_answer", data_scale=2)
    return [cell.train(seed) for seed in range(count)]


def measure(count: int, updates: int) -> dict[str, float]:
    """Measures seconds with one worker and with two, and the efficiency: 1 where each does half the work."""
    quieten()
    tasks = trainings(count, updates)
    with TemporaryDirectory() as folder, open("/dev/null", "w") as nowhere:
        inputs = Store(Path(folder) / "inputs")
        run_tasks(list(tasks[0].parents), inputs, 1, reporter=Lines(nowhere))
        seconds = {}
        for workers in (1, 2):
            store = Store(copytree(inputs.root, Path(folder) / str(workers)))
            start = time.perf_counter()
            run_tasks(tasks, store, workers, reporter=Lines(nowhere))
            seconds[workers] = time.perf_counter() - start
    efficiency = seconds[1] / (2 * seconds[2])
    return {"one_worker_s": seconds[1], "two_workers_s": seconds[2], "efficiency": efficiency}
