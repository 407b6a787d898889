"""Scores apart from what they score: one solution per row, known by its name.

    {id, scores}                    of a solution with a name, such as ProcessBench's ``id``
    {problem_id, sample, scores}    of a solution of a pool

``scores`` has, for each step, P(the step is right) or the probabilities of wrong, neutral and right, as
ReasonEval writes them; or it is one number, the score of the whole solution. All rows have the same kind.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.questions import normalized
from ablations.formats.rows import (
    MISSING,
    Where,
    check,
    fault,
    integer,
    is_finite,
    is_probability,
    read_rows,
    required_name,
)

Kind = Literal["steps", "classes", "solutions"]
"""What the scores are: P(right) of each step, three probabilities of each, or one number per solution."""
Name = tuple[Any, ...]
"""Name of a solution; or name of its problem, and its number among that problem's solutions; or the texts of
the problem and of its steps."""
_SUM = 1e-2
"""Maximum distance from 1 of the sum of three probabilities."""


@dataclass(frozen=True, kw_only=True)
class ScoreRows:
    """Scores of solutions, by name."""

    path: Path
    """The file."""
    kind: Kind
    """What the scores are."""
    scores: dict[Name, tuple[float, ...]]
    """Name -> scores: one per step, three per step one after the other, or one in all."""
    solutions: int
    """Number of solutions; one may have several names."""

    def of(self, record: LabeledSolution) -> tuple[float, ...] | None:
        """Returns the scores of a solution; None if there are none."""
        return next((self.scores[name] for name in names_of(record) if name in self.scores), None)


def names_of(record: LabeledSolution) -> list[Name]:
    """Returns the names of a solution, the surest first."""
    names: list[Name] = [] if record.solution_id is None else [(record.solution_id,)]
    if record.problem_id is not None and record.sample is not None:
        names.append((record.problem_id, record.sample))
    return [*names, (normalized(record.problem), record.texts)]


def has_score_rows(path: str | Path) -> bool:
    """Returns whether a file's first row has scores apart from what they score."""

    def parse(_: Where, row: dict[str, Any]) -> list[bool]:
        named = "id" in row or {"problem_id", "sample"} <= row.keys()
        return [named and "scores" in row and "steps" not in row]

    return next(read_rows(path, parse), False)


def check_solutions(field: str, path: Path) -> None:
    """Checks that a file is there and holds solutions, not scores apart from them.

    Raises:
        ValueError: it does not; the message names ``field``.
    """
    if not path.is_file():
        raise ValueError(f"{field}: found no file {path}; allowed: an existing one")
    if has_score_rows(path):
        raise ValueError(
            f"{field}: found scores apart from what they score in {path}; allowed: with --on FILE, the "
            "solutions"
        )


def read_score_rows(path: str | Path) -> ScoreRows:
    """Reads a file of scores.

    Raises:
        ValueError: a row is malformed, of another kind than the first one, or names a solution again.
    """
    kinds: list[Kind] = []
    scores: dict[Name, tuple[float, ...]] = {}

    def parse(where: Where, row: dict[str, Any]) -> list[tuple[Name, tuple[float, ...]]]:
        name, (kind, found) = _name(where, row), _scores(where, row)
        if kinds and kind != kinds[0]:
            raise fault(where, "scores", kind, f"{kinds[0]}, as in the rows before", quoted=False)
        kinds.append(kind)
        check(where, "id", name, name not in scores, "a name that no row before has")
        return [(name, found)]

    for name, found in read_rows(path, parse):
        scores[name] = found
        del kinds[1:]
    if not scores:
        raise ValueError(f"{path}: found no row; allowed: one or more")
    return ScoreRows(path=Path(path), kind=kinds[0], scores=scores, solutions=len(scores))


def _name(where: Where, row: dict[str, Any]) -> Name:
    if "id" in row:
        return (required_name(where, row, "id"),)
    found = row.get("sample", MISSING)
    number = integer(found)
    check(where, "sample", found, number is not None and number >= 0, "an integer of 0 or more")
    return required_name(where, row, "problem_id"), number


def _scores(where: Where, row: dict[str, Any]) -> tuple[Kind, tuple[float, ...]]:
    value = row.get("scores", MISSING)
    if not isinstance(value, list):
        check(where, "scores", value, is_finite(value), "an array with an item per step, or a finite number")
        return "solutions", (float(value),)
    check(where, "scores", value, value, "one score or more")
    if isinstance(value[0], list):
        for i, one in enumerate(value):
            good = isinstance(one, list) and len(one) == 3 and all(map(is_probability, one))
            allowed = "probabilities of wrong, neutral and right that sum to 1"
            check(where, f"scores[{i}]", one, good and abs(sum(one) - 1) <= _SUM, allowed)
        return "classes", tuple(float(score) for one in value for score in one)
    for i, one in enumerate(value):
        check(where, f"scores[{i}]", one, is_probability(one), "a number in [0, 1]")
    return "steps", tuple(map(float, value))
