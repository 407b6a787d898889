"""What records say about the training of a model."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from ablations.data.artifacts import Samples
from ablations.data.json_files import Json
from ablations.data.models import RateChoice, TrainingFacts, Untaught, of_layer
from ablations.data.step_scores import StepScores
from ablations.evaluation.scoring_rules import SCORING_OF
from ablations.steps.evaluation_rows import Row, Rows

FIRST = 5
"""Number of solutions that records and reports name."""
OF_ROWS = ("curve", "planned", "solutions_hash")
"""Facts that the rows hold, or that nobody needs."""


def labels_of(arm: str, trained: Sequence[TrainingFacts]) -> Row:
    """Returns the total labels that an arm's training runs learned from; outcome labels have no steps."""
    steps = sum(facts.targets for facts in trained) if SCORING_OF[arm] == "product" else None
    return {"labelled_solutions": sum(facts.solutions for facts in trained), "labelled_steps": steps}


def cell_columns(key: str, cell: Rows) -> Row:
    """Returns the columns that further rows of a cell share with its own."""
    first = cell.rows[0]
    return {
        "arm": first["arm"],
        "acquisition": first["acquisition"],
        "data_scale": first["data_scale"],
        "seed": first["seed"],
        "solutions_hash": first["solutions_hash"],
        "distinct_solutions": first["distinct_solutions"],
        "labelled_solutions": first["labelled_solutions"],
        "labelled_steps": first["labelled_steps"],
        "cell": key,
    }


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
        found["untaught"] = _in_short(facts.untaught)
    if choice is not None:
        key, chosen = choice
        told = chosen.as_dict()
        grid = [{k: v for k, v in tried.items() if k != "diverged" or v} for tried in told["grid"]]
        found |= {"choice": key, "grid": grid, "bracketed": chosen.bracketed, **of_layer(chosen.layer)}
    return found


def unscored(samples: Samples, scores: StepScores) -> dict[str, Json]:
    """Returns how many solutions are too long to be scored, and the first few; empty if all are scored."""
    rows = scores.unscored.nonzero()[0]
    if not len(rows):
        return {}
    first: list[Json] = list(samples.take(rows[:FIRST]).names())
    return {"unscored": {"count": len(rows), "of": len(scores), "first": first}}


def _in_short(found: Sequence[Untaught]) -> dict[str, Json]:
    """Summarizes solutions without a target."""
    first: list[Json] = [f"{one.problem_id} sample {one.sample}" for one in found[:FIRST]]
    cut = sum(one.cut for one in found)
    return {"no_target": len(found) - cut, "cut": cut, "first": first}
