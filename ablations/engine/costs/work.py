"""Tokens that pass through models: what a task says of itself, so that its operations can be counted.

What is counted are the tokens that are computed, on the lengths of solutions measured before. Solutions to
one problem share what they begin with, and equal ones are one, where they are scored; a solution is read to
its first error alone where its steps are learned; a prompt is read once for all that is sampled after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["student", "generator", "large"]
Kind = Literal["training", "language training", "scoring", "sampling"]
ROLES: tuple[Role, ...] = ("student", "generator", "large")


@dataclass(frozen=True, kw_only=True)
class Work:
    """Tokens that pass through one model in one way."""

    role: Role
    """Whose backbone: a student's or selector's, the generator's, or that of the large PRMs and ORMs."""
    kind: Kind
    """Training of a reward model or of a language model, scoring (a pass forward), or sampling."""
    tokens: int
    """Tokens computed."""
    context: int
    """Tokens of the row in which each of them attends, or that lie before one that is sampled."""
    texts: int = 0
    """Solutions that the host turns into tokens and lays out before."""


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """What solutions of one source are like, measured on many of them."""

    tokens: float
    """Mean tokens of a solution, its problem included."""
    prompt: float
    """Mean tokens of a problem."""
    sharing: float
    """M solutions to a problem have M to the power of ``1 - sharing`` times the tokens of one, if each token
    is computed once for all that begin alike, padding and what is cut between rows included."""
    until_error: float
    """Share of a solution's tokens up to its first error, behind which no step is learned."""
    trained_row: int
    """Tokens of a row into which an update's solutions are laid out."""
    scored_row: int
    """Tokens of a row into which solutions are laid out where many to one problem are scored."""
    slowness: float = 1.0
    """Time that training on a token takes, in that of the embedded world; for estimates."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """How many solutions an artifact holds."""

    lengths: Lengths
    """What they are like."""
    problems: int
    """Problems that they solve."""
    samples: int
    """Solutions of each."""

    @property
    def solutions(self) -> int:
        """In all."""
        return self.problems * self.samples

    @property
    def tokens(self) -> int:
        """Of all solutions with their problems, nothing shared."""
        return round(self.solutions * self.lengths.tokens)


def scoring(role: Role, texts: Texts, times: int = 1) -> Work:
    """Reading all solutions, what they share once."""
    computed = texts.problems * texts.samples ** (1 - texts.lengths.sharing) * texts.lengths.tokens
    return Work(
        role=role,
        kind="scoring",
        tokens=round(times * computed),
        context=texts.lengths.scored_row,
        texts=times * texts.solutions,
    )


def training(role: Role, lengths: Lengths, solutions: int, *, steps: bool) -> Work:
    """Training a reward model on a number of solutions, those of all passes.

    Args:
        role: whose backbone.
        lengths: what the solutions are like; those of one update hardly share anything.
        solutions: how many, counted again at every pass.
        steps: whether steps are learned, up to the first error, or all tokens.
    """
    read = lengths.tokens * (lengths.until_error if steps else 1.0)
    return Work(role=role, kind="training", tokens=round(solutions * read), context=lengths.trained_row)


def sampling(role: Role, texts: Texts, shots: int = 0) -> tuple[Work, Work]:
    """Reading each problem once, behind ``shots`` tokens of solved ones, and sampling its solutions."""
    lengths = texts.lengths
    prompt = lengths.prompt + shots
    new = lengths.tokens - lengths.prompt + 1  # the token that ends a solution is no part of it
    return (
        Work(role=role, kind="scoring", tokens=round(texts.problems * prompt), context=round(prompt)),
        Work(
            role=role,
            kind="sampling",
            tokens=round(texts.solutions * new),
            context=round(prompt + new / 2),
        ),
    )
