"""What tests of the whole share: the command line as a user has it, and one finished run at scale smoke."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from paths import ROOT

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before anything that computes is imported; as in a run
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # as the command line does
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - by default 15: Ray's workers would starve

# A shell that starts the tests in its background has them, and all they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first, then those of whole commands: no process is left alone with one at the end."""
    items.sort(
        key=lambda item: (item.get_closest_marker("slow") is None, item.path.parent.name != "end_to_end")
    )


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, kw_only=True)
class SmokeRun:
    """A finished run of the experiment `supervision` at scale smoke, with two workers."""

    store: Path
    """Folder of artifacts; read only, for all tests share it."""
    out: Path
    """Folder of results; read only too."""
    stdout: str
    """What it printed."""
    stderr: str
    """What it told while it went on."""
    seconds: float
    """Wall time."""
    argv: tuple[str, ...]
    """Its arguments."""


def command_environment() -> Mapping[str, str]:
    """The environment in which the package is found from any folder."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": ""}


@pytest.fixture(scope="session")
def python_m(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Runs `python -m MODULE ...` in an empty folder."""
    folder = tmp_path_factory.mktemp("elsewhere")

    def run(*argv: object, code: int = 0, **options: Any) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", *map(str, argv)],
            cwd=folder,
            env=command_environment(),
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        assert done.returncode == code, f"{done.args} ended {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, python_m: Command) -> SmokeRun:
    """Made once for the whole session, by whichever process of the tests needs it first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "smoke"
    folder.mkdir(exist_ok=True)
    argv = ("run", "supervision", "--scale", "smoke", "--workers", "2")
    places = (f"--store={folder / 'store'}", f"--out={folder / 'out'}")
    told = folder / "told.json"
    with FileLock(folder / "lock"):
        if not told.is_file():
            start = time.monotonic()
            done = python_m("ablations", *argv, *places)
            found = {"stdout": done.stdout, "stderr": done.stderr, "seconds": time.monotonic() - start}
            told.write_text(json.dumps(found))
    return SmokeRun(
        store=folder / "store", out=folder / "out", argv=(*argv, *places), **json.loads(told.read_text())
    )


@pytest.fixture
def unfinished(smoke: SmokeRun, tmp_path: Path) -> Path:
    """A store with what the run made, but for its reward models and what hangs on them."""
    folder = shutil.copytree(smoke.store, tmp_path / "store")
    for name in ("train", "cell", "records", "examples"):
        shutil.rmtree(folder / name)
    for manifest in (folder / "scores").glob("*/manifest.json"):
        if "large_prm" not in json.loads(manifest.read_text())["inputs"]["model"]:
            shutil.rmtree(manifest.parent)
    return folder


@dataclass(frozen=True, kw_only=True)
class FurtherRun:
    """A finished run of another experiment on a copy of the first one's store."""

    folder: Path
    """With `store` and `out` in it."""
    stdout: str
    """What it printed."""
    stderr: str
    """What it told while it went on."""


@pytest.fixture(scope="session")
def run_on_smoke(smoke: SmokeRun, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., FurtherRun]:
    """Runs an experiment at scale smoke in this process, where what computes is imported already."""

    def run(experiment: str, *flags: str) -> FurtherRun:
        from ablations.commands import cli

        folder = tmp_path_factory.mktemp(experiment)
        shutil.copytree(smoke.store, folder / "store")
        argv = ["run", experiment, "--scale=smoke", "--workers=1", *flags]
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            code = cli.main([*argv, f"--store={folder / 'store'}", f"--out={folder / 'out'}"])
        assert code == 0, f"{argv} ended {code}\n{out.getvalue()}\n{err.getvalue()}"
        return FurtherRun(folder=folder, stdout=out.getvalue(), stderr=err.getvalue())

    return run


@pytest.fixture
def every_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training waits for each state to be written, so that none is skipped."""
    from concurrent.futures import wait

    from lightning_modules.state_saving import StateWriter

    save = StateWriter.save_checkpoint

    def save_and_wait(self: StateWriter, *args: Any, **options: Any) -> None:
        save(self, *args, **options)
        wait([self.write] if self.write else [])

    monkeypatch.setattr(StateWriter, "save_checkpoint", save_and_wait)
