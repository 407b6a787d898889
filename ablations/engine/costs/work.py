"""Tokens that pass through models, stated by each task so that its operations can be counted.

Computed tokens are counted, from lengths of solutions measured earlier. Where solutions to one problem are
scored, they share their common beginnings, and equal ones count once. Where steps are learned, a solution is
read only up to its first error. A prompt is read once for all that is sampled after it.
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
    """Backbone: that of a student or selector, of the generator, or of the large PRMs and ORMs."""
    kind: Kind
    """Training of a reward model or of a language model, scoring (a forward pass), or sampling."""
    tokens: int
    context: int
    """Tokens of the row in which each of them attends, or that precede a sampled one."""
    texts: int = 0
    """Solutions that the host tokenizes and lays out first."""


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Statistics of solutions from one source, measured on many of them."""

    tokens: float
    """Mean tokens of a solution, including its problem."""
    prompt: float
    """Mean tokens of a problem."""
    sharing: float
    """Sharing exponent: M solutions to a problem take M to the power of ``1 - sharing`` times the tokens of
    one, if common beginnings are computed once, including padding and what is cut between rows."""
    until_error: float
    """Share of a solution's tokens up to its first error, after which no step is learned."""
    trained_row: int
    """Tokens per row into which an update's solutions are laid out."""
    scored_row: int
    """Tokens per row into which solutions are laid out where many solutions to one problem are scored."""
    slowness: float = 1.0
    """Training time per token relative to that of the embedded world; for estimates."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Number and statistics of the solutions in an artifact."""

    lengths: Lengths
    problems: int
    samples: int
    """Solutions per problem."""

    @property
    def solutions(self) -> int:
        """Total number of solutions."""
        return self.problems * self.samples

    @property
    def tokens(self) -> int:
        """Tokens of all solutions with their problems, nothing shared."""
        return round(self.solutions * self.lengths.tokens)


def scoring(role: Role, texts: Texts, times: int = 1) -> Work:
    """Returns the work of reading all solutions, with what they share read once."""
    computed = texts.problems * texts.samples ** (1 - texts.lengths.sharing) * texts.lengths.tokens
    return Work(
        role=role,
        kind="scoring",
        tokens=round(times * computed),
        context=texts.lengths.scored_row,
        texts=times * texts.solutions,
    )


def training(role: Role, lengths: Lengths, solutions: int, *, steps: bool) -> Work:
    """Returns the work of training a reward model; solutions of one update share almost nothing.

    Args:
        role: the backbone's role.
        lengths: statistics of the solutions.
        solutions: number of solutions, counted again in every pass.
        steps: whether steps are learned, up to the first error, rather than all tokens.
    """
    read = lengths.tokens * (lengths.until_error if steps else 1.0)
    return Work(role=role, kind="training", tokens=round(solutions * read), context=lengths.trained_row)


def sampling(role: Role, texts: Texts, shots: int = 0) -> tuple[Work, Work]:
    """Returns the work of reading each problem once, after ``shots`` tokens of solved ones, and sampling."""
    lengths = texts.lengths
    prompt = lengths.prompt + shots
    new = lengths.tokens - lengths.prompt + 1  # `lengths` do not count the token that ends a solution
    return (
        Work(role=role, kind="scoring", tokens=round(texts.problems * prompt), context=round(prompt)),
        Work(
            role=role,
            kind="sampling",
            tokens=round(texts.solutions * new),
            context=round(prompt + new / 2),
        ),
    )
