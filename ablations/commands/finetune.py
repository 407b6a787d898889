"""``ablations finetune KIND ... --out FOLDER``: the paper's finetuning chain on real checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from ablations.commands.arguments import check_logger
from ablations.commands.cli import COMMANDS
from ablations.commands.convert import OPTIONS
from ablations.data.checks import allowed
from ablations.engine.logs import NONE, Logs
from ablations.engine.progress import LOG_FORMATS, reporter_of
from ablations.engine.ranks import Devices, check_gpus, started
from ablations.finetuning.course import Course, Precision
from ablations.labelers.choice import DEVICES
from lightning_modules.process_group import Strategy

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
    config = {field: getattr(args, field) for field in kind.decides}
    local: dict[str, Any] = {field: list(map(Path, getattr(args, field) or ())) for field in kind.files}
    if kind.course is not None:
        course = Course(**{field.name: getattr(args, field.name) for field in fields(Course)})
        config["course"] = asdict(course)
        local["checkpoint_every"] = args.checkpoint_every
        check_logger(args.logger)
    config["held_out_share"] = _share(args.held_out_share, args.held_out)
    if kind.reads_labels:
        config["options"] = {name: getattr(args, name) for name in READER_OPTIONS if getattr(args, name)}
    allowed("log_format", args.log_format, LOG_FORMATS)
    # slow imports wait until the arguments are checked, so that mistakes are reported at once
    from ablations.finetuning.chain import Link, base_facts, file_facts, forge
    from ablations.finetuning.provenance import described
    from ablations.labelers.checkpoints import find_checkpoint

    config["files"] = file_facts({field: local[field] for field in kind.files})
    if kind.course is not None:
        check_gpus([config["course"]], getattr(args, "devices", 1))
        base = find_checkpoint(args.base, "base")
        config["base"] = base_facts(base, solutions=name != "mathmix")
        local["base"] = base.folder
    asked = Devices(devices=getattr(args, "devices", 1), strategy=getattr(args, "strategy", "auto"))
    out = Path(args.out)
    logs = Logs(kind=getattr(args, "logger", NONE), folder=Path(f"{out}.logs"), title=name, key=out.name)
    with started(asked) as devices:
        if devices.group.first:
            link = Link(kind=name, config=config, local=local, out=out)
            facts = forge(link, devices, reporter_of(args.log_format), logs)
            print(f"{out}: {described(facts)}")


def _share(share: float, files: list[str] | None) -> float:
    """Returns the share of the problems that is drawn to be held out; 0 if files name them."""
    if not 0 <= share < 1:
        raise ValueError(f"held_out_share: found {share}; allowed: 0 or more, and below 1")
    return 0.0 if files else share


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
        add_flags=_scratch,
        files=("text", "held_out"),
        share=HELD_OUT_SHARE,
        decides=("preset", "vocabulary", "seed"),
    ),
    "mathmix": Kind(
        summary="Finetune a causal checkpoint on mathematical text (MathMix).",
        add_flags=_mathmix,
        files=("text", "held_out"),
        share=0.0,
        course=Course(epochs=2, batch=8192, learning_rate=SLOW),  # 2: the paper's large models
    ),
    "generator": Kind(
        summary="Finetune a causal checkpoint on the right solutions of a pool.",
        add_flags=_generator,
        files=("pool", "held_out"),
        share=0.0,
        decides=("most",),
        course=Course(epochs=1, batch=8192, learning_rate=SLOW),  # 1: the paper's
    ),
    "large-prm": Kind(
        summary="Train a process reward model of three classes on rated steps.",
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
