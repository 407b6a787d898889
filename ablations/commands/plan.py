"""Costs in `plan`, reported when devices or backbones are given: the flags and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.engine.costs.hardware import CPU, KINDS, device_of
from ablations.engine.costs.work import ROLES, Role
from ablations.engine.progress import duration, text_table
from ablations.engine.step import Task
from ablations.engine.store import Store

if TYPE_CHECKING:
    from ablations.engine.costs.costs import TimedWork
    from lightning_modules.sizes import Size

COUNTS = (1, 8, 64)
"""Default numbers of devices."""
FLAGS = (
    *("devices", "device_kind", "peak_tflops", "utilization", "sampling_utilization"),
    *("backbone", "large_backbone"),
)
"""Flags that request the costs, each by itself."""
COUNTED = """\
All tasks are counted, cached or not, as if their models ran on such devices, on as many of them as can share
the task. Tokens are those that are computed: where solutions are scored, common beginnings of solutions to
one problem, and equal solutions, count once; where steps are learned, a solution counts up to its first
error; where solutions are sampled, their problem counts once. Lengths are those of the embedded world's
solutions, or of GSM8K's, for any backbone. Loading, evaluation and tasks without a model are left out."""
FILLING = 100_000_000
"""Number of parameters below which a model's kernels are too short to fill a GPU."""
_ROLES: dict[Role, str] = {
    "student": "students and selectors",
    "generator": "generator",
    "large": "labeler and other large models",
}


def add_arguments(parser: Any) -> None:
    """Adds the flags that only `plan` has."""

    def add(flag: str, help: str, kind: Any = float, **more: Any) -> None:
        parser.add_argument(f"--{flag}", type=kind, default=None, help=help, **more)

    several = {"nargs": "+", "action": "extend"}
    known = f"{', '.join(KINDS)} (default: {KINDS[0]})"
    counts = " ".join(map(str, COUNTS))
    add("devices", f"show costs on so many devices, one or more numbers (default: {counts})", int, **several)
    add("device-kind", f"kind of device: {known}", str)
    add("peak-tflops", "a device's peak, TFLOP/s (default: its kind's)")
    add("utilization", "share of the peak in training and scoring (default: its kind's)")
    add("sampling-utilization", "share of the peak in sampling (default: its kind's)")
    named = "preset, folder or name of a transformers checkpoint; only its config is read"
    add("backbone", f"as if students and selectors were this: {named}", str)
    add("large-backbone", f"as if generator, labeler and other large models were this: {named}", str)
    parser.add_argument(
        "--download",
        action="store_true",
        help="fetch the config of a checkpoint that is not on this machine",
    )


def asks_for_costs(args: Any) -> bool:
    """Returns whether a flag that requests the costs is given."""
    return any(getattr(args, flag) is not None for flag in FLAGS)


def describe_costs(args: Any, tasks: Sequence[Task], store: Store) -> str:
    """Describes costs by kind of work, the longest path, and predicted against measured seconds.

    Args:
        args: the command's arguments.
        tasks: all tasks, each after its inputs.
        store: store with the timings of earlier tasks.

    Raises:
        ValueError: a backbone, a device or a number is not allowed; the message says what is.
    """
    from ablations.engine.costs.costs import compare_times, compute_costs, longest_path, task_seconds

    counts = args.devices or COUNTS
    if min(counts) < 1:
        raise ValueError(f"devices: found {min(counts)}; allowed: 1 or more")
    device = device_of(
        args.device_kind or KINDS[0], args.peak_tflops, args.utilization, args.sampling_utilization
    )
    sizes = _sizes(args, tasks)
    parts = [
        f"{device.name}: {device.peak / 1e12:,.3g} TFLOP/s, of which {device.utilization:g} are reached in "
        f"training and scoring, {device.sampling:g} in sampling",
        *(
            f"{_ROLES[role]}: {size.name}, {size.parameters:,} parameters, {size.layers} layers"
            for role, size in sizes.items()
        ),
        COUNTED,
    ]
    if device.timed_as != CPU and any(size.parameters < FILLING for size in sizes.values()):
        parts.append(
            f"Backbones of less than {FILLING:,} parameters do not fill a GPU: they take more hours."
        )
    parts.append("")
    kinds, total = compute_costs(tasks, sizes, device, counts)
    header = ("work", "tasks", "tokens", "FLOP", *(f"hours on {count}" for count in counts))
    rows = [
        (
            cost.what,
            f"{cost.tasks:,}",
            *((f"{cost.tokens:,}", f"{cost.operations:.2e}") if cost.tokens else ("", "")),
            *((_hours(seconds) for seconds in cost.seconds) if cost.tokens else ("",) * len(counts)),
        )
        for cost in (*kinds, total)
    ]
    parts.append(text_table(header, rows, right=range(1, len(header))))
    seconds = {task: task_seconds(task, sizes, device) for task in tasks}
    path = longest_path(tasks, seconds.__getitem__)
    if path:
        parts.append(
            f"longest path, if each task had one device alone: {_hours(sum(seconds[t] for t in path))} hours"
        )
        parts += [f"  {_hours(seconds[task])}  {task.label}" for task in path]
    if args.backbone is None and args.large_backbone is None:
        found = compare_times(tasks, sizes, device, store.timings())
        parts += _comparison(found) if found else []
    return "\n".join(parts)


def _sizes(args: Any, tasks: Sequence[Task]) -> dict[Role, Size]:
    """Returns the size of each role's backbone, from the flags or the settings."""
    from ablations.experiments.settings import StudentSettings
    from ablations.experiments.source_settings import WorldSettings
    from ablations.world.text import build_tokenizer
    from ablations.world.worlds import world_of
    from lightning_modules.sizes import size_of

    settings = args.settings
    used = {work.role for task in tasks for work in task.work}
    if not used:
        return {}
    source, students = settings.source, getattr(settings, "students", StudentSettings())
    names: dict[Role, str] = {"student": students.backbone}
    if isinstance(source, WorldSettings):
        world = world_of(source.world)
        vocabulary = len(build_tokenizer(world))
        names |= {"generator": source.generator.backbone, "large": "large"}
        names = {role: world.pretrainings[size].preset for role, size in names.items()}
        names["large"] = _without_revision(source.labeler.checkpoint) or names["large"]
    else:
        vocabulary = source.vocabulary
    names["student"] = _without_revision(students.checkpoint) or names["student"]
    if args.backbone is not None:
        names["student"] = args.backbone
    if args.large_backbone is not None:
        names |= {"generator": args.large_backbone, "large": args.large_backbone}
    return {
        role: size_of(names[role], vocabulary=vocabulary, download=args.download)
        for role in ROLES
        if role in used
    }


def _without_revision(checkpoint: str | None) -> str | None:
    """Returns a checkpoint's name as transformers takes it."""
    if checkpoint is None or Path(checkpoint).is_dir():
        return checkpoint
    return checkpoint.partition("@")[0]


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return "<0.01" if 0 < hours < 0.005 else f"{hours:,.2f}" if hours < 10 else f"{hours:,.1f}"


def _comparison(found: Sequence[TimedWork]) -> list[str]:
    from ablations.engine.costs.costs import AGREE

    rows = [
        (
            work.what,
            str(work.tasks),
            duration(work.predicted),
            duration(work.measured),
            f"{work.measured / work.predicted:.2f}",
            "yes" if work.agrees else "no",
        )
        for work in found
    ]
    header = ("timed before", "tasks", "predicted", "measured", "measured / predicted", "agree")
    table = text_table(header, rows, right=range(1, 5))
    off = [work.what for work in found if not work.agrees]
    verdict = f"not so: {', '.join(off)}" if off else "all do"
    return ["", table, f"To agree is to be within a factor of {AGREE:g}: {verdict}."]
