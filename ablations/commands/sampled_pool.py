"""The pool of drawn completions: they become solutions, and their final answers are graded.

An unfinished solution has no answer. One that cannot be graded has `final_correct` null. Each line says
in `sampled_by` how its solutions were made, and in `empty` how many completions without a step were replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from ablations.data.solutions import Problem
from ablations.formats.rows import write_rows
from ablations.generators.completions import steps_of
from ablations.grading.extraction import extract_answer
from ablations.steps.draw_completions import Completions
from ablations.steps.grade_answers import Answer, Verdicts

FIELD = "sampled_by"


@dataclass(kw_only=True)
class SamplingSummary:
    """Numbers of what a pool holds."""

    problems: int = 0
    """Problems in the pool."""
    solutions: int = 0
    """Solutions of all problems."""
    finished: int = 0
    """Solutions that are finished."""
    right: int = 0
    """Solutions whose final answer is right."""
    unanswered: int = 0
    """Solutions without a final answer, finished or not."""
    ungraded: int = 0
    """Solutions whose final answer could not be graded."""
    empty: int = 0
    """Completions without a step."""
    left_out: list[str] = field(default_factory=list)
    """Problems for which too few completions had a step."""
    tokens: list[int] = field(default_factory=list)
    """Tokens drawn for each shard."""


def answers_of(parts: Sequence[Path], problems: Sequence[Problem]) -> list[Answer]:
    """Returns the final answer of each completion, in order.

    Args:
        parts: artifacts of `DrawCompletions`, in order.
        problems: all problems, in the order of their prompts.
    """
    return [
        Answer(
            problems[p].problem_id,
            extract_answer(one["text"]) if one["finished"] else None,
            problems[p].answer,
        )
        for _, completions in read_drawn(parts)
        for p, one in completions
    ]


def write_pool(
    out: Path,
    problems: Sequence[Problem],
    parts: Sequence[Path],
    verdicts: Iterable[Verdicts],
    samples: int,
    identity: dict[str, Any],
) -> SamplingSummary:
    """Writes a pool atomically; equal shards and verdicts give equal bytes.

    Args:
        out: the file to write; its name decides the compression.
        problems: all problems, in the order of their prompts.
        parts: artifacts of `DrawCompletions`, in order.
        verdicts: verdicts on the final answers of all completions, in order.
        samples: solutions per problem.
        identity: what made the solutions, as plain JSON.

    Raises:
        ValueError: no problem has that many solutions.
    """
    account = SamplingSummary()
    graded = chain.from_iterable(zip(part.answers, part.right, strict=True) for part in verdicts)

    def rows() -> Iterator[dict[str, Any]]:
        for drawn, completions in read_drawn(parts):
            account.tokens.append(sum(drawn.table["tokens"].to_pylist()))
            solutions: dict[int, list[dict[str, Any]]] = {}
            for (p, one), (answer, right) in zip(completions, graded, strict=False):
                solutions.setdefault(p, []).append(
                    {
                        "sample": one["sample"],
                        "steps": steps_of(one["text"]),
                        "answer": answer,
                        "final_correct": right,
                        "finished": one["finished"],
                    }
                )
            yield from _lines(solutions, problems, samples, identity | drawn.machine, account)
        if not account.problems:
            raise ValueError(
                f"generator: found fewer than {samples} completions with a step for each of {len(problems)} "
                "problems; allowed: a generator and a prompt that give more"
            )

    write_rows(out, rows())
    return account


def read_drawn(parts: Sequence[Path]) -> Iterator[tuple[Completions, list[tuple[int, dict[str, Any]]]]]:
    """Yields the completions of each part, as read and row by row with the index of the prompt."""
    first = 0
    for part in parts:
        drawn = Completions.read(part)
        rows = [(first + row["problem"], row) for row in drawn.table.to_pylist()]
        first = rows[-1][0] + 1
        yield drawn, rows


def _lines(
    found: dict[int, list[dict[str, Any]]],
    problems: Sequence[Problem],
    samples: int,
    identity: dict[str, Any],
    account: SamplingSummary,
) -> Iterator[dict[str, Any]]:
    for p, completions in found.items():
        solutions = [one for one in completions if one["steps"]]
        empty = len(completions) - len(solutions)
        account.empty += empty
        if len(solutions) < samples:
            account.left_out.append(problems[p].problem_id)
            continue
        account.problems += 1
        account.solutions += samples
        account.finished += sum(one["finished"] for one in solutions)
        account.unanswered += sum(one["answer"] is None for one in solutions)
        account.right += sum(one["final_correct"] is True for one in solutions)
        account.ungraded += sum(one["final_correct"] is None for one in solutions)
        yield {
            "problem_id": problems[p].problem_id,
            "problem": problems[p].text,
            "answer": problems[p].answer,
            "samples": solutions,
            "empty": empty,
            FIELD: identity,
        }
