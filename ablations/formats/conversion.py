"""Conversion of a file from one format to another, with an account of what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ablations.formats.catalogue import Format
from ablations.formats.labeled_solution import LabeledSolution, Probabilities, each_alternative
from ablations.formats.losses import FEATURES, MARKS, fitted
from ablations.formats.questions import letters_and_digits, normalized
from ablations.formats.rows import ReadHooks, whole

REPEATED = "problems that were there before"
Overlap = Literal["stop", "leave_out", "keep"]
"""Actions on a held-out problem: write nothing, write all but it, or write it too."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Formats and options of a conversion."""

    source: Format
    target: Format
    """A format that can be written."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the source's reader, by name."""
    each_alternative: bool = False
    """Whether to write each labeled alternative of a step as a solution that ends with it."""
    threshold: float | None = None
    """P(wrong) above which a step is rated wrong, where probabilities become ratings; in [0, 1]."""
    held_out: Mapping[str, Path] = field(default_factory=dict)
    """Letters and digits of problems that must not be written, each with the file that holds it."""
    overlap: Overlap = "stop"
    skip_bad: Path | None = None
    """File for malformed lines; None: the first one is an error."""


@dataclass(kw_only=True)
class ConversionSummary:
    """The result of converting a file; counts are of solutions unless stated otherwise."""

    read: int = 0
    written: int = 0
    """With alternatives as solutions, more than were read."""
    skipped: int = 0
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
    source: Path, target: Path, conversion: Conversion, progress: Callable[[int], object] | None = None
) -> ConversionSummary:
    """Converts a file, holding one row at a time; the target is written atomically.

    The target is compressed if its name ends in .gz or .zst. ``progress`` is called now and then with the
    number of bytes of the source read so far.

    Raises:
        ValueError: a row is malformed and not set aside, a held-out problem stops it, or a rule of the target
            is broken.
    """
    account = ConversionSummary()
    with nullcontext() if conversion.skip_bad is None else whole(conversion.skip_bad) as bad_lines:

        def set_aside(line: bytes) -> None:
            assert bad_lines is not None
            account.skipped += 1
            bad_lines.write(line)

        hooks = ReadHooks(
            aside=None if bad_lines is None else set_aside,
            dropped=lambda kind: account.dropped.update([kind]),
            unread=account.unread.update,
            progress=progress,
        )
        records = conversion.source.read(source, hooks, **conversion.options)
        conversion.target.write(target, _fitted(records, conversion, account))
    return account


def _fitted(
    records: Iterator[LabeledSolution], conversion: Conversion, account: ConversionSummary
) -> Iterator[LabeledSolution]:
    """Yields the records that the target can hold and counts the rest in ``account``."""
    abilities = conversion.target.abilities
    seen: set[str] = set()
    for record in records:
        account.read += 1
        key = letters_and_digits(record.problem) if conversion.held_out else ""
        if key in conversion.held_out:
            account.overlap += 1
            account.first_overlap = (
                account.first_overlap or f"{record.problem!r} of {conversion.held_out[key]}"
            )
            if conversion.overlap == "stop":
                raise ValueError(
                    f"held_out: found {account.first_overlap} in solution {account.read} that was read; "
                    "allowed: none of its problems, or --overlap leave_out or keep"
                )
            if conversion.overlap == "leave_out":
                continue
        if not abilities.several:
            problem = normalized(record.problem)
            if problem in seen:
                account.left_out[REPEATED] += 1
                continue
            seen.add(problem)
        if conversion.source.labels_are_scores_of and {"soft", "step_scores"} <= abilities.carries:
            account.lost.update({"three_classes": FEATURES["three_classes"].has(record)})
            record = _with_scores(record, conversion.source.labels_are_scores_of)
        parts: Iterable[LabeledSolution] = [record]
        if conversion.each_alternative:
            parts = each_alternative(record, repeat="unlabeled" not in abilities.carries)
        for part in parts:
            fit = fitted(part, abilities, conversion.threshold)
            if fit.record is None:
                account.left_out[str(fit.why)] += 1
            elif not conversion.target.tells_apart(fit.record):
                account.left_out[MARKS] += 1
            else:
                account.lost.update(fit.lost)
                account.written += 1
                yield fit.record


def _with_scores(record: LabeledSolution, labeler: str) -> LabeledSolution:
    """Turns a record's labels and scores into step scores and solution scores of labelers."""
    right = [1 - label.wrong for label in record.labels if isinstance(label, Probabilities)]
    step_scores = {labeler: tuple(right)} if len(right) == len(record.steps) else {}
    whole_scores = {"prm_score": record.prm_score, "orm_score": record.orm_score}
    return replace(
        record.relabeled(lambda _: None),
        step_scores={**record.step_scores, **step_scores},
        solution_scores={name: score for name, score in whole_scores.items() if score is not None},
        prm_score=None,
        orm_score=None,
    )
