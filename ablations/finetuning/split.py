"""Which problems are held out: those of given files, or a share drawn from the data's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ablations.formats.overlap import held_out_problems


def held_out(problems: Iterable[str], files: Sequence[Path], *, share: float, seed: int) -> set[str]:
    """Normalised problems that nothing may be learnt from.

    Args:
        problems: of the data, normalised.
        files: all of whose problems are held out, in any format.
        share: of the data's problems, drawn where there are no files; 0 or more, and below 1.
        seed: of the draw.
    """
    return set(held_out_problems(files)) if files else drawn(problems, share=share, seed=seed)


def drawn(problems: Iterable[str], *, share: float, seed: int) -> set[str]:
    """A share of the distinct problems: one at least, and never all.

    It depends on which problems there are, not on their order, nor on how often each comes: data is split by
    problem, never by row.

    Raises:
        ValueError: there is one problem alone.
    """
    distinct = sorted(set(problems))
    if share == 0 or not distinct:
        return set()
    if len(distinct) == 1:
        raise ValueError("held_out_share: found one problem to split; allowed: two or more, or a share of 0")
    count = min(max(1, round(share * len(distinct))), len(distinct) - 1)
    return {distinct[i] for i in np.random.default_rng(seed).permutation(len(distinct))[:count]}


def digest(problems: Iterable[str]) -> str:
    """sha256 of a set of problems: equal sets, equal digests."""
    return hashlib.sha256("\0".join(sorted(problems)).encode()).hexdigest()
