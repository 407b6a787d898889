"""A checkpoint as the base: named and not copied, held to its files, read as its tokenizer says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file
from tiny_checkpoints import write_checkpoint

from ablations.data.annotations import Annotations
from ablations.data.artifacts import ANNOTATIONS, SCORES, Samples, read_json
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions, StepScores
from ablations.engine.step import Context, Task
from ablations.experiments import reporting, supervision, trainings
from ablations.experiments.named_checkpoints import checkpoint_task
from ablations.experiments.scales import settings
from ablations.experiments.settings import (
    LabelerSettings,
    LoraSettings,
    PoolSettings,
    StudentSettings,
)
from ablations.labelers.checkpoints import find_checkpoint
from ablations.steps import STAGES, base_model, train_prm, train_student
from ablations.steps.score import scores
from ablations.steps.training_facts import told
from lightning_modules.tokenization import load_tokenizer

CONFIG: dict[str, Any] = {
    **{"arm": "process", "data_scale": 2, "seed": 0, "learning_rate": 1e-3, "threshold": 0.5, "updates": 2},
    **{"batch_size": 4, "evaluations": 1, "validation_n": 2, "precision": "32-true", "device": "cpu"},
    **{"max_length": 100, "patience": None, "decay": 0.2},
}
LORA = {"rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": None}


@pytest.fixture(scope="module")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint("qwen2", tmp_path_factory.mktemp("checkpoints") / "tiny-qwen2")


def context(tmp_path: Path, **local: str) -> Context:
    return Context(progress=lambda done: None, scratch=tmp_path, local=local)


def based_on(checkpoint: Path, out: Path) -> Path:
    """The artifact of a checkpoint."""
    out.mkdir()
    revision = find_checkpoint(str(checkpoint)).revision()
    base_model.checkpoint({"revision": revision}, {}, out, context(out, checkpoint=str(checkpoint)))
    return out


def solved(folder: Path, *, long: str = "Then 5") -> dict[str, Path]:
    """Two problems with two solutions each, half of them right, and the labels of their steps."""
    rows = [
        Solution(
            problem_id=f"p{p}",
            sample=m,
            steps=(long if (p, m) == (1, 0) else "12 + 30 = 42", "The answer is 42"),
            answer="42",
            finished=True,
            final_correct=m == 0,
        )
        for p in range(2)
        for m in range(2)
    ]
    named = [Problem(problem_id=f"p{p}", text=f"Ann has {p} eggs?", answer="42") for p in range(2)]
    made = {name: folder / name for name in ("samples", "labels")}
    for path in made.values():
        path.mkdir(parents=True)
    Samples(problems=named, solutions=Solutions.from_rows(rows)).write(made["samples"])
    positive = Ragged.from_rows([[0.9, 0.9] if row.sample == 0 else [0.1, 0.9] for row in rows])
    StepScores.from_positive(positive).write(made["labels"] / SCORES)
    return made


def trained(tmp_path: Path, name: str, base: Path, made: dict[str, Path], **config: Any) -> Path:
    out, scratch = tmp_path / name, tmp_path / f"{name}-scratch"
    out.mkdir()
    scratch.mkdir()
    inputs: Any = made | {"base": base, "validation": made["samples"]}
    train_student.train(CONFIG | config, inputs, out, context(scratch))
    return out


def test_a_checkpoint_is_named_and_not_copied(qwen2: Path, tmp_path: Path) -> None:
    artifact = based_on(qwen2, tmp_path / "base")
    assert [path.name for path in artifact.iterdir()] == ["checkpoint.json"]
    found = base_model.base_of({"base": artifact})
    revision = find_checkpoint(str(qwen2)).revision()
    assert found.folder == qwen2
    assert found.checkpoint == {"name": str(qwen2), "revision": revision, "architecture": "qwen2"}


def test_a_checkpoint_whose_files_change_is_refused(tmp_path: Path) -> None:
    checkpoint = write_checkpoint("gpt2", tmp_path / "tiny")
    artifact = based_on(checkpoint, tmp_path / "base")
    weights = checkpoint / "model.safetensors"
    held = weights.read_bytes()
    weights.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    with pytest.raises(ValueError, match="checkpoint .*tiny: found revision .*; allowed: .*, its files"):
        base_model.base_of({"base": artifact})
    weights.write_bytes(held)
    assert base_model.base_of({"base": artifact}).folder == checkpoint
    checkpoint.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="checkpoint: found no folder .*tiny; allowed: a checkpoint"):
        base_model.base_of({"base": artifact})


def test_a_base_in_the_store_is_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert base_model.base_of({"base": tmp_path}) == base_model.Base(folder=tmp_path / "model")


def test_trained_and_scored_through_the_chat_template_or_not(qwen2: Path, tmp_path: Path) -> None:
    base, made = based_on(qwen2, tmp_path / "base"), solved(tmp_path / "made")
    found = {}
    for way in ("auto", "never"):
        out = trained(tmp_path, way, base, made, **({} if way == "auto" else {"chat_template": way}))
        facts = read_json(out / "train.json")
        assert (
            facts["checkpoint"]["chat_template"]
            == (way == "auto")
            == bool(load_tokenizer(out / "model").chat_template)
        )
        assert "untaught" not in facts and facts["targets"] == 6
        (tmp_path / f"{way}-scores").mkdir()
        given = {"device": "cpu", "max_length": 100}
        inputs: Any = {"model": out, "samples": made["samples"]}
        scores(given, inputs, tmp_path / f"{way}-scores", context(tmp_path))
        found[way] = StepScores.read(tmp_path / f"{way}-scores" / SCORES).prob.values
    assert not np.allclose(found["auto"], found["never"], atol=1e-6)


def test_adapters_are_scored_beside_their_base(qwen2: Path, tmp_path: Path) -> None:
    base, made = based_on(qwen2, tmp_path / "base"), solved(tmp_path / "made")
    more = {"dtype": "bfloat16", "gradient_checkpointing": True, "accumulate": 2}
    out = trained(tmp_path, "lora", base, made, lora=LORA, **more)
    weights = load_file(out / "model" / "adapter_model.safetensors")
    assert all("lora_" in name or ".score." in name for name in weights)
    assert not list((out / "model").glob("model*.safetensors"))
    (tmp_path / "scores").mkdir()
    inputs: Any = {"model": out, "samples": made["samples"], "base": base}
    scores({"device": "cpu", "max_length": 100}, inputs, tmp_path / "scores", context(tmp_path))
    assert len(StepScores.read(tmp_path / "scores" / SCORES)) == 4
    # another training goes on from it
    further = made | {"start": out}
    again = trained(tmp_path, "further", base, further, lora=LORA, **more)
    assert sorted(load_file(again / "model" / "adapter_model.safetensors")) == sorted(weights)


def test_solutions_that_teach_nothing_are_named(qwen2: Path, tmp_path: Path) -> None:
    base = based_on(qwen2, tmp_path / "base")
    made, whole = solved(tmp_path / "made", long="Then " * 60), solved(tmp_path / "whole")
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir()
    inputs: Any = made | {"base": base, "validation": whole["samples"]}
    train_student.train(CONFIG | {"max_length": 60}, inputs, out, context(scratch))
    facts = read_json(out / "train.json")
    assert facts["untaught"] == [{"problem_id": "p1", "sample": 0, "cut": True}]
    assert facts["targets"] == 4 and facts["cut_steps"] == 2  # of six, the two of that solution are lost
    assert told(facts)["untaught"] == {"no_target": 0, "cut": 1, "first": ["p1 sample 0"]}
    with pytest.raises(ValueError, match="max_length: found a solution of .* tokens; allowed: up to 32"):
        short = write_checkpoint("gpt2", tmp_path / "short", n_positions=32)
        trained(tmp_path, "short-out", based_on(short, tmp_path / "short-base"), made, max_length=None)
    with pytest.raises(ValueError, match="targets: found none in 4 solutions; allowed: one or more"):
        trained(tmp_path, "none", base, made, max_length=3)


def test_the_large_prm_on_a_checkpoint(qwen2: Path, tmp_path: Path) -> None:
    base, made = based_on(qwen2, tmp_path / "base"), solved(tmp_path / "made")
    out, annotated = tmp_path / "out", tmp_path / "annotated"
    out.mkdir()
    annotated.mkdir()
    Annotations(rows=np.arange(2), ratings=[[1, 0], [-1, None]]).write(annotated / ANNOTATIONS)
    config = {"epochs": 1, "batch_size": 2, "learning_rate": 1e-3, "seed": 0, "precision": "32-true"}
    inputs: Any = {"base": base, "samples": made["samples"], "annotations": (annotated,)}
    train_prm.large_prm(config, inputs, out, context(tmp_path))
    facts = read_json(out / "labeler.json")
    assert facts["rated_steps"] == 3 and facts["checkpoint"]["chat_template"]


def of_stage(tasks: list[Task], stage: str) -> list[Task]:
    return [task for task in tasks if task.stage == stage]


def test_an_embedded_plan_changes_for_the_students_alone(qwen2: Path, tmp_path: Path) -> None:
    plain = settings("smoke", None, None, None)
    before = supervision.plan(plain).tasks
    given = replace(plain, students=replace(plain.students, checkpoint=str(qwen2)))
    after = supervision.plan(given).tasks
    changed = {task.stage for task in set(after) - set(before)}
    assert changed == {"checkpoint", "train", "scores", "cell", "examples", "records"}
    (task,) = of_stage(after, "checkpoint")
    assert task.config == {"revision": find_checkpoint(str(qwen2)).revision()}
    assert all(one.inputs["base"] == task for one in of_stage(after, "train"))
    assert all("base" not in one.inputs for one in of_stage(after, "scores"))
    # the place is in no key
    moved = tmp_path / "moved"
    moved.symlink_to(qwen2)
    again = supervision.plan(replace(plain, students=replace(plain.students, checkpoint=str(moved)))).tasks
    without_records = [{t.address for t in tasks if t.stage != "records"} for tasks in (after, again)]
    assert without_records[0] == without_records[1]


def test_adapters_bring_their_base_to_all_who_score(qwen2: Path) -> None:
    plain = settings("smoke", None, None, None)
    students = replace(plain.students, checkpoint=str(qwen2), lora=LoraSettings(rank=2))
    tasks = supervision.plan(replace(plain, students=students)).tasks
    (base,) = of_stage(tasks, "checkpoint")
    of_students = [task for task in of_stage(tasks, "scores") if task.work[0].role == "student"]
    assert of_students and all(task.inputs["base"] == base for task in of_students)
    assert of_stage(tasks, "train")[0].config["lora"] == {
        **{"rank": 2, "alpha": 32.0, "dropout": 0.0, "targets": None}
    }


def test_a_large_prm_from_a_checkpoint(qwen2: Path) -> None:
    plain = settings("smoke", None, None, None)
    given = replace(plain, labeler=replace(plain.labeler, checkpoint=str(qwen2)))
    (labeler,) = of_stage(supervision.plan(given).tasks, "labeler")
    assert labeler.inputs["base"].stage == "checkpoint"  # type: ignore[union-attr]


def test_defaults_say_nothing() -> None:
    students = StudentSettings()
    assert all(getattr(students, name) == unsaid for name, unsaid in trainings.UNSAID.items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architectures": ["Qwen2ForMaskedLM"]}, "found architecture Qwen2ForMaskedLM; allowed of a qwen2"),
        ({"model_type": "mamba"}, "found model_type mamba; allowed: those to which transformers gives a tok"),
    ],
)
def test_what_is_no_causal_model_is_refused(
    change: dict[str, Any], message: str, qwen2: Path, tmp_path: Path
) -> None:
    for path in qwen2.iterdir():
        (tmp_path / path.name).symlink_to(path)
    config = json.loads((qwen2 / "config.json").read_text())
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ValueError, match=message):
        checkpoint_task(str(tmp_path), "students.checkpoint")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"accumulate": 0}, "students.accumulate: found 0; allowed: 1 or more"),
        (
            {"attention": "flash_attention_2"},
            "students.attention: found flash_attention_2 with students.dtype float32; allowed: sdpa, eager",
        ),
    ],
)
def test_settings_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StudentSettings(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rank": 0}, "students.lora.rank: found 0; allowed: 1 or more"),
        ({"alpha": 0.0}, "students.lora.alpha: found 0.0; allowed: above 0"),
        ({"dropout": 1.0}, "students.lora.dropout: found 1.0; allowed: 0 to below 1"),
        ({"targets": ()}, "students.lora.targets: found none; allowed: one or more, or null"),
    ],
)
def test_adapters_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoraSettings(**values)


def test_a_pool_keeps_its_labels(qwen2: Path) -> None:
    assert "checkpoint" in STAGES
    labeler = LabelerSettings(samples=1, checkpoint=str(qwen2))
    plain = settings("smoke", None, None, None)
    values = {name: getattr(plain, name) for name in plain.__dataclass_fields__}
    drawn = dict.fromkeys(("pool_samples", "validation_samples", "test_samples"), 4)
    pool = PoolSettings(path=qwen2, labeler="x")
    given = values | drawn | {"world": None, "problems": None, "pool": pool, "labeler": labeler}
    with pytest.raises(ValueError, match="labeler.checkpoint: found .*; allowed with a pool: null"):
        type(plain)(**given | {"students": replace(plain.students, backbone="tiny")})


def test_a_report_tells_what_taught_nothing_and_where_students_began() -> None:
    began = {"name": "tiny", "revision": "ab" * 32, "architecture": "gpt2", "chat_template": False}
    one = {"threshold": None, "checkpoint": began}
    some = one | {"untaught": {"no_target": 1, "cut": 2, "first": ["p1 sample 0", "p2 sample 5"]}}
    few = one | {"untaught": {"no_target": 0, "cut": 1, "first": ["p1 sample 0"]}}
    configs = [json.dumps({"chosen": chosen}) for chosen in ([one, some], [few])]
    frame = pd.DataFrame({"experiment": "supervision", "variant": None, "config": configs, "arm": "process"})
    frame = frame.assign(cell=["a", "b"], acquisition="uniform", data_scale=1)
    found = reporting.notes(settings("smoke", None, None, None), frame)
    assert (
        "The students begin with the checkpoint tiny (gpt2, revision abababababab) and read problems as "
        "plain text."
    ) in found
    assert (
        "In 2 of 3 trainings some solutions taught nothing: at most 1 without a target and 2 cut before "
        "their first one (first of them: p1 sample 0, p2 sample 5)."
    ) in found
