"""A pool with other verdicts on its final answers, line by line; all else in it stays as it is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ablations.formats.rows import Where, read_rows, write_rows


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
    row = 0

    def graded(where: Where, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        nonlocal row
        for sample in line["samples"]:
            sample["answer"], sample["final_correct"] = answers[row], verdicts[row]
            row += 1
        yield line

    def all_of_them() -> Iterator[dict[str, Any]]:
        yield from read_rows(source, graded)
        assert row == len(verdicts)

    write_rows(out, all_of_them())
