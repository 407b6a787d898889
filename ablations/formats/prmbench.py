"""PRMBench, one solution with inserted errors per row; it is only read.

{idx, original_question, modified_question, original_process[], modified_process[], error_steps[],
classification, ...}. A row gives ``modified_process``, the solution to ``modified_question``; ``error_steps``
are its wrong steps, counted from 1, and all others are right, those after an error too. The original
solutions, which have no errors, are not read. Our own optional fields are those of `read_scores`.
"""

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields, integer
from ablations.formats.step_fields import SCORES, read_scores


def _parse(row: Fields) -> list[LabeledSolution]:
    steps = row.texts("modified_process")
    ratings = [1] * len(steps)
    for i, value in enumerate(row.array("error_steps")):
        number = integer(value)
        if number is None or not 1 <= number <= len(steps):
            raise row.fault(f"error_steps[{i}]", value, f"a step from 1 to {len(steps)}")
        ratings[number - 1] = -1
    return [
        LabeledSolution(
            problem=row.string("modified_question", filled=True),
            steps=labeled_steps(steps, ratings),
            solution_id=row.optional_name("idx"),
            **read_scores(row, len(steps)),
        )
    ]


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "ratings", "after_error", "steps", "line_breaks", "numbering"})
        | {"solution_id", *SCORES},
    ),
    keys=frozenset({"modified_question", "modified_process", "error_steps"}),
    fields=SCORES | {"idx", "question", "original_question", "original_process", "modified_steps", "reason"},
    parse=_parse,
)
