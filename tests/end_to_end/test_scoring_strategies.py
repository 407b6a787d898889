"""Scoring strategies at scale smoke through the command line, on the store of the first experiment."""

import json

import numpy as np
import pytest

from ablations.commands import cli
from ablations.data.models import TrainedStudent
from ablations.data.step_scores import StepScores
from ablations.evaluation.scoring_rules import strategies
from results.records import check_same_solutions, plain, read_records


@pytest.fixture(scope="module")
def run(run_on_smoke):
    return run_on_smoke("scoring")


def manifests(store):
    return {path.relative_to(store): path for path in store.glob("[a-z]*/*/manifest.json")}


def test_only_students_that_keep_neutral_are_trained(smoke, run):
    folder = run.folder
    before, after = manifests(smoke.store), manifests(folder / "store")
    assert all(after[name].read_bytes() == path.read_bytes() for name, path in before.items())
    new = {name: path for name, path in after.items() if name not in before}
    # one seed: a training, its label noise, scores and cell; strategies of it, of process, of the labeler
    made = sorted(name.parts[0] for name in new)
    assert made == ["cell", "label_noise", "records", "scores", *["strategies"] * 3, "train"]
    (train,) = [path.parent for name, path in new.items() if name.parts[0] == "train"]
    assert len(json.loads((train / "model" / "config.json").read_text())["id2label"]) == 3
    trained = TrainedStudent.read(train)
    assert trained.learning_rate == 0.002 and trained.known.solutions == 2 * 16


def test_records_hold_every_model_under_every_strategy(run):
    folder = run.folder
    frame = read_records(folder / "out" / "records.parquet")
    check_same_solutions(frame)
    rows = frame[frame["variant"].notna()]
    expected = {("process", name) for name in strategies(2)}
    expected |= {(arm, name) for arm in ("labeler", "process_neutral") for name in strategies(3)}
    for metric, n in (("best_of_n", 1), ("best_of_n", 8), ("length_correlation", None)):
        of = rows[(rows["metric"] == metric) & (rows["n"].isna() if n is None else rows["n"] == n)]
        assert set(zip(of["arm"], of["variant"], strict=True)) == expected and len(of) == len(expected)
    # best of one is a random choice, whatever the strategy
    once = rows[(rows["metric"] == "best_of_n") & (rows["n"] == 1)]["value"]
    assert once.nunique() == 1
    # a cell's strategies are of the cell, with all that was chosen for it
    of_students = rows[rows["arm"] != "labeler"]
    cells = plain(frame)[["arm", "cell"]].dropna().drop_duplicates()
    assert set(of_students["cell"]) == set(cells["cell"]) and len(cells) == 2
    assert frame.dropna(subset="cell").groupby("cell")["config"].nunique().tolist() == [1, 1]
    # the paper's strategy is what the plain rows hold
    best = frame[(frame["metric"] == "best_of_n") & (frame["n"] == 4)].set_index(["arm", "variant"])["value"]
    for arm, name in (("process", "product"), ("process_neutral", "product, neutral positive")):
        assert best[(arm, name)] == best[arm][best[arm].index.isna()].iloc[0]


def test_students_that_keep_neutral_score_three_classes(run):
    folder = run.folder
    for path in (folder / "store" / "strategies").glob("*/manifest.json"):
        scores = json.loads(path.read_text())["inputs"]["scores"]
        (address,) = scores
        found = StepScores.read(folder / "store" / address)
        variants = {row["variant"] for row in json.loads((path.parent / "rows.json").read_text())}
        assert variants == set(strategies(found.n_classes))
        assert np.isfinite(found.prob.values).all()


def test_it_ends_with_its_figure_and_report(run):
    folder = run.folder
    assert (folder / "out" / "figures" / "scoring.png").is_file()
    text = (folder / "out" / "report.html").read_text()
    assert "Scoring strategies of process reward models: facts, scale smoke" in text
    assert "Rank correlation of score and number of steps" in text
    assert "geometric mean, neutral negative" in run.stdout


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "arms=[final_answer]",
            "arms: found ['final_answer']; allowed: one or both of process, process_neutral",
        ),
        ("data_scale=3", "data_scale: found 3; allowed: 1 to source.train_samples = 2"),
    ],
)
def test_malformed_settings(tmp_path, capsys, flag, message):
    argv = ["plan", "scoring", "--scale=smoke", f"--store={tmp_path / 's'}", f"--settings.{flag}"]
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith(f"ablations: {message}")
