"""Learning rates chosen in a run: the choices in its records, their table, and a sentence on them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from results.stats.summaries import rows_of
from results.tables.rendering import Table, arm_cell, heads, number, points, whole, word
from results.vocabulary import arm_words


@dataclass(frozen=True, kw_only=True)
class ChosenRate:
    """The choice for one arm and data scale (and fold, and acquisition)."""

    arm: str
    """Key of `results.vocabulary.ARMS`."""
    acquisition: str | None
    """How its solutions were chosen; None if this does not apply."""
    data_scale: int | None
    """Solutions labeled per problem; None if this does not apply."""
    learning_rate: float
    validation: dict[float, float | None]
    """Learning rate -> mean best-of-N on validation problems; None: a training diverged."""
    trainings: int
    """Number of trainings per learning rate."""
    bracketed: bool
    """Whether a lower and a higher rate were tried as well."""


def choices_of(frame: pd.DataFrame) -> list[ChosenRate]:
    """List each choice of a run once, in the order of the records."""
    choices: dict[tuple[str, str], ChosenRate] = {}
    for row in rows_of(frame.drop_duplicates(["arm", "acquisition", "data_scale", "config"])):
        for fact in json.loads(row.config).get("chosen", []):
            if "choice" not in fact:
                continue
            grid = fact["grid"]
            choice = ChosenRate(
                arm=row.arm,
                acquisition=None if pd.isna(row.acquisition) else row.acquisition,
                data_scale=None if pd.isna(row.data_scale) else int(row.data_scale),
                learning_rate=fact["learning_rate"],
                validation={point["learning_rate"]: point["validation"] for point in grid},
                trainings=max(point["trainings"] for point in grid),
                bracketed=fact["bracketed"],
            )
            choices.setdefault((row.arm, fact["choice"]), choice)
    return list(choices.values())


def learning_rates_table(frame: pd.DataFrame) -> Table | None:
    """Tabulate validation best-of-N at each rate tried, the chosen rate and whether it is bracketed."""
    choices = choices_of(frame)
    if not choices:
        return None
    rates = sorted({rate for choice in choices for rate in choice.validation})
    names = ("arm", "labeled", *(f"{rate:g}" for rate in rates), "chosen", "bracketed", "trainings per rate")
    return Table(
        id="learning-rates",
        title="Learning rates",
        lead=(
            "Validation problems solved at each learning rate, percent, mean over trainings whose seeds are "
            "not reported, and the rate chosen by it for all reported seeds. Bracketed: a lower and a higher "
            "rate were tried as well."
        ),
        heads=heads(*names, text=("arm", "bracketed")),
        rows=tuple(
            (
                arm_cell(choice.arm, choice.acquisition),
                whole(choice.data_scale),
                *(points(choice.validation.get(rate)) for rate in rates),
                number(choice.learning_rate, 6),
                word("yes" if choice.bracketed else "no"),
                whole(choice.trainings),
            )
            for choice in choices
        ),
        printed=False,
    )


def edge_sentence(choices: Sequence[ChosenRate]) -> str:
    """Say how many choices lie inside their grid, and which do not; empty without choices."""
    if not choices:
        return ""
    edges = [choice for choice in choices if not choice.bracketed]
    inside = f"{len(choices) - len(edges)} of {len(choices)} learning rates lie inside their grid"
    if not edges:
        return f"{inside}."
    first = edges[0]
    where = arm_words(first.arm, first.acquisition)
    where += "" if first.data_scale is None else f" with {first.data_scale} labeled per problem"
    return (
        f"{inside}; the others lie at an edge, so a better one may lie beyond it (the first: {where}, "
        f"{first.learning_rate:g})."
    )
