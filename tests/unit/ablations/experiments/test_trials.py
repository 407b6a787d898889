"""Trials and the plan of the sweep: what they may read, what they share, and which points there are."""

import inspect
from dataclasses import asdict, fields, replace

import pytest
from defaults import settings_of

from ablations.engine.experiment import SCALES
from ablations.engine.step import Step, ordered
from ablations.experiments.hyperparameters import Levels, plan
from ablations.experiments.settings import StudentSettings
from ablations.experiments.trainings import Trainings
from ablations.experiments.trials import PLAIN, Hyperparameters, trial
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.draw import DrawProblems
from ablations.steps.train_student import TrainStudent
from ablations.steps.validate import ValidateStudent
from ablations.world.worlds import WORLDS
from lightning_modules.reward_model import RewardModel
from results.analyses.sensitivity import FACTORS


@pytest.fixture
def small():
    return settings_of("hyperparameters", "small")


def make(given, **changes) -> ValidateStudent:
    fold = embedded_fold(given.source, students=given.students)
    point = replace(Hyperparameters.of(given.students, fold.threshold), **changes)
    return trial(given.students, fold, arm="process", data_scale=4, point=point, seed=0)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("world", WORLDS)
def test_no_step_can_reach_a_test_problem(scale, world):
    given = settings_of("hyperparameters", scale, world)
    part = embedded_fold(given.source, given.device, given.students)
    steps = plan(given).tasks

    def splits(steps: list[Step]) -> set[str]:
        return {step.split for step in steps if isinstance(step, DrawProblems)}

    assert not {part.test.key, part.test_labels.key, part.ratings.key} & {step.key for step in steps}
    assert splits(steps) == {"labeler", "train", "validation"}
    assert "test" in splits(ordered([part.test]))


@pytest.mark.parametrize("scale", SCALES)
def test_arms_get_the_same_effort(scale):
    """Where all arms have a point, their trainings differ in arm, threshold and kind of loss alone."""
    given = settings_of("hyperparameters", scale)
    trials = plan(given).targets
    of_arm = {arm: [one for one in trials if one.arm == arm] for arm in given.arms}

    def effort(one: ValidateStudent) -> dict:
        apart = ("arm", "threshold", "outcome_loss")
        return {name: value for name, value in one.train.config.items() if name not in apart}

    shared = set(given.points("final_answer"))
    efforts = [
        [effort(one) for one in tried if Hyperparameters(**one.hyperparameters) in shared]
        for tried in of_arm.values()
    ]
    assert efforts[0] == efforts[1] == efforts[2] and len(efforts[0]) == len(shared) * given.seeds
    assert len(of_arm["process"]) == len(of_arm["prm_outcome"]) > len(of_arm["final_answer"])
    assert len({one.key for one in trials}) == len(trials)


def test_the_trainings_of_supervision_are_used_again():
    """A trial at the hyperparameters of `supervision` trains what they train, where they have one rate."""
    given = settings_of("supervision", "small")
    given = replace(given, students=replace(given.students, learning_rates=(1e-3,)))
    fold = embedded_fold(given.source, students=given.students)
    trainings = Trainings(students=given.students, fold=fold, arm="process", data_scale=4)
    assert make(given).train == trainings.train(0)


def test_updates_are_the_same_at_every_data_scale_unless_passes_are_limited():
    """The paper: 2 passes for process supervision, 1 for outcomes; 2 * 100 / 64 is 3.125, so 4 updates."""
    students = StudentSettings(max_updates=50)
    assert {students.updates(s, outcome=o) for s in (1, 10**6) for o in (False, True)} == {50}
    paper = replace(students, process_epochs=2.0, outcome_epochs=1.0, evaluations=1)
    assert [paper.updates(100, outcome=outcome) for outcome in (False, True)] == [4, 2]
    assert paper.updates(10**6, outcome=True) == 50


def test_only_what_differs_is_in_the_config(small):
    """So that trainings made before these could be set keep their keys."""
    assert not {"warmup", "weight_decay", "dropout", "soft_targets"} & set(make(small).train.config)
    assert make(small, warmup=0.2).train.config["warmup"] == 0.2
    assert make(small, weight_decay=0.0).train.config["weight_decay"] == 0.0
    defaults = inspect.signature(RewardModel).parameters
    for name in ("warmup", "weight_decay", "dropout"):
        default = getattr(StudentSettings, name)
        assert default == TrainStudent.defaults()[name] == defaults[name].default


@pytest.mark.parametrize(
    ("changes", "config"),
    [
        ({"learning_rate": 0.003}, {"learning_rate": 0.003, "updates": 200}),
        ({"batch_size": 64}, {"batch_size": 64, "updates": 200}),
        ({"max_updates": 150}, {"updates": 150}),
        ({"threshold": 0.35}, {"threshold": 0.35, "updates": 200}),
        ({"dropout": 0.1, "soft_targets": True}, {"dropout": 0.1, "soft_targets": True, "updates": 200}),
    ],
)
def test_a_point_decides_the_training(small, changes, config):
    assert make(small, **changes).train.config.items() >= config.items()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"learning_rate": 0.0},
            "learning_rate: found 0.0; allowed: above 0",
        ),
        ({"batch_size": 0}, "batch_size: found 0; allowed: 1 or more"),
        ({"warmup": 1.5}, "warmup: found 1.5; allowed: 0 to 1"),
        ({"weight_decay": -0.1}, "weight_decay: found -0.1; allowed: 0 or more"),
        ({"threshold": 2.0}, "threshold: found 2.0; allowed: 0 to 1"),
        ({"dropout": 1.0}, "dropout: found 1.0; allowed: 0 to below 1"),
    ],
)
def test_a_point_out_of_range(small, changes, message):
    with pytest.raises(ValueError) as caught:
        make(small, **changes)
    assert str(caught.value) == message


def test_points_lie_around_the_center(small):
    points = small.points("process")
    center = small.center
    assert points[center] == [
        PLAIN,
        *(("learning_rate", 3e-3), ("batch_size", 32.0), ("max_updates", 200.0), ("threshold", 0.2)),
    ]
    for point, shown in points.items():
        differs = {k: v for k, v in asdict(point).items() if v != getattr(center, k)}
        if point != center:
            assert list(differs.items()) == shown and len(shown) == 1
    assert small.points("final_answer")[center] == points[center][:-1]
    assert small.data_scale == 6  # a tenth of 64


def test_a_hyperparameter_with_the_centres_level_alone_is_not_varied(small):
    given = replace(small, levels=Levels(max_updates=(200,), batch_size=(32, 64)))
    assert list(given.points("process").values()) == [[PLAIN, ("batch_size", 32.0)], [("batch_size", 64.0)]]


def test_every_hyperparameter_has_levels_and_words():
    names = [field.name for field in fields(Hyperparameters)]
    assert names == [field.name for field in fields(Levels)] == list(FACTORS)
