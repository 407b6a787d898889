"""Iterative retraining at scale smoke through the command line, on the store of the first experiment."""

import json
from pathlib import Path

import numpy as np
import pytest
from defaults import settings_of
from safetensors.numpy import load_file

from ablations.commands import cli
from ablations.data.artifacts import ChosenRows
from ablations.data.models import MODEL, TrainedStudent
from ablations.engine.step import Context
from ablations.experiments import EXPERIMENTS
from ablations.experiments.iterative_retraining import plan
from ablations.steps.measure_stability import MeasureStability
from ablations.steps.train_student import TrainStudent
from results.records import read_records
from results.vocabulary import FIRST, WAYS

TOTALS = (1, 2, 3)


@pytest.fixture(scope="module")
def run(run_on_smoke):
    return run_on_smoke("iterative_retraining")


def manifests(store: Path, step: str) -> list[tuple[Path, dict]]:
    """Folders of a step's artifacts and what they say of themselves."""
    found = sorted((store / step).glob("*/manifest.json"))
    return [(path.parent, json.loads(path.read_text())) for path in found]


def test_what_the_first_experiment_made_is_used_again(smoke, run):
    folder = run.folder
    for path in smoke.store.glob("[a-z]*/*/manifest.json"):
        assert (folder / "store" / path.relative_to(smoke.store)).read_bytes() == path.read_bytes()
    for step, more in {"base": 0, "generator": 0, "large_prm": 0, "ratings": 1, "samples": 1}.items():
        made = len(manifests(folder / "store", step))
        assert made == len(manifests(smoke.store, step)) + more  # a larger pool, alone at this scale


@pytest.mark.parametrize("scale", ["quick", "small", "paper"])
def test_the_first_selector_is_that_of_the_other_experiments(scale):
    """Everything that no round changes has the key that it has in `active_learning`: what is new is after."""
    first = EXPERIMENTS["active_learning"]
    known = {task.address for task in first.plan(settings_of("active_learning", scale)).tasks}
    mine = settings_of("iterative_retraining", scale)
    new = [task for task in plan(mine).tasks if task.address not in known]
    names = {"acquired", "opinion", "train", "scores", "instability", "label_noise", "cell", "records"}
    assert {task.name for task in new} - {"choose"} == names
    rounds = [task for task in new if isinstance(task, TrainStudent) and not task.tuning]
    assert all(task.acquired is not None for task in rounds)
    per_seed = 3 * (len(mine.data_scales) - 1) + 1  # and the one that chooses all at once
    assert len(rounds) == mine.seeds * per_seed
    for task in rounds:  # at the rate chosen for as many uniform solutions
        # a single rate is not chosen
        assert (task.choice is not None) == (len(mine.students.learning_rates) > 1)
        for tuned in () if task.choice is None else task.choice.candidates:
            assert tuned.data_scale == task.data_scale
            assert tuned.acquired is None and tuned.start is None


def test_every_way_has_its_rounds(run):
    folder = run.folder
    frame = read_records(folder / "out" / "records.parquet")
    assert set(frame["experiment"]) == {"iterative_retraining"}
    cells = frame[frame["cell"].notna()].drop_duplicates("cell")
    found = {
        (variant, int(level)): (int(scale), int(labels))
        for variant, level, scale, labels in zip(
            *(cells[name] for name in ("variant", "level", "data_scale", "labelled_solutions")), strict=True
        )
    }
    train = settings_of("iterative_retraining", "smoke").source.problems.train
    expected = {(FIRST, 0): 1, ("one_shot", 2): 3}
    expected |= {(way, level): level + 1 for way in list(WAYS)[:3] for level in (1, 2)}
    assert found == {place: (total, train * total) for place, total in expected.items()}
    best = frame[frame["metric"] == "best_of_n"]
    assert set(zip(best["variant"], best["level"], strict=True)) >= set(expected)
    correlation = frame[frame["metric"] == "rank_correlation"]
    assert len(correlation) == len(expected) - 1 and correlation["value"].between(-1, 1).all()
    assert {len(values) for values in correlation["problem_values"]} <= set(range(1, train + 1))
    for metric in ("chosen_right", "chosen_error_free", "chosen_repeats", "pool_calibration_error"):
        assert (frame["metric"] == metric).sum() == len(expected)
    assert (frame["metric"] == "chosen_calibration_error").sum() == len(expected) - 1


def test_nothing_is_bought_twice(run):
    """Every round's rows are new; a training learns from all that is labeled, the first draw included."""
    folder = run.folder
    acquired = manifests(folder / "store", "acquired")
    assert len(acquired) == 6  # the first two ways share round 1
    for path, manifest in acquired:
        chosen = ChosenRows.read(path)
        assert len(chosen.rows) == chosen.distinct == 16 * manifest["config"]["budget"]
        assert not set(chosen.rows) & set(chosen.taken)
        before = ChosenRows.read(folder / "store" / manifest["inputs"]["taken"])
        assert before.labeled.tolist() == chosen.taken.tolist()
    learned = [m for m in manifests(folder / "store", "train") if "acquired" in m[1]["inputs"]]
    assert len(learned) == 7
    for path, manifest in learned:
        rows = ChosenRows.read(folder / "store" / manifest["inputs"]["acquired"]).labeled
        solutions = TrainedStudent.read(path).known.solutions
        assert solutions == len(set(rows)) == 16 * manifest["config"]["data_scale"]


def test_training_on_starts_from_the_weights_of_the_round_before(run, tmp_path, monkeypatch):
    """With no update made, the exported weights are those of the start; there are four such trainings."""
    store = run.folder / "store"
    monkeypatch.setattr("lightning_modules.training.fit", no_update)
    tasks = plan(settings_of("iterative_retraining", "smoke")).tasks
    found = [task for task in tasks if isinstance(task, TrainStudent) and task.start is not None]
    assert len(found) == 4
    for task in found:
        out = tmp_path / task.key
        out.mkdir()
        task.run(Context(root=store, scratch=tmp_path)).write(out)
        begun, wanted, trained = (
            weights(folder) for folder in (out, store / task.start.address, store / task.address)
        )
        assert all(np.array_equal(begun[name], wanted[name]) for name in wanted)
        assert any(not np.array_equal(begun[name], trained[name]) for name in wanted)


def no_update(model, data, *, updates, callbacks, **rest):
    """Judges the model as it is."""

    class Trainer:
        global_step, logger, is_global_zero, callbacks = updates, None, True, ()

    for callback in callbacks:
        callback.on_train_batch_end(Trainer, model)


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / MODEL / "model.safetensors")


def test_it_ends_with_its_figure_and_report(run):
    folder = run.folder
    assert (folder / "out" / "figures" / "iterative_retraining.png").is_file()
    report = (folder / "out" / "report.html").read_text()
    assert "Iterative retraining of the selector: facts, scale smoke" in report
    assert "The evidence supports" in report and "at the learning rate chosen for process" in report
    assert "Selectors by round" in run.stdout and "Is training on unsteady, and why?" in run.stdout
    assert "P(negative) exceeds 0.20, as set." in report


def test_on_a_pool_every_fold_has_its_rounds(tmp_path):
    """Ten problems with six solutions each: three folds, two rounds, and the first round's artifacts."""
    path = tmp_path / "made.jsonl"
    path.write_text("".join(json.dumps(problem(p)) + "\n" for p in range(10)))
    tasks = plan(settings_of("iterative_retraining", "smoke", pool=path, labeler="x")).tasks
    count = {name: sum(task.name == name for task in tasks) for name in ("fold", "cell", "instability")}
    ways = len(WAYS)  # with two rounds, starting from the base is choosing all at once, and measured once
    assert count == {"fold": 15, "cell": 1 + ways, "instability": ways}
    measured = [task for task in tasks if isinstance(task, MeasureStability)]
    assert {len(task.samples) for task in measured} == {5}
    argv = ["run", "iterative_retraining", "--scale=smoke", f"--pool={path}", "--labeler=x", "--workers=1"]
    argv += [f"--store={tmp_path / 's'}", f"--out={tmp_path / 'o'}", "--settings.source.folds=3"]
    argv += [
        "--settings.ways=[train_on]",
        "--settings.source.vocabulary=300",
        "--settings.source.max_length=128",
    ]
    assert cli.main(argv) == 0
    frame = read_records(tmp_path / "o" / "records.parquet")
    values = frame[frame["metric"] == "rank_correlation"]["problem_values"]
    assert [len(value) for value in values] == [
        10
    ]  # each problem is in the training part of one fold of three


def problem(p: int) -> dict:
    """A sum with six distinct solutions, half of them wrong; the labeler sees it."""
    samples = []
    for m in range(6):
        answer = str(3 * p + m % 2)
        steps = [f"{p} + {p} = {2 * p}", f"way {m}: {2 * p} + {p} = {answer}"]
        right = [0.9, 0.1 if m % 2 else 0.9]
        samples.append(
            {"sample": m, "steps": steps, "answer": answer, "final_correct": m % 2 == 0}
            | {"step_scores": {"x": right}}
        )
    return {"problem_id": f"p{p}", "problem": f"Three times {p}?", "answer": str(3 * p), "samples": samples}


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("data_scales=[2]", "data_scales: found [2]; allowed: two or more, one per round"),
        ("data_scales=[1,7]", "data_scales: found [1, 7]; allowed: ascending, 1 to source.train_samples = 6"),
        ("ways=[luck]", "ways: found ['luck']; allowed: one or more of train_on, "),
        ("ways=[]", "ways: found []; allowed: one or more of train_on, "),
        ("uniform_share=0", "uniform_share: found 0.0; allowed: above 0, to 1"),
        ("uniform_share=1.5", "uniform_share: found 1.5; allowed: above 0, to 1"),
        ("acquisition.similarity=2", "similarity: found 2.0; allowed: 0 to 1"),
    ],
)
def test_malformed_settings(tmp_path, capsys, flag, message):
    argv = ["plan", "iterative_retraining", "--scale=smoke", f"--store={tmp_path / 's'}"]
    assert cli.main([*argv, f"--settings.{flag}"]) == 2
    assert capsys.readouterr().err.startswith(f"ablations: {message}")
