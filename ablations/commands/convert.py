"""`ablations convert`: converts a file from one format to another and reports what was lost."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from ablations.engine.files import alone, check_output
from ablations.engine.progress import text_table
from ablations.formats.catalogue import FORMATS, Format
from ablations.formats.labeled_solution import LabeledSolution, Probabilities, each_alternative
from ablations.formats.losses import FEATURES, MARKS, fitted
from ablations.formats.overlap import every_problem, held_out_problems
from ablations.formats.questions import letters_and_digits, normalised
from ablations.formats.rows import ReadHooks, whole

TWICE = "problems that were there before"
COMPRESSED = (".gz", ".zst")
OVERLAP = ("stop", "leave_out", "keep")
"""Actions on a held-out problem: write nothing, write all but it, or write it too."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Formats and options of a conversion."""

    source: Format
    """Format to read."""
    target: Format
    """Format to write."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the source's reader, by name."""
    each_alternative: bool = False
    """Whether to write each labeled alternative of a step as a solution that ends with it."""
    threshold: float | None = None
    """P(wrong) above which a step is rated wrong, where probabilities become ratings; in [0, 1]."""
    held_out: Mapping[str, Path] = field(default_factory=dict)
    """Letters and digits of problems that must not be written, each with the file that holds it."""
    overlap: str = "stop"
    """Action on them, one of ``OVERLAP``."""
    skip_bad: Path | None = None
    """File for malformed lines; None: the first one is an error."""


@dataclass(kw_only=True)
class ConversionSummary:
    """The result of converting a file; counts are of solutions unless stated otherwise."""

    read: int = 0
    """Solutions that were read."""
    written: int = 0
    """Solutions that were written; with alternatives as solutions, more than were read."""
    skipped: int = 0
    """Malformed lines that were set aside."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Solutions that the reader's options drop, by kind."""
    overlap: int = 0
    """Solutions whose problem is held out."""
    first_overlap: str | None = None
    """The first such problem and the file that holds it."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Solutions that the target cannot hold, by reason."""
    lost: Counter[str] = field(default_factory=Counter)
    """Written solutions that lost a feature, by its name in ``FEATURES``."""
    unread: Counter[str] = field(default_factory=Counter)
    """Rows with a field that the reader does not read, by the field's name."""


def convert(
    source: Path, target: Path, how: Conversion, progress: Callable[[int], object] | None = None
) -> ConversionSummary:
    """Converts a file, holding one row at a time; the target is written atomically.

    Args:
        source: file in the format ``how.source``.
        target: file in the format ``how.target``; compressed if its name ends in .gz or .zst.
        how: formats and options.
        progress: called now and then with the bytes of the source read so far.

    Raises:
        ValueError: a row is malformed and not set aside, a held-out problem stops it, or a rule of the target
            is broken.
    """
    account = ConversionSummary()
    with ExitStack() as stack:
        aside = None
        if how.skip_bad is not None:
            aside = _aside(stack.enter_context(whole(how.skip_bad)), account)
        reading = ReadHooks(
            aside=aside,
            dropped=lambda kind: account.dropped.update([kind]),
            unread=account.unread.update,
            progress=progress,
        )
        records = how.source.read(source, reading, **how.options)
        how.target.write(target, _fitted(records, how, account))
    return account


def _aside(file: IO[bytes], account: ConversionSummary) -> Callable[[bytes], object]:
    def aside(line: bytes) -> None:
        account.skipped += 1
        file.write(line)

    return aside


def _fitted(
    records: Iterator[LabeledSolution], how: Conversion, account: ConversionSummary
) -> Iterator[LabeledSolution]:
    """Yields what the target can hold and counts the rest in ``account``."""
    abilities = how.target.abilities
    before: set[str] = set()
    for record in records:
        account.read += 1
        key = letters_and_digits(record.problem) if how.held_out else ""
        if key in how.held_out:
            account.overlap += 1
            account.first_overlap = account.first_overlap or f"{record.problem!r} of {how.held_out[key]}"
            if how.overlap == "stop":
                raise ValueError(
                    f"held_out: found {account.first_overlap} in solution {account.read} that was read; "
                    "allowed: none of its problems, or --overlap leave_out or keep"
                )
            if how.overlap == "leave_out":
                continue
        if not abilities.several:
            problem = normalised(record.problem)
            if problem in before:
                account.left_out[TWICE] += 1
                continue
            before.add(problem)
        if how.source.labels_are_scores_of and {"soft", "step_scores"} <= abilities.carries:
            account.lost.update({"three_classes": FEATURES["three_classes"].has(record)})
            record = _with_scores(record, how.source.labels_are_scores_of)
        parts: Iterator[LabeledSolution] = iter([record])
        if how.each_alternative:
            parts = each_alternative(record, repeat="unlabelled" not in abilities.carries)
        for part in parts:
            fit = fitted(part, abilities, how.threshold)
            if fit.record is None:
                account.left_out[str(fit.why)] += 1
            elif not how.target.tells_apart(fit.record):
                account.left_out[MARKS] += 1
            else:
                account.lost.update(fit.lost)
                account.written += 1
                yield fit.record


def _with_scores(record: LabeledSolution, labeler: str) -> LabeledSolution:
    """Returns the record with its labels turned into what they are: a labeler's scores."""
    right = [1 - one.wrong for one in record.labels if isinstance(one, Probabilities)]
    scores = {labeler: tuple(right)} if len(right) == len(record.steps) else {}
    return replace(record.relabelled(lambda _: None), step_scores={**record.step_scores, **scores})


def described(account: ConversionSummary) -> str:
    """Formats the account as a table."""
    rows = [("read", account.read)]
    rows += [(f"dropped: {kind}", count) for kind, count in account.dropped.items()]
    rows.append(("skipped: malformed lines", account.skipped))
    if account.overlap:
        rows.append(("held-out problems", account.overlap))
    rows += [(f"left out: {why}", count) for why, count in account.left_out.items()]
    rows.append(("written", account.written))
    rows += [(f"lost: {FEATURES[name].says}", account.lost[name]) for name in FEATURES if account.lost[name]]
    rows += [(f"not read, rows with: {name}", count) for name, count in sorted(account.unread.items())]
    return text_table(("solutions", "count"), [(what, f"{count:,}") for what, count in rows], right=(1,))


def command(argv: Sequence[str], summary: str) -> None:
    """Runs `ablations convert` and prints the account.

    Raises:
        ValueError: the user made a mistake; nothing is written.
    """
    args = _parsed(argv, summary)
    how = Conversion(
        source=FORMATS[args.source],
        target=FORMATS[args.target],
        options=_options(args),
        each_alternative=args.each_alternative,
        threshold=args.threshold,
        held_out=held_out_problems(_there("held_out", Path(path)) for path in args.held_out or ()),
        overlap=args.overlap,
        skip_bad=args.skip_bad,
    )
    _check_places(args, how)
    with ExitStack() as stack:
        for name in ("output", "skip_bad"):
            if getattr(args, name) is not None:
                check_output(Path(getattr(args, name)), name)
                stack.enter_context(alone(Path(getattr(args, name)), name))
        progress = stack.enter_context(_bar(args.input))
        account = convert(args.input, args.output, how, progress)
    print(described(account))
    if account.overlap:
        done = "written nevertheless" if how.overlap == "keep" else "not written"
        print(f"{account.overlap:,} of held-out problems, {done}. The first: {account.first_overlap}")


def _parsed(argv: Sequence[str], summary: str) -> Any:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(prog="ablations convert", description=summary, exit_on_error=False)
    names = ", ".join(FORMATS)
    parser.add_argument("--from", dest="source", required=True, choices=[*FORMATS], help=f"format: {names}")
    parser.add_argument("--to", dest="target", required=True, choices=[*FORMATS], help="format")
    parser.add_argument(
        "input", type=Path, help="JSON Lines or a JSON array, plain, .gz or .zst; or .parquet"
    )
    parser.add_argument("output", type=Path, help="file to write; compressed if it ends in .gz or .zst")
    parser.add_argument("--skip-bad", type=Path, help="set malformed lines aside in this file")
    parser.add_argument(
        "--held-out", action="append", help="no problem of this file may be written; any format, repeatable"
    )
    parser.add_argument(
        "--overlap",
        choices=[*OVERLAP],
        default=OVERLAP[0],
        help="what is done where one would be: write nothing at all, all but it, or it too",
    )
    parser.add_argument(
        "--each-alternative",
        action="store_true",
        help="write each labelled alternative of a step as a solution that ends with it",
    )
    parser.add_argument(
        "--threshold", type=float, help="P(wrong) above which a step is rated wrong, to make ratings"
    )
    for name, (kind, text) in OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        if kind is bool:
            parser.add_argument(flag, action="store_true", help=text)
        else:
            parser.add_argument(flag, type=kind, help=text)
    return parser.parse_args(list(argv))


OPTIONS: dict[str, tuple[type, str]] = {
    "keep_screening": (bool, "prm800k: keep initial screening questions"),
    "keep_quality_control": (bool, "prm800k: keep quality control questions"),
    "keep_give_up": (bool, "prm800k: keep solutions that the labeler gave up on"),
    "keep_bad_problem": (bool, "prm800k: keep problems reported as broken"),
    "rest": (bool, "prm800k: add the pre-generated steps after the labelled ones"),
    "labeler": (str, "pool: whose step scores become the labels"),
    "problems": (Path, "math_shepherd, rlhflow: file of the problems, where steps are not numbered"),
    "drop_calculator": (bool, "gsm8k: leave calculator annotations away"),
}
"""Options of readers, each with its type and help."""


def _options(args: Any) -> dict[str, Any]:
    given = {name: getattr(args, name) for name in OPTIONS if getattr(args, name) not in (None, False)}
    for name in given:
        if name not in FORMATS[args.source].options:
            allowed = ", ".join(key for key, form in FORMATS.items() if name in form.options)
            raise ValueError(f"{name}: found it with --from {args.source}; allowed: with {allowed}")
    if "problems" in given:
        given["problems"] = list(every_problem(_there("problems", given["problems"])))
    return given


def _there(name: str, path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{name}: found no file {path}; allowed: a file that is there")
    return path


def _check_places(args: Any, how: Conversion) -> None:
    _there("input", args.input)
    plain = args.output.with_suffix("") if args.output.suffix in COMPRESSED else args.output
    if plain.suffix != how.target.suffix:
        allowed = ", ".join(how.target.suffix + end for end in ("", *COMPRESSED))
        raise ValueError(f"output: found {args.output.name}; allowed: a name that ends in one of {allowed}")
    for name, path in (("output", args.output), ("skip_bad", args.skip_bad)):
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"{name}: found no folder {path.parent}; allowed: a folder that is there")
    if args.skip_bad is not None and args.skip_bad.resolve() in (args.input.resolve(), args.output.resolve()):
        raise ValueError(f"skip_bad: found {args.skip_bad}; allowed: a file beside input and output")
    carries = how.target.abilities.carries
    if how.each_alternative and ("labels" not in carries or "alternatives" in carries):
        able = ", ".join(
            name
            for name, form in FORMATS.items()
            if "labels" in form.abilities.carries and "alternatives" not in form.abilities.carries
        )
        raise ValueError(f"each_alternative: found it with --to {args.target}; allowed: with {able}")


def _bar(path: Path) -> AbstractContextManager[Callable[[int], object] | None]:
    """Returns a progress bar by bytes on a terminal, and nothing elsewhere."""
    return _terminal_bar(path) if sys.stderr.isatty() else nullcontext()


@contextmanager
def _terminal_bar(path: Path) -> Iterator[Callable[[int], object]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=path.stat().st_size)
        yield lambda done: bar.update(task, completed=done)
