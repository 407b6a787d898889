"""``ablations finetune KIND ... --out FOLDER``: the paper's finetuning chain on real checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

from ablations.commands.arguments import check_logger
from ablations.commands.cli import COMMANDS
from ablations.commands.convert import OPTIONS
from ablations.commands.making import make_all
from ablations.data.checks import allowed
from ablations.data.json_files import read_json, write_json
from ablations.data.models import MODEL
from ablations.engine.files import alone, check_new, check_output, filling
from ablations.engine.logs import NONE, Logs
from ablations.engine.machine import Machine
from ablations.engine.progress import LOG_FORMATS, text_table
from ablations.engine.ranks import Devices, check_gpus, started
from ablations.engine.step import Task
from ablations.engine.store import Store
from ablations.engine.user_file import UserFile
from ablations.labelers.choice import DEVICES
from ablations.steps.base_model import FACTS, UseCheckpoint
from ablations.steps.course import Course
from ablations.steps.language_finetuning import FinetuneOnSolutions, MathMix
from ablations.steps.prm_on_labels import LabelOptions, TrainPrmOnLabels
from ablations.steps.scratch_base import MakeScratchBase
from ablations.steps.withheld import Withheld
from lightning_modules.presets import PRESETS, Precision
from lightning_modules.process_group import Strategy

FINETUNE = "finetune.json"
"""File next to a checkpoint's config.json that says how the checkpoint was made."""
Files = dict[str, tuple[UserFile, ...]]
"""Files that the user named, by flag."""
HELD_OUT_SHARE = 0.1
"""Default share for models evaluated on held-out problems, and for the tokenizer that they start with."""
READER_OPTIONS = ("keep_screening", "keep_quality_control", "keep_give_up", "keep_bad_problem", "labeler")
"""Options of label readers, by their names in ``convert.OPTIONS``; they determine which labels are read."""
TOKENS = "batch-tokens"
LEAST = {"most": 1, "vocabulary": 258, "checkpoint_every": 1}
"""Minimums of flags that no settings class checks; a vocabulary holds every byte, the padding and the end."""
SLOW = 1e-5
"""Default learning rate. The paper gives none, but says that a PRM was stable only with low ones."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of finetuning."""

    summary: str
    """Summary for the help: what it makes from what."""
    step: Callable[[Any, Files, Withheld], Task]
    """`step(args, files, withheld)`: what makes it."""
    add_flags: Callable[[Any], None]
    """Adds its own flags to a parser."""
    files: tuple[str, ...]
    """Flags that name files."""
    share: float
    """Share of the problems to hold out if no file names them."""
    decides: tuple[str, ...] = ()
    """Flags that determine the result in addition to files, course and share."""
    reads_labels: bool = False
    """Whether it takes READER_OPTIONS."""
    course: Course | None = None
    """Default course; None: nothing is trained."""
    batch: str = TOKENS
    """Name of the flag for the size of an update."""


def finetune(argv: Sequence[str]) -> None:
    """Runs the command.

    Args:
        argv: the command's arguments.

    Raises:
        ValueError: an argument, a file or the base is invalid.
    """
    name, args = _parse(argv)
    kind = KINDS[name]
    for flag, least in LEAST.items():
        if (found := getattr(args, flag, None)) is not None and found < least:
            raise ValueError(f"{flag}: found {found}; allowed: {least} or more")
    allowed("log_format", args.log_format, LOG_FORMATS)
    share = 0.0 if args.held_out else args.held_out_share  # files name them instead
    facts: dict[str, Any] = {"kind": name, "held_out_share": share}
    facts |= {field: getattr(args, field) for field in kind.decides}
    if kind.course is not None:
        args.course = Course(**{field.name: getattr(args, field.name) for field in fields(Course)})
        facts["course"] = asdict(args.course)
        check_logger(args.logger)
    if kind.reads_labels:
        facts["options"] = {name: getattr(args, name) for name in READER_OPTIONS if getattr(args, name)}
    withheld = Withheld(share=share, seed=args.seed)
    files = {
        field: tuple(UserFile.of(Path(path), field) for path in getattr(args, field) or ())
        for field in kind.files
    }
    facts["files"] = {
        field: [{"name": file.path.name, "sha256": file.sha256} for file in named]
        for field, named in files.items()
    }
    devices = getattr(args, "devices", 1)
    if kind.course is not None:
        check_gpus([args.course.device], devices)
        args.base, facts["base"] = _base_of(args.base, solutions=name != "mathmix")
    step = kind.step(args, files, replace(withheld, files=files["held_out"]))
    out = Path(args.out)
    check_new(out, "out")
    check_output(args.store, "store", folder=True)
    logs = Logs(kind=getattr(args, "logger", NONE), folder=Path(f"{out}.logs").absolute())
    asked = Devices(devices=devices, strategy=getattr(args, "strategy", "auto"))
    with started(asked) as spread:
        if spread.group.first:
            with alone(out, "out"):
                store = Store(args.store)
                make_all([step], store, 1, args.log_format, Machine(devices=spread, logs=logs))
                facts |= read_json(store.path(step) / FACTS)
                _export(store.path(step), out, facts)
            print(f"{out}: {_described(facts)}")


def _base_of(name: str, *, solutions: bool) -> tuple[UseCheckpoint, dict[str, str]]:
    """Returns the step for a base, and what identifies it wherever its folder is.

    Args:
        name: a folder, or OWNER/NAME[@REVISION] on the hub.
        solutions: whether it will read solutions of problems, through its chat template if it has one.

    Raises:
        ValueError: it is not a causal language model, or needs code from its own folder; its tokenizer has
            more tokens than the model, or a chat template that does not accept a user's turn.
    """
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


def _export(artifact: Path, out: Path, facts: dict[str, Any]) -> None:
    """Copies a model out of the store, with the facts of its making."""
    with filling(out, "out") as folder:
        shutil.copytree(artifact / MODEL, folder, dirs_exist_ok=True)
        write_json(folder / FINETUNE, facts)


def _described(facts: dict[str, Any]) -> str:
    """Formats the facts for display: counts, what was left out, and how well it does if it was evaluated."""
    base = facts.get("base")
    of = f" of {base['name']} (revision {base['revision'][:12]})" if base else ""
    updates = f", {facts['training']['updates']:,} updates" if "training" in facts else ""
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in facts["counts"].items()]
    lines = [f"{facts['kind']}{of}{updates}", text_table(("", "count"), rows, right=(1,))]
    for reason, found in facts["left_out"].items():
        more = ", ..." if found["count"] > len(found["first"]) else ""
        named = f" ({', '.join(found['first'])}{more})" if found["first"] else ""
        lines.append(f"left out: {found['count']:,} {reason}{named}")
    if "judged" in facts:
        lines.append(_judged("held out", facts["judged"]))
    if facts.get("judged_distinct"):
        lines.append(_judged("the same, equal solutions once", facts["judged_distinct"]))
    return "\n".join(lines)


def _judged(what: str, found: dict[str, Any] | None) -> str:
    if found is None:
        return "not judged: there is no label of a held-out problem"
    auroc = found["step_auroc"]
    classes = ", ".join(
        f"{name} {_share(one['accuracy'])} of {one['labels']:,}" for name, one in found["by_class"].items()
    )
    return (
        f"{what}: {found['labels']:,} labels of {found['problems']:,} problems; step AUROC "
        f"{_share(auroc['estimate'])} [{_share(auroc['lower'])}, {_share(auroc['upper'])}], loss "
        f"{found['loss']:.3f}, accuracy {_share(found['accuracy'])} ({classes})"
    )


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _scratch_step(args: Any, files: Files, withheld: Withheld) -> MakeScratchBase:
    allowed("preset", args.preset, tuple(PRESETS))
    return MakeScratchBase(
        text=files["text"],
        withheld=withheld,
        preset=args.preset,
        vocabulary=args.vocabulary,
        seed=args.seed,
        label="base from scratch",
    )


def _mathmix_step(args: Any, files: Files, withheld: Withheld) -> MathMix:
    return MathMix(
        base=args.base,
        text=files["text"],
        withheld=withheld,
        course=args.course,
        checkpoint_every=args.checkpoint_every,
    )


def _generator_step(args: Any, files: Files, withheld: Withheld) -> FinetuneOnSolutions:
    return FinetuneOnSolutions(
        base=args.base,
        pool=files["pool"],
        most=args.most,
        withheld=withheld,
        course=args.course,
        checkpoint_every=args.checkpoint_every,
    )


def _large_prm_step(args: Any, files: Files, withheld: Withheld) -> TrainPrmOnLabels:
    return TrainPrmOnLabels(
        base=args.base,
        labels=files["labels"],
        options=LabelOptions(**{name: getattr(args, name) for name in READER_OPTIONS}),
        problems=files["problems"],
        threshold=args.threshold,
        withheld=withheld,
        course=args.course,
        checkpoint_every=args.checkpoint_every,
        label="large-prm",
    )


def _scratch(parser: Any) -> None:
    parser.add_argument(
        "--text", type=str, action="append", required=True, help="of any format; trains the tokenizer"
    )
    parser.add_argument("--preset", type=str, default="small", help="sizes of the model")
    parser.add_argument("--vocabulary", type=int, default=1000, help="tokens, 258 or more")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, and of what is held out")


def _mathmix(parser: Any) -> None:
    parser.add_argument(
        "--text",
        type=str,
        action="append",
        required=True,
        help="rows of {question, answer}, {problem, solution} or {text}, or plain .txt; repeatable",
    )


def _generator(parser: Any) -> None:
    parser.add_argument(
        "--pool", type=str, action="append", required=True, help="sampled, graded solutions; repeatable"
    )
    parser.add_argument(
        "--most", type=int | None, default=None, help="solutions of a problem, the first right ones (all)"
    )


def _large_prm(parser: Any) -> None:
    parser.add_argument(
        "--labels", type=str, action="append", required=True, help="of any labelled format; repeatable"
    )
    parser.add_argument(
        "--threshold",
        type=float | None,
        default=None,
        help="P(wrong) above which a step is wrong, where labels are probabilities",
    )
    for name in READER_OPTIONS:
        kind, text = OPTIONS[name]
        flag = f"--{name.replace('_', '-')}"
        if kind is bool:
            parser.add_argument(flag, action="store_true", help=text)
        else:
            parser.add_argument(flag, type=kind | None, default=None, help=text)
    parser.add_argument("--problems", type=str, action="append", help=OPTIONS["problems"][1])
    parser.add_argument("--devices", type=int, default=1, help="that train it together")
    parser.add_argument(
        "--strategy", type=str, default="auto", help=f"how: one of {', '.join(get_args(Strategy))}"
    )


KINDS: dict[str, Kind] = {
    "scratch": Kind(
        summary="Make a base of random weights and a tokenizer trained on text: for small trials.",
        step=_scratch_step,
        add_flags=_scratch,
        files=("text", "held_out"),
        share=HELD_OUT_SHARE,
        decides=("preset", "vocabulary", "seed"),
    ),
    "mathmix": Kind(
        summary="Finetune a causal checkpoint on mathematical text (MathMix).",
        step=_mathmix_step,
        add_flags=_mathmix,
        files=("text", "held_out"),
        share=0.0,
        course=Course(epochs=2, batch=8192, learning_rate=SLOW),  # 2: the paper's large models
    ),
    "generator": Kind(
        summary="Finetune a causal checkpoint on the right solutions of a pool.",
        step=_generator_step,
        add_flags=_generator,
        files=("pool", "held_out"),
        share=0.0,
        decides=("most",),
        course=Course(epochs=1, batch=8192, learning_rate=SLOW),  # 1: the paper's
    ),
    "large-prm": Kind(
        summary="Train a process reward model of three classes on rated steps.",
        step=_large_prm_step,
        add_flags=_large_prm,
        files=("labels", "held_out", "problems"),
        share=HELD_OUT_SHARE,
        decides=("threshold",),
        reads_labels=True,
        course=Course(epochs=2, batch=64, learning_rate=SLOW),  # 2: the paper's
        batch="batch-size",
    ),
}


def _parse(argv: Sequence[str]) -> tuple[str, Any]:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog="ablations finetune", description=COMMANDS["finetune"], exit_on_error=False
    )
    commands = parser.add_subcommands(required=True, dest="kind")
    for name, kind in KINDS.items():
        command = jsonargparse.ArgumentParser(
            description=kind.summary, exit_on_error=False, allow_abbrev=False
        )
        if kind.course is not None:
            command.add_argument(
                "base", type=str, help="folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub"
            )
        kind.add_flags(command)
        if kind.course is not None:
            _add_course(command, kind.course, kind.batch)
        command.add_argument(
            "--held-out",
            type=str,
            action="append",
            help="nothing is learnt from the problems of this file, of any format; repeatable",
        )
        command.add_argument(
            "--held-out-share",
            type=float,
            default=kind.share,
            help="nor, without such a file, from this share of the problems; the same problems for all kinds",
        )
        command.add_argument("--out", type=str, required=True, help="folder of the new checkpoint")
        command.add_argument("--store", type=Path, default=Path("runs/store"), help="folder of artifacts")
        command.add_argument(
            "--log-format", type=str, default="text", help=f"of the progress: {', '.join(LOG_FORMATS)}"
        )
        commands.add_subcommand(name, command, help=kind.summary)
    args = parser.parse_args(list(argv))
    return str(args.kind), args[args.kind]


def _add_course(parser: Any, course: Course, batch: str) -> None:
    helps: dict[str, tuple[str, Any, str]] = {
        "epochs": ("epochs", int, "passes over the data"),
        "updates": ("updates", int | None, "updates in all, in place of passes"),
        "batch": (
            batch,
            int,
            "of an update: tokens" if batch == TOKENS else "solutions with their alternatives",
        ),
        "learning_rate": ("learning-rate", float, "the highest one; small models from scratch want 1e-3"),
        "max_length": ("max-length", int | None, "most tokens read at once (the model's positions)"),
        "seed": ("seed", int, "of all that is drawn"),
        "device": ("device", str, f"one of {', '.join(DEVICES)}"),
        "precision": ("precision", str, f"one of {', '.join(get_args(Precision))}"),
    }
    for name, (flag, kind, text) in helps.items():
        parser.add_argument(f"--{flag}", dest=name, type=kind, default=getattr(course, name), help=text)
    parser.add_argument("--checkpoint-every", type=int, default=100, help="updates between two states kept")
    parser.add_argument("--logger", type=str, default=NONE, help="one of Lightning's; writes into OUT.logs")
