"""Forms of supervision and their cost: the plan, and runs at scale smoke in a world and on a pool."""

from pathlib import Path

import pytest
from defaults import settings_of
from sums_pool import arguments, write_sums

from ablations.commands import cli
from ablations.experiments import supervision
from ablations.experiments.supervision_forms import ARMS, plan
from ablations.steps.rollouts import RollOut
from ablations.steps.train_student import MeasureLabelNoise, TrainStudent
from ablations.supervision import BETA
from results.analyses.supervision_forms import COSTS, OPERATIONS
from results.records import check_same_solutions, read_records

SHOWN = ("process", "process_soft", "process_ranking", "monte_carlo_soft", "consensus", "final_answer")
OF_LABELER = ("process", "process_soft", "process_full", "process_ranking", "prm_outcome")


def test_arms_differ_only_in_labels_and_their_loss():
    tasks = plan(settings_of("supervision_forms", "small")).tasks
    trains = {task.arm: task for task in tasks if isinstance(task, TrainStudent) and not task.tuning}
    assert tuple(trains) == ARMS
    configs = []
    for arm, train in trains.items():
        assert train.soft_targets == (arm in ("process_soft", "monte_carlo_soft"))
        assert (train.step_loss == "ranking") == (arm == "process_ranking")
        assert (train.labels is not None) == (arm in (*OF_LABELER, "consensus"))
        assert (train.rollouts is not None) == arm.startswith(("monte", "consensus"))
        assert (train.beta, train.outcome_loss == "sum_logit") == (
            (BETA, True) if arm == "implicit" else (None, False)
        )
        own = ("arm", "seed", "data_scale", "threshold", "soft_targets", "step_loss", "beta", "outcome_loss")
        configs.append({name: value for name, value in train.config.items() if name not in own})
    assert all(config == configs[0] for config in configs)
    assert len([task for task in tasks if isinstance(task, RollOut)]) == 1  # for all arms, scales and seeds
    noise = [task for task in tasks if isinstance(task, MeasureLabelNoise)]
    assert not any(task.soft_targets for task in noise)  # noise is that of decisions


def test_trainings_of_other_experiments_are_the_same():
    """So that a store that holds `supervision` has the trainings of three arms."""
    ours, theirs = (
        {task.key for task in plan(settings_of(name, "quick")).tasks if isinstance(task, TrainStudent)}
        for name, plan in (("supervision_forms", plan), ("supervision", supervision.plan))
    )
    assert len(ours & theirs) == 3 * 2 * settings_of("supervision_forms", "quick").seeds


def test_it_ends_with_tables_costs_and_figure(run_on_smoke):
    flags = (f"arms=[{','.join(SHOWN)}]", "data_scales=[1,2]", "students.max_updates=2")
    run = run_on_smoke("supervision_forms", *(f"--settings.{flag}" for flag in flags))
    assert "minus process supervision" in run.stdout and "What labels cost" in run.stdout
    frame = read_records(run.folder / "out" / "records.parquet")
    check_same_solutions(frame)
    costs = frame[frame["metric"].isin([*COSTS, OPERATIONS])].set_index(["metric", "arm", "data_scale"])
    value = costs["value"].to_dict()
    assert len(value) == 5 * len(SHOWN) * 2
    for scale in (1, 2):
        per_solution = value["rollouts", "consensus", scale]
        assert per_solution == value["rollouts", "monte_carlo_soft", scale] > 1
        assert value["answer_checks", "consensus", scale] == pytest.approx(1 + per_solution)
        assert value["answer_checks", "final_answer", scale] == 1
        assert value["rollouts", "process", scale] == value["labeler_tokens", "final_answer", scale] == 0
        assert value["labeler_tokens", "process", scale] == value["labeler_tokens", "consensus", scale] > 0
        spent = [value[OPERATIONS, arm, scale] for arm in ("final_answer", "process", "consensus")]
        assert spent == sorted(spent) and len(set(spent)) == 3
    assert (run.folder / "out" / "figures" / "supervision_forms.png").is_file()
    assert len(list((run.folder / "store" / "rollouts").iterdir())) == 1


def test_implicit_rewards_run_alone_and_are_not_exported(run_on_smoke, capsys):
    flags = ("arms=[implicit]", "data_scales=[2]", "students.max_updates=4")
    run = run_on_smoke("supervision_forms", *(f"--settings.{flag}" for flag in flags))
    frame = read_records(run.folder / "out" / "records.parquet")
    own = frame[frame["arm"] == "implicit"].set_index("metric")["value"]
    assert own["answer_checks"] == 1 and own["labeler_tokens"] == own["rollouts"] == 0
    assert {"best_of_n", "solution_auroc", "step_auroc", "label_noise"} <= set(own.index)
    assert cli.main(["export", str(run.folder / "out"), str(run.folder / "exported")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("ablations: arm: found implicit; allowed: the others, ") and said.count("\n") == 1


def test_a_pool_has_the_arms_that_need_no_rollouts(tmp_path, capsys):
    pool = write_sums(tmp_path / "sums.jsonl.gz")
    given = settings_of("supervision_forms", "smoke", pool=pool)
    assert given.arms == (
        *("process", "process_soft", "process_full", "process_ranking", "prm_outcome", "final_answer"),
        "implicit",
    )
    argv = arguments("run", pool, "sharp", tmp_path, "supervision_forms", vocabulary=300, max_length=128)
    assert cli.main([*argv, "--settings.arms=[process,process_full,implicit]"]) == 0
    shown = capsys.readouterr().out
    assert "What labels cost" in shown and "process, all steps" in shown and "implicit rewards" in shown
    frame = read_records(tmp_path / "out" / "records.parquet")
    assert (frame["metric"] == "labeler_tokens").any() and not (frame["metric"] == OPERATIONS).any()
    assert (tmp_path / "out" / "figures" / "supervision_forms.png").is_file()

    # with rollouts in the pool: here it is the other labeler's scores that are taken for them
    argv = arguments("run", pool, "sharp", tmp_path, "supervision_forms", vocabulary=300, max_length=128)
    more = ("arms=[process,monte_carlo_soft,consensus]", "rollout_scores=blunt")
    argv[argv.index(f"--out={tmp_path / 'out'}")] = f"--out={tmp_path / 'with'}"
    assert cli.main([*argv, *(f"--settings.{flag}" for flag in more)]) == 0
    frame = read_records(tmp_path / "with" / "records.parquet")
    check_same_solutions(frame)
    assert {"process", "monte_carlo_soft", "consensus"} < set(frame["arm"])
    known = frame[frame["metric"].isin(COSTS)].groupby("arm")["metric"].nunique().to_dict()
    assert known == {
        "process": 4,
        "monte_carlo_soft": 1,
        "consensus": 1,
    }  # what a pool's rollouts cost is not


@pytest.mark.parametrize(
    ("experiment", "flag", "message"),
    [
        ("supervision_forms", "arms=[]", "arms: found []; allowed: one or more of process, "),
        ("supervision_forms", "rollouts=0", "rollouts: found 0; allowed: "),
        ("supervision_forms", "rollout_scores=mc", "rollout_scores: found mc; allowed without a pool: null"),
        (
            "supervision_forms",
            "students.lora.rank=2",
            "arms: found implicit with students.lora; allowed: the other arms, because ",
        ),
        ("orm_forms", "arms=[implicit]", "arms: found ['implicit']; allowed: one or more of "),
        ("supervision", "arms=[consensus]", "arms: found ['consensus']; allowed: one or more of process, "),
    ],
)
def test_malformed_settings(tmp_path, capsys, experiment, flag, message):
    argv = ["plan", experiment, "--scale=smoke", f"--store={tmp_path / 's'}", f"--settings.{flag}"]
    assert cli.main(argv) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ablations: {message}") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "arms=[process,consensus]",
            "arms: found ['process', 'consensus']; allowed: one or more of process, ",
        ),
        ("rollout_scores=none_such", 'labeler: found "none_such"; allowed: '),
    ],
)
def test_a_pool_needs_rollouts(tmp_path: Path, capsys, flag, message):
    pool = write_sums(tmp_path / "sums.jsonl.gz")
    argv = arguments("plan", pool, "sharp", tmp_path, "supervision_forms")
    assert cli.main([*argv, f"--settings.{flag}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("ablations: ") and message in said and said.count("\n") == 1
