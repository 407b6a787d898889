"""A pool with one labeler's scores more, line by line; all else in it stays as it is.

Beside `step_scores`, each line says in `labelled_by` who that labeler was: an object, labeler name -> object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ablations.data.ragged import Ragged
from ablations.formats.rows import Where, check, read_rows, write_rows

FIELD = "labelled_by"


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
    row = 0

    def scored(where: Where, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        nonlocal row
        samples = line["samples"]
        kept = [(i, place[row + i]) for i in range(len(samples)) if row + i in place]
        row += len(samples)
        if not kept:
            return
        who = {} if line.get(FIELD) is None else line[FIELD]
        check(where, FIELD, who, isinstance(who, dict), "an object")
        line[FIELD] = who | {name: identity}
        for i, number in kept:
            before = samples[i].get("step_scores") or {}
            samples[i]["step_scores"] = before | {name: positive.row(number).tolist()}
        line["samples"] = [samples[i] for i, _ in kept]
        yield line

    def all_of_them() -> Iterator[dict[str, Any]]:
        yield from read_rows(source, scored)
        assert not place or max(place) < row

    assert len(place) == len(positive)
    write_rows(out, all_of_them())
