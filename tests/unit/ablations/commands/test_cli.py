import importlib
import json
import os
import subprocess
import sys
import time
import types

import pytest
import yaml

from ablations.commands import cli
from ablations.commands.arguments import parse_run
from ablations.engine.store import Store

TOY = '''
from dataclasses import dataclass, field
from ablations.engine.experiment import Experiment, Plan
from ablations.engine.step import Step
from ablations.engine.costs.work import Work
from toy_steps import Text, text_of

WORK = Work(role="student", kind="training", tokens=1500, context=10)

@dataclass(frozen=True, kw_only=True)
class Train:
    rate: float = 0.1
    epochs: int = 2

@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the toy does."""
    cells: int
    data_scales: tuple[int, ...] = (1, 4)
    world: str = "one"
    labeler: str | None = "oracle"
    fail: bool = False
    train: Train = field(default_factory=Train)

    def __post_init__(self):
        if self.cells < 1:
            raise ValueError(f"cells: found {self.cells}; allowed: 1 or more")

def settings(scale, world, pool, labeler):
    if pool is not None and not pool.is_file():
        raise ValueError(f"pool: {pool} is not a file")
    return Settings(cells={"smoke": 1, "quick": 2}[scale], world=world or "one")

@dataclass(frozen=True, kw_only=True, eq=False)
class Cell(Step[Text], name="cell"):
    n: int
    train: Train
    fail: bool = False

    def run(self, context):
        if self.fail:
            raise RuntimeError("as told")
        return Text(f"{self.n}*{self.train.rate} ")

@dataclass(frozen=True, kw_only=True, eq=False)
class Gather(Step[Text], name="gather"):
    cells: tuple[Step[Text], ...]

    def run(self, context):
        return Text("".join(cell.text for cell in context.read_all(self.cells)))

def plan(settings):
    """Shows that the toy works.

    And more.
    """
    known = {"train": settings.train, "weight": 60.0, "work": (WORK,)}
    cells = tuple(
        Cell(n=n, fail=settings.fail and n == 1, label=f"cell {n}", **known) for n in range(settings.cells)
    )
    return Plan(targets=cells, records=Gather(cells=cells, weight=1.0))

def finish(settings, store, plan, out):
    (out / "records.txt").write_text(text_of(store, plan.records))
    report(settings, out)

def report(settings, out):
    if not (out / "records.txt").exists():
        raise ValueError(f"records: {out} has no records.txt")
    (out / "report.txt").write_text(f"{settings!r}: {(out / 'records.txt').read_text()}")
    print("report of", (out / "records.txt").read_text())

TOY = Experiment(
    settings=settings, plan=plan, finish=finish, report=report,
    scales=("smoke", "quick"), worlds=("one", "two"), labelers=("oracle",),
)
EXPERIMENTS = {"toy": TOY}
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The toy's module, alone in the table of experiments, in an empty current folder."""
    (tmp_path / "toy_cli.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module("toy_cli")
    monkeypatch.setitem(sys.modules, "ablations.experiments", module)
    yield module
    del sys.modules["toy_cli"]


def test_run_plan_and_report(toy, tmp_path, capsys):
    assert cli.main(["run", "toy", "--scale", "smoke", "--workers", "1"]) == 0
    said = capsys.readouterr()
    assert said.out == "report of 0*0.1 \n"
    assert said.err.splitlines()[0] == "tasks: 2 to do, 0 done before"
    out = tmp_path / "runs" / "toy-smoke"
    report = (out / "report.txt").read_text()
    assert report.startswith("Settings(cells=1,") and report.endswith(": 0*0.1 ")

    assert cli.main(["run", "toy", "--workers", "1", "--world", "two", "--out", "elsewhere"]) == 0
    said = capsys.readouterr()
    assert said.out == "report of 0*0.1 1*0.1 \n"
    assert said.err.splitlines()[0] == "tasks: 2 to do, 1 done before"  # the store is shared
    assert "world='two'" in (tmp_path / "elsewhere" / "report.txt").read_text()

    (out / "report.txt").unlink()
    (out / "records.txt").write_text("others")
    assert cli.main(["report", "runs/toy-smoke"]) == 0
    assert (out / "report.txt").read_text() == report.replace("0*0.1 ", "others")


def test_run_with_worker_processes(toy, capsys):
    assert cli.main(["run", "toy", "--workers", "2"]) == 0
    assert capsys.readouterr().out == "report of 0*0.1 1*0.1 \n"


def test_the_folder_is_named_by_the_choice(toy, tmp_path):
    (tmp_path / "some.jsonl.gz").touch()
    _, args = parse_run("run", ["toy", "--pool", "some.jsonl.gz", "--labeler", "oracle", "--world", "two"])
    assert str(args.out) == "runs/toy-quick-two-some-oracle"


def test_plan_shows_what_is_cached_and_runs_nothing(toy, capsys):
    assert cli.main(["plan", "toy", "--workers", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "task    step    state  tokens   time",
        "cell 0  cell    to do   1,500   60 s",
        "cell 1  cell    to do   1,500   60 s",
        "gather  gather  to do          1.0 s",
        # one worker each for the cells, then gather: 60 + 1
        "3 tasks, 0 cached, 3 to do: 3,000 tokens, about 61 s with 2 workers",
    ]
    cli.main(["run", "toy", "--scale", "smoke", "--workers", "1"])
    (task,) = toy.plan(toy.settings("smoke", None, None, None)).targets
    capsys.readouterr()
    cli.main(["plan", "toy", "--workers", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["cell", "0", "cell", "cached", "1,500"]
    assert lines[-1].startswith("3 tasks, 1 cached, 2 to do: 1,500 tokens, about 0.")  # as fast as cell 0 was
    (Store("runs/store").path(task) / "text.txt").unlink()
    cli.main(["plan", "toy"])
    assert "damaged, to do" in capsys.readouterr().out.splitlines()[1]
    assert Store("runs/store").path(task).exists()


def test_a_failed_run_says_so_and_goes_on(toy, capsys):
    assert cli.main(["run", "toy", "--settings.fail", "true", "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert "ablations: tasks failed: 1; not tried because they need one of these: 1" in said.err
    assert "cell 1  RuntimeError  as told" in said.err and said.out == ""
    assert cli.main(["run", "toy", "--workers", "1"]) == 0
    assert "tasks: 2 to do, 1 done before" in capsys.readouterr().err


def test_defaults_then_config_then_flags(toy, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("scale: smoke\nsettings: {data_scales: [2], train: {rate: 0.2, epochs: 3}}\n")

    def settings(*flags):
        return parse_run("run", ["toy", *flags])[1].settings

    assert settings() == toy.Settings(cells=2)
    given = toy.Settings(cells=1, data_scales=(2,), train=toy.Train(rate=0.2, epochs=3))
    assert settings("--config", "c.yaml") == given
    flags = ["--settings.train.rate", "0.5", "--settings.data_scales", "[7,8]", "--settings.labeler=null"]
    over = toy.Settings(cells=1, data_scales=(7, 8), labeler=None, train=toy.Train(rate=0.5, epochs=3))
    assert settings("--config=c.yaml", *flags) == over
    assert settings(*flags, "--config", "c.yaml") == over  # wherever the config stands
    assert settings("--config", "c.yaml", "--scale", "quick").cells == 2


def test_printed_config_is_read_back(toy, tmp_path, capsys):
    flags = [
        "--scale",
        "smoke",
        "--world",
        "two",
        "--settings.train.rate",
        "1e-3",
        "--settings.labeler",
        "null",
    ]
    with pytest.raises(SystemExit) as done:
        cli.main(["run", "toy", *flags, "--print-config"])
    assert done.value.code == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed)["settings"]["train"] == {"rate": 0.001, "epochs": 2}
    (tmp_path / "c.yaml").write_text(printed)
    _, args = parse_run("run", ["toy", *flags])
    _, again = parse_run("run", ["toy", "--config", "c.yaml"])
    assert again.settings == args.settings and again.dump == args.dump and again.world == "two"
    (tmp_path / "run.yaml").write_text(args.dump)
    assert parse_run("run", ["toy", "--config", "run.yaml"])[1].settings == args.settings


def test_status_from_another_terminal(toy, capsys):
    assert cli.main(["run", "toy", "--settings.fail", "true", "--workers", "1"]) == 1
    capsys.readouterr()
    assert cli.main(["status", "runs/toy-quick"]) == 0
    said = capsys.readouterr().out
    assert "3 tasks: 1 done, 0 running, 1 failed, 1 waiting; about " in said
    assert "failed: cell 1: RuntimeError: as told (runs/store/failures/" in said


def test_gc_shows_and_then_removes_what_no_run_refers_to(toy, tmp_path, capsys):
    assert cli.main(["run", "toy", "--scale", "smoke", "--workers", "1"]) == 0
    flags = ["--workers", "1", "--settings.train.rate", "0.5", "--out", "elsewhere"]
    assert cli.main(["run", "toy", *flags]) == 0
    capsys.readouterr()
    for flags, told in (([], "not referred to; --delete removes them"), (["--delete"], "removed")):
        assert cli.main(["gc", *flags]) == 0
        said = capsys.readouterr().out.splitlines()
        # the second run's two cells and their gathering; its folder is not below runs/
        assert len(said) == 1 + 3 + 1 and said[-1].startswith("3 artifacts, 0.0 MB ")
        assert said[-1].endswith(f"{told}; 1 runs and 0 sweeps refer to 2")
    assert cli.main(["gc"]) == 0
    assert capsys.readouterr().out == (
        "0 artifacts, 0.0 MB not referred to; --delete removes them; 1 runs and 0 sweeps refer to 2\n"
    )
    assert cli.main(["plan", "toy", "--scale", "smoke"]) == 0
    assert "2 tasks, 2 cached, 0 to do" in capsys.readouterr().out


def test_progress_for_machines(toy, capsys):
    assert cli.main(["run", "toy", "--workers", "1", "--settings.fail", "true", "--log-format", "json"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    events = [json.loads(line) for line in lines]
    assert [one["event"] for one in events] == [
        *("begin", "started", "ended", "started", "blocked", "ended", "close")
    ]
    assert events[0]["total"] == 3 and events[0]["standing"] == 0
    assert {one["label"] for one in events if one["event"] == "started"} == {"cell 0", "cell 1"}
    (failed,) = [one for one in events if one.get("failure")]
    assert (failed["label"], failed["failure"]) == ("cell 1", "RuntimeError: as told")
    assert all(one["time"] > 1e9 for one in events)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", 'expected "command" to be one of {run,plan,annotate,status,report, ...'),
        ("fly", "fly"),
        ("run", "run: the name of an experiment must come first: toy"),
        ("run --scale smoke", "run: the name of an experiment must come first: toy"),
        ("run joy", "experiment: found 'joy'; allowed: toy"),
        ("run toy --scale paper", "scale: found 'paper'; allowed: smoke, quick"),
        ("run toy --world mars", "world: found 'mars'; allowed: one, two"),
        ("run toy --labeler me", "labeler: found 'me'; allowed: oracle"),
        ("run toy --pool none.jsonl", "pool: none.jsonl is not a file"),
        ("run toy --workers 0", "workers: found 0; allowed: 1 or more"),
        ("run toy --workers x", "workers: found x; allowed: a whole number, null"),
        ("run toy --settings.cells 0", "cells: found 0; allowed: 1 or more"),
        ("run toy --settings.cells many", "cells: found many; allowed: a whole number"),
        ("run toy --settings.sells 3", "--settings.sells"),
        ("run toy --config none.yaml", "config: none.yaml is not a file"),
        ("run toy --config broken.yaml", "config: broken.yaml is not YAML"),
        ("run toy --config list.yaml", "config: list.yaml must hold a mapping"),
        ("run toy --config unknown.yaml", "'sells'"),
        ("run toy --config other.yaml", "experiment: the config is of 'joy', not of 'toy'"),
        ("run toy --config", "--config"),
        ("plan toy --settings.train.rate high", "train.rate: found high; allowed: a number"),
        ("run toy --log-format xml", "log_format: found 'xml'; allowed: text, json"),
        ("status nowhere", "run_dir: found no run.yaml in nowhere; allowed: the out folder of a run"),
        ("gc --runs nowhere", "runs: found no run.yaml below nowhere; allowed: a folder with one run"),
        ("report", "run_dir"),
        ("report nowhere", "run_dir: found no run.yaml in nowhere"),
        ("report broken_run", "experiment in broken_run/run.yaml: found 'joy'; allowed: toy"),
        ("report bare_run", "records: bare_run has no records.txt"),
        ("world", 'expected "command" to be one of {check,pretrain,sample}'),
        ("world sample --n few", "n: found few; allowed: a whole number"),
        ("world sample --world mars", "world: found 'mars'"),
    ],
)
def test_mistakes_are_told_in_one_line(toy, world, tmp_path, capsys, command, message):
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "list.yaml").write_text("[1]")
    (tmp_path / "unknown.yaml").write_text("settings: {sells: 3}")
    (tmp_path / "other.yaml").write_text("experiment: joy")
    for name, experiment in (("broken_run", "joy"), ("bare_run", "toy")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.yaml").write_text(f"experiment: {experiment}\n")
    assert cli.main(command.split()) == 2
    said = capsys.readouterr()
    assert said.err.startswith("ablations: ") and said.err.count("\n") == 1 and message in said.err
    assert said.out == ""
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def world(monkeypatch):
    """A world module that notes how it is called."""
    module = types.ModuleType("ablations.commands.world")
    module.calls = []

    def check(*, world: str = "one"):
        """Checks.

        Args:
            world: which.
        """
        module.calls.append(("check", world))

    def pretrain(*, world: str = "one", minutes: float = 40.0):
        """Pretrains.

        Args:
            world: which.
            minutes: how long.
        """
        module.calls.append(("pretrain", world, minutes))

    def sample(*, world: str = "one", n: int = 3):
        """Samples.

        Args:
            world: which.
            n: how many.
        """
        if world != "one":
            raise ValueError(f"world: found {world!r}; allowed: one")
        module.calls.append(("sample", world, n))

    functions = (check, pretrain, sample)
    module.KINDS = {function.__name__: (function, "Does it.") for function in functions}
    monkeypatch.setitem(sys.modules, "ablations.commands.world", module)
    return module


def test_world_commands_take_the_arguments_of_their_functions(world):
    assert cli.main(["world", "check", "--world", "two"]) == 0
    assert cli.main(["world", "pretrain", "--minutes", "2"]) == 0
    assert cli.main(["world", "sample", "--n", "5"]) == 0
    assert world.calls == [("check", "two"), ("pretrain", "one", 2.0), ("sample", "one", 5)]


def test_list(toy, capsys):
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "experiment  scales        worlds    labelers  what it shows",
        "toy         smoke, quick  one, two  oracle    Shows that the toy works.",
    ]


def test_run_help_tells_the_settings(toy, capsys):
    with pytest.raises(SystemExit) as done:
        cli.main(["run", "--help"])
    assert done.value.code == 0
    said = capsys.readouterr().out
    assert "Shows that the toy works." in said and "--settings.train.rate" in said and "default: 0.1" in said


def test_debugging_shows_the_traceback(toy, monkeypatch):
    monkeypatch.setenv("ABLATIONS_DEBUG", "1")
    with pytest.raises(ValueError, match="experiment: found 'joy'"):
        cli.main(["run", "joy"])


def test_interrupted(toy, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ablations.engine.run.run_tasks", interrupt)
    assert cli.main(["run", "toy"]) == 130
    assert capsys.readouterr().err == "ablations: interrupted; the same command resumes from what is done\n"


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys; from ablations.commands.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted({'torch', 'numpy', 'pandas'}.intersection(sys.modules)))"
    )
    start = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_path()
    )
    assert time.perf_counter() - start < 2.0  # about 0.3 alone; the machine may be busy
    assert said.stdout.splitlines()[-1] == "[]"


def test_python_m_ablations():
    said = subprocess.run(
        [sys.executable, "-m", "ablations", "fly"], capture_output=True, text=True, env=_path(), check=False
    )
    assert said.returncode == 2 and said.stderr.startswith("ablations: ")


def _path():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
