"""Runs hostile inputs: in this process, or in a shell of its own where the system is at fault."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from hostile.inputs import Done, Input

SECONDS = 60
"""Limit of an input; a command that goes on for longer is taken to hang."""


def run(one: Input, folder: Path) -> Done:
    """Runs an input in an empty folder."""
    for name, content in one.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if one.setup is not None:
        code, _, err = _shell(one.setup, folder)
        assert code == 0, err
    before = _there(folder)
    try:
        code, out, err = _shell(one.shell, folder) if one.shell else _here(one.argv, folder)
        return Done(code=code, out=out, err=err, folder=folder, new=frozenset(_there(folder) - before))
    finally:
        if one.teardown is not None:
            _shell(one.teardown, folder)


def _there(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _here(argv: Sequence[str], folder: Path) -> tuple[int, str, str]:
    main = importlib.import_module(
        {"ablations": "ablations.commands.cli", "sweeps": "sweeps.cli"}[argv[0]]
    ).main
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(SECONDS)
        try:
            code = main(list(argv[1:]))
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except Exception:
            err.write(traceback.format_exc())
            code = 1
        finally:
            signal.alarm(0)
    return code, out.getvalue(), err.getvalue()


def _hangs(*_: object) -> None:
    raise RuntimeError(f"not done after {SECONDS} seconds")


def _shell(line: str, folder: Path) -> tuple[int, str, str]:
    root = Path(importlib.import_module("ablations").__file__ or "").parents[1]
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONWARNINGS": "", "PATH": _path()},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
