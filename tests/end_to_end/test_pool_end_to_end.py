"""The experiment on real-looking solutions: a pool made here, and one of real ones where it is at hand."""

import gzip
import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from defaults import settings_of
from paths import SHARED_DATA
from sums_pool import FOLDS, PROBLEMS, SAMPLES, arguments, write_sums

from ablations.acquisition.strategies import ACQUISITION_STRATEGIES
from ablations.commands import cli
from ablations.data.artifacts import ProblemSet
from ablations.data.cross_fitting import fold_problems
from ablations.data.models import TrainedStudent
from ablations.engine.run import run_tasks
from ablations.engine.store import Store
from ablations.experiments.definition import copy
from ablations.experiments.supervision import plan
from ablations.formats.pool import read_pool
from ablations.steps.examples import PickExamples
from ablations.steps.read_pool import ReadPool
from ablations.steps.train_student import TrainStudent
from results.records import check_same_solutions, read_records

REAL = SHARED_DATA / "bon_gsm8k" / "gsm8k_100x32.jsonl.gz"
STUDENTS = ("process", "prm_outcome", "final_answer")
TINY = {"vocabulary": 300, "max_length": 128}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sums(tmp_path_factory.mktemp("pools") / "sums.jsonl.gz")


def parts(store: Path) -> dict[int, dict[str, set[str]]]:
    """The problems of each part of each fold, as the store holds them."""
    found: dict[int, dict[str, set[str]]] = {}
    for path in (store / "fold").glob("*/manifest.json"):
        config = json.loads(path.read_text())["config"]
        ids = [problem.problem_id for problem in ProblemSet.read(path.parent).problems]
        assert len(set(ids)) == len(ids)
        found.setdefault(config["fold"], {})[config["part"]] = set(ids)
    return found


def check_parts(store: Path, folds: int, everything: set[str]) -> None:
    found = parts(store)
    assert sorted(found) == list(range(folds))
    for fold in found.values():
        assert set(fold) == {"train", "validation", "test"} and all(fold.values())
        assert set.union(*fold.values()) == everything
        assert sum(map(len, fold.values())) == len(everything)  # so no problem stands in two of them
    tests = [fold["test"] for fold in found.values()]
    assert set.union(*tests) == everything and sum(map(len, tests)) == len(everything)  # each judged once


def test_a_small_pool_runs(pool, tmp_path, capsys):
    assert cli.main(arguments("run", pool, "sharp", tmp_path, **TINY)) == 0
    said = capsys.readouterr()
    assert "process supervision" in said.out
    fixed = "labeler.threshold: 0.20, the paper's for its own PRM, because a pool has no step labels"
    assert said.err.count(fixed) == 1
    report = (tmp_path / "out" / "report.html").read_text()
    assert "exceeds 0.20, the paper&#39;s for its own PRM; a pool has no step labels" in report
    frame = read_records(tmp_path / "out" / "records.parquet")
    assert set(frame["dataset"]) == {"sums/sharp"}
    assert set(frame[frame["metric"] == "best_of_n"]["arm"]) == {*STUDENTS, "labeler"}
    assert set(frame[frame["metric"] == "best_of_n"]["n"]) == {1, 2, 4, SAMPLES}
    assert {len(v) for v in frame["problem_values"].dropna()} == {PROBLEMS}  # all folds' test parts
    check_same_solutions(frame)
    # Scores of 1 - P(negative): the labeler sees every slip, and half of the six samples are right, so with
    # four of six there is always a right one, which it prefers.
    labeler = frame[(frame["arm"] == "labeler") & (frame["metric"] == "best_of_n")].set_index("n")["value"]
    assert labeler[1] == pytest.approx(0.5) and labeler[4] == labeler[6] == pytest.approx(1.0)
    assert not (frame["metric"] == "step_auroc").any()  # nobody knows which steps are right
    by_labeler = frame[frame["metric"] == "step_auroc_by_labeler"]
    assert set(by_labeler["arm"]) == set(STUDENTS) and by_labeler["value"].between(0, 1).all()
    shortcuts = frame[frame["metric"].str.endswith("_label_auroc")]
    assert set(shortcuts["seed"]) <= {0} and set(shortcuts["arm"]) <= set(STUDENTS)
    table = (tmp_path / "out" / "table.txt").read_text()
    assert ("Shortcuts" in table) == (len(shortcuts) > 0)
    order = [line.split(": ")[0].split("] ")[1] for line in said.err.splitlines() if line.startswith("[")]
    audits = [order.index(name) for name in order if name.startswith("shortcuts to the labels of")]
    assert len(audits) == len(STUDENTS)
    assert max(audits) < min(order.index(name) for name in order if name.startswith("train "))
    everything = {f"sum-{p}" for p in range(PROBLEMS)}
    check_parts(tmp_path / "store", FOLDS, everything)

    for path in (tmp_path / "store" / "train").glob("*/train.json"):
        facts = TrainedStudent.read(path.parent).known
        assert facts.solutions == 6 and facts.cut_steps == 0  # 10 - 2 - 2 problems x 1
        # the paper's, whatever the final answers; the arm that asks no labeler has none
        assert facts.threshold in (None, 0.2)

    # a report needs the run's folder alone
    elsewhere = tmp_path / "moved"
    shutil.move(tmp_path / "out", elsewhere)
    text = (elsewhere / "report.html").read_bytes()
    (elsewhere / "report.html").unlink()
    config = (elsewhere / "run.yaml").read_text()
    (elsewhere / "run.yaml").write_text(config.replace(str(pool), "/nowhere/sums.jsonl.gz"))
    assert cli.main(["report", str(elsewhere)]) == 0
    assert "report.html" in capsys.readouterr().out
    again = (elsewhere / "report.html").read_bytes()
    assert again.replace(b"/nowhere/sums.jsonl.gz", str(pool).encode()) == text


def test_an_outcome_reward_model_labels_the_outcome_arms(pool, tmp_path, capsys):
    """Its logits of right solutions are above 3, of wrong ones below -3; it cannot label steps."""
    scored = tmp_path / "scored.jsonl"
    with gzip.open(pool, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        for i, sample in enumerate(row["samples"]):
            sample["solution_scores"] = {"orm": (3.0 + i) * (1 if sample["final_correct"] else -1)}
    scored.write_text("".join(json.dumps(row) + "\n" for row in rows))
    argv = arguments("run", scored, "orm", tmp_path, **TINY)
    assert cli.main(argv) == 2
    told = (
        "arms: found process with a labeler that scores whole solutions; allowed: prm_outcome, final_answer"
    )
    assert told in capsys.readouterr().err
    assert cli.main([*argv, '--settings.arms=["prm_outcome", "final_answer"]']) == 0
    assert "labeler.threshold: 0.20" not in capsys.readouterr().err
    frame = read_records(tmp_path / "out" / "records.parquet")
    assert set(frame[frame["metric"] == "best_of_n"]["arm"]) == {"prm_outcome", "final_answer", "labeler"}
    labeler = frame[(frame["arm"] == "labeler") & (frame["metric"] == "best_of_n")].set_index("n")["value"]
    assert labeler[4] == labeler[6] == pytest.approx(1.0)
    # both arms have the same targets, so the same models
    cells = frame[(frame["metric"] == "best_of_n") & (frame["n"] == 4)]
    values = {arm: part["value"].tolist() for arm, part in cells.groupby("arm")}
    assert values["prm_outcome"] == values["final_answer"]


def test_a_pool_with_ungraded_solutions(pool, tmp_path):
    """Two ungraded of the six of one problem, four of another: nine problems keep four to six each."""
    with gzip.open(pool, "rt") as file:
        rows = [json.loads(line) for line in file]
    for p, ungraded in ((0, 2), (9, 4)):
        for sample in rows[p]["samples"][:ungraded]:
            sample["final_correct"] = None
    path = tmp_path / "some.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = settings_of("supervision", "smoke", pool=path)
    assert given.source.samples == 4
    made = plan(given)
    store, out = Store(tmp_path / "store"), tmp_path / "out"
    (whole,) = (task for task in made.tasks if isinstance(task, ReadPool))
    run_tasks((whole,), store, 1)
    assert [one.problem_id for one in ProblemSet.read(store.path(whole)).problems] == [
        f"sum-{p}" for p in range(9)
    ]
    store.path(made.records).mkdir(parents=True)
    (store.path(made.records) / "records.parquet").touch()
    for task in made.targets:
        if isinstance(task, PickExamples):
            store.path(task).mkdir(parents=True)
            (store.path(task) / "examples.json").touch()
    copy(store, made, out)
    # 2 + 4 ungraded, and 2 graded ones of the problem that is left out
    told = (
        "Ungraded solutions are left out: 6, and 2 graded ones of problems that are left out; each of 9 "
        "problems keeps 4 to 6. Best-of-N is for N up to 4, the solutions of problem sum-0, the fewest of "
        "all, as ungraded solutions are left out. Left out whole, more than half of their solutions being "
        "ungraded: 1 problems (sum-9)."
    )
    assert (out / "left_out.txt").read_text() == f"{told}\n"

    graded = plan(settings_of("supervision", "smoke", pool=pool))
    for task in (graded.records, *graded.targets):
        store.path(task).mkdir(parents=True, exist_ok=True)
        (store.path(task) / "records.parquet").touch()
        (store.path(task) / "examples.json").touch()
    copy(store, graded, out)
    assert not (out / "left_out.txt").exists()  # that of another run is gone


def test_scoring_strategies_of_a_small_pool(pool, tmp_path, capsys):
    """Labels of two classes: no student keeps neutral, and half the grid."""
    assert cli.main(arguments("run", pool, "sharp", tmp_path, "scoring", folds=3, **TINY)) == 0
    assert "Scoring strategies" in capsys.readouterr().out
    frame = read_records(tmp_path / "out" / "records.parquet")
    rows = frame[frame["variant"].notna()]
    assert set(rows["arm"]) == {"labeler", "process"}
    assert set(rows["variant"]) == {"product", "minimum", "mean", "geometric mean", "last step"}
    assert {len(v) for v in rows[rows["metric"] == "best_of_n"]["problem_values"]} == {PROBLEMS}
    # Equally right solutions have two or three steps, of equal scores after the first's 0.95: the longer ones
    # have the lower product, and the same minimum and last step.
    lengths = rows[(rows["arm"] == "labeler") & (rows["metric"] == "length_correlation")].set_index("variant")
    assert lengths["value"]["product"] == pytest.approx(-1)
    assert lengths["value"]["minimum"] == lengths["value"]["last step"] == 0
    argv = ["plan", "scoring", "--scale=smoke", f"--pool={pool}", "--labeler=sharp", f"--store={tmp_path}"]
    assert cli.main([*argv, "--settings.arms=[process_neutral]"]) == 2
    assert "arms: found process_neutral; allowed with a pool: the others" in capsys.readouterr().err
    assert cli.main([*argv, "--settings.arms=[oracle_outcome]"]) == 2
    refusal = "ablations: arms: found ['oracle_outcome']; allowed: one or both of process, process_neutral\n"
    assert capsys.readouterr().err == refusal


def test_what_a_plan_counts_of_a_pool(pool):
    text = pool.parent / "text.jsonl"
    given = settings_of("supervision", "smoke", pool=pool)
    given = replace(given, source=replace(given.source, mathmix=text))
    text.write_text('{"question": "1 + 1?", "answer": "2"}\n')
    tasks = plan(given).tasks
    folds = {task.label: task.texts for task in tasks if task.name == "fold"}
    held = {name: texts.problems for name, texts in folds.items() if "fold 4" in name}
    assert held == {"fold 4 train": 6, "fold 4 validation": 2, "fold 4 test": 2}
    assert {texts.samples for texts in folds.values()} == {SAMPLES}
    running = {"mathmix", "train", "scores"}
    assert all(bool(task.work) == (task.name in running) for task in tasks)
    (mathmix, *_) = [task for task in tasks if task.name == "mathmix"]
    assert (
        mathmix.tokens == given.source.mathmix_updates * 4608 and mathmix.work[0].kind == "language training"
    )
    (score, *_) = [task for task in tasks if task.name == "scores"]
    assert score.tokens == round(2 * SAMPLES**0.97 * 300) and score.work[0].texts == 2 * SAMPLES


def test_text_that_holds_problems_of_the_pool_stops_a_run_unless_they_are_left_out(pool, tmp_path, capsys):
    with gzip.open(pool, "rt") as file:
        second = [json.loads(line) for line in file][1]["problem"]
    text = tmp_path / "text.jsonl"
    rows = [("1 + 1?", "2"), (f" {second.upper()}\n", "5")]
    text.write_text("".join(json.dumps({"question": one, "answer": two}) + "\n" for one, two in rows))
    argv = arguments("plan", pool, "sharp", tmp_path, mathmix=text)
    argv = [one for one in argv if not one.startswith("--out")]
    assert cli.main(argv) == 2
    told = (
        f"source.mathmix: found 1 of the pool's problems in {text}, the first {second!r}; allowed: none, or "
    )
    assert told in capsys.readouterr().err
    assert cli.main([*argv, "--settings.source.overlap=leave_out"]) == 0
    assert "MathMix of fold 0" in capsys.readouterr().out


def test_text_beside_a_pool_is_taken_and_named_as_the_pool_is(pool, tmp_path, monkeypatch):
    data = tmp_path / "data"
    for folder in ("gsm8k", "pools"):
        (data / folder).mkdir(parents=True)
    (data / "gsm8k" / "train.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    shutil.copyfile(pool, data / "pools" / pool.name)
    found = settings_of("supervision", "smoke", pool=data / "pools" / pool.name).source.mathmix
    assert found == data / "gsm8k" / "train.jsonl"
    for place, relative in ((tmp_path, "data/gsm8k/train.jsonl"), (data / "pools", "../gsm8k/train.jsonl")):
        monkeypatch.chdir(place)
        named = (data / "pools" / pool.name).relative_to(place)
        assert str(settings_of("supervision", "smoke", pool=named).source.mathmix) == relative


def test_acquisitions_on_a_small_pool(pool, tmp_path, capsys):
    assert cli.main(arguments("run", pool, "sharp", tmp_path, "active_learning", folds=3, **TINY)) == 0
    assert "process supervision, convincing wrong answers" in capsys.readouterr().out
    frame = read_records(tmp_path / "out" / "records.parquet")
    cells = frame[frame["cell"].notna()].drop_duplicates("cell")
    assert set(cells["acquisition"]) == set(ACQUISITION_STRATEGIES)
    assert (cells["labelled_steps"] >= cells["labelled_solutions"]).all()
    found = settings_of("active_learning", "paper", pool=pool)  # budgets of up to 200 at this scale
    assert found.data_scales[-1] == max(found.side_scales) == SAMPLES // 2 and found.uniform_scales == (1,)


def test_acquisitions_choose_among_as_many_as_the_pool_has(pool, tmp_path):
    with gzip.open(pool, "rt") as file:
        rows = [json.loads(line) for line in file]
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(row | {"samples": row["samples"][:4]}) + "\n" for row in rows))
    assert settings_of("active_learning", "smoke", pool=few).source.samples == 4


def test_numbers_come_from_the_file(pool):
    found = settings_of("supervision", "quick", pool=pool, labeler="blunt")
    assert found.source.samples == SAMPLES
    assert found.data_scales == (4, SAMPLES)  # 4 and 32 at this scale, and no more than there are
    assert found.source.labeler.threshold == 0.20


@pytest.mark.parametrize(("count", "folds"), [(10, 5), (11, 3), (7, 7), (100, 5)])
def test_training_problems_are_counted_as_the_folds_are_dealt(pool, tmp_path, count, folds):
    with gzip.open(pool, "rt") as file:
        row = json.loads(file.readline())
    path = tmp_path / "many.jsonl"
    rows = ({**row, "problem_id": str(p), "problem": str(p)} for p in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "\n")
    defaults = settings_of("supervision", "quick", pool=path)
    students = defaults.students
    found = replace(defaults, source=replace(defaults.source, folds=folds))
    trained = [task for task in plan(found).tasks if isinstance(task, TrainStudent)]
    tasks = [task for task in trained if task.data_scale == 6]
    updates = [
        students.updates(
            6 * len(fold_problems(count, fold=fold, folds=folds, part="train", seed=0)), outcome=False
        )
        for fold in range(folds)
    ]
    rates = len(students.learning_rates)  # each of them, and the reported seed
    expected = itertools.chain.from_iterable([u] * (rates + 1) for u in updates * 3)
    assert sorted(task.updates for task in tasks) == sorted(expected)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--labeler=nobody"],
            '{pool}:1: field labeler: found "nobody"; allowed: a labeler of this pool (sharp, blunt)',
        ),
        ([], "labeler: found none; allowed with --pool: the name of one whose step scores the pool holds"),
        (
            ["--labeler=sharp", "--world=dropped"],
            "world: found 'dropped' next to a pool; allowed: one of the two",
        ),
        (
            ["--labeler=sharp", "--settings.source.folds=11"],
            "source.folds: found 11; allowed: 3 to 10, the problems of sums.jsonl.gz",
        ),
        (
            ["--labeler=sharp", "--settings.data_scales=[7]"],
            "data_scales: found [7]; allowed: ascending, 1 to 6, the solutions per problem",
        ),
        (
            ["--labeler=sharp", "--settings.source.samples=4", "--settings.data_scales=[1]"],
            "source.samples: found 4; allowed with sums.jsonl.gz: 6, the solutions per problem",
        ),
        (["--labeler=sharp", "--settings.source.folds=2"], "source.folds: found 2; allowed: 3 or more"),
    ],
)
def test_mistakes_are_told_in_one_line(pool, tmp_path, capsys, flags, message):
    argv = ["run", "supervision", "--scale=smoke", f"--pool={pool}", f"--store={tmp_path / 's'}", *flags]
    assert cli.main(argv) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.rstrip("\n").endswith(message.format(pool=pool))
    assert not (tmp_path / "s").exists()


@pytest.mark.skipif(not REAL.is_file(), reason="the real solutions are not at hand")
def test_real_solutions(tmp_path, capsys):
    """Nine problems of the real file, six solutions each, some right and some wrong: long texts."""
    path = tmp_path / "gsm8k.jsonl"
    with gzip.open(REAL, "rt") as real, path.open("w") as file:
        rows = ({**row, "samples": row["samples"][:6]} for row in map(json.loads, real))
        mixed = (row for row in rows if len({sample["final_correct"] for sample in row["samples"]}) == 2)
        file.writelines(json.dumps(row) + "\n" for row in itertools.islice(mixed, 9))
    labelers = read_pool(path, None).labelers
    assert len(labelers) == 7
    assert cli.main(arguments("run", path, labelers[0], tmp_path, folds=3, mathmix="null")) == 0
    assert f"gsm8k/{labelers[0]}" in set(read_records(tmp_path / "out" / "records.parquet")["dataset"])
    capsys.readouterr()
    check_parts(tmp_path / "store", 3, {problem.problem_id for problem in read_pool(path, None).problems})
