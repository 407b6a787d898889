"""A sweep at scale smoke through the command line, on the store of the first experiment."""

import shutil

import optuna
import pandas as pd
import pytest
import yaml
from defaults import settings_of

from ablations.commands import cli
from ablations.engine.machine import Machine
from ablations.engine.step import Step, ordered
from ablations.engine.store import Store
from ablations.experiments.fold import TrainingFold
from ablations.experiments.hyperparameters import training_fold
from ablations.experiments.world_fold import embedded_fold
from ablations.steps.draw import DrawProblems
from sweeps.cli import main
from sweeps.objective import Objective
from sweeps.spaces import SPACES
from sweeps.study import SURPLUS, Studies, artifacts, storage_of

ARMS = ("process", "prm_outcome", "final_answer")
TRIALS = 3


@pytest.fixture(scope="module")
def run(smoke, python_m, tmp_path_factory):
    """The folder of a sweep by two workers, and what it said."""
    folder = tmp_path_factory.mktemp("sweep")
    shutil.copytree(smoke.store, folder / "store")
    words = ("run", "reward_models", "--scale=smoke", f"--trials={TRIALS}", "--workers=2")
    done = python_m("sweeps", *words, f"--store={folder / 'store'}", f"--out={folder / 'out'}")
    return folder, done


def test_every_arm_has_its_trials(run):
    folder, done = run
    frame = pd.read_csv(folder / "out" / "trials.csv")
    assert frame.groupby("arm")["planned"].apply(sorted).to_dict() == {arm: [0, 1, 2] for arm in ARMS}
    assert set(frame["state"]) <= {"COMPLETE", "PRUNED"}
    known = {name.removeprefix("param_") for name in frame.columns if name.startswith("param_")}
    assert known == {*SPACES["reward_models"].of_all, *SPACES["reward_models"].of_labeler}
    of_labeler = frame[["param_threshold", "param_soft_targets"]].notna()
    assert of_labeler[frame["arm"] != "final_answer"].all(axis=None)
    assert not of_labeler[frame["arm"] == "final_answer"].any(axis=None)
    assert done.stdout.startswith("Trials\\n") or "Trials" in done.stdout
    assert (folder / "out" / "sensitivity.png").is_file()


def test_again_there_is_nothing_to_do_and_the_report_is_the_same(run, capsys):
    folder, _ = run
    before = pd.read_csv(folder / "out" / "trials.csv")
    table = (folder / "out" / "table.txt").read_text()
    places = ["--scale=smoke", f"--out={folder / 'out'}"]
    words = [*places, f"--trials={TRIALS}", "--workers=1", f"--store={folder / 'store'}"]
    assert main(["run", "reward_models", *words]) == 0
    assert main(["report", "reward_models", *places]) == 0
    assert pd.read_csv(folder / "out" / "trials.csv").equals(before)
    assert capsys.readouterr().out.count(table) == 2


def test_the_best_trial_is_a_config_of_supervision(run, capsys):
    folder, _ = run
    for arm in ARMS:
        file = folder / "out" / f"best-{arm}.yaml"
        assert yaml.safe_load(file.read_text())["settings"]["arms"] == [arm]
        words = ["plan", "supervision", f"--config={file}", "--scale=smoke", f"--store={folder / 'none'}"]
        assert cli.main(words) == 0
    capsys.readouterr()


def test_what_its_trials_made_is_no_garbage(run, capsys):
    """Of a store whose only user is the sweep, what is left is what test problems alone had need of."""
    folder, _ = run
    words = ["gc", f"--runs={folder}", f"--store={folder / 'store'}"]
    assert cli.main(words) == 0
    told = capsys.readouterr().out
    assert "0 runs and 1 sweeps refer to" in told
    kept = set(Store(folder / "store").addresses()) - set(told.split())
    assert {"train", "validated", "base", "samples", "large_prm"} <= {one.partition("/")[0] for one in kept}
    trained = {one for one in Store(folder / "store").addresses() if one.startswith("train/")}
    assert kept & trained and trained - kept  # those of the first experiment are not its


def test_no_test_problem_can_be_reached(tmp_path):
    """Whatever a sweep holds, and whatever it can ask for, is made without the test problems."""
    given = settings_of("hyperparameters", "smoke")
    whole = embedded_fold(given.source, students=given.students)
    one = Objective(
        settings=given,
        fold=whole.training,
        arm="process",
        space=SPACES["rates"],
        store=Store(tmp_path),
        machine=Machine(),
    )
    assert type(one.fold) is TrainingFold and not hasattr(one.fold, "test")
    held = [value for value in vars(one.fold).values() if isinstance(value, Step)]
    reached = ordered([*held, one.task(given.center)])
    forbidden = {whole.test.key, whole.test_labels.key, whole.ratings.key}
    assert not forbidden & {task.key for task in reached}
    drawn = {task.split for task in reached if isinstance(task, DrawProblems)}
    assert drawn == {"labeler", "train", "validation"}
    with pytest.raises(AssertionError, match="the fold has no test problems"):
        from ablations.experiments.trainings import Trainings

        Trainings(students=given.students, fold=whole.training, arm="process", data_scale=1).scores(0)


def test_a_pruned_training_leaves_nothing(run, monkeypatch):
    """It is stopped at its first judgment: no artifact, no scratch folder, and the store can go on."""
    folder, _ = run
    given = settings_of("hyperparameters", "smoke")
    store = Store(folder / "store")
    made = Studies(name="pruned", arms=("process",), storage=storage_of(f"sqlite:///{folder / 'p.db'}"))
    made.plan(1)
    one = Objective(
        settings=given,
        fold=training_fold(given),
        arm="process",
        space=SPACES["rates"],
        store=store,
        machine=Machine(),
    )
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda self: True)
    before = store.addresses()
    made.work(lambda arm: one)
    (trial,) = [each for each in made.study("process").trials if SURPLUS not in each.user_attrs]
    assert trial.state == optuna.trial.TrialState.PRUNED and len(trial.intermediate_values) == 1
    assert store.addresses() == before
    assert not [path for path in (store.root / ".scratch").glob("*") if path.name in str(artifacts(trial))]
    assert list((store.root / ".scratch").glob("*")) == list((store.root / ".tmp").glob("*")) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "luck"], "space: found 'luck'; allowed: reward_models, rates"),
        (["run", "rates", "--scale=huge"], "scale: found 'huge'; allowed: smoke, quick, small"),
        (
            ["run", "rates", "--world=mars"],
            "world: found 'mars'; allowed: facts, other_facts, dropped",
        ),
        (["run", "rates", "--arms=luck"], "arms: found ['luck']; allowed: one or more of process, "),
        (["run", "rates", "--trials=0"], "trials: found 0; allowed: 1 or more"),
        (["report", "rates", "--storage=nodb://x"], "storage: found nodb://x, which cannot be opened"),
        (["run"], ""),
        ([], ""),
    ],
)
def test_mistakes(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"sweeps: {message}") and told.count("\n") == 1
