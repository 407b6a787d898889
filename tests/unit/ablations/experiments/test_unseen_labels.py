"""Whoever chooses what is labelled cannot see a label: by the plans' inputs, and by what stages choose."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ablations.acquisition.strategies import ACQUISITION_STRATEGIES
from ablations.data.artifacts import ACQUIRED, OPINION, PROBLEMS, SCORES, SOLUTIONS, read_json
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions, StepScores
from ablations.engine.files import sha256_of
from ablations.engine.step import Context, Task
from ablations.experiments import EXPERIMENTS
from ablations.formats.pool import write_pool
from ablations.steps.acquire import acquired
from ablations.steps.collect import drawn
from ablations.steps.read_pool import fold, fold_labels, pool

COUNT, DRAWN = 6, 6
"""Problems of the pool, and solutions of each."""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A pool with two labelers who agree on nothing, all texts different."""
    problems = [Problem(problem_id=f"p{p}", text=f"{p}?", answer="1") for p in range(COUNT)]
    rows = [
        Solution(
            problem_id=f"p{p}",
            sample=m,
            steps=(f"{p}", f"{p}.{m}"),
            answer="1" if m % 2 else "2",
            finished=True,
            final_correct=m % 2 == 1,
        )
        for p in range(COUNT)
        for m in range(DRAWN)
    ]
    rng = np.random.default_rng(5)
    one = Ragged.from_rows([rng.uniform(0, 1, 2) for _ in rows])
    other = Ragged(values=1 - one.values, offsets=one.offsets)
    path = tmp_path_factory.mktemp("pools") / "small.jsonl"
    write_pool(path, problems, Solutions.from_rows(rows), {"one": one, "other": other})
    return path


def planned(name, scale, file=None):
    experiment = EXPERIMENTS[name]
    return experiment.plan(experiment.settings(scale, None, file, "one" if file else None)).tasks


def flat(task: Task, name: str) -> tuple[Task, ...]:
    given = task.inputs.get(name, ())
    return given if isinstance(given, tuple) else (given,)


def holds_samples_alone(task: Task) -> bool:
    return task.stage in ("samples", "fold")


def is_opinion_of(task: Task, samples: Task, model: str) -> bool:
    """Of a model that the stage ``model`` made, on these samples."""
    (judged,) = flat(task, "samples")
    models = flat(task, "model") + flat(task, "candidates")
    return task.stage == "opinion" and judged == samples and {one.stage for one in models} == {model}


def check(tasks: list[Task]) -> int:
    """Checks all that choose rows, by the whole of what they may be given; how many ask a model."""
    asked = 0
    for task in (task for task in tasks if task.stage in ("drawn", "acquired", "collected", "joined")):
        (samples,) = flat(task, "samples")
        assert holds_samples_alone(samples), task.label
        rows, opinions, model = {
            "drawn": ("as_many_as", "", ""),
            "joined": ("chosen", "", ""),
            "acquired": ("taken", "opinions", "train"),
            "collected": ("labelled", "opinion", "large_prm"),
        }[task.stage]
        assert set(task.inputs) <= {"samples", rows, opinions}, task.label
        assert {one.stage for one in flat(task, rows)} <= {"drawn", "acquired", "collected", "joined"}
        assert all(is_opinion_of(one, samples, model) for one in flat(task, opinions)), task.label
        asked += opinions in task.inputs
    return asked


@pytest.mark.parametrize("scale", ["smoke", "small"])
@pytest.mark.parametrize("name", ["active_learning", "iterative_retraining", "large_scale", "orm_superset"])
def test_no_choice_is_given_labels(name, scale):
    assert check(planned(name, scale)) > 0


@pytest.mark.parametrize("scale", ["smoke", "small"])
@pytest.mark.parametrize("name", ["active_learning", "iterative_retraining"])
def test_no_choice_is_given_labels_of_a_pool(file, name, scale):
    tasks = planned(name, scale, file)
    assert check(tasks) > 0
    for task in (task for task in tasks if task.stage == "train"):
        assert [one.stage for one in flat(task, "labels")] == ["fold_labels"]


@pytest.mark.parametrize("scale", ["smoke", "small"])
def test_a_generation_is_chosen_by_what_was_rated_before(scale):
    """The PRM that is asked was taught the ratings of what the choice knows to be rated, and no others."""
    generations = [task for task in planned("large_scale", scale) if task.stage == "collected"]
    assert generations
    for task in generations:
        (opinion,) = flat(task, "opinion")
        (prm,) = flat(opinion, "model")
        taught = [chosen for rated in flat(prm, "annotations") for chosen in flat(rated, "chosen")]
        assert taught == list(flat(task, "labelled"))


@pytest.fixture
def made(tmp_path, file):
    """By labeler, the folders of a fold's samples and labels; and of a selector's opinion and a draw."""

    def folder(name):
        (tmp_path / name).mkdir()
        return tmp_path / name

    (tmp_path / "scratch").mkdir()
    context = Context(progress=lambda done: None, scratch=tmp_path / "scratch", local={"path": str(file)})
    found = {}
    for labeler in ("one", "other"):
        whole, samples, labels = (folder(f"{name}-{labeler}") for name in ("pool", "samples", "labels"))
        pool({"sha256": sha256_of(file), "labeler": labeler}, {}, whole, context)
        config = {"fold": 0, "folds": 3, "part": "train", "seed": 0}
        fold(config, {"pool": whole}, samples, context)
        fold_labels(config, {"pool": whole}, labels, context)
        found[labeler] = samples, labels
    held = (COUNT - 2 * COUNT // 3) * DRAWN
    rng = np.random.default_rng(7)
    opinions = folder("first"), folder("second")
    for opinion in opinions:
        table = {"convincing": np.log(rng.uniform(0, 1, held)), "entropy": rng.uniform(0, 0.6, held)}
        pq.write_table(pa.table(table), opinion / OPINION)
    drawn({"count": 1, "seed": 0}, {"samples": found["one"][0]}, folder("taken"), context)
    return found, {"opinions": opinions, "taken": tmp_path / "taken"}, folder("out"), context


@pytest.mark.parametrize("acquisition", ACQUISITION_STRATEGIES)
def test_other_labels_and_none_choose_the_same(made, acquisition):
    """The fold of another labeler has other labels; then the labels are deleted."""
    found, given, out, context = made
    (one, labels), (other, others) = found["one"], found["other"]
    values = [StepScores.read(folder / SCORES).last for folder in (labels, others)]
    assert (values[0] != values[1]).all()
    config = {"acquisition": acquisition, "budget": 3, "seed": 0, "wrong_fraction": 0.8, "similarity": 0.7}
    chosen = []
    for samples in (one, other, one):
        assert {path.name for path in samples.iterdir()} == {PROBLEMS, SOLUTIONS}
        acquired(config, given | {"samples": samples}, out, context)
        chosen.append(read_json(out / ACQUIRED))
        if samples == other:
            shutil.rmtree(labels)
    assert len(chosen[0]["rows"]) == 6 and chosen[0] == chosen[1] == chosen[2]
