"""Held-out problems: those of given files, or a share of all problems."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ablations.formats.overlap import every_problem
from ablations.formats.questions import letters_and_digits, normalized

LEAST = 20
"""Fewest letters and digits of a problem that is searched for in texts by these alone."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Problems that nothing may be learned from; those of files are compared by letters and digits.

    With a share, each problem is drawn by its own text, ignoring white space and case: the same share and
    seed hold it out regardless of the other problems and their order. So all links of a chain agree, and data
    is split by problem, never by row.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    """Problems of the files: letters and digits -> the text, with white space and case normalized."""
    share: float = 0.0
    """Share of all problems, in [0, 1)."""
    seed: int = 0

    @classmethod
    def of(
        cls, files: Iterable[Path], *, share: float = 0.0, seed: int = 0, problems: Iterable[str] = ()
    ) -> HeldOut:
        """Holds out the problems of files of any format, further problems, and a share of all others."""
        of_files = (problem for path in files for problem in every_problem(path))
        named = {letters_and_digits(problem): normalized(problem) for problem in (*of_files, *problems)}
        return cls(named=named, share=share, seed=seed)

    def __contains__(self, problem: str) -> bool:
        if letters_and_digits(problem) in self.named:
            return True
        digest = hashlib.sha256(f"{self.seed}\0{normalized(problem)}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32 < self.share

    def within(self, text: str) -> bool:
        """Returns whether a text contains a problem of the files; a short one must match as it is spelled."""
        compared, spelled = letters_and_digits(text), normalized(text)
        return any(
            key in compared if len(key) >= LEAST else problem in spelled
            for key, problem in self.named.items()
        )
