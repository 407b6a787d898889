"""Labelling files: solutions for people to rate step by step, in PRM800K's own row format.

JSON Lines, one solution a line: `question` holds `problem`, `ground_truth_answer` and the solution as
`pre_generated_steps` and `pre_generated_answer`; `label.steps[i].completions` holds the step's text and its
`rating`, null until somebody rates it. A labeler sets each rating to 1, 0 or -1 up to and including the first
-1, leaves the later ones null (or cuts these steps away), and may add alternatives, which are not read. A
solution that nobody can judge gets the `finish_reason` give_up or bad_problem.

A fault is a `ValueError` of the form `FILE:LINE: field NAME: found X; allowed: Y`, without the field or the
line where it is of none.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ablations.solutions import Problem, Solutions

Ratings = tuple[int | None, ...]
"""Of a solution's steps: 1, 0 or -1 up to and including the first -1, None after it; all None if unjudged."""

UNJUDGED = ("give_up", "bad_problem")
"""Finish reasons of a solution without ratings."""
FINISH_REASONS = ("found_error", "solution", *UNJUDGED)
_KINDS: dict[type, str] = {dict: "an object", str: "a string", list: "an array"}


def write_labelling(
    path: Path, problems: Sequence[Problem], solutions: Solutions, generation: int | None = None
) -> None:
    """Writes solutions for labelling, all ratings null, whole or not at all.

    Args:
        path: of the file.
        problems: those of the solutions, in the order of ``solutions.problem_index``.
        solutions: R of them, one line each.
        generation: of the data collection, as PRM800K counts it.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        for i, p in enumerate(solutions.problem_index):
            solution = solutions.row(i)
            question = {
                "problem": problems[p].text,
                "ground_truth_solution": None,
                "ground_truth_answer": problems[p].answer,
                "pre_generated_steps": list(solution.steps),
                "pre_generated_answer": solution.answer,
                "pre_generated_verifier_score": None,
            }
            steps = [
                {
                    "completions": [{"text": text, "rating": None, "flagged": None}],
                    "human_completion": None,
                    "chosen_completion": None,
                }
                for text in solution.steps
            ]
            row = {
                "labeler": None,
                "timestamp": None,
                "generation": generation,
                "is_quality_control_question": False,
                "is_initial_screening_question": False,
                "question": question,
                "label": {"steps": steps, "total_time": None, "finish_reason": None},
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    unfinished.replace(path)


def read_labelling(path: Path, problems: Sequence[Problem], solutions: Solutions) -> list[Ratings]:
    """The ratings that a labelling file holds of given solutions; its lines may come in any order.

    Args:
        path: of the file.
        problems: as in ``write_labelling``.
        solutions: R of them, each of which the file must hold, and no other.

    Returns:
        R ratings, in the order of the solutions.

    Raises:
        ValueError: a row is malformed, a rating is missing, out of range or given after the first error, or
            the solutions are others.
    """
    wanted: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for i, p in enumerate(solutions.problem_index):
        wanted[problems[p].text, solutions.row(i).steps].append(i)
    found: dict[int, Ratings] = {}
    for where, problem, steps, ratings in read_rated(path):
        rows = wanted[problem, steps]
        if not rows:
            raise ValueError(
                f"{where}: field question: found a solution that was not asked for, or more often than "
                "asked; allowed: the solutions of the labelling file as it was written, each once"
            )
        found[rows.pop(0)] = ratings
    missing = [i for rows in wanted.values() for i in rows]
    if missing:
        steps = solutions.row(min(missing)).steps
        raise ValueError(
            f"{path}: found no line for {len(missing)} of {len(solutions)} solutions, such as the one that "
            f"begins with {steps[0][:40]!r}; allowed: a line for each"
        )
    return [found[i] for i in range(len(solutions))]


def read_rated(path: Path) -> Iterator[tuple[str, str, tuple[str, ...], Ratings]]:
    """File and line, problem, steps and ratings of each row; blank lines are skipped.

    Raises:
        ValueError: as ``read_labelling``.
    """
    if not path.is_file():
        raise ValueError(f"{path}: found no such file; allowed: a labelling file")
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except ValueError:  # no JSON, or not UTF-8
                shown = line.decode("utf-8", "replace").rstrip()[:40]
                raise ValueError(f"{where}: found {shown!r}; allowed: a JSON object") from None
            question, label = _field(where, row, "question", dict), _field(where, row, "label", dict)
            problem = _field(where, question, "problem", str, "question.")
            steps = tuple(_field(where, question, "pre_generated_steps", list, "question."))
            if not steps or not all(isinstance(step, str) for step in steps):
                raise _fault(where, "question.pre_generated_steps", steps, "one or more strings")
            yield where, problem, steps, _ratings(where, label, steps)


def _ratings(where: str, label: dict[str, Any], steps: tuple[str, ...]) -> Ratings:
    reason = label.get("finish_reason")
    if reason is not None and reason not in FINISH_REASONS:
        raise _fault(where, "label.finish_reason", reason, f"null, {', '.join(FINISH_REASONS)}")
    if reason in UNJUDGED:
        return (None,) * len(steps)
    rated = _field(where, label, "steps", list, "label.")
    if len(rated) > len(steps):
        raise _fault(where, "label.steps", len(rated), f"at most {len(steps)}, the solution's steps")
    ratings = [_rating(where, i, rated[i], text) for i, text in enumerate(steps[: len(rated)])]
    ratings += [None] * (len(steps) - len(rated))
    if reason is not None and (reason == "found_error") != (-1 in ratings):
        allowed = "found_error with a step rated -1, solution without"
        raise _fault(where, "label.finish_reason", reason, allowed)
    end = ratings.index(-1) + 1 if -1 in ratings else len(ratings)
    for i, rating in enumerate(ratings):
        if i < end and rating is None:
            raise _fault(where, f"label.steps[{i}]", None, "a rating of 1, 0 or -1: no step before is wrong")
        if i >= end and rating is not None:
            raise _fault(where, f"label.steps[{i}]", rating, "null: a step before is rated -1")
    return tuple(ratings)


def _rating(where: str, i: int, step: Any, text: str) -> int | None:
    """What a step's own text is rated, among the alternatives that may stand beside it."""
    completions = step.get("completions") if isinstance(step, dict) else None
    known = completions if isinstance(completions, list) else []
    own = [one for one in known if isinstance(one, dict) and one.get("text") == text]
    if not own:
        raise _fault(where, f"label.steps[{i}].completions", completions, f"one with the text {text!r}")
    rating = own[0].get("rating")
    if rating is not None and (type(rating) is not int or rating not in (-1, 0, 1)):
        raise _fault(where, f"label.steps[{i}].completions: rating", rating, "-1, 0, 1 or null")
    return rating


def _field(where: str, row: Any, name: str, kind: type, of: str = "") -> Any:
    value = row.get(name) if isinstance(row, dict) else None
    if not isinstance(value, kind):
        raise _fault(where, of + name, value, _KINDS[kind])
    return value


def _fault(where: str, field: str, found: Any, allowed: str) -> ValueError:
    shown = json.dumps(found, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return ValueError(f"{where}: field {field}: found {shown}; allowed: {allowed}")
