"""Conversion of a file from one format to another, with an account of what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

from ablations.formats.catalogue import Format
from ablations.formats.labeled_solution import LabeledSolution, Probabilities, each_alternative
from ablations.formats.losses import FEATURES, MARKS, fitted
from ablations.formats.questions import letters_and_digits, normalized
from ablations.formats.rows import ReadHooks, whole

TWICE = "problems that were there before"
Overlap = Literal["stop", "leave_out", "keep"]
"""Actions on a held-out problem: write nothing, write all but it, or write it too."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Formats and options of a conversion."""

    source: Format
    """Format to read."""
    target: Format
    """Format to write; one that has a ``write``."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the source's reader, by name."""
    each_alternative: bool = False
    """Whether to write each labeled alternative of a step as a solution that ends with it."""
    threshold: float | None = None
    """P(wrong) above which a step is rated wrong, where probabilities become ratings; in [0, 1]."""
    held_out: Mapping[str, Path] = field(default_factory=dict)
    """Letters and digits of problems that must not be written, each with the file that holds it."""
    overlap: Overlap = "stop"
    """Action on them."""
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
            problem = normalized(record.problem)
            if problem in before:
                account.left_out[TWICE] += 1
                continue
            before.add(problem)
        if how.source.labels_are_scores_of and {"soft", "step_scores"} <= abilities.carries:
            account.lost.update({"three_classes": FEATURES["three_classes"].has(record)})
            record = _with_scores(record, how.source.labels_are_scores_of)
        parts: Iterator[LabeledSolution] = iter([record])
        if how.each_alternative:
            parts = each_alternative(record, repeat="unlabeled" not in abilities.carries)
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
    """Returns the record with its labels and scores turned into what they are: labelers' scores."""
    right = [1 - one.wrong for one in record.labels if isinstance(one, Probabilities)]
    scores = {labeler: tuple(right)} if len(right) == len(record.steps) else {}
    given = {"prm_score": record.prm_score, "orm_score": record.orm_score}
    return replace(
        record.relabeled(lambda _: None),
        step_scores={**record.step_scores, **scores},
        solution_scores={name: score for name, score in given.items() if score is not None},
        prm_score=None,
        orm_score=None,
    )
