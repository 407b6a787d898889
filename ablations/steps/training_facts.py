"""Facts about the training of a model, for the records."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import cast

from ablations.data.artifacts import Samples
from ablations.data.json_files import Json
from ablations.data.models import RateChoice, TrainingFacts, of_layer
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.scoring_rules import SCORING_OF
from ablations.steps.evaluation_rows import Row, Rows

CELL_COLUMNS = (
    *("arm", "acquisition", "data_scale", "seed"),
    *("solutions_hash", "distinct_solutions", "labelled_solutions", "labelled_steps"),
)
"""Columns that all rows of a cell share."""
FIRST = 5
"""Maximum number of solutions that records and reports name."""
OF_ROWS = ("curve", "planned", "solutions_hash")
"""Facts that the rows hold, or that no reader needs."""


def count_labels(arm: str, trained: Sequence[TrainingFacts]) -> Row:
    """Counts the labels that an arm's training runs learned from; outcome labels have no steps."""
    steps = sum(facts.targets for facts in trained) if SCORING_OF[arm] == "product" else None
    return {"labelled_solutions": sum(facts.solutions for facts in trained), "labelled_steps": steps}


def cell_columns(key: str, cell: Rows) -> Row:
    """Returns the columns that further rows of a cell share with its own."""
    columns = {name: value for name, value in cell.rows[0].items() if name in CELL_COLUMNS}
    return cast(Row, columns | {"cell": key})


def read_choice(context: Context, choice: Step[RateChoice] | None) -> tuple[str, RateChoice] | None:
    """Reads the choice of a learning rate, with its key; None if there was none."""
    return None if choice is None else (choice.key, context.read(choice))


def facts_for_records(
    facts: TrainingFacts, choice: tuple[str, RateChoice] | None = None, *, left_out: Collection[str] = OF_ROWS
) -> dict[str, Json]:
    """Returns a training run's facts for the config in the records, with the choice of its learning rate.

    Args:
        facts: facts of the training run.
        choice: key and content of the choice; None if there was none.
        left_out: names of facts to omit.
    """
    found = {name: value for name, value in asdict(facts).items() if name not in left_out}
    if found["checkpoint"] is None:
        del found["checkpoint"]
    del found["untaught"]
    if facts.untaught:
        first = [f"{one.problem_id} sample {one.sample}" for one in facts.untaught[:FIRST]]
        cut = sum(one.cut for one in facts.untaught)
        found["untaught"] = {"no_target": len(facts.untaught) - cut, "cut": cut, "first": first}
    if choice is not None:
        key, chosen = choice
        grid = chosen.as_dict()["grid"]
        grid = [{k: v for k, v in tried.items() if k != "diverged" or v} for tried in grid]
        found |= {"choice": key, "grid": grid, "bracketed": chosen.bracketed, **of_layer(chosen.layer)}
    return found


def count_unscored(samples: Samples, scores: StepScores) -> dict[str, Json]:
    """Returns how many solutions are too long to be scored, and the first few; empty if all are scored."""
    rows = scores.unscored.nonzero()[0]
    if not len(rows):
        return {}
    first: list[Json] = list(samples.take(rows[:FIRST]).names())
    return {"unscored": {"count": len(rows), "of": len(scores), "first": first}}
