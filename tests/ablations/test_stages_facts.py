"""Which training was chosen, and what is told of it, on folders made by hand."""

import pytest

from ablations.stages.facts import chosen, chosen_of_folds, labelled, told
from ablations.stages.files import CHOICE, TRAINING, write_json
from lightning_modules.divergence import Diverged


@pytest.fixture
def made(tmp_path):
    """Four trainings of 0, 1, 2 and 3 solutions, and two choices: of the second and of the first of two."""
    trains, choices = [tmp_path / str(i) for i in range(4)], [tmp_path / f"choice-{i}" for i in (1, 0)]
    for i, folder in enumerate(trains):
        folder.mkdir()
        write_json(folder / TRAINING, {"solutions": i, "targets": 10 * i, "curve": [], "solutions_hash": "a"})
    for folder, index in zip(choices, (1, 0), strict=True):
        folder.mkdir()
        write_json(folder / CHOICE, {"index": index, "learning_rate": 0.1, "grid": [index]})
    return tuple(trains), tuple(choices)


def test_the_chosen_of_several_and_the_only_one(made):
    trains, choices = made
    assert chosen({"candidates": trains, "choice": choices[0]}, "candidates") == trains[1]
    assert chosen({"model": trains[2]}, "model") == trains[2]
    # the choice of a learning rate beside the choice of where to start
    inputs = {"start": trains, "start_choice": choices[0], "choice": choices[1]}
    assert chosen(inputs, "start", "start_choice") == trains[1]
    with pytest.raises(AssertionError, match="input choice: found None"):
        chosen({"candidates": trains}, "candidates")


def test_the_chosen_of_each_fold(made):
    """Of trainings 0 and 1 the second, of 2 and 3 the first."""
    trains, choices = made
    found = chosen_of_folds({"trains": trains, "choices": choices})
    assert [fact["solutions"] for fact in found] == [1, 2]
    assert labelled("process", found) == {"labelled_solutions": 3, "labelled_steps": 30}
    assert labelled("large_orm", found) == {"labelled_solutions": 3, "labelled_steps": None}
    assert [fact["solutions"] for fact in chosen_of_folds({"trains": trains})] == [0, 1, 2, 3]


def test_what_is_told(made):
    (fact,) = chosen_of_folds({"trains": made[0][1]})
    assert told(fact) == {"solutions": 1, "targets": 10}
    assert told(fact, made[1][0], left_out=("curve", "targets")) == {
        **{"solutions": 1, "solutions_hash": "a", "grid": [1]}
    }


def test_a_training_that_diverged_has_no_model(made):
    folder = made[0][0]
    write_json(folder / TRAINING, {"learning_rate": 1.0, "diverged": "learning_rate: found 1.0"})
    with pytest.raises(Diverged, match="learning_rate: found 1.0"):
        chosen({"model": folder}, "model")
