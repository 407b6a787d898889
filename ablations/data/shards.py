"""Shards of whole problems."""

from collections.abc import Sequence


def shards_of(problems: Sequence[object], size: int) -> list[slice]:
    """Divides rows into shards of whole problems, with ``size`` rows or fewer unless one problem has more.

    Args:
        problems: the problem of each row; rows of a problem are next to each other.
        size: maximum number of rows per shard.
    """
    ends = [row for row in range(1, len(problems)) if problems[row] != problems[row - 1]]
    shards: list[slice] = []
    for start, end in zip([0, *ends], [*ends, len(problems)], strict=True):
        if shards and end - shards[-1].start <= size:
            shards[-1] = slice(shards[-1].start, end)
        elif end > start:
            shards.append(slice(start, end))
    return shards
