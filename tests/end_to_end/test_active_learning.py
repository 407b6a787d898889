"""Active learning at scale smoke through the command line, on the store of the first experiment."""

from dataclasses import replace

import pytest
from defaults import settings_of

from ablations.acquisition.strategies import ACQUISITION_STRATEGIES
from ablations.commands import cli
from ablations.data.artifacts import ChosenRows
from ablations.experiments import active_learning, iterative_retraining, scoring, supervision
from ablations.steps.evaluate import EvaluateCell
from ablations.steps.train_student import ChooseRate, TrainStudent
from results.records import read_records

LABELLED = 16
"""Problems of which solutions may be labeled."""


@pytest.fixture(scope="module")
def run(run_on_smoke):
    return run_on_smoke("active_learning")


def test_what_the_first_experiment_made_is_used_again(smoke, run):
    folder = run.folder
    for path in smoke.store.glob("[a-z]*/*/manifest.json"):
        again = folder / "store" / path.relative_to(smoke.store)
        assert again.read_bytes() == path.read_bytes()
    made = {path.parent.parent.name for path in (folder / "store").glob("[a-z]*/*/manifest.json")}
    assert {"opinion", "acquired"} <= made
    assert "large_prm" in made and len(list((folder / "store" / "large_prm").glob("*/manifest.json"))) == 1
    # Beside the five of the first experiment the larger pool that there is something to choose from.
    before, after = (
        len(list((store / "samples").glob("*/manifest.json"))) for store in (smoke.store, folder / "store")
    )
    assert (before, after) == (5, 6)


def test_every_acquisition_has_its_cell_and_as_many_labels(run):
    folder = run.folder
    frame = read_records(folder / "out" / "records.parquet")
    assert set(frame["experiment"]) == {"active_learning"}
    cells = frame[frame["cell"].notna()].drop_duplicates("cell")
    found = {
        (acquisition, int(scale)): int(labels)
        for acquisition, scale, labels in zip(
            cells["acquisition"], cells["data_scale"], cells["labelled_solutions"], strict=True
        )
    }
    expected = {(name, 2): 2 * LABELLED for name in ACQUISITION_STRATEGIES}
    assert found == expected | {("uniform", 1): LABELLED}
    assert (cells["labelled_steps"] >= cells["labelled_solutions"]).all()


def test_it_ends_with_its_figure_and_report(run):
    folder = run.folder
    assert (folder / "out" / "figures" / "active_learning.png").is_file()
    assert (
        "Active learning under process supervision: facts, scale smoke"
        in (folder / "out" / "report.html").read_text()
    )
    assert "process supervision, convincing wrong answers" in run.stdout


def test_no_text_is_bought_twice_and_the_selectors_are_learned_from(run):
    folder = run.folder
    bought = []
    for path in (folder / "store" / "acquired").glob("*/manifest.json"):
        chosen = ChosenRows.read(path.parent)
        bought.append((len(chosen.rows), len(chosen.taken)))
        assert chosen.distinct == len(chosen.rows)
    seeds = len(bought) // (len(ACQUISITION_STRATEGIES) - 1)
    assert sorted(set(bought)) == [(LABELLED, LABELLED), (2 * LABELLED, 0)]
    assert bought.count((2 * LABELLED, 0)) == seeds  # uniform_distinct asks no selector
    frame = read_records(folder / "out" / "records.parquet")
    cells = frame[frame["acquisition"].fillna("uniform") != "uniform"].drop_duplicates("cell")
    assert (cells["distinct_solutions"] == 2 * LABELLED).all()


@pytest.mark.parametrize("experiment", [supervision, active_learning, iterative_retraining, scoring])
@pytest.mark.parametrize("tuning_seeds", [1, 2])
def test_learning_rates_are_chosen_by_seeds_that_are_not_reported(experiment, tuning_seeds):
    """By trainings that differ in rate and seed alone; each reported seed is one training at the choice."""
    given = settings_of(experiment.__name__.rpartition(".")[2], "small")
    given = replace(given, students=replace(given.students, tuning_seeds=tuning_seeds))
    rates = given.students.learning_rates
    tasks = experiment.plan(given).tasks
    choices = [task for task in tasks if isinstance(task, ChooseRate)]
    for choice in choices:
        configs = [dict(task.config) for task in choice.candidates]
        tried = [(config.pop("learning_rate"), config.pop("seed")) for config in configs]
        assert tried == [(rate, 1_000_000 + k) for rate in rates for k in range(tuning_seeds)]
        assert all(config == configs[0] and config["tuning"] for config in configs)
    cells = [task for task in tasks if isinstance(task, EvaluateCell)]
    for cell in cells:
        (train,) = cell.trains
        (choice,) = cell.choices
        assert train.seed == cell.seed < given.seeds
        assert train.choice == choice and train.learning_rate is None
    assert len({cell.trains for cell in cells}) == len(cells)
    tuning = [task for task in tasks if isinstance(task, TrainStudent) and task.tuning]
    assert len(tuning) == len(choices) * len(rates) * tuning_seeds
    read = {one.key for task in tasks if task.name in ("scores", "opinion") for one in task.parents}
    assert not read & {task.key for task in tuning}  # only the choice reads what they found


def test_a_single_rate_is_not_tuned():
    given = settings_of("supervision", "small")
    given = replace(given, students=replace(given.students, learning_rates=(1e-3,)))
    tasks = supervision.plan(given).tasks
    trains = [task for task in tasks if isinstance(task, TrainStudent)]
    assert len(trains) == len(given.arms) * len(given.data_scales) * given.seeds
    assert {task.learning_rate for task in trains} == {1e-3}
    assert not any(isinstance(task, ChooseRate) for task in tasks) and not any(one.tuning for one in trains)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("acquisitions=[luck]", "acquisitions: found ['luck']; allowed: one or more of uniform, "),
        ("acquisitions=[]", "acquisitions: found []; allowed: one or more of uniform, "),
        ("uniform_scales=[7]", "uniform_scales: found [7]; allowed: 1 to source.train_samples = 6"),
        ("side_scales=[1]", "side_scales: found [1]; allowed: 2 to source.train_samples = 6"),
        ("data_scales=[1,2]", "data_scales: found [1, 2]; allowed: 2 to source.train_samples = 6"),
        ("selectors=1", "selectors: found 1; allowed: 2 or more"),
        ("acquisition.wrong_fraction=2", "wrong_fraction: found 2.0; allowed: 0 to 1"),
    ],
)
def test_malformed_settings(tmp_path, capsys, flag, message):
    argv = ["plan", "active_learning", "--scale=smoke", f"--store={tmp_path / 's'}", f"--settings.{flag}"]
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith(f"ablations: {message}")
