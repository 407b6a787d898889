"""Malformed settings and damaged artifacts: each told in one line that says what is allowed."""

import json
import shutil
from pathlib import Path

import pytest

from ablations.commands import cli
from ablations.world import bases

PLAN = ["plan", "supervision"]
ARMS = (
    "one or more of process, prm_outcome, final_answer, process_neutral, oracle_outcome, process_soft, "
    "process_full, process_ranking, implicit, each once"
)

SETTINGS = {
    # name: (flags, message)
    "scale": (
        ["--scale=huge"],
        "scale: found 'huge'; allowed: smoke, quick, small, paper",
    ),
    "world": (["--world=mars"], "world: found 'mars'; allowed: facts, other_facts, dropped"),
    "world in the settings": (
        ["--settings.source.world=mars"],
        "source.world: found 'mars'; allowed: facts, other_facts, dropped",
    ),
    "labeler without a pool": (
        ["--labeler=qwen_prm"],
        "labeler: found 'qwen_prm'; allowed: large_prm",
    ),
    "pool that is not there": (
        ["--pool=none.jsonl", "--labeler=a"],
        "pool: found no file none.jsonl; allowed: an existing one",
    ),
    "world beside a pool": (
        ["--pool=empty.jsonl", "--labeler=a", "--world=dropped"],
        "world: found 'dropped' next to a pool; allowed: one of the two",
    ),
    "pool without a labeler": (
        ["--pool=empty.jsonl"],
        "labeler: found none; allowed with --pool: the name of one whose step scores the pool holds",
    ),
    "empty pool": (
        ["--pool=empty.jsonl", "--labeler=a"],
        "empty.jsonl:1: field problem_id: found an empty file; allowed: at least one problem",
    ),
    "number of solutions of a pool": (
        ["--pool=two.jsonl", "--labeler=a", "--settings.source.samples=0"],
        "source.samples: found 0; allowed: 1 or more",
    ),
    **{
        f"problems.{part}": (
            [f"--settings.source.problems.{part}=1"],
            f"source.problems.{part}: found 1; allowed: 2 or more",
        )
        for part in ("labeler", "train", "validation", "test")
    },
    "unknown arm": (
        ["--settings.arms=[process,oracle]"],
        f"arms: found ['process', 'oracle']; allowed: {ARMS}",
    ),
    "arm twice": (
        ["--settings.arms=[process,process]"],
        f"arms: found ['process', 'process']; allowed: {ARMS}",
    ),
    "no arm": (
        ["--settings.arms=[]"],
        f"arms: found []; allowed: {ARMS}",
    ),
    **{
        f"data scales {found}": (
            [f"--settings.data_scales={found}"],
            f"data_scales: found {found}; allowed: ascending, 1 to source.train_samples = 2",
        )
        for found in ("[]", "[2, 1]", "[1, 1]", "[0, 1]", "[1, 3]")
    },
    **{
        name: ([f"--settings.{name}=0"], f"{name}: found 0; allowed: 1 or more")
        for name in (
            "majority_draws",
            *(f"source.{part}_samples" for part in ("train", "validation", "test")),
        )
    },
    **{
        name: ([f"--settings.{name}=0"], f"{name}: found 0; allowed: 1 or more")
        for name in (
            *(f"source.generator.{field}" for field in ("problems", "samples", "shots", "batch_tokens")),
            "source.generator.max_new_tokens",
            *(f"source.labeler.{field}" for field in ("samples", "epochs", "batch_size")),
        )
    },
    **{
        name: ([f"--settings.{name}=-1"], f"{name}: found -1.0; allowed: above 0")
        for name in (
            "source.generator.learning_rate",
            "source.generator.temperature",
            "source.labeler.learning_rate",
            "students.process_epochs",
        )
    },
    "generator.min_p": (
        ["--settings.source.generator.min_p=1.5"],
        "source.generator.min_p: found 1.5; allowed: 0 to 1",
    ),
    **{
        f"labeler.{name}": (
            [f"--settings.source.labeler.{name}=1.5"],
            f"source.labeler.{name}: found 1.5; allowed: 0 to 1",
        )
        for name in ("easy_error", "hard_error")
    },
    **{
        f"{name} without an end": (
            [f"--settings.students.{name}=.inf"],
            f"students.{name}: found inf; allowed: above 0, and finite",
        )
        for name in ("process_epochs", "outcome_epochs")
    },
    "more evaluations than updates": (
        ["--settings.students.evaluations=5"],
        "students.evaluations: found 5; allowed: 1 to students.max_updates = 4",
    ),
    "problems.seed": (
        ["--settings.source.problems.seed=-1"],
        "source.problems.seed: found -1; allowed: 0 or more",
    ),
    **{
        f"pool.{name}": (
            ["--pool=two.jsonl", "--labeler=a", f"--settings.source.{name}={value}"],
            f"source.{name}: found {value}; allowed: {least} or more",
        )
        for name, value, least in (
            ("vocabulary", 257, 258),
            ("max_length", 0, 1),
            ("mathmix_updates", 0, 1),
            ("folds", 2, 3),
        )
    },
    "text for MathMix that is not there": (
        ["--pool=five.jsonl", "--labeler=a", "--settings.source.mathmix=none.jsonl"],
        "source.mathmix: found no file none.jsonl; allowed: an existing one",
    ),
    "backbone with a pool": (
        ["--pool=two.jsonl", "--labeler=a", "--settings.students.backbone=huge"],
        "students.backbone: found 'huge'; allowed with a pool: tiny, small, small_qwen2, large, "
        "shallow, shallow_large",
    ),
    "another world in the settings": (
        ["--settings.source.world=dropped"],
        "settings.source.world: found dropped; allowed: facts, as chosen by flag, config or default",
    ),
    "device": (
        ["--settings.device=tpu"],
        "device: found tpu; allowed: cpu, cuda",
    ),
    "threshold above": (
        ["--settings.source.labeler.threshold=2"],
        "source.labeler.threshold: found 2.0; allowed: 0 to 1",
    ),
    "threshold below": (
        ["--settings.source.labeler.threshold=-0.1"],
        "source.labeler.threshold: found -0.1; allowed: 0 to 1",
    ),
    "no learning rate": (
        ["--settings.students.learning_rates=[]"],
        "students.learning_rates: found (); allowed: one or more, each once",
    ),
    "learning rate": (
        ["--settings.students.learning_rates=[0.001,0]"],
        "students.learning_rates: found (0.001, 0.0); allowed: above 0",
    ),
    **{
        f"students.{name}": (
            [f"--settings.students.{name}=0"],
            f"students.{name}: found 0; allowed: 1 or more",
        )
        for name in ("evaluations", "batch_size", "max_updates", "patience", "validation_n", "tuning_seeds")
    },
    "seeds": (["--settings.seeds=0"], "seeds: found 0; allowed: 1 to 10000"),
    "decay": (["--settings.students.decay=2"], "students.decay: found 2.0; allowed: 0 to 1"),
    "precision": (
        ["--settings.students.precision=8-true"],
        "students.precision: found 8-true; allowed: 32-true, bf16-mixed",
    ),
    "backbone that is not shipped": (
        ["--settings.students.backbone=huge"],
        "base model facts/huge: not shipped; allowed: ['facts/large', 'facts/small']",
    ),
    "unknown flag": (
        ["--settings.seed=1"],
        "unrecognized arguments: --settings.seed=1",
    ),
    "workers": (["--workers=0"], "workers: found 0; allowed: 1 or more"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    sample = {"steps": ["1+1=2"], "answer": "2", "final_correct": True, "step_scores": {"a": [1]}}
    two = [sample | {"sample": number} for number in range(2)]
    problem = {"problem_id": "p", "problem": "1+1?", "answer": "2", "samples": two}
    (tmp_path / "two.jsonl").write_text(json.dumps(problem))
    five = [problem | {"problem_id": f"p{p}", "problem": f"{p}+1?"} for p in range(5)]
    (tmp_path / "five.jsonl").write_text("\n".join(map(json.dumps, five)))
    shipped = tmp_path / "shipped"
    for size in ("small", "large"):
        folder = shipped / "facts" / size
        folder.mkdir(parents=True)
        shutil.copy(bases.SHIPPED / "facts" / size / "manifest.json", folder)
    monkeypatch.setattr(bases, "SHIPPED", shipped)
    return tmp_path


def refusal(argv, capsys):
    assert cli.main(argv) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("ablations: ") and said.err.count("\n") == 1
    return said.err.removeprefix("ablations: ").removesuffix("\n")


@pytest.mark.parametrize("case", SETTINGS)
def test_settings(case, here, capsys):
    flags, message = SETTINGS[case]
    scale = [] if case == "scale" else ["--scale=smoke"]
    assert refusal([*PLAN, *scale, "--store=store", *flags], capsys) == message
    assert not (here / "store").exists()


YAML = {
    # name: (content, how the message begins, what it holds)
    "unknown field": ("settings: {sead: 1}", "", "sead"),
    "unknown field at the top": ("sttings: {seeds: 1}", "", "sttings"),
    "wrong type": ("settings: {seeds: many}", "seeds: found many; allowed: a whole number", ""),
    "rule": ("settings: {seeds: 0}", "seeds: found 0; allowed: 1 to 10000", ""),
    "not YAML": ("settings: [", "config: c.yaml is not YAML", ""),
    "not a mapping": ("- 1", "config: c.yaml must hold a mapping", ""),
    "scale": ("scale: huge", "scale: found 'huge'", ""),
    "other experiment": ("experiment: joy", "experiment: the config is of 'joy', not of 'supervision'", ""),
}


@pytest.mark.parametrize("case", YAML)
def test_config_file(case, here, capsys):
    content, begin, holds = YAML[case]
    (here / "c.yaml").write_text(content)
    said = refusal([*PLAN, "--config=c.yaml", "--store=store"], capsys)
    assert said.startswith(begin) and holds in said


def test_a_flag_against_the_settings_of_a_config(here, capsys):
    """Rather than a run of the one world under the other's name."""
    (here / "c.yaml").write_text("scale: smoke\nworld: dropped\nsettings: {source: {world: facts}}")
    said = refusal([*PLAN, "--config=c.yaml", "--store=store"], capsys)
    assert (
        said == "settings.source.world: found facts; allowed: dropped, as chosen by flag, config or default"
    )
    (here / "c.yaml").write_text("settings: {scale: quick, source: {world: dropped}}")
    said = refusal([*PLAN, "--config=c.yaml", "--scale=smoke", "--store=store"], capsys)
    assert said == "settings.scale: found quick; allowed: smoke, as chosen by flag, config or default"


@pytest.mark.parametrize("name", ["out", "store"])
def test_a_file_where_a_folder_is_to_be(here, capsys, name):
    argv = ["run", "supervision", "--scale=smoke", f"--{name}=two.jsonl"]
    assert refusal(argv, capsys) == f"{name}: found the file two.jsonl; allowed: a folder, or a new one"


def test_report_of_a_damaged_run_file(here, capsys):
    (here / "run.yaml").write_text("settings: [")
    assert refusal(["report", "."], capsys).startswith("config: run.yaml is not YAML: ")
    (here / "run.yaml").write_text("- 1")
    assert refusal(["report", "."], capsys) == "config: run.yaml must hold a mapping"


def test_no_base_is_shipped(here, capsys):
    shutil.rmtree(here / "shipped")
    said = refusal([*PLAN, "--scale=smoke"], capsys)
    assert said == "base model facts/large: not shipped; allowed: []"


def test_damaged_base(here, capsys):
    """One byte of a base model's weights is another."""
    shipped = here / "shipped"
    shutil.rmtree(shipped)
    shutil.copytree(Path(bases.__file__).parent / "bases", shipped)
    weights = shipped / "facts" / "small" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    argv = ["run", "supervision", "--scale=smoke", "--workers=1", "--store=store", "--out=out"]
    assert cli.main(argv) == 1
    said = capsys.readouterr()
    assert said.out == "" and [path.name for path in (here / "out").iterdir()] == ["run.yaml"]
    sha256 = bases.read_manifest("facts", "small")["sha256"]
    (row,) = [line for line in said.err.splitlines() if line.startswith("base small ")]
    assert f"ValueError  {weights}: found sha256 " in row and f"; allowed: {sha256}" in row


@pytest.fixture
def finished(smoke, tmp_path):
    """A copy of the finished run's store, and the command that goes on with it in this process."""
    store = tmp_path / "store"
    shutil.copytree(smoke.store, store)
    argv = ["run", "supervision", "--scale=smoke", "--workers=1"]
    return store, [*argv, f"--store={store}", f"--out={tmp_path / 'out'}"], tmp_path / "out"


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = (
    # (stage, which of its artifacts, what is done to its folder, the fault)
    (
        *("records", 0),
        lambda folder: flip(folder / "records.parquet"),
        "records.parquet has another checksum",
    ),
    (
        *("references", 0),
        lambda folder: (folder / "rows.json").unlink(),
        "rows.json is missing",
    ),
    (
        *("cell", 0),
        lambda folder: (folder / "rows.json").write_bytes(b"["),
        "rows.json has another checksum",
    ),
    (
        *("cell", 1),
        lambda folder: (folder / "manifest.json").write_text("{"),
        "manifest.json cannot be read (JSONDecodeError: ",
    ),
    (
        *("examples", 0),
        lambda folder: (folder / "manifest.json").write_text(
            (folder / "manifest.json").read_text().replace('"solutions": 24', '"solutions": 25')
        ),
        "manifest.json cannot be read (ValueError: its content does not give this key)",
    ),
)


def test_damaged_artifacts_are_made_again(smoke, finished, caplog, capsys):
    """A flipped bit, a file cut short, a file that is gone, a manifest that is no JSON or another task's."""
    store, argv, out = finished
    folders = [sorted((store / stage).iterdir())[which] for stage, which, _, _ in DAMAGE]
    for folder, (_, _, damage, _) in zip(folders, DAMAGE, strict=True):
        damage(folder)
    assert cli.main(argv) == 0
    told = [record.getMessage() for record in caplog.records if record.name == "ablations"]
    assert len(told) == len(DAMAGE)
    for folder, (stage, _, _, fault) in zip(folders, DAMAGE, strict=True):
        (line,) = (line for line in told if line.startswith(f"damaged artifact {stage}/{folder.name} ("))
        assert fault in line and "\n" not in line and line.endswith("; it will be made again")
        original = smoke.store / stage / folder.name
        for path in original.iterdir():
            assert (folder / path.name).read_bytes() == path.read_bytes(), path.name
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("tasks: 5 to do, ") and said[5].startswith("[5/5] ") and len(said) == 6
    assert (out / "records.parquet").read_bytes() == (smoke.out / "records.parquet").read_bytes()


def test_plan_tells_the_damage_and_mends_nothing(finished, capsys):
    store, _, _ = finished
    (folder,) = (store / "records").iterdir()
    (folder / "records.parquet").unlink()
    assert cli.main([*PLAN, "--scale=smoke", f"--store={store}"]) == 0
    assert "damaged, to do" in capsys.readouterr().out.splitlines()[-2]
    assert folder.is_dir()


def test_report_of_damaged_records(smoke, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(smoke.out, out)
    (out / "records.parquet").write_bytes(b"PAR1")
    said = refusal(["report", str(out)], capsys)
    assert said.startswith(f"{out}/records.parquet: found no readable Parquet file (")
    (out / "records.parquet").unlink()
    said = refusal(["report", str(out)], capsys)
    assert said == f"{out}/records.parquet: found no such file; allowed: the out folder of a finished run"
