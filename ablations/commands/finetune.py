"""``ablations finetune KIND ... --out FOLDER``: the paper's finetuning chain on real checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ablations.commands.arguments import check_logger
from ablations.commands.making import make_all
from ablations.data.checks import allowed
from ablations.data.field_types import Count, Vocabulary, check_fields
from ablations.data.json_files import read_json, write_json
from ablations.data.models import MODEL
from ablations.engine.files import check_new, check_output, exclusive, fill_folder
from ablations.engine.logs import NONE, Logs
from ablations.engine.machine import Machine
from ablations.engine.progress import LogFormat, text_table
from ablations.engine.ranks import Devices, check_gpus, joined_devices
from ablations.engine.step import Task
from ablations.engine.store import STORE, Store
from ablations.engine.user_file import UserFile
from ablations.formats.rated_solutions import LabelOptions
from ablations.steps.base_model import FACTS, UseCheckpoint
from ablations.steps.compute_states import SECONDS_PER_STATE_TOKEN, ComputeRatedStates
from ablations.steps.course import Course
from ablations.steps.language_finetuning import FinetuneOnSolutions, MathMix
from ablations.steps.prm_on_labels import TrainPrmOnLabels
from ablations.steps.rated_labels import RatedLabels
from ablations.steps.scratch_base import MakeScratchBase
from ablations.steps.withheld import Withheld
from lightning_modules.presets import PRESETS
from lightning_modules.process_group import Strategy

FINETUNE = "finetune.json"
"""File next to a checkpoint's config.json that says how the checkpoint was made."""
Files = tuple[UserFile, ...]
SLOW = 1e-5
"""Default learning rate. The paper gives none, but says that a PRM was stable only with low ones."""


@dataclass(frozen=True, kw_only=True)
class HeldOutFlags:
    """Problems from which nothing is learned."""

    held_out: tuple[Path, ...] = ()
    """File of any format whose problems nothing is learned from; repeatable."""
    held_out_share: float = 0.0
    """Without such a file, the share of the problems instead; the same problems for all kinds."""

    def withheld(self, seed: int) -> Withheld:
        """Returns the problems, from the files if there are any, otherwise a random share."""
        share = 0.0 if self.held_out else self.held_out_share
        return Withheld(files=_files("held_out", self.held_out), share=share, seed=seed)


@dataclass(frozen=True, kw_only=True)
class TrainingFlags:
    """What a training leaves behind while it runs."""

    checkpoint_every: Count = 100
    """Updates between two states that are kept."""
    logger: str = NONE
    """TrackioLogger, or one of Lightning's; writes into OUT.logs."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_logger(self.logger)


def scratch(
    *,
    text: tuple[Path, ...],
    preset: str = "small",
    vocabulary: Vocabulary = 1000,
    seed: int = 0,
    held_out: HeldOutFlags = HeldOutFlags(held_out_share=0.1),
    out: Path,
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Makes a base of random weights and a tokenizer.

    Args:
        text: file of any format that trains the tokenizer; repeatable.
        preset: sizes of the model.
        vocabulary: tokens.
        seed: seed of the weights, and of what is held out.
        held_out: what nothing is learned from.
        out: folder of the new checkpoint.
        store: folder of artifacts.
        log_format: format of the progress.
    """
    allowed("preset", preset, tuple(PRESETS))
    texts, withheld = _files("text", text), held_out.withheld(seed)
    step = MakeScratchBase(
        text=texts,
        withheld=withheld,
        preset=preset,
        vocabulary=vocabulary,
        seed=seed,
        label="base from scratch",
    )
    facts = {"preset": preset, "vocabulary": vocabulary, "seed": seed}
    _make(step, facts | _facts("scratch", withheld, text=texts), out, store, log_format)


def mathmix(
    base: str,
    *,
    text: tuple[Path, ...],
    course: Course = Course(epochs=2, batch=8192, learning_rate=SLOW),  # 2: the paper's large models
    held_out: HeldOutFlags = HeldOutFlags(),
    training: TrainingFlags = TrainingFlags(),
    out: Path,
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Finetunes a causal checkpoint on mathematical text.

    Args:
        base: folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub.
        text: rows of {question, answer}, {problem, solution} or {text}, or plain .txt; repeatable.
        course: how long and how fast.
        held_out: what nothing is learned from.
        training: what it leaves behind while it runs.
        out: folder of the new checkpoint.
        store: folder of artifacts.
        log_format: format of the progress.
    """
    texts, withheld = _files("text", text), held_out.withheld(course.seed)
    start, identity = _base_of(base, course, solutions=False)
    step = MathMix(
        base=start,
        text=texts,
        withheld=withheld,
        course=course,
        checkpoint_every=training.checkpoint_every,
    )
    facts = {"course": asdict(course), "base": identity} | _facts("mathmix", withheld, text=texts)
    _make(step, facts, out, store, log_format, training.logger)


def generator(
    base: str,
    *,
    pool: tuple[Path, ...],
    most: Count | None = None,
    course: Course = Course(epochs=1, batch=8192, learning_rate=SLOW),  # 1: the paper's
    held_out: HeldOutFlags = HeldOutFlags(),
    training: TrainingFlags = TrainingFlags(),
    out: Path,
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Finetunes a causal checkpoint on the right solutions of a pool.

    Args:
        base: folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub.
        pool: sampled, graded solutions; repeatable.
        most: solutions of a problem, the first right ones (default: all).
        course: how long and how fast.
        held_out: what nothing is learned from.
        training: what it leaves behind while it runs.
        out: folder of the new checkpoint.
        store: folder of artifacts.
        log_format: format of the progress.
    """
    pools, withheld = _files("pool", pool), held_out.withheld(course.seed)
    start, identity = _base_of(base, course, solutions=True)
    step = FinetuneOnSolutions(
        base=start,
        pool=pools,
        most=most,
        withheld=withheld,
        course=course,
        checkpoint_every=training.checkpoint_every,
    )
    facts = {"most": most, "course": asdict(course), "base": identity}
    facts |= _facts("generator", withheld, pool=pools)
    _make(step, facts, out, store, log_format, training.logger)


def large_prm(
    base: str,
    *,
    labels: tuple[Path, ...],
    threshold: float | None = None,
    options: LabelOptions = LabelOptions(),
    problems: tuple[Path, ...] = (),
    frozen_layer: int | None = None,
    course: Course = Course(epochs=2, batch=64, learning_rate=SLOW),  # 2: the paper's
    held_out: HeldOutFlags = HeldOutFlags(held_out_share=0.1),
    training: TrainingFlags = TrainingFlags(),
    devices: int = 1,
    strategy: Strategy = "auto",
    out: Path,
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Trains a process reward model of three classes on rated steps.

    Args:
        base: folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub.
        labels: file of any labeled format; repeatable.
        threshold: P(wrong) above which a step is wrong, where labels are probabilities.
        options: which labels are read.
        problems: with math_shepherd or rlhflow, file of the problems, where steps are not numbered;
            repeatable.
        frozen_layer: layer to cut the base at; only a linear head on its states is trained, which takes
            seconds once they are computed, at learning rates of 0.001 to 0.1 (default: the whole model is
            trained).
        course: how long and how fast.
        held_out: what nothing is learned from.
        training: what it leaves behind while it runs.
        devices: processes or GPUs that train it together.
        strategy: how they share the model.
        out: folder of the new checkpoint.
        store: folder of artifacts.
        log_format: format of the progress.
    """
    files, withheld = _files("labels", labels), held_out.withheld(course.seed)
    problem_files = _files("problems", problems)
    start, identity = _base_of(base, course, solutions=True, devices=devices)
    read = RatedLabels(labels=files, options=options, problems=problem_files, threshold=threshold)
    states = None
    if frozen_layer is not None:
        if devices > 1:
            raise ValueError(f"frozen_layer: found it with {devices} devices; allowed: one")
        _check_layer(base, frozen_layer)
        states = ComputeRatedStates(
            base=start,
            layer=frozen_layer,
            max_length=course.max_length,
            device=course.device,
            label=f"states of layer {frozen_layer}",
            weight=sum(file.path.stat().st_size for file in files) / 4 * SECONDS_PER_STATE_TOKEN,
            **vars(read),
        )
    step = TrainPrmOnLabels(
        base=start,
        states=states,
        withheld=withheld,
        course=course,
        checkpoint_every=training.checkpoint_every,
        label="large-prm",
        **vars(read),
    )
    facts: dict[str, Any] = {"threshold": threshold, "options": options.given()}
    if frozen_layer is not None:
        facts["frozen_layer"] = frozen_layer
    facts |= {"course": asdict(course), "base": identity}
    facts |= _facts("large-prm", withheld, labels=files, problems=problem_files)
    shared = Devices(devices=devices, strategy=strategy)
    _make(step, facts, out, store, log_format, training.logger, shared)


def _check_layer(base: str, layer: int) -> None:
    from ablations.labelers.checkpoints import find_checkpoint
    from lightning_modules.backbones import keep_layers, load_config

    keep_layers(load_config(find_checkpoint(base, "base").folder), layer)


KINDS: dict[str, tuple[Callable[..., None], str]] = {
    "scratch": (scratch, "Make a base of random weights and a tokenizer trained on text: for small trials."),
    "mathmix": (mathmix, "Finetune a causal checkpoint on mathematical text (MathMix)."),
    "generator": (generator, "Finetune a causal checkpoint on the right solutions of a pool."),
    "large-prm": (large_prm, "Train a process reward model of three classes on rated steps."),
}
"""The kinds of finetuning, each with its summary."""


def _files(flag: str, paths: tuple[Path, ...]) -> Files:
    return tuple(UserFile.of(path, flag) for path in paths)


def _facts(kind: str, withheld: Withheld, **files: Files) -> dict[str, Any]:
    """Returns what decides the result apart from the training."""
    named = {
        flag: [{"name": file.path.name, "sha256": file.sha256} for file in given]
        for flag, given in {**files, "held_out": withheld.files}.items()
    }
    return {"kind": kind, "held_out_share": withheld.share, "files": named}


def _make(
    step: Task,
    facts: dict[str, Any],
    out: Path,
    store: Path,
    log_format: str,
    logger: str = NONE,
    devices: Devices = Devices(),
) -> None:
    """Makes a checkpoint, and copies it out of the store with the facts of its making."""
    check_new(out, "out")
    check_output(store, "store", folder=True)
    logs = Logs(kind=logger, folder=Path(f"{out}.logs").absolute())
    with joined_devices(devices) as spread:
        if spread.group.first:
            with exclusive(out, "out"):
                artifacts = Store(store)
                make_all([step], artifacts, 1, log_format, Machine(devices=spread, logs=logs))
                artifact = artifacts.path(step)
                facts |= read_json(artifact / FACTS)
                with fill_folder(out, "out") as folder:
                    shutil.copytree(artifact / MODEL, folder, dirs_exist_ok=True)
                    write_json(folder / FINETUNE, facts)
            print(f"{out}: {_describe(facts)}")


def _base_of(
    name: str, course: Course, *, solutions: bool, devices: int = 1
) -> tuple[UseCheckpoint, dict[str, str]]:
    """Returns the step for a causal base, and what identifies it wherever its folder is, after checks.

    With ``solutions``, its chat template, if it has one, must accept a user's turn.
    """
    check_gpus([course.device], devices)
    # slow imports wait until the arguments are checked, so that mistakes are reported at once
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    from ablations.labelers.checkpoints import find_checkpoint
    from lightning_modules.tokenization import check_opening, check_vocabulary, load_tokenizer

    base = find_checkpoint(name, "base")
    if base.architecture not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        raise ValueError(
            f"base: found a {base.architecture or 'checkpoint without a class'} in {base.name}; allowed: a "
            "causal language model that transformers knows"
        )
    AutoConfig.from_pretrained(base.folder, local_files_only=True, trust_remote_code=False)
    tokenizer = load_tokenizer(base.folder)
    check_vocabulary(tokenizer, base.rows, "base")
    if solutions:
        check_opening(tokenizer, ", or a tokenizer saved without one")
    step = UseCheckpoint.of(name, base)
    return step, {"name": base.name, "architecture": base.architecture, "revision": step.revision}


def _describe(facts: dict[str, Any]) -> str:
    """Formats the facts for display: counts, what was left out, and how well it does if it was evaluated."""
    base = facts.get("base")
    source = f" of {base['name']} (revision {base['revision'][:12]})" if base else ""
    updates = f", {facts['training']['updates']:,} updates" if "training" in facts else ""
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in facts["counts"].items()]
    lines = [f"{facts['kind']}{source}{updates}", text_table(("", "count"), rows, right=(1,))]
    for reason, found in facts["left_out"].items():
        more = ", ..." if found["count"] > len(found["first"]) else ""
        named = f" ({', '.join(found['first'])}{more})" if found["first"] else ""
        lines.append(f"left out: {found['count']:,} {reason}{named}")
    if facts.get("shortcuts"):
        areas = ", ".join(f"{name} {area:.3f}" for name, area in facts["shortcuts"].items())
        lines.append(f"shortcuts, AUROC of the labels by one kind of feature alone: {areas}")
    if "judged" in facts:
        lines.append(_quality("held out", facts["judged"]))
    if facts.get("judged_distinct"):
        lines.append(_quality("the same, equal solutions once", facts["judged_distinct"]))
    return "\n".join(lines)


def _quality(rows: str, found: dict[str, Any] | None) -> str:
    if found is None:
        return "not evaluated: there is no label of a held-out problem"
    auroc = found["step_auroc"]
    classes = ", ".join(
        f"{name} {_share(of_class['accuracy'])} of {of_class['labels']:,}"
        for name, of_class in found["by_class"].items()
    )
    return (
        f"{rows}: {found['labels']:,} labels of {found['problems']:,} problems; step AUROC "
        f"{_share(auroc['estimate'])} [{_share(auroc['lower'])}, {_share(auroc['upper'])}], loss "
        f"{found['loss']:.3f}, accuracy {_share(found['accuracy'])} ({classes})"
    )


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
