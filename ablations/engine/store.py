"""Artifacts by content key, written whole or not at all.

    root/<stage>/<key>/     an artifact: its files and manifest.json with their checksums
    root/timings/<key>.json how long it took and where; apart, so that the artifacts of two runs are identical
    root/failures/<key>.txt the traceback of a task that failed
    root/logs/<key>.txt     what a worker process printed while making it, if anything
    root/.tmp/<key>/<id>/   an artifact being written
    root/.scratch/<key>/    shards and checkpoints of a stage that can resume
    root/.locks/<key>       held by the one process that makes, or discards, the artifact
    root/.tokens/<id>       empty files by which the nodes of a cluster show that they see this folder

Whoever makes an artifact holds its lock, which the system releases when the process dies, however it dies. So
what lies in .tmp and is not locked is a dead process's and may go, and two runs on one store never do the
same work twice. Where locks do not hold, as between machines on some network disks, two may make the same
artifact: each writes in a folder of its own, and the first to finish publishes.
"""

from __future__ import annotations

import contextlib
import hashlib
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

from ablations.engine.locks import locked
from ablations.engine.step import KEY_LENGTH, Context, Recipe, Stage, Task, content_key

MANIFEST = "manifest.json"
NOT_MADE = "not made yet"

log = logging.getLogger("ablations")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long an artifact took."""

    stage: str
    """Name of the stage."""
    weight: float
    """Seconds that were estimated."""
    seconds: float
    """Wall time of the attempt that finished it."""
    resumed: bool
    """Whether an earlier attempt had left it work to go on from; `seconds` is then less than the whole."""
    device: str
    """GPU's or processor's name."""
    finished: str
    """UTC, ISO 8601."""


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
        self._sizes: dict[
            str, dict[str, int]
        ] = {}  # address -> size of each file, once the checksums were found right

    def path(self, item: Task | Recipe) -> Path:
        """The artifact's folder, made or not."""
        return self.root / item.address

    def workspace(self, key: str) -> Path:
        """A folder for the partial work on `key`: survives a kill, is deleted when the artifact stands."""
        path = self.root / ".scratch" / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fault(self, item: Task | Recipe | str, *, full: bool = True) -> str | None:
        """Why an artifact cannot be used, or None if it can. Changes nothing.

        Args:
            item: the task, or the artifact's address.
            full: compare checksums, once for each artifact; otherwise and afterwards sizes alone.
        """
        return self._fault(item if isinstance(item, str) else item.address, full)

    def stands(self, item: Task | Recipe) -> bool:
        """Whether the artifact can be used. A damaged one is deleted, with a line that says so."""
        if (fault := self.fault(item)) not in (None, NOT_MADE):
            with self.lock(item.key):
                self._discard_damaged(item)
        return fault is None

    def make(
        self, recipe: Recipe, stage: Stage, progress: Callable[[float], None], **more: Any
    ) -> float | None:
        """Runs a stage unless its artifact stands.

        Args:
            recipe: what to make.
            stage: how.
            progress: gets the fraction done.
            more: of the context.

        Returns:
            Wall time in seconds, or None if the artifact stood already.

        Raises:
            FileNotFoundError: an input is missing or damaged.
            ValueError: the stage wrote no file, or something that is not a plain file.
        """
        with self.lock(recipe.key):
            self._discard_damaged(recipe)
            if self.fault(recipe) is None:
                return None
            inputs = {
                name: tuple(map(self._input, given)) if isinstance(given, tuple) else self._input(given)
                for name, given in recipe.inputs.items()
            }
            temporary = self.root / ".tmp" / recipe.key / uuid.uuid4().hex
            temporary.mkdir(parents=True)
            scratch = self.workspace(recipe.key)
            resumed = any(scratch.iterdir())
            context = Context(progress=progress, scratch=scratch, local=dict(recipe.local), **more)
            start = time.perf_counter()
            try:
                stage.run(json.loads(json.dumps(recipe.config)), inputs, temporary, context)
                self._publish(recipe, temporary)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            finally:
                with contextlib.suppress(OSError):  # not empty: `clean` takes what a dead process left
                    temporary.parent.rmdir()
            seconds = time.perf_counter() - start
            now = datetime.now(UTC).isoformat(timespec="seconds")
            timing = Timing(
                stage=recipe.stage,
                weight=recipe.weight,
                seconds=seconds,
                resumed=resumed,
                device=_device(),
                finished=now,
            )
            self._write_aside("timings", f"{recipe.key}.json", json.dumps(asdict(timing), indent=1) + "\n")
            self.failure_file(recipe.key).unlink(missing_ok=True)
            shutil.rmtree(scratch, ignore_errors=True)  # gone already if another made the same
            return seconds

    def timings(self) -> dict[str, Timing]:
        """The timings that are there, by key."""
        found = {}
        for path in sorted((self.root / "timings").glob("*.json")):
            with contextlib.suppress(ValueError, TypeError, OSError):  # only estimates are made of them
                found[path.stem] = Timing(**json.loads(path.read_text(encoding="utf-8")))
        return found

    def write_failure(self, key: str, text: str) -> Path:
        """Keeps a failure's whole story; returns where."""
        return self._write_aside("failures", f"{key}.txt", text)

    def failure_file(self, key: str) -> Path:
        """Where a failure's story is, if there is one."""
        return self.root / "failures" / f"{key}.txt"

    def failure(self, key: str) -> str | None:
        """The story of the last try, if that failed."""
        path = self.failure_file(key)
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None

    def made_since(self, item: Task | Recipe) -> float | None:
        """When a living process began to make an artifact, seconds since the epoch; None: none does."""
        lock = self.root / ".locks" / item.key
        with contextlib.suppress(FileNotFoundError):
            since = lock.stat().st_mtime
            if (self.root / ".tmp" / item.key).is_dir():
                with self.lock(item.key, wait=False) as held:
                    return None if held else since
        return None

    def addresses(self) -> list[str]:
        """Of all artifacts, whole or damaged, sorted."""
        found = self.root.glob(f"[a-z]*/{'[0-9a-f]' * KEY_LENGTH}/")
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def size(self, address: str) -> int:
        """Bytes of an artifact's files."""
        return sum(path.stat().st_size for path in (self.root / address).rglob("*") if path.is_file())

    def discard(self, address: str) -> bool:
        """Deletes an artifact and what is told of it, unless some process works on it; returns whether."""
        key = address.rpartition("/")[2]
        with self.lock(key, wait=False) as held:
            if held:
                self._sizes.pop(address, None)
                self._delete(address)
                for aside in (self.failure_file(key), self.root / "logs" / f"{key}.txt"):
                    aside.unlink(missing_ok=True)
            return held

    def clean(self) -> None:
        """Deletes what processes that died left: half-written, scratch of artifacts that stand, and locks."""
        for path in (self.root / ".tmp").glob("*"):
            with self.lock(path.name, wait=False) as held:
                if held:
                    shutil.rmtree(path, ignore_errors=True)
        for path in (self.root / ".scratch").glob("*"):
            if any(self.root.glob(f"[a-z]*/{path.name}/{MANIFEST}")):
                with self.lock(path.name, wait=False) as held:
                    if held:
                        shutil.rmtree(path, ignore_errors=True)
        for path in (self.root / ".locks").glob("*"):
            with self.lock(path.name, wait=False):
                pass  # who is dead does not hold it: its file goes

    def lock(self, key: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """Holds the lock of `key`; yields whether it was got, which is always so with `wait`."""
        return locked(self.root / ".locks" / key, wait=wait)

    def _input(self, address: str) -> Path:
        fault = self._fault(address, full=False)
        if fault is not None:
            raise FileNotFoundError(f"input {address}: {fault}; run the same command again to make it anew")
        return self.root / address

    def _fault(self, address: str, full: bool) -> str | None:
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
                        if _sha256(path / name) != entry["sha256"]:
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

    def _discard_damaged(self, item: Task | Recipe) -> None:
        """Deletes the artifact if it is damaged. The caller holds the lock."""
        self._sizes.pop(item.address, None)
        fault = self.fault(item)
        if fault in (None, NOT_MADE):
            return
        log.warning("damaged artifact %s (%s): %s; it will be made again", item.address, item.label, fault)
        self._sizes.pop(item.address, None)
        self._delete(item.address)

    def _delete(self, address: str) -> None:
        """Out of the way at once, then away. The caller holds the lock."""
        aside = self.root / ".tmp" / f"damaged-{uuid.uuid4().hex}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        (self.root / address).rename(aside)
        shutil.rmtree(aside, ignore_errors=True)  # another run that starts now may be clearing it away

    def _publish(self, recipe: Recipe, temporary: Path) -> None:
        files: dict[str, dict[str, Any]] = {}
        for path in sorted(temporary.rglob("*")):
            name = path.relative_to(temporary).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()) or name == MANIFEST:
                raise ValueError(
                    f"stage {recipe.stage} wrote {name}; allowed are plain files not named {MANIFEST}"
                )
            if path.is_file():
                files[name] = {"sha256": _sha256(path), "bytes": path.stat().st_size}
        if not files:
            raise ValueError(f"stage {recipe.stage} wrote no file")
        manifest = {
            "stage": recipe.stage,
            "version": recipe.version,
            "key": recipe.key,
            "config": recipe.config,
            "inputs": recipe.inputs,
            "files": files,
        }
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        (temporary / MANIFEST).write_text(text, encoding="utf-8")
        for path in (*temporary.rglob("*"), temporary):
            _sync(path)
        final = self.path(recipe)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.rename(final)
        except OSError:
            if self.fault(recipe) is not None:
                raise
            shutil.rmtree(
                temporary
            )  # where locks do not hold (some network disks) another run may have been first
        _sync(final.parent)
        self._sizes[recipe.address] = {name: entry["bytes"] for name, entry in files.items()}

    def _write_aside(self, folder: str, name: str, text: str) -> Path:
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
        return path


def _read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """The manifest's files, after checking that it is the one of this folder."""
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    key = content_key(manifest["stage"], manifest["version"], manifest["config"], manifest["inputs"])
    if (manifest["stage"], key) != (path.parent.name, path.name):
        raise ValueError("its content does not give this key")
    files: dict[str, dict[str, Any]] = manifest["files"]
    if not files:
        raise ValueError("it lists no files")
    return files


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
