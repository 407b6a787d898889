"""``ablations convert``: converts a file from one format to another and reports what was lost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.data.checks import allowed
from ablations.engine.files import check_output, exclusive
from ablations.engine.progress import text_table
from ablations.formats import conversion
from ablations.formats.catalogue import FORMATS, WRITTEN
from ablations.formats.conversion import Conversion, ConversionSummary, Overlap
from ablations.formats.losses import FEATURES
from ablations.formats.overlap import every_problem, held_out_problems
from ablations.formats.rated_solutions import LabelOptions

COMPRESSED = (".gz", ".zst")


@dataclass(frozen=True, kw_only=True)
class ReaderFlags(LabelOptions):
    """Options of formats' readers."""

    rest: bool = False
    """With prm800k: add the pre-generated steps after the labeled ones."""
    problems: Path | None = None
    """With math_shepherd or rlhflow: file of the problems, where steps are not numbered."""
    drop_calculator: bool = False
    """With gsm8k: leave calculator annotations away."""

    def of(self, form: str) -> dict[str, Any]:
        """Returns the options that are given, checked against those that a format's reader has."""
        given = {name: value for name, value in vars(self).items() if value}
        for name in given:
            if name not in FORMATS[form].options:
                able = ", ".join(key for key, one in FORMATS.items() if name in one.options)
                raise ValueError(f"{name}: found it with --from {form}; allowed: with {able}")
        if self.problems is not None:
            given["problems"] = list(every_problem(_there("problems", self.problems)))
        return given


def convert(
    input: Path,
    output: Path,
    *,
    from_: str,
    to: str,
    skip_bad: Path | None = None,
    held_out: tuple[Path, ...] = (),
    overlap: Overlap = "stop",
    each_alternative: bool = False,
    threshold: float | None = None,
    options: ReaderFlags = ReaderFlags(),
) -> None:
    """Converts a file from one format to another, and prints the account.

    Args:
        input: JSON Lines or a JSON array, plain, .gz or .zst; or .parquet.
        output: file to write; compressed if it ends in .gz or .zst.
        from_: format of the input; a wrong name lists all.
        to: format of the output.
        skip_bad: set malformed lines aside in this file.
        held_out: no problem of this file may be written; any format, repeatable.
        overlap: what is done where one would be: write nothing at all, all but it, or it too.
        each_alternative: write each labeled alternative of a step as a solution that ends with it.
        threshold: P(wrong) above which a step is rated wrong, to make ratings.
        options: options of the input's format.

    Raises:
        ValueError: the user made a mistake; nothing is written.
    """
    allowed("from", from_, tuple(FORMATS))
    allowed("to", to, WRITTEN)
    how = Conversion(
        source=FORMATS[from_],
        target=FORMATS[to],
        options=options.of(from_),
        each_alternative=each_alternative,
        threshold=threshold,
        held_out=held_out_problems(_there("held_out", path) for path in held_out),
        overlap=overlap,
        skip_bad=skip_bad,
    )
    _check_places(input, output, to, how)
    with ExitStack() as stack:
        for name, path in (("output", output), ("skip_bad", skip_bad)):
            if path is not None:
                check_output(path, name)
                stack.enter_context(exclusive(path, name))
        progress = stack.enter_context(_bar(input))
        account = conversion.convert(input, output, how, progress)
    print(described(account))
    if account.overlap:
        done = "written nevertheless" if overlap == "keep" else "not written"
        print(f"{account.overlap:,} of held-out problems, {done}. The first: {account.first_overlap}")


def described(account: ConversionSummary) -> str:
    """Formats the account as a table."""
    rows = [("read", account.read)]
    rows += [(f"dropped: {kind}", count) for kind, count in account.dropped.items()]
    rows.append(("skipped: malformed lines", account.skipped))
    if account.overlap:
        rows.append(("held-out problems", account.overlap))
    rows += [(f"left out: {why}", count) for why, count in account.left_out.items()]
    rows.append(("written", account.written))
    rows += [
        (f"lost: {FEATURES[name].description}", account.lost[name]) for name in FEATURES if account.lost[name]
    ]
    rows += [(f"not read, rows with: {name}", count) for name, count in sorted(account.unread.items())]
    return text_table(("solutions", "count"), [(what, f"{count:,}") for what, count in rows], right=(1,))


def _there(name: str, path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{name}: found no file {path}; allowed: a file that is there")
    return path


def _check_places(source: Path, target: Path, to: str, how: Conversion) -> None:
    _there("input", source)
    plain = target.with_suffix("") if target.suffix in COMPRESSED else target
    if plain.suffix != how.target.suffix:
        ends = ", ".join(how.target.suffix + end for end in ("", *COMPRESSED))
        raise ValueError(f"output: found {target.name}; allowed: a name that ends in one of {ends}")
    for name, path in (("output", target), ("skip_bad", how.skip_bad)):
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"{name}: found no folder {path.parent}; allowed: a folder that is there")
    if how.skip_bad is not None and how.skip_bad.resolve() in (source.resolve(), target.resolve()):
        raise ValueError(f"skip_bad: found {how.skip_bad}; allowed: a file beside input and output")
    carries = how.target.abilities.carries
    if how.each_alternative and ("labels" not in carries or "alternatives" in carries):
        able = ", ".join(
            name
            for name in WRITTEN
            if "labels" in (held := FORMATS[name].abilities.carries) and "alternatives" not in held
        )
        raise ValueError(f"each_alternative: found it with --to {to}; allowed: with {able}")


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
