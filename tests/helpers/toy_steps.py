"""Steps that take no time, for tests of executors; as a script, a run of them that can be killed."""

import contextlib
import functools
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.engine.machine import Machine
from ablations.engine.progress import Lines
from ablations.engine.run import run_tasks
from ablations.engine.step import Step, apart
from ablations.engine.store import Store


@dataclass(frozen=True)
class Text:
    """An artifact of one file."""

    text: str

    def write(self, folder):
        (folder / "text.txt").write_text(self.text)

    @classmethod
    def read(cls, folder):
        return cls((folder / "text.txt").read_text())


def text_of(store, step):
    return Text.read(store.path(step)).text


@functools.cache
def named(name, **more):
    """Makes a class of steps, for tests that only plan."""

    @dataclass(frozen=True, kw_only=True, eq=False)
    class Named(Step[Text], name=name, **more):
        n: Any = 0
        of: tuple[Step, ...] = ()
        device: str = "cpu"
        attention: str = "sdpa"

        def run(self, context):
            raise AssertionError

    return Named


@dataclass(frozen=True, kw_only=True, eq=False)
class Noting:
    """A step that writes notes to a file."""

    notes: str = apart()

    def note(self, text):
        with open(self.notes, "a") as file:
            file.write(text + "\n")


@dataclass(frozen=True, kw_only=True, eq=False)
class Part(Noting, Step[Text], name="part"):
    n: int
    seconds: float
    do: str | None = None

    def run(self, context):
        self.note(f"part-{self.n} {os.getpid()}")
        while Path(self.notes).with_name("hold").exists():  # a test makes all parts wait
            time.sleep(0.05)
        for shard in range(3):  # finished shards are not made again
            path = context.scratch / str(shard)
            if not path.exists():
                time.sleep(self.seconds / 3)
                path.with_name("new").write_text(str(self.n))
                path.with_name("new").rename(path)
                self.note(f"shard-{self.n}-{shard} {os.getpid()}")
            context.progress((shard + 1) / 3)
        if self.do == "raise":
            raise RuntimeError("one\ntwo")
        if self.do == "exit":
            sys.exit("no more")
        if self.do == "die":
            print("last words", flush=True)
            os.kill(os.getpid(), 9)
        return Text("".join((context.scratch / str(shard)).read_text() for shard in range(3)))


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelPart(Part, name="part", runs_model=True):
    """A part for a process that has torch."""

    def run(self, context):
        import torch

        assert torch.get_num_threads() == 1
        return super().run(context)


@dataclass(frozen=True, kw_only=True, eq=False)
class Meet(Noting, Step[Text], name="meet"):
    """Waits until ``of`` steps have written a note."""

    n: int
    of: int

    def run(self, context):
        self.note(f"meet-{self.n} {os.getpid()}")
        end = time.monotonic() + 300
        while len(Path(self.notes).read_text().splitlines()) < self.of:
            assert time.monotonic() < end, "the others have not come"
            time.sleep(0.05)
        return Text("met")


@dataclass(frozen=True, kw_only=True, eq=False)
class Join(Step[Text], name="join"):
    parts: tuple[Step[Text], ...]

    def run(self, context):
        return Text(" ".join(part.text for part in context.read_all(self.parts)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Environment(Step[Text], name="environment"):
    variable: str

    def run(self, context):
        return Text(os.environ[self.variable])


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelEnvironment(Environment, name="environment", runs_model=True):
    """An environment for a process that has torch."""


def parts_of(notes, count, seconds, do=(), kind=Part):
    return tuple(
        kind(
            n=n,
            seconds=seconds,
            do=dict(do).get(n),
            label=f"part {n}",
            weight=seconds or 0.1,
            notes=str(notes),
        )
        for n in range(count)
    )


def joined(parts):
    return Join(parts=parts, label="all", weight=0.1)


class Toy:
    """A store, and a file for the notes of the steps."""

    def __init__(self, folder):
        self.folder, self.root, self.notes = folder, folder / "store", folder / "notes.txt"
        self.lines = []

    def parts(self, count, seconds=0.0, kind=Part, **do):
        return parts_of(self.notes, count, seconds, {int(n[1:]): what for n, what in do.items()}, kind)

    def run(self, *targets, workers=1, silence=60.0, **more):
        lines = self.folder / "lines.txt"
        try:
            with lines.open("w") as file:
                reporter = Lines(file, silence)
                run_tasks(targets, Store(self.root), workers, reporter, Machine(**more))
        finally:
            self.lines = lines.read_text().splitlines()

    def start(self, count=8, seconds=0.1, workers=2, root=None, cwd=None, kind=Part, **more):
        """Starts another process that runs `count` parts and their join."""
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        args = [root or self.root, self.notes, workers, count, seconds, kind.__name__]
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
        """Yields the process that `start` starts, and kills it at the end."""
        process = self.start(**more)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stderr.close()

    def noted(self):
        """Counts each note."""
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
    """Returns the content of all artifacts by file."""
    folders = [root / name for name in ("part", "join")]
    return {
        str(path.relative_to(root)): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


if __name__ == "__main__":
    import toy_steps  # workers do not find the classes of a script

    store, notes, workers, count, seconds, name, *more = sys.argv[1:]
    try:
        kind = getattr(toy_steps, name)
        targets = [toy_steps.joined(toy_steps.parts_of(notes, int(count), float(seconds), kind=kind))]
        machine = Machine(**dict(option.split("=") for option in more))
        run_tasks(targets, Store(store), int(workers), machine=machine)
    except KeyboardInterrupt:
        sys.exit(130)
