"""Labeling files: solutions for people to rate step by step, in PRM800K's own row format.

JSON Lines, one solution per line: `question` holds `problem`, `ground_truth_answer` and the solution as
`pre_generated_steps` and `pre_generated_answer`; `label.steps[i].completions` holds the step's text and its
`rating`, null until somebody rates it. A labeler sets each rating to 1, 0 or -1 up to and including the first
-1, leaves the later ones null (or removes these steps), and may add alternatives, which are not read. A
solution that nobody can judge gets the `finish_reason` give_up or bad_problem.

An error is a `ValueError` of the form `FILE:LINE: field NAME: found X; allowed: Y`, without field and line
if it concerns the whole file.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ablations.data.solutions import Problem, Solutions
from ablations.formats.rows import Fields, read_rows, write_rows

Ratings = tuple[int | None, ...]
"""Ratings of a solution's steps: 1, 0 or -1 through the first -1, None after it; all None if unjudged."""

UNJUDGED = ("give_up", "bad_problem")
"""Finish reasons of a solution without ratings."""
FINISH_REASONS = ("found_error", "solution", *UNJUDGED)


def write_labeling(
    path: Path, problems: Sequence[Problem], solutions: Solutions, generation: int | None = None
) -> None:
    """Writes solutions for labeling, one line each, all ratings null, atomically.

    Problems are indexed by ``solutions.problem_index``. PRM800K defines generations of the data collection.
    """

    def row(i: int, problem: Problem) -> dict[str, Any]:
        solution = solutions.row(i)
        question = {
            "problem": problem.text,
            "ground_truth_solution": None,
            "ground_truth_answer": problem.answer,
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
        return {
            "labeler": None,
            "timestamp": None,
            "generation": generation,
            "is_quality_control_question": False,
            "is_initial_screening_question": False,
            "question": question,
            "label": {"steps": steps, "total_time": None, "finish_reason": None},
        }

    write_rows(path, (row(i, problems[p]) for i, p in enumerate(solutions.problem_index)))


def read_labeling(path: Path, problems: Sequence[Problem], solutions: Solutions) -> list[Ratings]:
    """Reads the ratings that a labeling file holds for given solutions, in the order of the solutions.

    The file must hold each of them, in any order, and no other.

    Raises:
        ValueError: a row is malformed, a rating is missing, out of range or given after the first error, or
            the solutions are not the given ones.
    """
    expected: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for i, p in enumerate(solutions.problem_index):
        expected[problems[p].text, solutions.row(i).steps].append(i)
    found: dict[int, Ratings] = {}
    for row, problem, steps, ratings in read_rated(path):
        numbers = expected[problem, steps]
        if not numbers:
            extra = "a solution that was not asked for, or more often than asked"
            allowed = "the solutions of the labeling file as it was written, each once"
            raise row.fault("question", extra, allowed, quoted=False)
        found[numbers.pop(0)] = ratings
    missing = [i for numbers in expected.values() for i in numbers]
    if missing:
        steps = solutions.row(min(missing)).steps
        raise ValueError(
            f"{path}: found no line for {len(missing)} of {len(solutions)} solutions, such as the one that "
            f"begins with {steps[0][:40]!r}; allowed: a line for each"
        )
    return [found[i] for i in range(len(solutions))]


def read_rated(path: Path) -> Iterator[tuple[Fields, str, tuple[str, ...], Ratings]]:
    """Reads each row with its problem, steps and ratings; blank lines are skipped.

    Raises:
        ValueError: as in ``read_labeling``.
    """
    if not path.is_file():
        raise ValueError(f"{path}: found no such file; allowed: a labeling file")
    yield from read_rows(path, _rated)


def _rated(row: Fields) -> list[tuple[Fields, str, tuple[str, ...], Ratings]]:
    question, label = row.mapping("question"), row.mapping("label")
    problem = question.string("problem")
    steps = question.texts("pre_generated_steps", filled=False)
    return [(row, problem, steps, _ratings(label, steps))]


def _ratings(label: Fields, steps: tuple[str, ...]) -> Ratings:
    reason = label.get("finish_reason")
    if reason is not None and reason not in FINISH_REASONS:
        raise label.fault("finish_reason", reason, f"null, {', '.join(FINISH_REASONS)}")
    if reason in UNJUDGED:
        return (None,) * len(steps)
    rated = label.array("steps")
    if len(rated) > len(steps):
        raise label.fault("steps", len(rated), f"at most {len(steps)}, the solution's steps")
    ratings = [_rating(label, f"steps[{i}]", step, steps[i]) for i, step in enumerate(rated)]
    ratings += [None] * (len(steps) - len(rated))
    if reason is not None and (reason == "found_error") != (-1 in ratings):
        allowed = "found_error with a step rated -1, solution without"
        raise label.fault("finish_reason", reason, allowed)
    end = ratings.index(-1) + 1 if -1 in ratings else len(ratings)
    for i, rating in enumerate(ratings):
        if i < end and rating is None:
            raise label.fault(f"steps[{i}]", None, "a rating of 1, 0 or -1: no step before is wrong")
        if i >= end and rating is not None:
            raise label.fault(f"steps[{i}]", rating, "null: a step before is rated -1")
    return tuple(ratings)


def _rating(label: Fields, name: str, step: Any, text: str) -> int | None:
    """Returns the rating of a step's own text, ignoring the alternatives that may be next to it."""
    completions = step.get("completions") if isinstance(step, dict) else None
    for completion in completions if isinstance(completions, list) else []:
        if isinstance(completion, dict) and completion.get("text") == text:
            rating = completion.get("rating")
            good = rating is None or (type(rating) is int and rating in (-1, 0, 1))
            label.check(f"{name}.completions: rating", rating, good, "-1, 0, 1 or null")
            return rating
    raise label.fault(f"{name}.completions", completions, f"one with the text {text!r}")
