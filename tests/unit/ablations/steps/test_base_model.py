"""A checkpoint as the base: named and not copied, held to its files, read as its tokenizer says."""

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from defaults import settings_of
from given import given, run
from safetensors.torch import load_file
from tiny_checkpoints import write_checkpoint

from ablations.data.annotations import Annotations
from ablations.data.artifacts import Samples
from ablations.data.models import TrainedStudent, Untaught
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Made, Step, Task
from ablations.experiments import reporting, supervision
from ablations.experiments.named_checkpoints import use_checkpoint
from ablations.experiments.settings import StudentSettings
from ablations.labelers.checkpoints import find_checkpoint
from ablations.steps.base_model import CausalModel, NamedCheckpoint, UseCheckpoint
from ablations.steps.score import ScoreSolutions
from ablations.steps.train_prm import TrainLargePrm
from ablations.steps.train_student import TrainStudent
from ablations.steps.training_facts import facts_for_records
from lightning_modules.presets import Lora
from lightning_modules.tokenization import load_tokenizer

LORA = Lora(rank=2, alpha=4.0, dropout=0.0, targets=None)


@pytest.fixture(scope="module")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint("qwen2", tmp_path_factory.mktemp("checkpoints") / "tiny-qwen2")


def based_on(checkpoint: Path, root: Path, name: str = "base") -> Step[CausalModel]:
    """The artifact of a checkpoint."""
    revision = find_checkpoint(str(checkpoint)).revision()
    return given(root, name, run(UseCheckpoint(revision=revision, checkpoint=str(checkpoint)), root))


def solved(root: Path, name: str = "", *, long: str = "Then 5") -> dict[str, Any]:
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
    samples = Samples(problems=named, solutions=Solutions.from_rows(rows))
    positive = Ragged.from_rows([[0.9, 0.9] if row.sample == 0 else [0.1, 0.9] for row in rows])
    labels = StepScores.from_positive(positive)
    return {
        "samples": given(root, f"{name}samples", samples),
        "labels": given(root, f"{name}labels", labels),
    }


def trained(root: Path, name: str, base: Task, made: dict[str, Any], **more: Any) -> Made[TrainedStudent]:
    """A student, trained on solutions in two updates."""
    scratch = root / f"{name}-scratch"
    scratch.mkdir()
    step = TrainStudent(
        **made
        | {
            **{"arm": "process", "data_scale": 2, "seed": 0, "learning_rate": 1e-3, "threshold": 0.5},
            **{"updates": 2, "batch_size": 4, "evaluations": 1, "validation_n": 2, "max_length": 100},
            **{"base": base, "validation": made["samples"]},
        }
        | more
    )
    return given(root, name, step.run(Context(root=root, scratch=scratch)))


def test_a_checkpoint_is_named_and_not_copied(qwen2: Path, tmp_path: Path) -> None:
    base = based_on(qwen2, tmp_path)
    assert [path.name for path in (tmp_path / base.address).iterdir()] == ["checkpoint.json"]
    found = CausalModel.read(tmp_path / base.address)
    revision = find_checkpoint(str(qwen2)).revision()
    assert found.folder == qwen2
    assert found.checkpoint == NamedCheckpoint(name=str(qwen2), revision=revision, architecture="qwen2")


def test_a_checkpoint_whose_files_change_is_refused(tmp_path: Path) -> None:
    checkpoint = write_checkpoint("gpt2", tmp_path / "tiny")
    artifact = tmp_path / based_on(checkpoint, tmp_path).address
    weights = checkpoint / "model.safetensors"
    held = weights.read_bytes()
    weights.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    with pytest.raises(
        ValueError, match="checkpoint .*tiny: found revision .*; allowed: .*, that of its files"
    ):
        CausalModel.read(artifact)
    weights.write_bytes(held)
    assert CausalModel.read(artifact).folder == checkpoint
    checkpoint.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="checkpoint: found no folder .*tiny; allowed: a checkpoint"):
        CausalModel.read(artifact)


def test_a_base_in_the_store_is_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert CausalModel.read(tmp_path) == CausalModel(path=tmp_path / "model")


def test_trained_and_scored_through_the_chat_template_or_not(qwen2: Path, tmp_path: Path) -> None:
    base, made = based_on(qwen2, tmp_path), solved(tmp_path)
    found = {}
    for way in ("auto", "never"):
        student = trained(tmp_path, way, base, made, chat_template=way)
        model = TrainedStudent.read(tmp_path / way)
        assert model.known.checkpoint is not None
        assert (
            model.known.checkpoint.chat_template
            == (way == "auto")
            == bool(load_tokenizer(model.folder).chat_template)
        )
        assert model.known.untaught == () and model.known.targets == 6
        scores = run(ScoreSolutions(model=student, samples=made["samples"], max_length=100), tmp_path)
        found[way] = scores.prob.values
    assert not np.allclose(found["auto"], found["never"], atol=1e-6)


def test_adapters_are_scored_beside_their_base(qwen2: Path, tmp_path: Path) -> None:
    base, made = based_on(qwen2, tmp_path), solved(tmp_path)
    more: dict[str, Any] = {"lora": LORA, "dtype": "bfloat16", "gradient_checkpointing": True}
    student = trained(tmp_path, "lora", base, made, **more, accumulate=2)
    folder = tmp_path / "lora" / "model"
    weights = load_file(folder / "adapter_model.safetensors")
    assert all("lora_" in name or ".score." in name for name in weights)
    assert not list(folder.glob("model*.safetensors"))
    score = ScoreSolutions(model=student, samples=made["samples"], base=base, max_length=100)
    assert len(run(score, tmp_path)) == 4
    # another training goes on from it
    trained(tmp_path, "further", base, made, start=student, **more, accumulate=2)
    again = load_file(tmp_path / "further" / "model" / "adapter_model.safetensors")
    assert sorted(again) == sorted(weights)


def test_solutions_that_teach_nothing_are_named(qwen2: Path, tmp_path: Path) -> None:
    base = based_on(qwen2, tmp_path)
    made, whole = solved(tmp_path, long="Then " * 60), solved(tmp_path, "whole-")
    trained(tmp_path, "some", base, made, validation=whole["samples"], max_length=60)
    facts = TrainedStudent.read(tmp_path / "some").known
    assert facts.untaught == (Untaught(problem_id="p1", sample=0, cut=True),)
    assert facts.targets == 4 and facts.cut_steps == 2  # of six, the two of that solution are lost
    told = facts_for_records(facts)["untaught"]
    assert told == {"no_target": 0, "cut": 1, "first": ["p1 sample 0"]}
    short = based_on(write_checkpoint("gpt2", tmp_path / "short", n_positions=32), tmp_path, "short-base")
    with pytest.raises(ValueError, match="max_length: found a solution of .* tokens; allowed: up to 32"):
        trained(tmp_path, "short-student", short, made, max_length=None)
    with pytest.raises(ValueError, match="targets: found none in 4 solutions; allowed: one or more"):
        trained(tmp_path, "none", base, made, max_length=3)


def test_the_large_prm_on_a_checkpoint(qwen2: Path, tmp_path: Path) -> None:
    annotations = Annotations(rows=np.arange(2), ratings=[[1, 0], [-1, None]])
    step = TrainLargePrm(
        base=based_on(qwen2, tmp_path),
        samples=solved(tmp_path)["samples"],
        annotations=(given(tmp_path, "annotated", annotations),),
        epochs=1,
        batch_size=2,
        learning_rate=1e-3,
        seed=0,
    )
    facts = run(step, tmp_path).facts
    assert facts.rated_steps == 3 and facts.checkpoint is not None and facts.checkpoint.chat_template


def named(tasks: Iterable[Task], name: str) -> list[Any]:
    """The steps of that name."""
    return [task for task in tasks if task.name == name]


def test_an_embedded_plan_changes_for_the_students_alone(qwen2: Path, tmp_path: Path) -> None:
    plain = settings_of("supervision", "smoke")
    before = supervision.plan(plain).tasks
    after = supervision.plan(replace(plain, students=replace(plain.students, checkpoint=str(qwen2)))).tasks
    changed = {task.name for task in set(after) - set(before)}
    assert changed == {"checkpoint", "train", "scores", "cell", "examples", "records"}
    (step,) = named(after, "checkpoint")
    assert step.config == {"revision": find_checkpoint(str(qwen2)).revision()}
    assert all(one.base == step for one in named(after, "train"))
    assert all(one.base is None for one in named(after, "scores"))
    # the place is in no key
    moved = tmp_path / "moved"
    moved.symlink_to(qwen2)
    again = supervision.plan(replace(plain, students=replace(plain.students, checkpoint=str(moved)))).tasks
    without_records = [{t.address for t in tasks if t.name != "records"} for tasks in (after, again)]
    assert without_records[0] == without_records[1]


def test_adapters_bring_their_base_to_all_who_score(qwen2: Path) -> None:
    plain = settings_of("supervision", "smoke")
    students = replace(plain.students, checkpoint=str(qwen2), lora=Lora(rank=2))
    tasks = supervision.plan(replace(plain, students=students)).tasks
    (base,) = named(tasks, "checkpoint")
    of_students = [task for task in named(tasks, "scores") if task.work[0].role == "student"]
    assert of_students and all(task.base == base for task in of_students)
    train = named(tasks, "train")[0]
    assert train.lora == Lora(rank=2, alpha=32.0, dropout=0.0, targets=None)
    assert train.config["lora"] == {"rank": 2}  # the rest is as by default


def test_a_large_prm_from_a_checkpoint(qwen2: Path) -> None:
    plain = settings_of("supervision", "smoke")
    given = replace(
        plain,
        source=replace(plain.source, labeler=replace(plain.source.labeler, checkpoint=str(qwen2))),
    )
    (labeler,) = named(supervision.plan(given).tasks, "large_prm")
    assert labeler.base.name == "checkpoint"


def test_defaults_say_nothing() -> None:
    """What students leave at its default is not in the key of a training."""
    students, counted = StudentSettings(), TrainStudent.defaults()
    shared = {field.name for field in fields(students)} & set(counted)
    assert shared
    assert all(getattr(students, name) == counted[name] for name in shared)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architectures": ["Qwen2ForMaskedLM"]}, "found architecture Qwen2ForMaskedLM; allowed for qwen2"),
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
        use_checkpoint(str(tmp_path), "students.checkpoint")


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
        Lora(**values)


def test_a_report_tells_what_taught_nothing_and_where_students_began() -> None:
    began = {"name": "tiny", "revision": "ab" * 32, "architecture": "gpt2", "chat_template": False}
    one = {"threshold": None, "checkpoint": began}
    some = one | {"untaught": {"no_target": 1, "cut": 2, "first": ["p1 sample 0", "p2 sample 5"]}}
    few = one | {"untaught": {"no_target": 0, "cut": 1, "first": ["p1 sample 0"]}}
    configs = [json.dumps({"chosen": chosen}) for chosen in ([one, some], [few])]
    frame = pd.DataFrame({"experiment": "supervision", "variant": None, "config": configs, "arm": "process"})
    frame = frame.assign(cell=["a", "b"], acquisition="uniform", data_scale=1)
    found = reporting.notes(settings_of("supervision", "smoke"), frame)
    assert (
        "The students start from the checkpoint tiny (gpt2, revision abababababab) and read problems as "
        "plain text."
    ) in found
    assert (
        "In 2 of 3 trainings some solutions taught nothing: at most 1 without a target and 2 cut before "
        "their first one (first of them: p1 sample 0, p2 sample 5)."
    ) in found
