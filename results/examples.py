"""Test problems for the report's browser: ``examples.json``, its format and its validator.

The file holds a list; each item is one problem::

    {"problem_id": "p7",            id, not empty, unique in the file
     "problem": "Start at 40 ...",  text of the problem
     "answer": "59",                right final answer
     "solutions": [                 at least one, each text once
       {"sample": 3,                index of its first draw, 0 or more, unique per problem
        "answer": "59",             final answer, null if it has none
        "finished": true,           whether sampling ended by itself
        "final_correct": true,      whether the answer is right
        "count": 2,                 how many times this text was drawn, 1 or more
        "steps": [
          {"text": "40+8=48",
           "oracle": 1,             -1 wrong, 0 neutral, 1 right, null if not judged
           "scores": {"process": 0.97}}],       arm -> probability that the step is right, 0 to 1
        "solution_scores": {"process": -0.04},  arm -> the number it ranks by, higher is better, finite
        "chosen_by": ["process"]}]}             arms that choose this solution among all drawn
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from results.vocabulary import ARMS
from results.writing import write_text

_PROBLEM = ("problem_id", "problem", "answer", "solutions")
_SOLUTION = (
    *("sample", "answer", "finished", "final_correct"),
    *("count", "steps", "solution_scores", "chosen_by"),
)
_STEP = ("text", "oracle", "scores")


def check_examples(examples: Any, where: str = "examples") -> list[dict[str, Any]]:
    """Check that examples have the format above.

    Args:
        where: name for messages, such as the file's path.

    Returns:
        The examples, unchanged.

    Raises:
        ValueError: names the place (such as ``[3].solutions[2].count``), what was found and what is allowed.
    """
    _check(f"{where}: file", examples, isinstance(examples, list), "a list of problems")
    ids: set[str] = set()
    for p, problem in enumerate(examples):
        at = f"{where}: [{p}]"
        _check_keys(at, problem, _PROBLEM)
        for name in ("problem_id", "problem", "answer"):
            _check(f"{at}.{name}", problem[name], isinstance(problem[name], str), "a string")
        name, solutions = problem["problem_id"], problem["solutions"]
        _check(f"{at}.problem_id", name, bool(name) and name not in ids, "an id, once in the file")
        ids.add(name)
        good = isinstance(solutions, list) and len(solutions) > 0
        _check(f"{at}.solutions", solutions, good, "one or more")
        samples: set[int] = set()
        for s, solution in enumerate(solutions):
            _check_solution(f"{at}.solutions[{s}]", solution, samples)
    return list(examples)


def _check_solution(at: str, solution: Any, samples: set[int]) -> None:
    """Check a solution; ``samples`` are those of the problem's earlier solutions, and get this one's."""
    _check_keys(at, solution, _SOLUTION)
    sample, count, answer = solution["sample"], solution["count"], solution["answer"]
    good = _is_int(sample) and sample >= 0 and sample not in samples
    _check(f"{at}.sample", sample, good, "an integer, 0 or more, once per problem")
    samples.add(sample)
    _check(f"{at}.answer", answer, answer is None or isinstance(answer, str), "a string or null")
    for name in ("finished", "final_correct"):
        _check(f"{at}.{name}", solution[name], isinstance(solution[name], bool), "true or false")
    correct = solution["final_correct"]
    _check(f"{at}.final_correct", correct, not correct or answer is not None, "false where answer is null")
    _check(f"{at}.count", count, _is_int(count) and count >= 1, "an integer, 1 or more")
    _check_scores(f"{at}.solution_scores", solution["solution_scores"], probability=False)
    arms = solution["chosen_by"]
    good = isinstance(arms, list) and all(isinstance(arm, str) and arm in ARMS for arm in arms)
    good = good and len(set(arms)) == len(arms)
    _check(f"{at}.chosen_by", arms, good, f"a list of {', '.join(ARMS)}, each once")
    steps = solution["steps"]
    _check(f"{at}.steps", steps, isinstance(steps, list), "a list")
    for t, step in enumerate(steps):
        step_at = f"{at}.steps[{t}]"
        _check_keys(step_at, step, _STEP)
        _check(f"{step_at}.text", step["text"], isinstance(step["text"], str), "a string")
        oracle = step["oracle"]
        good = oracle is None or (_is_int(oracle) and oracle in (-1, 0, 1))
        _check(f"{step_at}.oracle", oracle, good, "-1, 0, 1 or null")
        _check_scores(f"{step_at}.scores", step["scores"], probability=True)


def _check_scores(at: str, scores: Any, *, probability: bool) -> None:
    _check(at, scores, isinstance(scores, dict), "an object, arm -> number")
    allowed = "a probability, 0 to 1" if probability else "a finite number"
    for arm, score in scores.items():
        _check(at, arm, arm in ARMS, f"arms {', '.join(ARMS)}")
        good = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
        _check(f"{at}.{arm}", score, good and (not probability or 0 <= score <= 1), allowed)


def _check_keys(at: str, item: Any, allowed: Sequence[str]) -> None:
    _check(at, item, isinstance(item, dict), f"an object with {', '.join(allowed)}")
    _check(at, sorted(item), set(item) == set(allowed), f"exactly the keys {', '.join(allowed)}")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check(at: str, found: Any, good: bool, allowed: str) -> None:
    if not good:
        text = repr(found)
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise ValueError(f"{at}: found {shown}, allowed {allowed}")


def read_examples(path: str | Path) -> list[dict[str, Any]]:
    """Read and check ``examples.json``.

    Raises:
        ValueError: as for ``check_examples``, or the file is not JSON.
    """
    try:
        examples = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: found no JSON ({error}), allowed a list of problems") from None
    return check_examples(examples, str(path))


def write_examples(path: str | Path, examples: Sequence[Mapping[str, Any]]) -> None:
    """Check examples and write them, one problem per line.

    Raises:
        ValueError: as for ``check_examples``.
    """
    checked = check_examples(list(examples), str(path))
    lines = ",\n".join(json.dumps(problem, ensure_ascii=False, allow_nan=False) for problem in checked)
    write_text(Path(path), f"[\n{lines}\n]\n")
