"""``ablations convert``: converts a file from one format to another and reports what was lost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.data.checks import allowed
from ablations.engine.files import check_output, exclusive
from ablations.engine.progress import text_table
from ablations.formats.catalogue import FORMATS, WRITTEN
from ablations.formats.conversion import Conversion, ConversionSummary, Overlap
from ablations.formats.conversion import convert as convert_file
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

    def options(self, form: str) -> dict[str, Any]:
        """Returns the options that are given, checked against those that a format's reader has."""
        given = self.given()
        for name in given:
            if name not in FORMATS[form].options:
                able = ", ".join(key for key, known in FORMATS.items() if name in known.options)
                raise ValueError(f"{name}: found it with --from {form}; allowed: with {able}")
        if self.problems is not None:
            _check_file("problems", self.problems)
            given["problems"] = list(every_problem(self.problems))
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
    for held_out_file in held_out:
        _check_file("held_out", held_out_file)
    conversion = Conversion(
        source=FORMATS[from_],
        target=FORMATS[to],
        options=options.options(from_),
        each_alternative=each_alternative,
        threshold=threshold,
        held_out=held_out_problems(held_out),
        overlap=overlap,
        skip_bad=skip_bad,
    )
    _check_paths(input, output, to, conversion)
    with ExitStack() as stack:
        for name, path in (("output", output), ("skip_bad", skip_bad)):
            if path is not None:
                check_output(path, name)
                stack.enter_context(exclusive(path, name))
        progress = stack.enter_context(_progress_bar(input))
        summary = convert_file(input, output, conversion, progress)
    print(describe(summary))
    if summary.overlap:
        done = "written nevertheless" if overlap == "keep" else "not written"
        print(f"{summary.overlap:,} of held-out problems, {done}. The first: {summary.first_overlap}")


def describe(summary: ConversionSummary) -> str:
    """Formats what was read, written and lost as a table."""
    rows = [("read", summary.read)]
    rows += [(f"dropped: {kind}", count) for kind, count in summary.dropped.items()]
    rows.append(("skipped: malformed lines", summary.skipped))
    if summary.overlap:
        rows.append(("held-out problems", summary.overlap))
    rows += [(f"left out: {reason}", count) for reason, count in summary.left_out.items()]
    rows.append(("written", summary.written))
    lost = [(feature.description, summary.lost[name]) for name, feature in FEATURES.items()]
    rows += [(f"lost: {description}", count) for description, count in lost if count]
    rows += [(f"not read, rows with: {name}", count) for name, count in sorted(summary.unread.items())]
    return text_table(("solutions", "count"), [(kind, f"{count:,}") for kind, count in rows], right=(1,))


def _check_file(name: str, path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"{name}: found no file {path}; allowed: an existing one")


def _check_paths(source: Path, target: Path, to: str, conversion: Conversion) -> None:
    _check_file("input", source)
    plain = target.with_suffix("") if target.suffix in COMPRESSED else target
    if plain.suffix != conversion.target.suffix:
        ends = ", ".join(conversion.target.suffix + end for end in ("", *COMPRESSED))
        raise ValueError(f"output: found {target.name}; allowed: a name that ends in one of {ends}")
    skip_bad = conversion.skip_bad
    for name, path in (("output", target), ("skip_bad", skip_bad)):
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"{name}: found no folder {path.parent}; allowed: an existing one")
    if skip_bad is not None and skip_bad.resolve() in (source.resolve(), target.resolve()):
        raise ValueError(f"skip_bad: found {skip_bad}; allowed: a file other than input and output")
    carries = conversion.target.abilities.carries
    if conversion.each_alternative and ("labels" not in carries or "alternatives" in carries):
        carried = {name: FORMATS[name].abilities.carries for name in WRITTEN}
        able = [name for name, held in carried.items() if "labels" in held and "alternatives" not in held]
        raise ValueError(f"each_alternative: found it with --to {to}; allowed: with {', '.join(able)}")


@contextmanager
def _progress_bar(path: Path) -> Iterator[Callable[[int], object] | None]:
    """Yields what advances a progress bar by bytes on a terminal, and None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=path.stat().st_size)
        yield lambda done: bar.update(task, completed=done)
