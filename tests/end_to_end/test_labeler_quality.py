"""Labelers of several qualities: the plan, and a run at scale smoke on the store of the first experiment."""

from dataclasses import replace

import pytest
from defaults import settings_of

from ablations.commands import cli
from ablations.experiments import supervision
from ablations.experiments.labeler_quality import labelers, plan
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.mislabel import Mislabel
from ablations.steps.train_prm import TrainLargePrm
from ablations.steps.train_student import ChooseRate, TrainStudent
from results.records import read_records
from results.vocabulary import LABELERS, LABELING_ERRORS


def test_the_oracle_is_one_labeler_and_every_dose_another():
    given = settings_of("labeler_quality", "small")
    fold = embedded_fold(given.source, given.device, given.students)
    found = list(labelers(given, fold))
    names = [(one.variant, one.level) for one in found]
    assert names[:4] == [("oracle", 0.0), *(("random", dose) for dose in given.doses)]
    assert {variant for variant, _ in names} == {*LABELERS, *LABELING_ERRORS} and len(set(names)) == len(
        names
    )
    simulated = [one.labels for one in found if isinstance(one.labels, Mislabel)]
    assert len({step.key for step in simulated}) == 1 + len(given.errors) * len(given.doses)
    tasks = plan(given).tasks
    assert {step.key for step in simulated} == {task.key for task in tasks if isinstance(task, Mislabel)}
    prms = [task for task in tasks if isinstance(task, TrainLargePrm)]
    assert len(prms) == 1 + len(given.fewer_labels) + len(given.smaller_prm)
    assert [prm.base.key for prm in prms].count(fold.base.key) == len(given.smaller_prm)


def test_students_differ_in_their_labels_and_nothing_else():
    """The learning rate is chosen once per arm, with the oracle's labels."""
    tasks = plan(settings_of("labeler_quality", "small")).tasks
    assert len([task for task in tasks if isinstance(task, ChooseRate)]) == 3
    trained = [task for task in tasks if isinstance(task, TrainStudent) and not task.tuning]
    by_arm = {}
    for task in trained:
        config = {k: v for k, v in task.config.items() if k not in ("labels", "threshold", "seed")}
        by_arm.setdefault(task.arm, []).append(config)
    assert {arm: len(configs) for arm, configs in by_arm.items()} == {
        **{"final_answer": 4, "process": 4 * 19, "prm_outcome": 4 * 19}
    }
    assert all(config == configs[0] for configs in by_arm.values() for config in configs)


def test_the_large_prms_labels_are_those_of_supervision():
    """With a single learning rate, so that nothing is chosen."""
    given = settings_of("labeler_quality", "quick")
    before = {task.key for task in supervision.plan(settings_of("supervision", "quick")).tasks}
    shared = [task for task in plan(given).tasks if isinstance(task, TrainStudent) and task.key in before]
    assert {task.arm for task in shared} == {"process", "prm_outcome", "final_answer"}


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("errors=[random,typos]", "errors: found ['random', 'typos']; allowed: one or more of random, "),
        ("doses=[]", "doses: found none; allowed: one or more, above 0, to 0.5"),
        ("doses=[0.2,0.1]", "doses: found [0.2, 0.1]; allowed: ascending, each once"),
        ("doses=[0.6]", "doses: found (0.6,); allowed: above 0, to 0.5"),
        ("fewer_labels=[13]", "fewer_labels: found [13]; allowed: 1 to source.problems.labeler = 12"),
        ("thresholds=[1.5]", "thresholds: found (1.5,); allowed: 0 to 1"),
        ("data_scale=3", "data_scale: found 3; allowed: 1 to source.train_samples = 2"),
    ],
)
def test_malformed_settings(tmp_path, capsys, flag, message):
    argv = ["plan", "labeler_quality", "--scale=smoke", f"--store={tmp_path / 's'}", f"--settings.{flag}"]
    assert cli.main(argv) == 2
    said = capsys.readouterr().err
    assert message in said and said.startswith("ablations: ") and said.count("\n") == 1


def test_a_pool_is_refused(tmp_path, capsys):
    pool = tmp_path / "pool.jsonl"
    pool.write_text("")
    argv = ["plan", "labeler_quality", f"--pool={pool}", "--labeler=me", f"--store={tmp_path / 's'}"]
    assert cli.main(argv) == 2
    assert "allowed: none, because only an embedded world has an oracle" in capsys.readouterr().err


def test_it_ends_with_its_tables_and_figure(smoke, run_on_smoke):
    flags = ("errors=[random,favors_positive]", "fewer_labels=[]", "smaller_prm=[12]")
    run = run_on_smoke("labeler_quality", *(f"--settings.{flag}" for flag in flags))
    for title in ("How many errors process supervision bears", "Right answers by wrong reasoning"):
        assert title in run.stdout
    assert (run.folder / "out" / "figures" / "labeler_quality.png").is_file()
    frame = read_records(run.folder / "out" / "records.parquet")
    students = frame[frame["solutions_hash"].notna()]
    assert students["solutions_hash"].nunique() == 1  # one seed: all arms and labelers, the same solutions
    oracle = frame[(frame["variant"] == "oracle") & (frame["metric"] == "label_noise")]
    assert len(oracle) == 2 and (oracle["value"] == 0).all()
    errors = frame[frame["arm"].eq("labeler") & frame["variant"].notna()]
    assert set(errors["metric"]) == {"missed_errors", "false_alarms", "wrong_labels"}
    assert set(errors["variant"]) == {"oracle", "random", "favors_positive", "large_prm", "smaller_prm"}
    alarms = errors[(errors["variant"] == "favors_positive") & (errors["metric"] == "false_alarms")]
    assert (alarms["value"] == 0).all()
    # of one solution at random, all arms win by wrong reasoning equally often
    once = frame[(frame["metric"] == "flawed_wins") & (frame["n"] == 1)]
    assert once["value"].max() == pytest.approx(once["value"].min())
    assert set(once["arm"]) == {"process", "prm_outcome", "final_answer", "labeler"}


def test_another_seed_of_the_errors_makes_other_labelers():
    given = settings_of("labeler_quality", "smoke")
    keys = [
        {task.key for task in plan(each).tasks if isinstance(task, Mislabel)}
        for each in (given, replace(given, errors_seed=1))
    ]
    assert len(keys[0] & keys[1]) == 1 and len(keys[1]) == 5  # the oracle
