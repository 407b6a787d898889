"""Scores apart from what they score: one solution per row, identified by its name.

    {id, scores}                    of a solution with a name, such as ProcessBench's ``id``
    {problem_id, sample, scores}    of a solution of a pool

``scores`` has, for each step, P(the step is right) or the probabilities of wrong, neutral and right, as
ReasonEval writes them; or it is one number, the score of the whole solution. All rows have the same kind.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ablations.formats.labeled_solution import SUM_TOLERANCE, LabeledSolution
from ablations.formats.questions import normalized
from ablations.formats.rows import MISSING, Fields, integer, is_finite, is_probability, read_rows

Kind = Literal["steps", "classes", "solutions"]
"""Kind of scores: P(right) of each step, three probabilities of each, or one number per solution."""
Name = tuple[Any, ...]
"""Name of a solution; or name of its problem, and its number among that problem's solutions; or the texts of
the problem and of its steps."""


@dataclass(frozen=True, kw_only=True)
class ScoreRows:
    """Scores of solutions, by name."""

    path: Path
    kind: Kind
    scores: dict[Name, tuple[float, ...]]
    """Name -> scores: one per step, three per step one after the other, or one in all."""
    solutions: int
    """Number of solutions; one may have several names."""

    def of(self, record: LabeledSolution) -> tuple[float, ...] | None:
        """Returns the scores of a solution; None if there are none."""
        return next((self.scores[name] for name in names_of(record) if name in self.scores), None)


def names_of(record: LabeledSolution) -> list[Name]:
    """Returns the names of a solution, the most certain first."""
    names: list[Name] = [] if record.solution_id is None else [(record.solution_id,)]
    if record.problem_id is not None and record.sample is not None:
        names.append((record.problem_id, record.sample))
    return [*names, (normalized(record.problem), record.texts)]


def has_score_rows(path: str | Path) -> bool:
    """Returns whether a file's first row has scores without the solutions."""

    def parse(row: Fields) -> list[bool]:
        named = "id" in row or {"problem_id", "sample"} <= row.keys()
        return [named and "scores" in row and "steps" not in row]

    return next(read_rows(path, parse), False)


def check_solutions(field: str, path: Path) -> None:
    """Checks that a file exists and holds solutions, not scores alone.

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
    kind: Kind | None = None
    scores: dict[Name, tuple[float, ...]] = {}

    def parse(row: Fields) -> list[tuple[Name, Kind, tuple[float, ...]]]:
        name, (kind_of_row, values) = _name(row), _scores(row)
        if kind not in (None, kind_of_row):
            raise row.fault("scores", kind_of_row, f"{kind}, as in the rows before", quoted=False)
        row.check("id", name, name not in scores, "a name that no row before has")
        return [(name, kind_of_row, values)]

    for name, kind_of_row, values in read_rows(path, parse):
        scores[name], kind = values, kind_of_row
    if kind is None:
        raise ValueError(f"{path}: found no row; allowed: one or more")
    return ScoreRows(path=Path(path), kind=kind, scores=scores, solutions=len(scores))


def _name(row: Fields) -> Name:
    if "id" in row:
        return (row.required_name("id"),)
    sample = row.get("sample", MISSING)
    number = integer(sample)
    row.check("sample", sample, number is not None and number >= 0, "an integer of 0 or more")
    return row.required_name("problem_id"), number


def _scores(row: Fields) -> tuple[Kind, tuple[float, ...]]:
    value = row.get("scores", MISSING)
    if not isinstance(value, list):
        row.check("scores", value, is_finite(value), "an array with an item per step, or a finite number")
        return "solutions", (float(value),)
    row.check("scores", value, value, "one score or more")
    if isinstance(value[0], list):
        for i, probs in enumerate(value):
            good = isinstance(probs, list) and len(probs) == 3 and all(map(is_probability, probs))
            allowed = "probabilities of wrong, neutral and right that sum to 1"
            row.check(f"scores[{i}]", probs, good and abs(sum(probs) - 1) <= SUM_TOLERANCE, allowed)
        return "classes", tuple(float(prob) for probs in value for prob in probs)
    for i, score in enumerate(value):
        row.check(f"scores[{i}]", score, is_probability(score), "a number in [0, 1]")
    return "steps", tuple(map(float, value))
