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
from ablations.formats.rows import Where, array, fault, mapping, read_rows, string, texts, write_rows

Ratings = tuple[int | None, ...]
"""Ratings of a solution's steps: 1, 0 or -1 through the first -1, None after it; all None if unjudged."""

UNJUDGED = ("give_up", "bad_problem")
"""Finish reasons of a solution without ratings."""
FINISH_REASONS = ("found_error", "solution", *UNJUDGED)


def write_labeling(
    path: Path, problems: Sequence[Problem], solutions: Solutions, generation: int | None = None
) -> None:
    """Writes solutions for labeling, all ratings null, atomically.

    Args:
        path: the file to write.
        problems: the solutions' problems, indexed by ``solutions.problem_index``.
        solutions: R solutions, one line each.
        generation: generation of the data collection, as PRM800K counts it.
    """
    write_rows(path, _rows(problems, solutions, generation))


def _rows(
    problems: Sequence[Problem], solutions: Solutions, generation: int | None
) -> Iterator[dict[str, Any]]:
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
        yield {
            "labeler": None,
            "timestamp": None,
            "generation": generation,
            "is_quality_control_question": False,
            "is_initial_screening_question": False,
            "question": question,
            "label": {"steps": steps, "total_time": None, "finish_reason": None},
        }


def read_labeling(path: Path, problems: Sequence[Problem], solutions: Solutions) -> list[Ratings]:
    """Reads the ratings that a labeling file holds for given solutions; its lines may be in any order.

    Args:
        path: the file to read.
        problems: as in ``write_labeling``.
        solutions: R solutions; the file must hold each of them, and no other.

    Returns:
        R ratings, in the order of the solutions.

    Raises:
        ValueError: a row is malformed, a rating is missing, out of range or given after the first error, or
            the solutions are not the given ones.
    """
    wanted: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for i, p in enumerate(solutions.problem_index):
        wanted[problems[p].text, solutions.row(i).steps].append(i)
    found: dict[int, Ratings] = {}
    for where, problem, steps, ratings in read_rated(path):
        rows = wanted[problem, steps]
        if not rows:
            found_one = "a solution that was not asked for, or more often than asked"
            allowed = "the solutions of the labeling file as it was written, each once"
            raise fault(where, "question", found_one, allowed, quoted=False)
        found[rows.pop(0)] = ratings
    missing = [i for rows in wanted.values() for i in rows]
    if missing:
        steps = solutions.row(min(missing)).steps
        raise ValueError(
            f"{path}: found no line for {len(missing)} of {len(solutions)} solutions, such as the one that "
            f"begins with {steps[0][:40]!r}; allowed: a line for each"
        )
    return [found[i] for i in range(len(solutions))]


def read_rated(path: Path) -> Iterator[tuple[Where, str, tuple[str, ...], Ratings]]:
    """Reads file and line, problem, steps and ratings of each row; blank lines are skipped.

    Raises:
        ValueError: as in ``read_labeling``.
    """
    if not path.is_file():
        raise ValueError(f"{path}: found no such file; allowed: a labeling file")
    yield from read_rows(path, _rated)


def _rated(where: Where, row: dict[str, Any]) -> list[tuple[Where, str, tuple[str, ...], Ratings]]:
    question, label = mapping(where, row, "question"), mapping(where, row, "label")
    problem = string(where, question, "problem", "question.")
    steps = texts(where, question, "pre_generated_steps", "question.", filled=False)
    return [(where, problem, steps, _ratings(where, label, steps))]


def _ratings(where: Where, label: dict[str, Any], steps: tuple[str, ...]) -> Ratings:
    reason = label.get("finish_reason")
    if reason is not None and reason not in FINISH_REASONS:
        raise fault(where, "label.finish_reason", reason, f"null, {', '.join(FINISH_REASONS)}")
    if reason in UNJUDGED:
        return (None,) * len(steps)
    rated = array(where, label, "steps", "label.")
    if len(rated) > len(steps):
        raise fault(where, "label.steps", len(rated), f"at most {len(steps)}, the solution's steps")
    ratings = [_rating(where, i, rated[i], text) for i, text in enumerate(steps[: len(rated)])]
    ratings += [None] * (len(steps) - len(rated))
    if reason is not None and (reason == "found_error") != (-1 in ratings):
        allowed = "found_error with a step rated -1, solution without"
        raise fault(where, "label.finish_reason", reason, allowed)
    end = ratings.index(-1) + 1 if -1 in ratings else len(ratings)
    for i, rating in enumerate(ratings):
        if i < end and rating is None:
            raise fault(where, f"label.steps[{i}]", None, "a rating of 1, 0 or -1: no step before is wrong")
        if i >= end and rating is not None:
            raise fault(where, f"label.steps[{i}]", rating, "null: a step before is rated -1")
    return tuple(ratings)


def _rating(where: Where, i: int, step: Any, text: str) -> int | None:
    """Returns the rating of a step's own text, ignoring the alternatives that may be next to it."""
    completions = step.get("completions") if isinstance(step, dict) else None
    known = completions if isinstance(completions, list) else []
    own = [one for one in known if isinstance(one, dict) and one.get("text") == text]
    if not own:
        raise fault(where, f"label.steps[{i}].completions", completions, f"one with the text {text!r}")
    rating = own[0].get("rating")
    if rating is not None and (type(rating) is not int or rating not in (-1, 0, 1)):
        raise fault(where, f"label.steps[{i}].completions: rating", rating, "-1, 0, 1 or null")
    return rating
