"""Which problems are held out: those of given files, or a share of all there are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ablations.formats.overlap import held_out_problems


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Problems that nothing may be learnt from, normalised.

    Of a share, each problem is drawn by its own text: whatever else there is, and in whichever order, the
    same share and seed hold it out. So all links of a chain agree, and data is split by problem, never by
    row.
    """

    named: frozenset[str] = frozenset()
    """Those of files."""
    share: float = 0.0
    """Of all problems, from 0 up to but not 1."""
    seed: int = 0
    """Of the draw."""

    @classmethod
    def of(cls, files: Iterable[Path], *, share: float, seed: int) -> HeldOut:
        """All problems of some files of any format, and a share of all others."""
        return cls(named=frozenset(held_out_problems(files)), share=share, seed=seed)

    def __contains__(self, problem: str) -> bool:
        return problem in self.named or _place(problem, self.seed) < self.share


def _place(problem: str, seed: int) -> float:
    """Where in [0, 1) a problem falls; the places of many are spread evenly."""
    digest = hashlib.sha256(f"{seed}\0{problem}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
