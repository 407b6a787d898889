"""Draws, generations and ratings on solutions of the embedded world."""

import hypothesis
import numpy as np
import pytest
from given import given, run
from hypothesis import strategies as st
from safetensors.numpy import load_file

from ablations.data.annotations import Annotations
from ablations.data.artifacts import CHOSEN_ROWS, OPINION, ChosenRows, Opinion, Samples
from ablations.data.json_files import read_json
from ablations.data.models import LargePrm, LargePrmFacts
from ablations.data.ragged import Ragged
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.data.step_scores import StepScores
from ablations.engine.step import Made
from ablations.steps.base_model import CausalModel
from ablations.steps.collect import CollectGeneration, DrawRows, JoinRows, draw_rows, draw_total
from ablations.steps.train_prm import Annotate, TrainLargePrm
from ablations.world.annotator import up_to_first_error
from ablations.world.arithmetic.oracle import judge
from ablations.world.arithmetic.problems import parse_problem
from ablations.world.bases import shipped_base

PROBLEM = "a+8b-5:47"
RIGHT = ("47a+8=55", "55b-5=50", "#50")
WRONG = ("47a+8=45", "45b-5=40", "#40")
NO_ERRORS = {"world": "dropped", "easy_error": 0.0, "hard_error": 0.0, "seed": 0}


def make(problems=2, texts=(RIGHT, WRONG, WRONG, WRONG[:1] + ("#45",))) -> Samples:
    rows = [
        Solution(
            problem_id=f"p{p}", sample=m, steps=s, answer=s[-1][1:], finished=True, final_correct=s is RIGHT
        )
        for p in range(problems)
        for m, s in enumerate(texts)
    ]
    named = [Problem(problem_id=f"p{p}", text=PROBLEM, answer="50") for p in range(problems)]
    return Samples(problems=named, solutions=Solutions.from_rows(rows))


SAMPLES = Made[Samples](at="samples", kind=Samples)


@pytest.fixture
def root(tmp_path):
    """A store that holds the samples of `make()`."""
    given(tmp_path, SAMPLES.at, make())
    return tmp_path


def chosen(root, name, rows):
    return given(root, name, ChosenRows(rows=np.array(rows)))


def opinion(root, convincing):
    heard = Opinion(convincing=np.array(convincing, dtype=float), entropy=np.zeros(len(convincing)))
    return given(root, "opinion", heard)


def test_a_generation_by_hand(root):
    """Row 0 ends right, 1 and 2 are one text, of which row 1 was rated: row 3 is left; of problem 1 row 7."""
    heard = opinion(root, [-1, -2, -2, -3, -1, -4, -4, -3])
    rated = (chosen(root, "first", [1]), chosen(root, "second", [4]))
    step = CollectGeneration(samples=SAMPLES, opinion=heard, rated=rated, selection="per_problem", chosen=1)
    given(root, "out", run(step, root))
    found = ChosenRows.read(root / "out")
    assert found.rows.tolist() == [3, 7] and found.ends_right == 0 and found.distinct == 2
    assert found.convincing == pytest.approx(np.exp(-3))


def test_a_generation_may_be_empty(root):
    rated = (chosen(root, "all", list(range(8))),)
    step = CollectGeneration(
        samples=SAMPLES, opinion=opinion(root, [0] * 8), rated=rated, selection="whole_set", chosen=2
    )
    out = given(root, "out", run(step, root))
    nothing = {"rows": [], "taken": [], "ends_right": None, "distinct": 0, "convincing": None}
    assert read_json(root / "out" / CHOSEN_ROWS) == nothing
    given(root, "annotated", run(Annotate(samples=SAMPLES, chosen=out, **NO_ERRORS), root))
    assert len(Annotations.read(root / "annotated")) == 0


def test_ratings_are_out_of_a_generations_reach(root):
    """Neither an annotator's ratings nor the labeler's scores are an opinion, whatever they are taken for."""
    first = chosen(root, "first", [0])
    ratings = given(root, "ratings", run(Annotate(samples=SAMPLES, chosen=first, **NO_ERRORS), root))
    positive = Ragged.from_rows([[0.5] * len(s) for s in make().steps()])
    scores = StepScores.from_positive(positive)
    scores.write(root / "ratings")
    taken_for_an_opinion = Made[Opinion](at=ratings.at, kind=Opinion)
    for heard, error, message in (
        (taken_for_an_opinion, FileNotFoundError, OPINION),
        (ratings, AttributeError, "convincing"),
        (given(root, "scores", scores), AttributeError, "convincing"),
    ):
        step = CollectGeneration(
            samples=SAMPLES, opinion=heard, rated=(first,), selection="per_problem", chosen=1
        )
        with pytest.raises(error, match=message):
            run(step, root)


def test_what_is_joined_stands_once(root):
    parts = (chosen(root, "a", [0, 5]), chosen(root, "b", [1, 5]))
    assert run(JoinRows(samples=SAMPLES, chosen=parts), root).labeled.tolist() == [0, 1, 5]


def test_as_many_are_drawn_as_were_collected(root):
    counted = run(DrawRows(samples=SAMPLES, count=2, seed=3), root).labeled
    assert counted.tolist() == np.sort(draw_rows(make(), 2, 3)).tolist()
    three = chosen(root, "three", [0, 1, 2])
    like = run(DrawRows(samples=SAMPLES, as_many_as=three, seed=3), root).labeled
    assert len(like) == 3 and set(like) < set(counted)


@hypothesis.given(problems=st.integers(1, 5), total=st.integers(1, 20), seed=st.integers(0, 9))
def test_totals_are_spread_over_the_problems(problems, total, seed):
    total = min(total, problems * 4)
    rows = draw_total(make(problems), total, seed)
    count_P = np.bincount(rows // 4, minlength=problems)
    assert len(set(rows)) == total and rows.tolist() == sorted(rows)
    assert count_P.max() - count_P.min() <= 1


def test_the_annotator_stops_at_the_first_error(root):
    """Only the chosen rows, whichever problem they solve: row 5 is wrong from its first step on."""
    step = Annotate(samples=SAMPLES, chosen=chosen(root, "rows", [4, 5]), **NO_ERRORS)
    given(root, "out", run(step, root))
    found = Annotations.read(root / "out")
    assert found.rows.tolist() == [4, 5]
    expected = [list(up_to_first_error(judge(parse_problem(PROBLEM), steps))) for steps in (RIGHT, WRONG)]
    assert found.ratings == expected == [[1, 1, 1], [-1, None, None]]


def test_a_prm_on_all_ratings_is_the_labeler(root):
    """Ratings in two generations, or all at once as the labeler has them: the same weights."""
    (root / "base").mkdir()
    (root / "base" / "model").symlink_to(shipped_base("dropped", "small"))
    base = Made[CausalModel](at="base", kind=CausalModel)

    def annotated(name, rows=None):
        rated = None if rows is None else chosen(root, f"{name}-rows", rows)
        return given(root, name, run(Annotate(samples=SAMPLES, chosen=rated, **NO_ERRORS), root))

    def trained(name, *annotations, min_updates=0):
        step = TrainLargePrm(
            base=base,
            samples=SAMPLES,
            annotations=annotations,
            epochs=2,
            min_updates=min_updates,
            batch_size=4,
            learning_rate=1e-3,
            seed=0,
        )
        given(root, name, run(step, root))
        return LargePrm.read(root / name)

    whole = trained("whole", annotated("all"))
    parts = [annotated("one", [1, 2, 6]), annotated("two", [0, 3, 4, 5, 7])]
    prm = trained("prm", *parts)
    weights = [load_file(made.folder / "model.safetensors") for made in (whole, prm)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    # Two right solutions of three steps, and six that are wrong at once: 2 * 3 + 6 rated steps.
    assert whole.facts == prm.facts == LargePrmFacts(solutions=8, rated_steps=12, updates=4)
    # Three solutions are one update an epoch, two in all: fewer than five.
    assert trained("more", parts[0], min_updates=5).facts.updates == 5


def test_solutions_are_taken_with_their_problems():
    """Row 5 is of the second problem, the only one that is left."""
    found = make().take([5])
    assert [problem.problem_id for problem in found.problems] == ["p1"] and len(found.prompts()) == 1
