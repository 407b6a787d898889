import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.data.ragged import Ragged
from ablations.data.solutions import SCHEMA, Solution, Solutions
from ablations.data.step_scores import StepScores


def solution(problem_id="a", sample=0, steps=("x", "y"), answer="1", finished=True, final_correct=False):
    return Solution(
        problem_id=problem_id,
        sample=sample,
        steps=tuple(steps),
        answer=answer,
        finished=finished,
        final_correct=final_correct,
    )


ROWS = [
    solution("b", 0, ("one", "two"), "3", True, True),
    solution("b", 1, (), None, False, False),
    solution("b", 2, ("one", "two"), "4"),
    solution("a", 0, ("é\n", "", "z"), "3"),
    solution("a", 1, ("é\n",), "3", True, True),
]

texts = st.text(st.characters(codec="utf-8"), max_size=4)
tables = st.lists(  # one inner list a problem
    st.lists(st.lists(texts, max_size=3), min_size=1, max_size=3), min_size=1, max_size=4
).map(
    lambda problems: [
        solution(f"p{p}", s, steps) for p, samples in enumerate(problems) for s, steps in enumerate(samples)
    ]
)


def from_file(rows, folder):
    Solutions.from_rows(rows).write(folder / "s.parquet")
    return Solutions.read(folder / "s.parquet")


@pytest.mark.parametrize("source", ["memory", "file"])
def test_columns(source, tmp_path):
    table = Solutions.from_rows(ROWS) if source == "memory" else from_file(ROWS, tmp_path)
    assert len(table) == 5
    assert table.n_steps.tolist() == [2, 0, 2, 3, 1]
    assert table.problem_index.tolist() == [0, 0, 0, 1, 1]
    assert table.problem_ids == ["b", "a"]  # first appearance, not the alphabet
    assert table.sample.tolist() == [0, 1, 2, 0, 1]
    assert table.finished.tolist() == [True, False, True, True, True]
    assert table.final_correct.tolist() == [True, False, False, False, True]
    assert table.answer_code.tolist() == [0, -1, 1, 0, 0]
    assert [table.row(i) for i in range(5)] == ROWS
    assert table.distinct() == 4  # rows 0 and 2 have the same steps


def test_reading_is_lazy_by_column(tmp_path, monkeypatch):
    table = from_file(ROWS, tmp_path)
    read: list[str] = []
    import ablations.data.solutions as module

    original = module._read_rows
    monkeypatch.setattr(module, "_read_rows", lambda *given: read.append(given[1]) or original(*given))
    assert table.finished.sum() == 4 and table.finished.sum() == 4
    assert read == ["finished"]  # once, and no other column
    chosen = table.take([4, 0])
    assert chosen.row(0).steps == ("é\n",)
    assert read.count("steps") == 1 and "steps" not in table._loaded


@given(tables, st.data())
@settings(max_examples=40, deadline=None)
def test_take_from_a_file_equals_take_in_memory(tmp_path_factory, rows, data):
    path = tmp_path_factory.mktemp("take") / "s.parquet"
    # several row groups: one part each
    singles = [Solutions.from_rows([row]) for row in rows]
    Solutions.write_parts(path, singles)
    by_problem = data.draw(st.permutations(sorted({row.problem_id for row in rows})))
    idx = []
    for problem in by_problem:
        own = [i for i, row in enumerate(rows) if row.problem_id == problem]
        idx += data.draw(st.lists(st.sampled_from(own), max_size=3))
    expected = [rows[i] for i in idx]
    taken = Solutions.read(path).take(idx)
    assert [taken.row(i) for i in range(len(idx))] == expected
    memory = Solutions.from_rows(rows).take(idx)
    assert taken.content_hash() == memory.content_hash() == Solutions.from_rows(expected).content_hash()
    assert taken.distinct() == memory.distinct() == len({(row.problem_id, row.steps) for row in expected})
    twice = list(range(len(idx)))[::-1]
    assert [taken.take(twice).row(i) for i in twice] == expected


@given(tables, tables)
@settings(max_examples=60, deadline=None)
def test_hash_is_equal_exactly_for_equal_content(left, right):
    same = [(row.problem_id, row.steps) for row in left] == [(row.problem_id, row.steps) for row in right]
    assert (Solutions.from_rows(left).content_hash() == Solutions.from_rows(right).content_hash()) == same


def test_hash_sees_boundaries_and_order_but_not_chunks(tmp_path):
    def hashed(*steps):
        return Solutions.from_rows([solution(steps=steps)]).content_hash()

    assert len({hashed("ab", "c"), hashed("a", "bc"), hashed("abc"), hashed("abc", "")}) == 4
    two = [solution("a", 0, ("x",)), solution("a", 1, ("y",))]
    assert Solutions.from_rows(two).content_hash() != Solutions.from_rows(two[::-1]).content_hash()
    Solutions.write_parts(tmp_path / "s.parquet", [Solutions.from_rows([row]) for row in two])
    assert Solutions.read(tmp_path / "s.parquet").content_hash() == Solutions.from_rows(two).content_hash()


def test_narrow_arrow_types_are_taken_too():
    columns = Solutions.from_rows(ROWS).table
    narrow = columns.set_column(2, "steps", columns.column("steps").cast(pa.list_(pa.string())))
    assert Solutions(narrow).content_hash() == Solutions.from_rows(ROWS).content_hash()
    assert Solutions(narrow).table.schema == SCHEMA


def test_per_problem():
    table = Solutions.from_rows([solution(p, s) for p in "ba" for s in range(3)])
    assert table.per_problem(np.arange(6)).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match=r"values: found 5 rows; allowed: 6"):
        table.per_problem(np.arange(5))
    with pytest.raises(ValueError, match=r"solutions per problem: found 2 to 3"):
        Solutions.from_rows(ROWS).per_problem(np.arange(5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: solution(sample=-1), "sample: found -1; allowed: an integer >= 0"),
        (
            lambda: solution(finished=False, final_correct=True),
            "final_correct: found True in an unfinished solution; allowed: False",
        ),
        (
            lambda: Solutions.from_rows([solution("a"), solution("b"), solution("a", 1)]),
            "problem_id: found separated rows of one problem; allowed: contiguous ones",
        ),
        (
            lambda: Solutions.from_rows(ROWS).take([0, 3, 1]),
            "problem_id: found separated rows of one problem; allowed: contiguous ones",
        ),
        (lambda: Solutions.from_rows(ROWS).take([0, 5]), "idx: found 0 to 5; allowed: 0 to 4"),
        (lambda: Solutions.from_rows(ROWS).take([-1]), "idx: found -1 to -1; allowed: 0 to 4"),
        (
            lambda: Solutions(Solutions.from_rows(ROWS).table.drop_columns(["steps"])),
            f"steps: found no such column; allowed: {', '.join(SCHEMA.names)}",
        ),
        (
            lambda: Solutions(pa.table({**{n: ["x"] for n in SCHEMA.names}, "sample": [1.5]})),
            "sample: found type double; allowed: int32",
        ),
        (
            lambda: Ragged(values=np.zeros(3), offsets=np.array([0, 2])),
            "never falling, from 0 to the number of",
        ),
        (lambda: Ragged(values=np.zeros(2), offsets=np.array([0, 3, 2])), "never falling"),
        (lambda: Ragged(values=np.zeros(2), offsets=np.array([0.0, 2.0])), "offsets: found float64"),
        (lambda: Ragged.from_rows([[1.0]]).take([1]), "idx: found 1 to 1; allowed: 0 to 0"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)


ragged_rows = st.lists(st.lists(st.integers(-9, 9), max_size=4), max_size=6)


@given(ragged_rows, st.data())
@settings(deadline=None)
def test_ragged(rows, data):
    ragged = Ragged.from_rows(rows)
    assert len(ragged) == len(rows)
    assert [ragged.row(i).tolist() for i in range(len(rows))] == rows
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    assert ragged.row_index.tolist() == [i for i, row in enumerate(rows) for _ in row]
    assert ragged.reduce(np.add, -1.0).tolist() == [sum(row) if row else -1 for row in rows]
    assert ragged.reduce(np.minimum, 99.0).tolist() == [min(row, default=99) for row in rows]
    idx = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)) if rows else []
    taken = ragged.take(idx)
    assert [taken.row(i).tolist() for i in range(len(idx))] == [rows[i] for i in idx]
    back = Ragged.from_arrow(pa.chunked_array([ragged.to_arrow(), taken.to_arrow()]))
    assert [back.row(i).tolist() for i in range(len(back))] == rows + [rows[i] for i in idx]
    back = Ragged.from_arrow(ragged.to_arrow().slice(1)) if rows else ragged
    assert [back.row(i).tolist() for i in range(len(back))] == rows[1:]


def test_ragged_shares_memory_for_consecutive_rows_and_arrow():
    ragged = Ragged.from_rows([[1, 2], [], [3], [4, 5]])
    assert np.shares_memory(ragged.take([1, 2, 3]).values, ragged.values)
    assert np.shares_memory(Ragged.from_arrow(ragged.to_arrow()).values, ragged.values)
    assert ragged.row(-1).tolist() == [4, 5]
    with pytest.raises(IndexError):
        ragged.row(4)
    with pytest.raises(ValueError, match="list column: found 1 nulls; allowed: none"):
        Ragged.from_arrow(pa.array([[1.0], None]))


PROB3 = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize("classes", [2, 3])
def test_step_scores_round_trip(classes, tmp_path):
    prob = PROB3 if classes == 3 else np.stack([PROB3[:, 0], 1 - PROB3[:, 0]], axis=1)
    scores = StepScores(
        prob=Ragged.from_lengths(prob, np.array([2, 0, 1])), last=np.array([0.75, 0.5, 0.125])
    )
    scores.write(tmp_path)
    for read in (StepScores.read(tmp_path), scores.take([0, 1, 2])):
        assert read.n_classes == classes
        assert read.prob.values.tolist() == prob.tolist()
        assert read.prob.offsets.tolist() == [0, 2, 2, 3]
        assert read.last.tolist() == [0.75, 0.5, 0.125]
    taken = scores.take([2, 0])
    assert taken.prob.values.tolist() == prob[[2, 0, 1]].tolist()
    assert taken.last.tolist() == [0.125, 0.75]


def three(values=PROB3, last=(0.5,)):
    return StepScores(prob=Ragged.from_lengths(values, np.array([len(values)])), last=np.array(last))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: three(PROB3[:, :1]), "prob: found float64 (3, 1); allowed: float64 [total steps, 2 or 3]"),
        (lambda: three(PROB3.astype(np.float32)), "prob: found float32 (3, 3)"),
        (lambda: three(last=[0.5, 0.5]), "last: found float64 (2,); allowed: float64 (1,), one per solution"),
        (lambda: three(last=[1.5]), "last: found 1.5 to 1.5; allowed: probabilities in [0, 1]"),
        (lambda: three(last=[np.nan]), "last: found nan to nan; allowed: probabilities in [0, 1]"),
        (lambda: three(PROB3 * [1, 1, np.nan]), "prob: found nan to nan; allowed: probabilities in [0, 1]"),
        (lambda: three(PROB3 + [-0.5, 0.5, 0]), "prob: found -0.5 to 1.0; allowed: probabilities in [0, 1]"),
        (lambda: three(PROB3 * 0.9), "prob: found a step whose classes sum to 1 +- 0.1; allowed: a sum of 1"),
    ],
)
def test_step_scores_refused(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)


def test_step_scores_file_of_another_kind(tmp_path):
    Solutions.from_rows(ROWS).write(StepScores.file(tmp_path))
    with pytest.raises(ValueError, match=r"columns: found \['problem_id'.*allowed: negative, \[neutral,\]"):
        StepScores.read(tmp_path)
