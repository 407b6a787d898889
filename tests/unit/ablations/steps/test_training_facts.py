"""What is told of trainings, on facts made by hand."""

from dataclasses import replace

from trained import FACTS

from ablations.data.models import RateChoice, TriedRate
from ablations.steps.training_facts import count_labels, facts_for_records

ONE = replace(
    FACTS, solutions=1, targets=10, curve=((10, 0.5), (20, 0.25)), best_value=0.5, planned=(10, 20, 30, 40)
)
TOLD = {
    **{"distinct_solutions": 3, "solutions": 1, "cut_steps": 0, "targets": 10, "threshold": None},
    **{"learning_rate": 0.1, "best_update": 4, "best_value": 0.5, "updates": 4, "plateau": False},
    "validation_n": 2,
}


def test_what_was_labeled():
    trained = [ONE, replace(ONE, solutions=2, targets=20)]
    assert count_labels("process", trained) == {"labelled_solutions": 3, "labelled_steps": 30}
    assert count_labels("large_orm", trained) == {"labelled_solutions": 3, "labelled_steps": None}


def test_after_an_early_end_the_value_is_that_of_the_checkpoint_kept():
    assert ONE.course == [(10, 0.5), (20, 0.25), (30, 0.5), (40, 0.5)]
    assert replace(ONE, planned=(10, 20)).course == [(10, 0.5), (20, 0.25)]


def test_what_is_told():
    grid = (TriedRate(learning_rate=0.1, validation=0.5, trainings=1),)
    choice = RateChoice(learning_rate=0.1, bracketed=True, grid=grid)
    assert facts_for_records(ONE) == TOLD
    told = facts_for_records(ONE, ("key", choice), left_out=("curve", "planned", "targets"))
    assert told == {name: value for name, value in TOLD.items() if name != "targets"} | {
        **{"solutions_hash": "aa", "choice": "key", "bracketed": True},
        "grid": [{"learning_rate": 0.1, "validation": 0.5, "trainings": 1}],
    }
