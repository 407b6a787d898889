"""The pool of drawn completions: they become solutions, and their final answers are graded.

An unfinished solution has no answer. One that cannot be graded has `final_correct` null. Each line says
in `sampled_by` how its solutions were made, and in `empty` how many completions without a step were replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations.data.solutions import Problem
from ablations.formats.rows import write_rows
from ablations.generators.completions import steps_of
from ablations.grading.extraction import extract_answer
from ablations.grading.grader import Grader
from ablations.steps.draw_completions import Completions

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


def write_pool(
    out: Path,
    problems: Sequence[Problem],
    parts: Sequence[Path],
    samples: int,
    identity: dict[str, Any],
    grader: Grader,
    progress: Callable[[float], None],
) -> SamplingSummary:
    """Writes a pool atomically; equal shards and verdicts give equal bytes.

    Args:
        out: the file to write; its name decides the compression.
        problems: all problems, in the order of their prompts.
        parts: artifacts of `DrawCompletions`, in order.
        samples: solutions per problem.
        identity: what made the solutions, as plain JSON.
        grader: grader of final answers.
        progress: called with the fraction graded.

    Raises:
        ValueError: no problem has that many solutions.
    """
    account = SamplingSummary()

    def rows() -> Iterator[dict[str, Any]]:
        first = 0
        for number, part in enumerate(parts, start=1):
            drawn = Completions.read(part)
            account.tokens.append(sum(drawn.table["tokens"].to_pylist()))
            found = _solutions(drawn.table.to_pylist(), first)
            _grade(found, problems, grader)
            yield from _lines(found, problems, samples, identity | drawn.machine, account)
            first = max(found) + 1
            progress(number / len(parts))
        if not account.problems:
            raise ValueError(
                f"generator: found fewer than {samples} completions with a step for each of {len(problems)} "
                "problems; allowed: a generator and a prompt that give more"
            )

    write_rows(out, rows())
    return account


def _solutions(completions: list[dict[str, Any]], first: int) -> dict[int, list[dict[str, Any]]]:
    """Reads all completions, in order, as samples of a pool, by the index of their problem.

    Args:
        completions: of consecutive problems.
        first: index of the first of these.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for one in completions:
        answer = extract_answer(one["text"]) if one["finished"] else None
        found.setdefault(first + one["problem"], []).append(
            {
                "sample": one["sample"],
                "steps": steps_of(one["text"]),
                "answer": answer,
                "final_correct": False,
                "finished": one["finished"],
            }
        )
    return found


def _grade(found: dict[int, list[dict[str, Any]]], problems: Sequence[Problem], grader: Grader) -> None:
    """Fills in whether final answers are right; a missing one is not."""
    answered = [
        (sample, problems[p].answer)
        for p, solutions in found.items()
        for sample in solutions
        if sample["answer"] is not None
    ]
    pairs = [(sample["answer"], reference) for sample, reference in answered]
    for (sample, _), verdict in zip(answered, grader.grade(pairs), strict=True):
        sample["final_correct"] = verdict


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
