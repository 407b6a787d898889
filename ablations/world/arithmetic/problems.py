"""Problems of the arithmetic world: a running total modulo 100, one operation per letter.

``a+8b-5c*3:47`` reads: start at 47, add 8 (step a), subtract 5 (step b), multiply by 3 (step c); every total
is taken modulo 100.
"""

import re
from dataclasses import dataclass

import numpy as np

PART = "~"
"""Start of a line that does only part of a step: 9 as ``~47a+4=51`` and ``51a+5=56``."""
_LETTERS = "abcdefgh"
_TEXT = re.compile(r"(?:[a-h](?:[+\-][1-9]|\*[2-4])){2,8}:\d\d", re.ASCII)
_OPERATION = re.compile(r"([a-h])([+\-*])(\d)")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of a problem."""

    letter: str
    """Name of the step, a to h in order."""
    symbol: str
    """``+``, ``-`` or ``*``."""
    operand: int
    """One digit: 1 to 9, or 2 to 4 for ``*``."""


@dataclass(frozen=True, kw_only=True)
class WorldProblem:
    """A start value and the operations to apply to it, in order."""

    start: int
    """0 to 99."""
    operations: tuple[Operation, ...]
    """2 to 8 of them."""

    @property
    def text(self) -> str:
        body = "".join(f"{op.letter}{op.symbol}{op.operand}" for op in self.operations)
        return f"{body}:{self.start:02d}"

    @property
    def totals(self) -> tuple[int, ...]:
        """The right total after each operation."""
        total, totals = self.start, []
        for op in self.operations:
            total = apply(op.symbol, total, op.operand)
            totals.append(total)
        return tuple(totals)

    @property
    def answer(self) -> str:
        return f"{self.totals[-1]:02d}"


def apply(symbol: str, total: int, operand: int) -> int:
    """Computes the right result of one operation, modulo 100."""
    return {"+": total + operand, "-": total - operand, "*": total * operand}[symbol] % 100


def parse_problem(text: str) -> WorldProblem:
    """Reads a problem's text back.

    Raises:
        ValueError: the text is not a problem of this world.
    """
    if not _TEXT.fullmatch(text):
        raise ValueError(f"problem {text!r} is not of the embedded world; allowed: like 'a+8b-5c*3:47'")
    body, start = text.split(":")
    operations = tuple(
        Operation(letter=letter, symbol=symbol, operand=int(operand))
        for letter, symbol, operand in _OPERATION.findall(body)
    )
    letters = "".join(op.letter for op in operations)
    if letters != _LETTERS[: len(letters)]:
        raise ValueError(
            f"problem {text!r} names its steps {letters!r}; allowed: {_LETTERS[: len(letters)]!r}"
        )
    return WorldProblem(start=int(start), operations=operations)


def draw_problem(rng: np.random.Generator, *, operations: tuple[int, int] = (2, 7)) -> WorldProblem:
    """Draws one problem; all numbers of operations from the lowest to the highest are equally likely."""
    drawn = []
    low, high = operations
    for index in range(int(rng.integers(low, high + 1))):
        symbol = "+-*"[int(rng.choice(3, p=(0.42, 0.42, 0.16)))]
        operand = int(rng.integers(2, 5) if symbol == "*" else rng.integers(1, 10))
        drawn.append(Operation(letter=_LETTERS[index], symbol=symbol, operand=operand))
    return WorldProblem(start=int(rng.integers(0, 100)), operations=tuple(drawn))
