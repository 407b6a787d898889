"""A pool with one labeler's scores more, line by line; all else in it stays as it is.

Beside `step_scores`, each line says in `labelled_by` who that labeler was: an object, labeler name -> object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ablations.formats.rows import Where, check, read_rows, text_or_number, write_rows
from ablations.ragged import Ragged

FIELD = "labelled_by"


def add_scores(
    source: Path,
    out: Path,
    *,
    name: str,
    positive: Ragged,
    identity: dict[str, Any],
    left_out: Collection[str],
) -> None:
    """Writes a pool with a labeler's scores, whole or not at all; equal arguments give equal bytes.

    Args:
        source: a pool that `read_pool` has read; it has no labeler of that name.
        out: compressed by its name.
        name: the labeler's.
        positive: P(the step is right), a row a solution, of the problems that are not left out, in order.
        identity: who the labeler is, plain JSON.
        left_out: names of the problems that are not written.

    Raises:
        ValueError: a line's `labelled_by` is no object.
    """
    row = 0

    def scored(where: Where, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        nonlocal row
        if text_or_number(line["problem_id"]) in left_out:
            return
        who = {} if line.get(FIELD) is None else line[FIELD]
        check(where, FIELD, who, isinstance(who, dict), "an object")
        line[FIELD] = who | {name: identity}
        for sample in line["samples"]:
            sample["step_scores"] = (sample.get("step_scores") or {}) | {name: positive.row(row).tolist()}
            row += 1
        yield line

    def all_of_them() -> Iterator[dict[str, Any]]:
        yield from read_rows(source, scored)
        assert row == len(positive)

    write_rows(out, all_of_them())
