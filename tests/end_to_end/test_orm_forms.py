"""Forms of the outcome loss: the plan, and a run at scale smoke on the store of the first experiment."""

import json
from dataclasses import replace

import pytest
from defaults import settings_of

from ablations.commands import cli
from ablations.experiments.orm_forms import plan
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.train_student import ChooseRate, TrainStudent
from ablations.steps.validate import ValidateStudent
from results.analyses.orm_forms import FORMS
from results.records import read_records


def test_validation_problems_judge_first_and_test_problems_when_asked():
    given = settings_of("orm_forms", "small")
    part = embedded_fold(given.source, students=given.students)
    tests = {part.test.key, part.test_labels.key, part.ratings.key}
    tasks = plan(given).tasks
    assert not tests & {task.key for task in tasks}
    judged = [task for task in tasks if isinstance(task, ValidateStudent)]
    assert len(judged) == 2 * len(given.data_scales) * len(FORMS) * given.seeds
    tested = plan(replace(given, judged_on="test")).tasks
    assert tests <= {task.key for task in tested}
    trains = [{task.key for task in some if task.name == "train"} for some in (tasks, tested)]
    assert trains[0] == trains[1]  # the same trainings


def test_each_form_has_a_learning_rate_of_its_own_and_nothing_else():
    given = settings_of("orm_forms", "small")
    tasks = plan(given).tasks
    choices = [task for task in tasks if isinstance(task, ChooseRate)]
    assert len(choices) == 2 * len(given.data_scales) * len(FORMS)
    trained = [task.train for task in tasks if isinstance(task, ValidateStudent)]
    assert all(isinstance(train, TrainStudent) for train in trained)
    configs = [
        {k: v for k, v in train.config.items() if k not in ("outcome_loss", "arm", "data_scale", "seed")}
        | {"threshold": None}
        for train in trained
    ]
    assert all(config == configs[0] for config in configs)
    assert {train.outcome_loss for train in trained} == set(FORMS) == set(given.forms)


def test_process_supervision_has_no_outcome_loss():
    from ablations.experiments import supervision

    given = settings_of("supervision", "smoke")
    given = replace(given, students=replace(given.students, outcome_loss="mean_logit"))
    tasks = supervision.plan(given).tasks
    losses = {(task.arm, task.config.get("outcome_loss")) for task in tasks if isinstance(task, TrainStudent)}
    assert losses == {("process", None), ("prm_outcome", "mean_logit"), ("final_answer", "mean_logit")}


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("arms=[process]", "arms: found ['process']; allowed: one or more of prm_outcome, "),
        ("forms=[]", "forms: found []; allowed: one or more of every_token, "),
        ("forms=[last_token,last_token]", "forms: found ['last_token', 'last_token']; allowed: one or more"),
    ],
)
def test_malformed_settings(tmp_path, capsys, flag, message):
    argv = ["plan", "orm_forms", "--scale=smoke", f"--store={tmp_path / 's'}", f"--settings.{flag}"]
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith(f"ablations: {message}")


def test_it_ends_with_its_table_and_figure(run_on_smoke):
    """Three rates of which one is chosen; the mean of the logits is scored as it was taught."""
    flags = ("data_scales=[1]", "arms=[final_answer]", "forms=[every_token,mean_logit]")
    flags += ("students.learning_rates=[1e-3,2e-3,4e-3]", "students.max_updates=2")
    run = run_on_smoke("orm_forms", *(f"--settings.{flag}" for flag in flags))
    assert "How outcome supervision is taught" in run.stdout and "mean of the logits" in run.stdout
    frame = read_records(run.folder / "out" / "records.parquet")
    kept = frame[frame["metric"] == "kept_best_of_n"]
    assert list(kept["variant"]) == ["every_token", "mean_logit"] and set(kept["seed"]) == {0}
    chosen = [json.loads(config)["chosen"][0] for config in kept["config"]]
    assert all(len(fact["grid"]) == 3 for fact in chosen)
    edges = [fact for fact in chosen if not fact["bracketed"]]
    assert ("students.learning_rates: " in run.stderr) == bool(edges)
    assert (run.folder / "out" / "figures" / "orm_forms.png").is_file()
    tuned = [
        path.parent
        for path in (run.folder / "store" / "train").glob("*/manifest.json")
        if json.loads(path.read_text())["config"].get("tuning")
    ]
    assert len(tuned) == 6 and not any((folder / "model").exists() for folder in tuned)
