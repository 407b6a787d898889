"""Adds or replaces verdicts in pools, line by line; everything else in them stays unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.data.ragged import Ragged
from ablations.formats.rows import Fields, read_rows, write_rows
from ablations.formats.step_fields import without_nan

FIELD = "labelled_by"
"""Field that identifies the labelers: an object, labeler name -> object."""


def add_scores(
    source: Path,
    out: Path,
    *,
    name: str,
    scores: Ragged | npt.NDArray[np.float64],
    identity: dict[str, Any],
    rows: Iterable[int],
) -> None:
    """Writes a pool with a labeler's scores, atomically; equal arguments give equal bytes.

    Args:
        source: a pool that `read_pool` has read; it has no labeler of that name.
        out: the file to write, compressed according to its name.
        name: name of the labeler.
        scores: P(the step is right) of the solutions that are written, NaN without a label; or one score for
            each of them.
        identity: identity of the labeler, plain JSON.
        rows: indices of the solutions to write, in ascending order; a problem without any is left out.

    Raises:
        ValueError: a line's `labelled_by` is not an object.
    """
    place = {row: number for number, row in enumerate(rows)}
    assert len(place) == len(scores)
    field = "step_scores" if isinstance(scores, Ragged) else "solution_scores"

    def plain(number: int) -> float | list[float | None]:
        if isinstance(scores, Ragged):
            return without_nan(scores.row(number).tolist())
        return float(scores[number])

    def scored(line: Fields, first: int) -> bool:
        samples = line["samples"]
        kept = [(i, place[first + i]) for i in range(len(samples)) if first + i in place]
        if not kept:
            return False
        who = {} if line.get(FIELD) is None else line[FIELD]
        line.check(FIELD, who, isinstance(who, dict), "an object")
        line[FIELD] = who | {name: identity}
        for i, number in kept:
            samples[i][field] = (samples[i].get(field) or {}) | {name: plain(number)}
        line["samples"] = [samples[i] for i, _ in kept]
        return True

    _edit(source, out, scored, lambda solutions: not place or max(place) < solutions)


def replace_verdicts(
    source: Path, out: Path, *, answers: Sequence[str | None], verdicts: Sequence[bool | None]
) -> None:
    """Writes a pool with other answers and verdicts, atomically.

    Args:
        source: a pool that `read_pool` has read.
        out: the file to write, compressed according to its name.
        answers: answers of all its solutions, in order.
        verdicts: verdicts on all its solutions; None means ungraded.
    """

    def graded(line: Fields, first: int) -> bool:
        for row, sample in enumerate(line["samples"], first):
            sample["answer"], sample["final_correct"] = answers[row], verdicts[row]
        return True

    _edit(source, out, graded, lambda solutions: solutions == len(verdicts))


def _edit(
    source: Path,
    out: Path,
    change: Callable[[Fields, int], bool],
    fits: Callable[[int], bool],
) -> None:
    """Writes the lines that `change` keeps, as it has changed them.

    Args:
        source: a pool.
        out: a pool of the same problems.
        change: is given a line and the number of its first solution; whether the line is kept.
        fits: whether the pool has the expected number of solutions; nothing is written if not.
    """
    row = 0

    def changed(line: Fields) -> Iterator[dict[str, Any]]:
        nonlocal row
        first, row = row, row + len(line["samples"])
        if change(line, first):
            yield line

    def lines() -> Iterator[dict[str, Any]]:
        yield from read_rows(source, changed)
        assert fits(row)

    write_rows(out, lines())
