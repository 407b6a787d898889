"""PRMBench, one solution with inserted errors per row; it is only read.

{idx, original_question, modified_question, original_process[], modified_process[], error_steps[],
classification, ...}. A row gives ``modified_process``, the solution to ``modified_question``; ``error_steps``
are its wrong steps, counted from 1, and all others are right, those after an error too. The original
solutions, which have no errors, are not read. Our own optional fields are those of `read_scores`.
"""

from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import (
    Where,
    array,
    check,
    integer,
    optional_name,
    string,
    texts,
)
from ablations.formats.step_fields import SCORES, read_scores

KEYS = frozenset({"modified_question", "modified_process", "error_steps"})
FIELDS = (
    KEYS | SCORES | {"idx", "question", "original_question", "original_process", "modified_steps", "reason"}
)


def _parse(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    steps = texts(where, row, "modified_process")
    wrong: set[int] = set()
    for i, value in enumerate(array(where, row, "error_steps")):
        found = integer(value)
        good = found is not None and 1 <= found <= len(steps)
        check(where, f"error_steps[{i}]", value, good, f"a step from 1 to {len(steps)}")
        assert found is not None
        wrong.add(found)
    return [
        LabeledSolution(
            problem=string(where, row, "modified_question", filled=True),
            steps=tuple(
                SolutionStep(text=text, label=-1 if i in wrong else 1) for i, text in enumerate(steps, 1)
            ),
            solution_id=optional_name(where, row, "idx"),
            **read_scores(where, row, len(steps)),
        )
    ]


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "after_error", "steps", "line_breaks", "numbering"})
        | {"solution_id", *SCORES},
    ),
    keys=KEYS,
    fields=FIELDS,
    parse=_parse,
)
