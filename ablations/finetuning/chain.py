"""One link of the chain: makes a checkpoint's folder atomically, and resumes after a kill."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.data.artifacts import read_json
from ablations.engine.files import alone, check_new, sha256_of
from ablations.engine.logs import Logs
from ablations.engine.progress import Reporter
from ablations.engine.ranks import Devices
from ablations.engine.shards import claim, discard_unfinished
from ablations.engine.step import Context, Task
from ablations.finetuning.provenance import FACTS
from ablations.labelers.checkpoints import Checkpoint
from lightning_modules.tokenization import check_vocabulary, load_tokenizer, opening

STAGES = "ablations.finetuning.stages:STAGES"
PROBLEM = "1 + 1 = ?\n"
"""Any problem, to check that a chat template accepts it."""
STATE, MADE = "state", "made"
"""Names in the folder of an unfinished training run: its last state, the new checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A checkpoint to make."""

    kind: str
    """One of STAGES."""
    config: dict[str, Any]
    """Everything that decides the result; plain JSON."""
    local: dict[str, Any]
    """Where the files are on this machine, and options that do not affect the result."""
    out: Path
    """The new checkpoint's folder."""


def base_facts(base: Checkpoint, *, solutions: bool) -> dict[str, str]:
    """Returns what identifies a checkpoint, wherever its folder is.

    Args:
        base: the checkpoint.
        solutions: whether it will read solutions of problems, through its chat template if it has one.

    Raises:
        ValueError: it is not a causal language model, or needs code from its own folder; its tokenizer has
            more tokens than the model, or a chat template that does not accept a user's turn.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if base.architecture not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        raise ValueError(
            f"base: found a {base.architecture or 'checkpoint without a class'} in {base.name}; allowed: a "
            "causal language model that transformers knows"
        )
    AutoConfig.from_pretrained(base.folder, local_files_only=True, trust_remote_code=False)
    tokenizer = load_tokenizer(base.folder)
    check_vocabulary(tokenizer, base.rows, "base")
    if solutions:
        opening(tokenizer, PROBLEM, ", or a tokenizer saved without one")
    return {"name": base.name, "architecture": base.architecture, "revision": base.revision()}


def file_facts(files: dict[str, list[Path]]) -> dict[str, list[dict[str, str]]]:
    """Returns name and sha256 of the files that the user named, by field.

    Raises:
        ValueError: a file does not exist.
    """
    return {
        field: [{"name": path.name, "sha256": sha256_of(path, field)} for path in paths]
        for field, paths in files.items()
    }


def forge(link: Link, devices: Devices, reporter: Reporter, logs: Logs) -> dict[str, Any]:
    """Makes a checkpoint.

    Args:
        link: the checkpoint to make.
        devices: devices to train the model on.
        reporter: reports the progress.
        logs: where training writes its logs.

    Returns:
        The checkpoint's facts.

    Raises:
        ValueError: the folder exists, cannot be written, is being written by another process, or holds the
            state of a different training run.
        Diverged: the training diverged; nothing of it is left.
        RankFailed: one of several processes failed or died.
    """
    check_new(link.out, "out")
    with alone(link.out, "out"):
        return _forge(link, devices, reporter, logs)


def _forge(link: Link, devices: Devices, reporter: Reporter, logs: Logs) -> dict[str, Any]:
    folder = link.out.with_name(f"{link.out.name}.unfinished")
    discard_unfinished(folder)
    claim(folder, {"kind": link.kind} | link.config, "the state of another training")
    made = folder / MADE
    shutil.rmtree(made, ignore_errors=True)  # half-written, so of no use
    made.mkdir()
    (folder / STATE).mkdir(exist_ok=True)
    task = Task(stage="finetune", version=1, config=link.config, label=link.kind)
    began = time.monotonic()

    def progress(done: float) -> None:
        left = (time.monotonic() - began) * (1 - done) / done if done else 0.0
        reporter.progressed(task, done, done, left)

    reporter.begin(1, 0, 1.0)
    try:
        reporter.started(task)
        context = Context(progress=progress, scratch=folder / STATE, local=link.local, logs=logs)
        devices.spread(STAGES, link.kind).run({"kind": link.kind} | link.config, {}, made, context)
        reporter.ended(task, time.monotonic() - began, None, 1.0, 0.0)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        discard_unfinished(folder)
        raise
    finally:
        reporter.close()
    facts: dict[str, Any] = read_json(made / FACTS)
    made.replace(link.out)
    shutil.rmtree(folder)
    return facts
