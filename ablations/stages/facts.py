"""Facts of trainings: what each tells of itself, which of several was chosen, and what a table says of it."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ablations.pipeline import Inputs, one, several
from ablations.scoring import SCORING_OF
from ablations.stages.files import CHOICE, TRAINING, read_json
from ablations.stages.learning import in_short
from lightning_modules.divergence import Diverged

Facts = dict[str, Any]


def facts_of(train: Path) -> Facts:
    """What the stage ``train`` tells of the training in a folder."""
    facts: Facts = read_json(train / TRAINING)
    return facts


def choice_of(choice: Path) -> Facts:
    """What the stage ``choose`` tells: ``index``, ``learning_rate``, and the ``grid`` chosen from."""
    facts: Facts = read_json(choice / CHOICE)
    return facts


def chosen(inputs: Inputs, name: str, choice: str = "choice") -> Path:
    """The only folder of an input, or of several candidates the one that the input ``choice`` names.

    Raises:
        Diverged: there is only one, and its training diverged.
    """
    folders = several(inputs, name)
    if len(folders) > 1:
        return folders[choice_of(one(inputs, choice))["index"]]
    if (folders[0] / TRAINING).is_file() and (why := facts_of(folders[0]).get("diverged")) is not None:
        raise Diverged(why)
    return folders[0]


def chosen_of_folds(inputs: Inputs) -> list[Facts]:
    """Facts of each fold's training: of the only ``trains`` it has, or of the one that ``choices`` names."""
    trains, choices = several(inputs, "trains"), several(inputs, "choices")
    if not choices:
        return [facts_of(folder) for folder in trains]
    grid = len(trains) // len(choices)
    indices = [choice_of(folder)["index"] for folder in choices]
    return [facts_of(trains[fold * grid + index]) for fold, index in enumerate(indices)]


def labelled(arm: str, trained: Sequence[Facts]) -> Facts:
    """Columns of what an arm's trainings learned from, in all; an outcome's labels are of no steps."""
    steps = sum(fact["targets"] for fact in trained) if SCORING_OF[arm] == "product" else None
    return {"labelled_solutions": sum(fact["solutions"] for fact in trained), "labelled_steps": steps}


def told(
    fact: Facts, choice: Path | None = None, *, left_out: Collection[str] = ("curve", "solutions_hash")
) -> Facts:
    """A training's facts for the config in the records, with the grid that it was chosen from.

    Args:
        fact: of the training.
        choice: folder of the choice; None where there was none.
        left_out: what is not told, for rows hold it or nobody asks.
    """
    grid = {} if choice is None else {"grid": choice_of(choice)["grid"]}
    short = {"untaught": in_short(fact["untaught"])} if "untaught" in fact else {}
    return {name: value for name, value in fact.items() if name not in left_out} | short | grid
