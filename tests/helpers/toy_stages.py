"""Stages that take no time, for tests of what runs them; as a script, a run of them that can be killed."""

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from ablations.engine.machine import Machine
from ablations.engine.progress import Lines
from ablations.engine.run import run_tasks
from ablations.engine.step import Stage, Task
from ablations.engine.store import Store

TABLE = "toy_stages:STAGES"


def note(context, text):
    with open(context.local["notes"], "a") as file:
        file.write(text + "\n")


def part(config, inputs, out, context):
    note(context, f"part-{config['n']} {os.getpid()}")
    for shard in range(3):  # finished shards are not made again
        path = context.scratch / str(shard)
        if not path.exists():
            time.sleep(config["seconds"] / 3)
            path.with_name("new").write_text(str(config["n"]))
            path.with_name("new").rename(path)
            note(context, f"shard-{config['n']}-{shard} {os.getpid()}")
        context.progress((shard + 1) / 3)
    if config.get("do") == "raise":
        raise RuntimeError("one\ntwo")
    if config.get("do") == "exit":
        sys.exit("no more")
    if config.get("do") == "die":
        print("last words", flush=True)
        os.kill(os.getpid(), 9)
    (out / "n.txt").write_text("".join((context.scratch / str(shard)).read_text() for shard in range(3)))


def meet(config, inputs, out, context):
    note(context, f"meet-{config['n']} {os.getpid()}")
    end = time.monotonic() + 300
    while len(Path(context.local["notes"]).read_text().splitlines()) < config["of"]:
        assert time.monotonic() < end, "the others have not come"
        time.sleep(0.05)
    (out / "n.txt").write_text("met")


def join(config, inputs, out, context):
    (out / "all.txt").write_text(" ".join((path / "n.txt").read_text() for path in inputs["parts"]))


def threads(config, inputs, out, context):
    (out / "threads.txt").write_text(os.environ["OMP_NUM_THREADS"])


STAGES = {run.__name__: Stage(1, run) for run in (part, meet, join, threads)}


def folds_of(notes, count, seconds, do=()):
    return tuple(
        Task(
            stage="part",
            version=1,
            config={"n": n, "seconds": seconds, "do": dict(do).get(n)},
            label=f"part {n}",
            weight=seconds or 0.1,
            local={"notes": str(notes)},
        )
        for n in range(count)
    )


def joined(parts):
    return Task(stage="join", version=1, inputs={"parts": parts}, label="all", weight=0.1)


class Toy:
    """A store, and a file in which the stages note what they do."""

    def __init__(self, folder):
        self.folder, self.root, self.notes = folder, folder / "store", folder / "notes.txt"
        self.lines = []

    def parts(self, count, seconds=0.0, **do):
        return folds_of(self.notes, count, seconds, {int(n[1:]): what for n, what in do.items()})

    def run(self, *targets, workers=1, silence=60.0, **more):
        lines = self.folder / "lines.txt"
        try:
            with lines.open("w") as file:
                reporter = Lines(file, silence)
                run_tasks(targets, Store(self.root), workers, TABLE, reporter, Machine(**more))
        finally:
            self.lines = lines.read_text().splitlines()

    def start(self, count=8, seconds=0.1, workers=2, root=None, cwd=None, **more):
        """The same from another process: `count` parts and their join."""
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        args = [root or self.root, self.notes, workers, count, seconds]
        args += [f"{name}={value}" for name, value in more.items()]
        return subprocess.Popen(
            [sys.executable, __file__, *map(str, args)],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": path},
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    @contextlib.contextmanager
    def started(self, **more):
        """The same, killed at the end if it still runs."""
        process = self.start(**more)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stderr.close()

    def noted(self):
        """How often each thing was noted."""
        return Counter(line.split()[0] for line in self.noted_lines())

    def pids(self):
        return {int(line.split()[1]) for line in self.noted_lines()}

    def noted_lines(self):
        return self.notes.read_text().splitlines() if self.notes.exists() else []


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def artifacts(root):
    """What stands, by name: records are compared byte for byte."""
    folders = [root / stage for stage in ("part", "join")]
    return {
        str(path.relative_to(root)): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


if __name__ == "__main__":
    store, notes, workers, count, seconds, *more = sys.argv[1:]
    try:
        targets = [joined(folds_of(notes, int(count), float(seconds)))]
        machine = Machine(**dict(one.split("=") for one in more))
        run_tasks(targets, Store(store), int(workers), TABLE, machine=machine)
    except KeyboardInterrupt:
        sys.exit(130)
