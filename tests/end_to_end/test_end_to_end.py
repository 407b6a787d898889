"""The experiment at scale smoke through the command line, as a user runs it."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from defaults import settings_of

from ablations.commands import cli
from ablations.data.artifacts import ProblemSet, Samples
from results.analyses.catalogue import ANALYSES
from results.examples import read_examples
from results.records import check_same_solutions, read_records
from results.vocabulary import REFERENCE_ARMS, STUDENT_ARMS

PARTS = {"labeler": 12, "train": 16, "validation": 6, "test": 8}
"""Problems of each part at scale smoke."""
DRAWN = {"labeler": 2, "train": 2, "validation": 4, "test": 8}
"""Solutions sampled for each of a part's problems."""
SCALES = (1, 2)
NS = (1, 2, 4, 8)
FIGURES = ANALYSES["supervision"].figures
STUDENTS = {arm: STUDENT_ARMS[arm].words for arm in settings_of("supervision", "smoke").arms}
"""Arms of the experiment, in words."""
REFERENCES = ("labeler", "majority", "oracle", "random")
"""Its reference lines."""


def files(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, time and size of every file; locks come and go."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".locks" not in path.parts:
            stat = path.stat()
            found[str(path.relative_to(folder))] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    return found


def artifacts(store: Path, step: str) -> dict[str, Path]:
    """Folders of a step's artifacts by key."""
    return {path.parent.name: path.parent for path in sorted((store / step).glob("*/manifest.json"))}


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture(scope="module")
def frame(smoke):
    return read_records(smoke.out / "records.parquet")


def test_it_prints_table_and_paths(smoke):
    for words in (*STUDENTS.values(), *(REFERENCE_ARMS[arm].words for arm in REFERENCES)):
        assert any(line.startswith(words) for line in smoke.stdout.splitlines()), words
    printed = [Path(line) for line in smoke.stdout.splitlines() if line.startswith(str(smoke.out))]
    assert {path.name for path in printed} == {
        "records.parquet",
        "report.html",
        "table.txt",
        *(f"{name}.png" for name in FIGURES),
    }
    assert all(path.stat().st_size > 100 for path in printed)
    assert (smoke.out / "table.txt").read_text().strip() in smoke.stdout


def test_every_figure_stands(smoke):
    found = {path.name for path in (smoke.out / "figures").iterdir()}
    assert found == {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    for path in (smoke.out / "figures").iterdir():
        assert path.read_bytes()[:4] in (b"\x89PNG", b"<?xm"), path


def test_the_report_is_one_file_with_all_figures(smoke):
    text = (smoke.out / "report.html").read_text()
    assert "supports no claim" in text or "support no claim" in text
    assert text.count("<img") + text.count("<svg") >= len(FIGURES)
    assert 'src="http' not in text and 'href="http' not in text
    for words in STUDENTS.values():
        assert words in text


def test_records_hold_every_arm_scale_and_metric(frame):
    assert set(frame["experiment"]) == {"supervision"} and set(frame["scale"]) == {"smoke"}
    assert set(frame["dataset"]) == {"facts"} and frame["revision"].nunique() == 1
    best = frame[frame["metric"] == "best_of_n"]
    expected = {(arm, scale, 0, n) for arm in STUDENTS for scale in SCALES for n in NS}
    students = best[best["arm"].isin(list(STUDENTS))]
    assert set(students[["arm", "data_scale", "seed", "n"]].itertuples(index=False, name=None)) == expected
    assert len(students) == len(expected)
    for arm, metric in (("labeler", "best_of_n"), ("majority", "majority"), ("oracle", "pass_at_n")):
        rows = frame[(frame["arm"] == arm) & (frame["metric"] == metric)]
        assert rows["n"].tolist() == list(NS), (arm, metric)
        assert rows["single_draw"].tolist() == [False, False, False, True]
    assert frame[frame["arm"] == "random"]["metric"].tolist() == ["random"]
    for metric in ("step_auroc", "solution_auroc"):
        arms = frame[frame["metric"] == metric].groupby("arm").size().to_dict()
        assert arms == {arm: len(SCALES) for arm in STUDENTS} | {"labeler": 1}
    curves = frame[frame["metric"] == "validation_best_of_n"].groupby(["arm", "data_scale"])["n"].apply(list)
    assert dict(curves) == {(arm, scale): [2, 4] for arm in STUDENTS for scale in SCALES}
    assert set(frame[frame["metric"] == "calibration"]["arm"]) == {"labeler"}


def test_each_problem_has_a_value(frame):
    values = frame["problem_values"].dropna()
    assert {len(value) for value in values} == {PARTS["test"]}
    # best of one is a random choice for every scorer, problem by problem
    once = frame[frame["metric"] == "random"]["problem_values"].iloc[0].tolist()
    for value in frame[(frame["metric"] == "best_of_n") & (frame["n"] == 1)]["problem_values"]:
        assert value.tolist() == pytest.approx(once)
    solvable = frame[(frame["metric"] == "pass_at_n")].set_index("n")["value"]
    for row in frame[frame["metric"].isin(["best_of_n", "majority"])].itertuples():
        assert row.value <= solvable[row.n] + 1e-12


def test_the_arms_were_given_the_same_solutions(frame):
    check_same_solutions(frame)
    students = frame[frame["solutions_hash"].notna()]
    assert set(students["arm"]) == set(STUDENTS)
    hashes = students.groupby("data_scale")["solutions_hash"].unique()
    assert [len(found) for found in hashes] == [1, 1]
    assert hashes[1][0] != hashes[2][0]
    distinct = students.groupby("data_scale")["distinct_solutions"].unique()
    assert all(len(found) == 1 for found in distinct)
    assert distinct[1][0] == PARTS["train"] <= distinct[2][0] <= 2 * PARTS["train"]


def test_the_config_of_every_record_is_whole(frame):
    configs = {cell: json.loads(rows["config"].iloc[0]) for cell, rows in frame.groupby("cell", dropna=False)}
    assert frame["config"].nunique() == 1 + len(STUDENTS) * len(SCALES) == len(configs)
    for cell, config in configs.items():
        chosen = config.pop("chosen", [])
        assert len(chosen) == (0 if pd.isna(cell) else 1)  # a fold; reference lines: none
        assert all(one["learning_rate"] == 0.002 and one["best_update"] in (2, 4) for one in chosen)
    (config,) = {json.dumps(config): config for config in configs.values()}.values()  # else they are equal
    assert config["source"]["problems"] == PARTS | {"seed": 0, "test_seed": 0} and config["students"][
        "learning_rates"
    ] == [0.002]
    assert config["source"]["labeler"]["threshold"] == 0.2


def test_examples_are_valid(smoke):
    examples = read_examples(smoke.out / "examples.json")
    assert len(examples) == PARTS["test"]
    by_arm = {arm for problem in examples for s in problem["solutions"] for arm in s["chosen_by"]}
    assert by_arm == {*STUDENTS, "labeler"}
    for problem in examples:
        assert sum(solution["count"] for solution in problem["solutions"]) == DRAWN["test"]
        for solution in problem["solutions"]:
            assert set(solution["solution_scores"]) == {*STUDENTS, "labeler"}
            assert all(step["oracle"] in (-1, 0, 1) for step in solution["steps"])


def test_no_problem_stands_in_two_parts(smoke):
    """Those that train the labeler, train the students, choose among them, and judge them."""
    texts = {}
    for folder in artifacts(smoke.store, "problems").values():
        split = manifest(folder)["config"]["split"]
        texts[split] = [problem.text for problem in ProblemSet.read(folder).problems]
        assert len(set(texts[split])) == PARTS[split]
    assert set(texts) == set(PARTS)
    assert len({text for part in texts.values() for text in part}) == sum(PARTS.values())  # 42

    # what was sampled for a part solves that part's problems, in that order
    of_key = {
        key: manifest(path)["config"]["split"] for key, path in artifacts(smoke.store, "problems").items()
    }
    split_of = {}
    for key, folder in artifacts(smoke.store, "samples").items():
        split = split_of[key] = of_key[manifest(folder)["inputs"]["problems"].split("/")[1]]
        samples = Samples.read(folder)
        assert [problem.text for problem in samples.problems] == texts[split]
        assert samples.solutions.problem_ids == [problem.problem_id for problem in samples.problems]
        assert len(samples.solutions) == PARTS[split] * DRAWN[split]
    # training problems twice: few-shot, for the generator to learn from, and by the generator
    assert sorted(split_of.values()) == sorted([*PARTS, "train"])

    def read(step, name):
        return {
            split_of[manifest(p)["inputs"][name].split("/")[1]] for p in artifacts(smoke.store, step).values()
        }

    assert read("large_prm", "samples") == {"labeler"}
    assert read("train", "samples") == {"train"} and read("train", "validation") == {"validation"}
    cells = [manifest(path)["inputs"]["samples"] for path in artifacts(smoke.store, "cell").values()]
    assert {split_of[one.split("/")[1]] for samples in cells for one in samples} == {"test"}


def test_the_generator_learnt_from_training_problems_alone(smoke):
    (folder,) = artifacts(smoke.store, "generator").values()
    few_shot = manifest(folder)["inputs"]["samples"]
    problems = manifest(smoke.store / few_shot)["inputs"]["problems"]
    assert manifest(smoke.store / problems)["config"]["split"] == "train"
    right = Samples.read(smoke.store / few_shot).solutions.final_correct
    facts = json.loads((folder / "facts.json").read_text())
    assert 0 < facts["counts"]["solutions"] == right.sum() and len(right) == PARTS["train"] * 2


def test_nothing_is_left_over(smoke):
    for name in (".tmp", ".scratch", ".locks"):
        assert list((smoke.store / name).iterdir()) == []
    assert not (smoke.store / "failures").exists()


def test_again_computes_nothing_and_gives_the_same(smoke, tmp_path, capsys):
    before = files(smoke.store)
    argv = [part for part in smoke.argv if not part.startswith("--out")]
    assert cli.main([*argv, f"--out={tmp_path / 'again'}"]) == 0
    assert capsys.readouterr().err == ""  # no task is told
    assert files(smoke.store) == before
    for name in ("records.parquet", "examples.json", "report.html", "table.txt"):
        assert (tmp_path / "again" / name).read_bytes() == (smoke.out / name).read_bytes(), name


def test_one_worker_in_this_process_gives_the_same(smoke, tmp_path, capsys):
    argv = ["run", "supervision", "--scale", "smoke", "--workers", "1"]
    assert cli.main([*argv, f"--store={tmp_path / 'store'}", f"--out={tmp_path / 'out'}"]) == 0
    capsys.readouterr()
    pd.testing.assert_frame_equal(
        read_records(tmp_path / "out" / "records.parquet"), read_records(smoke.out / "records.parquet")
    )
    # and every artifact on the way is the same, to the byte: the manifests hold the checksums
    theirs, ours = (
        {str(p.relative_to(s)): p.read_text() for p in s.glob("*/*/manifest.json")}
        for s in (smoke.store, tmp_path / "store")
    )
    assert ours == theirs and len(ours) > 30


def test_plan_says_that_all_is_cached(smoke, capsys):
    before = files(smoke.store)
    assert cli.main(["plan", *[part for part in smoke.argv[1:] if not part.startswith("--out")]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["task", "step", "state", "tokens", "time"]
    tasks = len(list(smoke.store.glob("[a-z]*/*/manifest.json")))
    assert tasks > 30 and len(lines) == tasks + 2
    assert all(" cached" in line for line in lines[1:-1])
    assert lines[-1] == f"{tasks} tasks, {tasks} cached, 0 to do: 0 tokens, about 0.0 s with 2 workers"
    assert files(smoke.store) == before


def test_plan_of_a_new_store_says_what_is_to_do(tmp_path, capsys):
    assert cli.main(["plan", "supervision", "--scale", "smoke", f"--store={tmp_path}", "--workers=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"{len(lines) - 2} tasks, 0 cached, {len(lines) - 2} to do: ")
    (row,) = [line for line in lines if line.startswith("sample 8 solutions of problems test ")]
    # 8 problems of 6.5 tokens are read, 8 x 8 times 38 - 6.5 + 1 sampled: 52 + 2080; 1 + 64 x 38 / 28000 s
    assert row.split()[-5:] == ["to", "do", "2,132", "1.1", "s"]


def test_report_is_written_again_from_the_records(smoke, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(smoke.out, out)
    for path in [*(out / "figures").iterdir(), out / "report.html", out / "table.txt"]:
        path.unlink()
    assert cli.main(["report", str(out)]) == 0
    assert "process supervision" in capsys.readouterr().out
    for path in smoke.out.rglob("*"):
        if path.suffix in (".html", ".txt", ".svg"):
            assert (out / path.relative_to(smoke.out)).read_bytes() == path.read_bytes(), path.name


def test_a_report_tells_what_was_left_out(smoke, tmp_path, capsys):
    """As after a run on a pool with ungraded solutions, whose line the run has copied into its folder."""
    out = tmp_path / "out"
    shutil.copytree(smoke.out, out)
    told = "Ungraded solutions are left out: 3; each of 9 problems keeps 5."
    (out / "left_out.txt").write_text(f"{told}\n")
    assert cli.main(["report", str(out)]) == 0
    assert told in capsys.readouterr().out.splitlines()
    assert told in (out / "report.html").read_text()


def test_the_run_file_says_all_and_runs_again(smoke, python_m, tmp_path):
    """What a run leaves is what `--config` takes, and gives the same tasks."""
    config = yaml.safe_load((smoke.out / "run.yaml").read_text())
    assert config["experiment"] == "supervision" and config["settings"]["seeds"] == 1
    done = python_m("ablations", "plan", "supervision", "--config", smoke.out / "run.yaml")
    assert "0 to do" in done.stdout.splitlines()[-1]


def test_a_figure_by_the_script(smoke, python_m, tmp_path):
    records, out = smoke.out / "records.parquet", tmp_path / "figure.png"
    done = python_m("results.figures", "best_of_n_by_scale", records, out, "--n", 4)
    assert done.stdout.split() == [str(tmp_path / "figure.png"), str(tmp_path / "figure.svg")]
    assert (tmp_path / "figure.png").read_bytes() == (
        smoke.out / "figures" / "best_of_n_by_scale.png"
    ).read_bytes()


def test_list(capsys):
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.startswith("supervision ")]
    assert "smoke, quick, small, paper" in row and "facts, dropped" in row and "large_prm" in row


def test_world_sample(capsys):
    assert cli.main(["world", "sample", "--n", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    problems = [line for line in lines if "right answer" in line]
    steps = [line for line in lines if line.startswith("  ")]
    assert len(problems) == 2 and len(steps) >= 2 * 3  # at least two operations and the answer
    assert all(line.split()[0] in ("+1", "+0", "-1") for line in steps)
