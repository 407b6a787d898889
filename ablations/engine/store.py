"""Artifacts by content key, written atomically.

    root/<step>/<key>/      an artifact: its files and manifest.json with their checksums
    root/timings/<key>.json how long it took and where; outside the artifact, which is the same in any run
    root/failures/<key>.txt the traceback of a task that failed
    root/logs/<key>.txt     what a worker process printed while making it, if anything
    root/.tmp/<key>/<id>/   an artifact being written
    root/.scratch/<key>/    shards and checkpoints of a step that can resume
    root/.locks/<key>       held by the one process that makes, or discards, the artifact; holds its label
    root/.tokens/<id>       empty files by which the nodes of a cluster show that they see this folder

The process that makes an artifact holds its lock, which the system releases when the process dies, however it
dies. So whatever is in .tmp and not locked belongs to a dead process and may be deleted, and two runs on one
store never do the same work twice. Where locks do not work, as between machines on some network disks, two
processes may make the same artifact: each writes in its own folder, and the first to finish publishes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ablations.engine.files import sha256
from ablations.engine.locks import locked
from ablations.engine.logs import Logs
from ablations.engine.step import KEY_LENGTH, Context, Execute, Task, content_key, execute, ignore
from results.writing import write_text

STORE = Path("runs/store")
"""Default folder of artifacts."""
MANIFEST = "manifest.json"
NOT_MADE = "not made yet"

log = logging.getLogger("ablations")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Time that it took to make an artifact."""

    step: str
    weight: float
    """Estimated seconds."""
    seconds: float
    """Wall time of the attempt that finished it."""
    resumed: bool
    """Whether it resumed from an earlier attempt's work; `seconds` is then less than the total."""
    device: str
    """Name of the GPU or processor."""
    finished: str
    """Time at which it was finished: UTC, ISO 8601."""


class Store:
    """A folder of artifacts, safe against kills and against several runs at once."""

    def __init__(self, root: Path | str) -> None:
        """
        Raises:
            ValueError: there is a file in its place.
        """
        self.root = Path(root)
        if self.root.is_file():
            raise ValueError(f"store: found the file {self.root}; allowed: a folder, or a new one")
        self._sizes: dict[str, dict[str, int]] = {}  # of each file by address, once checksums are verified

    def path(self, item: Task) -> Path:
        """Returns the artifact's folder, whether it exists or not."""
        return self.root / item.address

    def workspace(self, key: str) -> Path:
        """Makes a folder for partial work on `key`: survives a kill, is deleted once the artifact exists."""
        path = self.root / ".scratch" / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fault(self, item: Task | str, *, full: bool = True) -> str | None:
        """Returns why the artifact of a step or at an address cannot be used, or None if it can.

        Changes nothing. Compares checksums, once per artifact; afterwards, or unless `full`, only sizes.
        """
        address = item if isinstance(item, str) else item.address
        path = self.root / address
        if not path.is_dir():
            self._sizes.pop(address, None)
            return NOT_MADE
        sizes = self._sizes.get(address)
        try:
            if sizes is None:
                files = _read_manifest(path)
                sizes = {name: entry["bytes"] for name, entry in files.items()}
                if full:
                    for name, entry in files.items():
                        if sha256(path / name) != entry["sha256"]:
                            return f"{name} has another checksum"
                    self._sizes[address] = sizes
            for name, size in sizes.items():
                if (path / name).stat().st_size != size:
                    return f"{name} has another size"
        except FileNotFoundError as error:
            return f"{Path(error.filename).relative_to(path)} is missing"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return f"{MANIFEST} cannot be read ({type(error).__name__}: {error})"
        return None

    def verify(self, item: Task) -> bool:
        """Returns whether the artifact can be used. A damaged one is deleted, with a warning in the log."""
        if (fault := self.fault(item)) not in (None, NOT_MADE):
            with self.lock(item.key):
                self._discard_damaged(item)
        return fault is None

    def make(
        self,
        step: Task,
        progress: Callable[[float], None],
        execute: Execute = execute,
        report_validation: Callable[[float, float], None] = ignore,
        logs: Logs = Logs(),
    ) -> float | None:
        """Runs a step, by `execute`, unless its artifact exists; see `Context` for the other arguments.

        Returns:
            Wall time in seconds, or None if the artifact existed already.

        Raises:
            FileNotFoundError: an input is missing or damaged.
            ValueError: the step wrote no file, or something that is not a plain file.
        """
        with self.lock(step.key):
            self._discard_damaged(step)
            if self.fault(step) is None:
                return None
            step.load()
            for parent in step.parents:
                if (fault := self.fault(parent, full=False)) is not None:
                    raise FileNotFoundError(
                        f"input {parent.address}: {fault}; run the same command to make it again"
                    )
            temporary = self.root / ".tmp" / step.key / uuid.uuid4().hex
            temporary.mkdir(parents=True)
            scratch = self.workspace(step.key)
            resumed = any(scratch.iterdir())
            (self.root / ".locks" / step.key).write_text(step.label, encoding="utf-8")
            context = Context(
                root=self.root,
                scratch=scratch,
                progress=progress,
                report_validation=report_validation,
                logs=logs.of(step.label, step.key),
            )
            start = time.perf_counter()
            try:
                execute(step, temporary, context)
                self._publish(step, temporary)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            finally:
                with contextlib.suppress(OSError):  # not empty: `clean` deletes what a dead process left
                    temporary.parent.rmdir()
            seconds = time.perf_counter() - start
            timing = Timing(
                step=step.name,
                weight=step.weight,
                seconds=seconds,
                resumed=resumed,
                device=_device(),
                finished=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            _write(self.root / "timings" / f"{step.key}.json", json.dumps(asdict(timing), indent=1) + "\n")
            self.failure_file(step.key).unlink(missing_ok=True)
            shutil.rmtree(scratch, ignore_errors=True)  # already gone if another process made the same
            return seconds

    def timings(self) -> dict[str, Timing]:
        """Returns the timings in the store, by key."""
        timings = {}
        for path in sorted((self.root / "timings").glob("[0-9a-f]*.json")):
            with contextlib.suppress(ValueError, TypeError, OSError):  # they are used only for estimates
                timings[path.stem] = Timing(**json.loads(path.read_text(encoding="utf-8")))
        return timings

    def write_failure(self, key: str, text: str) -> Path:
        """Writes the details of a failure; returns the path."""
        path = self.failure_file(key)
        _write(path, text)
        return path

    def failure_file(self, key: str) -> Path:
        """Returns the path of a failure's details, whether it exists or not."""
        return self.root / "failures" / f"{key}.txt"

    def failure(self, key: str) -> str | None:
        """Returns the details of the last attempt, if it failed."""
        path = self.failure_file(key)
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None

    def failed_keys(self) -> list[str]:
        """Returns the keys whose last attempt failed, sorted."""
        return sorted(path.stem for path in (self.root / "failures").glob("[0-9a-f]*.txt"))

    def running_since(self, key: str) -> float | None:
        """Returns when a live process began to make an artifact, in seconds since the epoch; None if none."""
        lock = self.root / ".locks" / key
        with contextlib.suppress(FileNotFoundError):
            since = lock.stat().st_mtime
            if (self.root / ".tmp" / key).is_dir():
                with self.lock(key, wait=False) as held:
                    return None if held else since
        return None

    def running(self) -> list[tuple[str, float]]:
        """Returns the label of what live processes are making, and since when, in seconds since the epoch."""
        running = []
        for path in sorted((self.root / ".tmp").glob("[0-9a-f]*")):
            if (since := self.running_since(path.name)) is not None:
                with contextlib.suppress(FileNotFoundError):
                    label = (self.root / ".locks" / path.name).read_text(encoding="utf-8")
                    running.append((label, since))
        return running

    def addresses(self) -> list[str]:
        """Returns the addresses of all artifacts, intact or damaged, sorted."""
        folders = self.root.glob(f"[a-z]*/{'[0-9a-f]' * KEY_LENGTH}/")
        return sorted(path.relative_to(self.root).as_posix() for path in folders)

    def size(self, address: str) -> int:
        """Returns the size of an artifact's files in bytes."""
        return sum(path.stat().st_size for path in (self.root / address).rglob("*") if path.is_file())

    def discard(self, address: str) -> bool:
        """Deletes an artifact, its failure and its log unless a process is working on it; returns whether."""
        key = address.rpartition("/")[2]
        with self.lock(key, wait=False) as held:
            if held:
                self._delete(address)
                for file in (self.failure_file(key), self.root / "logs" / f"{key}.txt"):
                    file.unlink(missing_ok=True)
            return held

    def clean(self) -> None:
        """Deletes what dead processes left: partial artifacts, scratch of artifacts that exist, and locks."""
        folders = list((self.root / ".tmp").glob("*"))
        for path in (self.root / ".scratch").glob("*"):
            if any(self.root.glob(f"[a-z]*/{path.name}/{MANIFEST}")):
                folders.append(path)
        for path in folders:
            with self.lock(path.name, wait=False) as held:
                if held:
                    shutil.rmtree(path, ignore_errors=True)
        for path in (self.root / ".locks").glob("*"):
            with self.lock(path.name, wait=False):
                pass  # a dead process does not hold it: this deletes its file

    def lock(self, key: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """Holds the lock of `key`; yields whether it was acquired, which is always so with `wait`."""
        return locked(self.root / ".locks" / key, wait=wait)

    def _discard_damaged(self, item: Task) -> None:
        """Deletes the artifact if it is damaged. The caller holds the lock."""
        self._sizes.pop(item.address, None)
        if (fault := self.fault(item)) not in (None, NOT_MADE):
            message = "damaged artifact %s (%s): %s; it will be made again"
            log.warning(message, item.address, item.label, fault)
            self._delete(item.address)

    def _delete(self, address: str) -> None:
        """Moves an artifact out of the way atomically, then deletes it. The caller holds the lock."""
        self._sizes.pop(address, None)
        aside = self.root / ".tmp" / f"damaged-{uuid.uuid4().hex}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        (self.root / address).rename(aside)
        shutil.rmtree(aside, ignore_errors=True)  # another run that starts now may be deleting it

    def _publish(self, step: Task, temporary: Path) -> None:
        files: dict[str, dict[str, Any]] = {}
        for path in sorted(temporary.rglob("*")):
            name = path.relative_to(temporary).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()) or name == MANIFEST:
                raise ValueError(
                    f"step {step.name} wrote {name}; allowed are plain files not named {MANIFEST}"
                )
            if path.is_file():
                files[name] = {"sha256": sha256(path), "bytes": path.stat().st_size}
        if not files:
            raise ValueError(f"step {step.name} wrote no file")
        manifest = {
            "step": step.name,
            "version": step.version,
            "key": step.key,
            "config": step.config,
            "inputs": step.inputs,
            "files": files,
        }
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        (temporary / MANIFEST).write_text(text, encoding="utf-8")
        for path in (*temporary.rglob("*"), temporary):
            _sync(path)
        final = self.path(step)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.rename(final)
        except OSError:  # where locks do not work (some network disks), another run may have been first
            if self.fault(step) is not None:
                raise
            shutil.rmtree(temporary)
        _sync(final.parent)
        self._sizes[step.address] = {name: entry["bytes"] for name, entry in files.items()}


def is_store(folder: Path) -> bool:
    """Returns whether a folder is a store: artifacts are made in it, or were."""
    return (folder / "timings").is_dir() or (folder / ".locks").is_dir()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """Returns the sha256 and bytes of the manifest's files, after checking that it belongs to this folder."""
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    key = content_key(manifest["step"], manifest["version"], manifest["config"], manifest["inputs"])
    if (manifest["step"], key) != (path.parent.name, path.name):
        raise ValueError("its content does not give this key")
    files: dict[str, dict[str, Any]] = manifest["files"]
    if not files:
        raise ValueError("it lists no files")
    return files


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"cpu {platform.machine()}"
