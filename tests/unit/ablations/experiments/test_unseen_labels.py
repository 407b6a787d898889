"""Whoever chooses what is labeled cannot see a label: by the plans' inputs, and by what steps choose."""

import shutil

import numpy as np
import pytest
from given import given, run
from pool_files import write_pool

from ablations.acquisition.strategies import ACQUISITION_STRATEGIES
from ablations.data.artifacts import CHOSEN_ROWS, PROBLEMS, SOLUTIONS, ChosenRows, Opinion, Samples
from ablations.data.json_files import read_json
from ablations.data.models import TrainedModel
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.engine.step import Step
from ablations.engine.user_file import UserFile
from ablations.experiments import EXPERIMENTS
from ablations.steps.acquire import Acquire, AskSelector
from ablations.steps.collect import CollectGeneration, DrawRows, JoinRows
from ablations.steps.read_pool import ReadPool, TakeFold, TakeFoldLabels
from ablations.steps.train_prm import TrainLargePrm
from ablations.steps.train_student import TrainStudent

MAY_READ: dict[type[Step], tuple[str, str, type[Step[TrainedModel]] | None]] = {
    DrawRows: ("as_many_as", "", None),
    JoinRows: ("chosen", "", None),
    Acquire: ("taken", "opinions", TrainStudent),
    CollectGeneration: ("rated", "opinion", TrainLargePrm),
}
"""By step that chooses rows: the fields of other rows and of opinions, and the step whose model is asked."""
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


def flat(step: Step, name: str) -> tuple[Step, ...]:
    """The inputs in a field; none if there is no such field."""
    value = getattr(step, name, None)
    return value if isinstance(value, tuple) else () if value is None else (value,)


def holds_samples_alone(step: Step) -> bool:
    return step.name in ("samples", "fold") and step.artifact is Samples


def is_opinion_of(step: Step, samples: Step, model: type[Step] | None) -> bool:
    """Of a model that the step ``model`` made, on these samples."""
    return (
        model is not None
        and isinstance(step, AskSelector)
        and step.samples == samples
        and isinstance(step.model, model)
    )


def check(steps: list[Step]) -> int:
    """Checks all that choose rows, by the whole of what they may be given; how many ask a model."""
    asked = 0
    for step in (step for step in steps if step.artifact is ChosenRows):
        (samples,) = flat(step, "samples")
        assert holds_samples_alone(samples), step.label
        rows, opinions, model = MAY_READ[type(step)]
        assert set(step.inputs) <= {"samples", rows, opinions}, step.label
        assert all(one.artifact is ChosenRows for one in flat(step, rows)), step.label
        assert all(is_opinion_of(one, samples, model) for one in flat(step, opinions)), step.label
        asked += opinions in step.inputs
    return asked


@pytest.mark.parametrize("scale", ["smoke", "small"])
@pytest.mark.parametrize("name", ["active_learning", "iterative_retraining", "large_scale", "orm_superset"])
def test_no_choice_is_given_labels(name, scale):
    assert check(planned(name, scale)) > 0


@pytest.mark.parametrize("scale", ["smoke", "small"])
@pytest.mark.parametrize("name", ["active_learning", "iterative_retraining"])
def test_no_choice_is_given_labels_of_a_pool(file, name, scale):
    steps = planned(name, scale, file)
    assert check(steps) > 0
    for step in (step for step in steps if isinstance(step, TrainStudent)):
        assert isinstance(step.labels, TakeFoldLabels)


@pytest.mark.parametrize("scale", ["smoke", "small"])
def test_a_generation_is_chosen_by_what_was_rated_before(scale):
    """The PRM that is asked was taught the ratings of what the choice knows to be rated, and no others."""
    generations = [step for step in planned("large_scale", scale) if isinstance(step, CollectGeneration)]
    assert generations
    for step in generations:
        prm = step.opinion.model
        assert [rated.chosen for rated in prm.annotations] == list(step.rated)


@pytest.fixture
def made(tmp_path, file):
    """By labeler, a fold's samples and labels; and selectors' opinions and a draw, for an acquisition."""
    found = {}
    for labeler in ("one", "other"):
        step = ReadPool(file=UserFile.of(file, "pool"), labeler=labeler)
        part = {"pool": given(tmp_path, f"pool-{labeler}", run(step, tmp_path)), "fold": 0, "folds": 3}
        steps = {"samples": TakeFold(part="train", **part), "labels": TakeFoldLabels(part="train", **part)}
        found[labeler] = [
            given(tmp_path, f"{name}-{labeler}", run(step, tmp_path)) for name, step in steps.items()
        ]
    held = (COUNT - 2 * COUNT // 3) * DRAWN
    rng = np.random.default_rng(7)
    opinions = tuple(
        given(
            tmp_path,
            name,
            Opinion(convincing=np.log(rng.uniform(0, 1, held)), entropy=rng.uniform(0, 0.6, held)),
        )
        for name in ("first", "second")
    )
    drawn = run(DrawRows(samples=found["one"][0], count=1, seed=0), tmp_path)
    return found, {"opinions": opinions, "taken": given(tmp_path, "taken", drawn)}


@pytest.mark.parametrize("acquisition", ACQUISITION_STRATEGIES)
def test_other_labels_and_none_choose_the_same(made, acquisition, tmp_path):
    """The fold of another labeler has other labels; then the labels are deleted."""
    found, known = made
    (one, labels), (other, others) = found["one"], found["other"]
    values = [StepScores.read(tmp_path / step.at).last for step in (labels, others)]
    assert (values[0] != values[1]).all()
    chosen = []
    for index, samples in enumerate((one, other, one)):
        assert {path.name for path in (tmp_path / samples.at).iterdir()} == {PROBLEMS, SOLUTIONS}
        step = Acquire(samples=samples, acquisition=acquisition, budget=3, seed=0, **known)
        given(tmp_path, f"out-{index}", run(step, tmp_path))
        chosen.append(read_json(tmp_path / f"out-{index}" / CHOSEN_ROWS))
        if samples == other:
            shutil.rmtree(tmp_path / labels.at)
    assert len(chosen[0]["rows"]) == 6 and chosen[0] == chosen[1] == chosen[2]
