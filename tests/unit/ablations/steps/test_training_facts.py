"""What is told of trainings, on folders made by hand."""

import pytest

from ablations.data.artifacts import CHOICE, TRAINING, write_json
from ablations.steps.training_facts import course, facts_of, labelled, told


@pytest.fixture
def made(tmp_path):
    """Trainings of 1 and 2 solutions, and the choice of a learning rate."""
    trains, choice = [tmp_path / str(i) for i in (1, 2)], tmp_path / "choice"
    for i, folder in enumerate(trains, start=1):
        folder.mkdir()
        write_json(folder / TRAINING, {"solutions": i, "targets": 10 * i, "curve": [], "solutions_hash": "a"})
    choice.mkdir()
    write_json(choice / CHOICE, {"learning_rate": 0.1, "bracketed": True, "grid": [1]})
    return [facts_of(folder) for folder in trains], choice


def test_what_was_labelled(made):
    facts, _ = made
    assert labelled("process", facts) == {"labelled_solutions": 3, "labelled_steps": 30}
    assert labelled("large_orm", facts) == {"labelled_solutions": 3, "labelled_steps": None}


def test_after_an_early_end_the_value_is_that_of_the_checkpoint_kept():
    curve = [{"update": 10, "value": 0.5}, {"update": 20, "value": 0.25}]
    fact = {"curve": curve, "planned": [10, 20, 30, 40], "best_value": 0.5}
    assert course(fact) == [(10, 0.5), (20, 0.25), (30, 0.5), (40, 0.5)]
    assert course(fact | {"planned": [10, 20]}) == [(10, 0.5), (20, 0.25)]


def test_what_is_told(made):
    (fact, _), choice = made
    assert told(fact) == {"solutions": 1, "targets": 10}
    assert told(fact, choice, left_out=("curve", "targets")) == {
        **{"solutions": 1, "solutions_hash": "a"},
        **{"choice": "choice", "grid": [1], "bracketed": True},
    }
