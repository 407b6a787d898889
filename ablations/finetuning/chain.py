"""One link of the chain: a checkpoint's folder, whole or not at all, and gone on with where it was killed."""

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
"""Any problem, to see whether a chat template takes it."""
STATE, MADE = "state", "made"
"""In the folder of a training that is not over: its last state, the new checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """What is asked for."""

    kind: str
    """One of STAGES."""
    config: dict[str, Any]
    """All that decides the result; plain JSON."""
    local: dict[str, Any]
    """Where on this machine the files are, and what changes nothing."""
    out: Path
    """The new checkpoint's folder."""


def base_facts(base: Checkpoint, *, solutions: bool) -> dict[str, str]:
    """What a checkpoint is, whatever its folder.

    Args:
        base: the checkpoint.
        solutions: whether it is to read solutions of problems, through its chat template if it has one.

    Raises:
        ValueError: it is no causal language model, or one that needs code that lies beside it; its
            tokenizer has more tokens than the model, or a chat template that takes no user's turn.
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
    """Name and sha256 of the files that the user named in some fields.

    Raises:
        ValueError: one is not there.
    """
    return {
        field: [{"name": path.name, "sha256": sha256_of(path, field)} for path in paths]
        for field, paths in files.items()
    }


def forge(link: Link, devices: Devices, reporter: Reporter, logs: Logs) -> dict[str, Any]:
    """Makes a checkpoint.

    Args:
        link: what is asked for.
        devices: on which the model is trained.
        reporter: told how far it is.
        logs: what the training logs to.

    Returns:
        Its facts.

    Raises:
        ValueError: the folder is there, cannot be written, is being written by another process, or holds the
            state of a training that was asked otherwise.
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
    shutil.rmtree(made, ignore_errors=True)  # half written, and of no use
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
