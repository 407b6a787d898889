"""A human annotator of an embedded world: the oracle's ratings with errors, more likely on hard steps.

The same annotator errs on the same steps: a hash of annotator, problem and the lines so far decides it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ablations.world.world import NEGATIVE, NEUTRAL, POSITIVE, World


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """An annotator and its error rates."""

    name: str
    """Name, which also decides where the errors are."""
    easy_error: float
    """Share of easy steps rated wrongly."""
    hard_error: float
    """Share of hard steps rated wrongly."""

    def rate(self, world: World, problem: str, steps: Sequence[str]) -> tuple[int, ...]:
        """Rates each line 1, 0 or -1; an error turns negative into positive, and the others into negative."""
        ratings = []
        draws = draw_per_step(self.name, problem, steps)
        for line, truth, draw in zip(steps, world.judge(problem, steps), draws, strict=True):
            errs = draw < (self.hard_error if world.is_hard(line) else self.easy_error)
            ratings.append((POSITIVE if truth == NEGATIVE else NEGATIVE) if errs else truth)
        return tuple(ratings)


def draw_per_step(name: str, problem: str, steps: Sequence[str]) -> Iterator[float]:
    """Yields a number from 0 to 1 per step, by a hash of a rater's name, the problem and the lines so far."""
    digest = hashlib.sha256(f"{name}\n{problem}\n".encode())
    for line in steps:
        digest.update(f"{line}\n".encode())
        yield int.from_bytes(digest.digest()[:8], "big") / 2**64


def up_to_first_error(ratings: Sequence[int]) -> tuple[int | None, ...]:
    """Replaces the ratings after the first negative by ``None``."""
    end = ratings.index(NEGATIVE) + 1 if NEGATIVE in ratings else len(ratings)
    return (*ratings[:end], *(None for _ in ratings[end:]))


CLASS_OF = {NEGATIVE: 0, NEUTRAL: 1, POSITIVE: 2}
"""Rating -> class of a three-class PRM."""
