"""Facts of trainings: what each tells of itself, how its learning rate was chosen, and what tables say."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ablations.data.artifacts import CHOICE, CHOSEN, ROWS, TRAINING, read_json
from ablations.evaluation.scoring_rules import SCORING_OF

Facts = dict[str, Any]
FIRST = 5
"""How many solutions records and reports name."""

OF_CELL = (
    *("arm", "acquisition", "data_scale", "seed"),
    *("solutions_hash", "distinct_solutions", "labelled_solutions", "labelled_steps"),
)
"""Columns that a cell's rows share."""


def facts_of(train: Path) -> Facts:
    """What the stage ``train`` tells of the training in a folder."""
    facts: Facts = read_json(train / TRAINING)
    return facts


def choice_of(choice: Path) -> Facts:
    """What the stage ``choose`` tells: ``learning_rate``, the ``grid``, and whether it is ``bracketed``."""
    facts: Facts = read_json(choice / CHOICE)
    return facts


def labelled(arm: str, trained: Sequence[Facts]) -> Facts:
    """Columns of what an arm's trainings learned from, in all; an outcome's labels are of no steps."""
    steps = sum(fact["targets"] for fact in trained) if SCORING_OF[arm] == "product" else None
    return {"labelled_solutions": sum(fact["solutions"] for fact in trained), "labelled_steps": steps}


def of_cell(cell: Path, out: Path) -> Facts:
    """Columns that further rows of a cell share with it; what was chosen for it is copied to ``out``."""
    first = read_json(cell / ROWS)[0]
    shutil.copyfile(cell / CHOSEN, out / CHOSEN)
    return {name: first[name] for name in OF_CELL} | {"cell": cell.name}


def course(fact: Facts) -> list[tuple[int, float]]:
    """(update, best-of-N on validation problems) at all planned evaluations of a training.

    After an early end the value is that of the checkpoint kept.
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
    """A training's facts for the config in the records, with the choice of its learning rate.

    Args:
        fact: of the training.
        choice: folder of the choice; None where there was none.
        left_out: what is not told, for rows hold it or nobody asks.
    """
    rates: Facts = {}
    if choice is not None:
        of_choice = choice_of(choice)
        rates = {"choice": choice.name, "grid": of_choice["grid"], "bracketed": of_choice["bracketed"]}
    short = {"untaught": in_short(fact["untaught"])} if "untaught" in fact else {}
    return {name: value for name, value in fact.items() if name not in left_out} | short | rates


def in_short(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What records say of solutions without a target."""
    return {
        "no_target": sum(not one["cut"] for one in found),
        "cut": sum(one["cut"] for one in found),
        "first": [f"{one['problem_id']} sample {one['sample']}" for one in found[:FIRST]],
    }
