"""Authors who write the world's solutions, some of them with misconceptions throughout a solution."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ablations.world.arithmetic.problems import PART, WorldProblem, apply

Misconception = Callable[[int, int], int]
"""(total, operand) -> the result that a holder of the misconception writes."""


def carry_dropped(total: int, operand: int) -> int:
    """Computes 47+8=45: the units are right, but the ten is never carried."""
    tens, units = divmod(total, 10)
    return tens * 10 + (units + operand) % 10


def borrow_dropped(total: int, operand: int) -> int:
    """Computes 42-8=44: the units are right, but the borrowed ten is never taken away."""
    tens, units = divmod(total, 10)
    return tens * 10 + (units - operand) % 10


def product_carry_dropped(total: int, operand: int) -> int:
    """Computes 47*3=21: the carry of the units' product is forgotten."""
    tens, units = divmod(total, 10)
    return (tens * operand) % 10 * 10 + (units * operand) % 10


@dataclass(frozen=True, kw_only=True)
class HeldMisconception:
    """A misconception and how many authors hold it."""

    symbol: str
    """The operation it affects."""
    rule: Misconception
    """What its holder computes; equal to the right result if nothing is carried or borrowed."""
    share: float
    """Share of authors who hold it, independently of the others."""


@dataclass(frozen=True, kw_only=True)
class Author:
    """An author's habits, the same throughout a solution."""

    rules: Mapping[str, Misconception]
    """Symbol -> misconception; operations with other symbols are computed correctly."""
    split_share: float
    """Share of ``+`` and ``-`` operations done in two parts (9 as 4, then 5)."""
    restate_share: float
    """Share of steps followed by a line that restates the total."""


STYLES = ((0.0, 0.0), (0.3, 0.0), (0.0, 0.25), (0.3, 0.25))
"""(split share, restate share) of four equally likely kinds of author."""


def draw_author(misconceptions: tuple[HeldMisconception, ...], rng: np.random.Generator) -> Author:
    draws = rng.random(len(misconceptions))
    rules = {m.symbol: m.rule for m, draw in zip(misconceptions, draws, strict=True) if draw < m.share}
    split_share, restate_share = STYLES[int(rng.integers(len(STYLES)))]
    return Author(rules=rules, split_share=split_share, restate_share=restate_share)


EXPERT = Author(rules={}, split_share=0.0, restate_share=0.0)


def write_solution(problem: WorldProblem, author: Author, rng: np.random.Generator) -> tuple[str, ...]:
    """Writes the lines of one solution; the last one is ``#`` and the answer."""
    total, lines = problem.start, []
    for op in problem.operations:
        rule = author.rules.get(op.symbol)
        parts = [op.operand]
        if op.symbol != "*" and op.operand > 1 and rng.random() < author.split_share:
            first = int(rng.integers(1, op.operand))
            parts = [first, op.operand - first]
        for index, part in enumerate(parts, 1):
            before = total
            total = rule(before, part) if rule else apply(op.symbol, before, part)
            mark = PART if index < len(parts) else ""
            lines.append(f"{mark}{before:02d}{op.letter}{op.symbol}{part}={total:02d}")
            if rng.random() < author.restate_share:
                lines.append(f"={total:02d}")
    lines.append(f"#{total:02d}")
    return tuple(lines)
