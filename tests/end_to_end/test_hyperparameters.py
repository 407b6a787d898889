"""The sweep at scale smoke through the command line, on the store of the first experiment."""

import json

import pytest
import yaml

from ablations.commands import cli
from results.records import read_records


@pytest.fixture(scope="module")
def run(run_on_smoke):
    return run_on_smoke(
        "hyperparameters", "--settings.levels.weight_decay=[0.5]", "--settings.levels.max_updates=[]"
    )


@pytest.fixture(scope="module")
def frame(run):
    return read_records(run.folder / "out" / "records.parquet")


def test_what_the_first_experiment_made_is_used_again(smoke, run):
    folder = run.folder
    for path in smoke.store.glob("[a-z]*/*/manifest.json"):
        again = folder / "store" / path.relative_to(smoke.store)
        assert again.read_bytes() == path.read_bytes()
    new = {
        path.parent.parent.name
        for path in (folder / "store").glob("[a-z]*/*/manifest.json")
        if not (smoke.store / path.relative_to(folder / "store")).exists()
    }
    assert new == {"train", "scores", "validated", "records"}


def test_the_records_hold_every_point(frame):
    kept = frame[frame["metric"] == "kept_best_of_n"]
    assert set(frame["metric"]) == {"kept_best_of_n", "validation_best_of_n"}
    found = {
        arm: sorted((v, level) for v, level in zip(rows["variant"], rows["level"], strict=True) if v == v)
        for arm, rows in kept[kept["variant"].notna()].groupby("arm")
    }
    every = [("learning_rate", 1e-3), ("learning_rate", 2e-3), ("weight_decay", 0.01), ("weight_decay", 0.5)]
    every += [("dropout", 0.0), ("dropout", 0.1)]
    of_labeler = [("threshold", 0.2), ("threshold", 0.4), ("soft_targets", 0.0), ("soft_targets", 1.0)]
    assert found["process"] == found["prm_outcome"] == sorted(every + of_labeler)
    assert found["final_answer"] == sorted(every)
    assert kept["variant"].isna().sum() == 3 and frame["solutions_hash"].nunique() == 1
    assert kept.drop_duplicates("cell").groupby("arm").size().to_dict() == {
        **{"process": 6, "prm_outcome": 6, "final_answer": 4}
    }


def test_the_kept_checkpoint_is_judged_as_it_was_when_chosen(frame):
    """The value that chose it while training, found again from the exported model's scores."""
    for row in frame[frame["metric"] == "kept_best_of_n"].itertuples():
        (fact,) = json.loads(row.config)["chosen"]
        assert row.value == pytest.approx(fact["best_value"], abs=1e-6)
        course = frame[(frame["cell"] == row.cell) & (frame["metric"] == "validation_best_of_n")]
        assert course["value"].max() == pytest.approx(row.value, abs=1e-6)
        assert fact["updates"] == course["n"].max() == 4 and fact["passed_over"] == 64


def test_weight_decay_reaches_the_training(run, frame):
    folder = run.folder
    made = [json.loads(p.read_text())["config"] for p in (folder / "store").glob("train/*/manifest.json")]
    assert {config.get("weight_decay") for config in made} == {None, 0.5}
    chosen = {json.loads(config)["chosen"][0]["weight_decay"] for config in frame["config"]}
    assert chosen == {0.01, 0.5}


def test_it_ends_with_its_figure_and_report(run):
    folder = run.folder
    assert (folder / "out" / "figures" / "hyperparameters.png").is_file()
    page = (folder / "out" / "report.html").read_text()
    assert "Sensitivity to hyperparameters, on validation problems: facts, scale smoke" in page
    assert "No test problem was read." in page and "test problems solved" not in page
    assert "weight decay" in run.stdout and "The best point of each arm, and the effort" in run.stdout


def test_what_supervision_may_be_given(run, capsys):
    """The file is taken, is all that changes, and what the sweep used is used again."""
    folder = run.folder
    file = folder / "out" / "supervision.yaml"
    rates = yaml.safe_load(file.read_text())["settings"]["students"]["learning_rates"]
    assert rates and set(rates) <= {1e-3, 2e-3}
    assert cli.main(["plan", "supervision", f"--config={file}", f"--store={folder / 'store'}"]) == 0
    told = capsys.readouterr().out
    assert all(f"rate {rate:g}" in told for rate in rates)
    (sampled,) = [line for line in told.splitlines() if "solutions of problems validation" in line]
    assert "cached" in sampled


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("data_scale=0", "data_scale: found 0; allowed: 1 to source.train_samples = 2"),
        (
            "students.learning_rates=[1e-3,2e-3]",
            "students.learning_rates: found [0.001, 0.002]; allowed: one",
        ),
        ("students.outcome_epochs=1", "students.outcome_epochs: found 1.0; allowed: null"),
        ("students.warmup=2", "students.warmup: found 2.0; allowed: 0 to 1"),
        ("students.weight_decay=-1", "students.weight_decay: found -1.0; allowed: 0 or more"),
        ("levels.batch_size=[0]", "levels.batch_size: found (0,); allowed: 1 or more"),
        ("levels.max_updates=[2,2]", "levels.max_updates: found [2, 2]; allowed: each once"),
    ],
)
def test_malformed_settings(tmp_path, capsys, flag, message):
    argv = ["plan", "hyperparameters", "--scale=smoke", f"--store={tmp_path / 's'}", f"--settings.{flag}"]
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith(f"ablations: {message}")


def test_a_pool_is_refused(tmp_path, capsys):
    row = {"problem_id": "p", "problem": "1+1?", "answer": "2"}
    sample = {"steps": ["2"], "answer": "2", "final_correct": True, "step_scores": {"sharp": [0.9]}}
    lines = [
        row | {"problem_id": f"p{i}", "problem": f"{i}?", "samples": [sample | {"sample": 0}]} for i in (0, 1)
    ]
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps(line) + "\n" for line in lines))
    argv = ["plan", "hyperparameters", "--scale=smoke", f"--pool={pool}", "--labeler=sharp"]
    assert cli.main(argv) == 2
    assert (
        "pool: found" in (told := capsys.readouterr().err)
        and "allowed: none, because by cross-fitting" in told
    )
