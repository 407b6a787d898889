"""Pools with more or other verdicts, line by line; everything else in them stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ablations.data.ragged import Ragged
from ablations.formats.rows import Where, check, read_rows, write_rows

FIELD = "labelled_by"
"""Says who each labeler was: an object, labeler name -> object."""


def add_scores(
    source: Path,
    out: Path,
    *,
    name: str,
    positive: Ragged,
    identity: dict[str, Any],
    rows: Iterable[int],
) -> None:
    """Writes a pool with a labeler's scores, whole or not at all; equal arguments give equal bytes.

    Args:
        source: a pool that `read_pool` has read; it has no labeler of that name.
        out: compressed by its name.
        name: the labeler's.
        positive: P(the step is right) of the solutions that are written.
        identity: who the labeler is, plain JSON.
        rows: which solutions of the file are written, in ascending order; a problem without any is not.

    Raises:
        ValueError: a line's `labelled_by` is no object.
    """
    place = {row: number for number, row in enumerate(rows)}
    assert len(place) == len(positive)

    def scored(where: Where, line: dict[str, Any], first: int) -> bool:
        samples = line["samples"]
        kept = [(i, place[first + i]) for i in range(len(samples)) if first + i in place]
        if not kept:
            return False
        who = {} if line.get(FIELD) is None else line[FIELD]
        check(where, FIELD, who, isinstance(who, dict), "an object")
        line[FIELD] = who | {name: identity}
        for i, number in kept:
            before = samples[i].get("step_scores") or {}
            samples[i]["step_scores"] = before | {name: positive.row(number).tolist()}
        line["samples"] = [samples[i] for i, _ in kept]
        return True

    solutions = _edit(source, out, scored)
    assert not place or max(place) < solutions


def replace_verdicts(
    source: Path, out: Path, *, answers: Sequence[str | None], verdicts: Sequence[bool | None]
) -> None:
    """Writes a pool with other answers and verdicts, whole or not at all.

    Args:
        source: a pool that `read_pool` has read.
        out: compressed by its name.
        answers: of all its solutions, in order.
        verdicts: of all its solutions; None is ungraded.
    """

    def graded(where: Where, line: dict[str, Any], first: int) -> bool:
        for row, sample in enumerate(line["samples"], first):
            sample["answer"], sample["final_correct"] = answers[row], verdicts[row]
        return True

    solutions = _edit(source, out, graded)
    assert solutions == len(verdicts)


def _edit(source: Path, out: Path, change: Callable[[Where, dict[str, Any], int], bool]) -> int:
    """Writes the lines that `change` keeps, as it has changed them.

    Args:
        source: a pool.
        out: a pool of the same problems.
        change: is given a line and the number of its first solution; whether the line is kept.

    Returns:
        The number of solutions of `source`.
    """
    row = 0

    def changed(where: Where, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        nonlocal row
        first, row = row, row + len(line["samples"])
        if change(where, line, first):
            yield line

    write_rows(out, read_rows(source, changed))
    return row
