"""Facts of training runs: what each reports, how its learning rate was chosen, and what tables show."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ablations.data.artifacts import CHOICE, CHOSEN, ROWS, TRAINING, read_json
from ablations.evaluation.scoring_rules import SCORING_OF

Facts = dict[str, Any]
FIRST = 5
"""Number of solutions that records and reports name."""

OF_CELL = (
    *("arm", "acquisition", "data_scale", "seed"),
    *("solutions_hash", "distinct_solutions", "labelled_solutions", "labelled_steps"),
)
"""Columns that a cell's rows share."""


def facts_of(train: Path) -> Facts:
    """Reads what the stage ``train`` reports in its folder."""
    facts: Facts = read_json(train / TRAINING)
    return facts


def choice_of(choice: Path) -> Facts:
    """Reads what the stage ``choose`` reports: ``learning_rate``, ``grid``, whether it is ``bracketed``."""
    facts: Facts = read_json(choice / CHOICE)
    return facts


def labelled(arm: str, trained: Sequence[Facts]) -> Facts:
    """Returns the total labels that an arm's training runs learned from; outcome labels have no steps."""
    steps = sum(fact["targets"] for fact in trained) if SCORING_OF[arm] == "product" else None
    return {"labelled_solutions": sum(fact["solutions"] for fact in trained), "labelled_steps": steps}


def of_cell(cell: Path, out: Path) -> Facts:
    """Returns the columns that further rows of a cell share with it; copies its ``CHOSEN`` to ``out``."""
    first = read_json(cell / ROWS)[0]
    shutil.copyfile(cell / CHOSEN, out / CHOSEN)
    return {name: first[name] for name in OF_CELL} | {"cell": cell.name}


def course(fact: Facts) -> list[tuple[int, float]]:
    """Returns (update, best-of-N on validation problems) at all planned evaluations of a training run.

    After an early end, the value is that of the kept checkpoint.
    """
    values = [point["value"] for point in fact["curve"]]
    ended = len(fact["planned"]) - len(values)
    return list(zip(fact["planned"], values + [fact["best_value"]] * ended, strict=True))


def told(
    fact: Facts,
    choice: Path | None = None,
    *,
    left_out: Collection[str] = ("curve", "planned", "solutions_hash"),
) -> Facts:
    """Returns a training run's facts for the config in the records, with the choice of its learning rate.

    Args:
        fact: facts of the training run.
        choice: folder of the choice; None if there was none.
        left_out: names of facts to omit, because the rows hold them or nobody needs them.
    """
    rates: Facts = {}
    if choice is not None:
        of_choice = choice_of(choice)
        rates = {"choice": choice.name, "grid": of_choice["grid"], "bracketed": of_choice["bracketed"]}
    short = {"untaught": in_short(fact["untaught"])} if "untaught" in fact else {}
    return {name: value for name, value in fact.items() if name not in left_out} | short | rates


def in_short(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Summarizes solutions without a target for the records."""
    return {
        "no_target": sum(not one["cut"] for one in found),
        "cut": sum(one["cut"] for one in found),
        "first": [f"{one['problem_id']} sample {one['sample']}" for one in found[:FIRST]],
    }
