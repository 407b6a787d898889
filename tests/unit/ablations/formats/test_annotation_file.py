"""Labeling files: written, rated by real people, read back, and refused where the ratings are wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import SHARED_DATA

from ablations.data.solutions import Problem, Solution, Solutions
from ablations.formats.annotation_file import read_labeling, read_rated, write_labeling

REAL = SHARED_DATA / "prm800k"
PROBLEMS = [
    Problem(problem_id="p0", text="1+1?", answer="2"),
    Problem(problem_id="p1", text="2+2?", answer="4"),
]


def solutions(*steps: tuple[str, ...]) -> Solutions:
    return Solutions.from_rows(
        Solution(problem_id="p0", sample=i, steps=s, answer="2", finished=True, final_correct=False)
        for i, s in enumerate(steps)
    )


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def rate(path: Path, ratings: list[list[int | None]]) -> None:
    """Fills the ratings in, a list a line."""
    rows = rows_of(path)
    for row, of_row in zip(rows, ratings, strict=True):
        for step, rating in zip(row["label"]["steps"], of_row, strict=True):
            step["completions"][0]["rating"] = rating
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "generation-1.jsonl"
    made = solutions(("a", "b", "c"), ("a", "d"))
    write_labeling(path, PROBLEMS, made, generation=1)
    return path, made


def test_what_is_written_is_prm800ks_own_row(written):
    path, _ = written
    row = json.loads(path.read_text().splitlines()[0])
    assert (row["generation"], row["is_quality_control_question"]) == (1, False)
    assert row["question"]["problem"] == "1+1?" and row["question"]["pre_generated_steps"] == ["a", "b", "c"]
    assert [[c["rating"] for c in step["completions"]] for step in row["label"]["steps"]] == [[None]] * 3
    raw = REAL / "raw_samples_6.jsonl"
    if raw.is_file():
        real = json.loads(raw.read_text().splitlines()[1])
        assert set(row) == set(real) and set(row["question"]) == set(real["question"])
        assert set(row["label"]) == set(real["label"])
        assert set(row["label"]["steps"][0]) == set(real["label"]["steps"][0])


def test_ratings_come_back_in_the_solutions_order(written):
    path, made = written
    rate(path, [[1, -1, None], [0, 1]])
    assert read_labeling(path, PROBLEMS, made) == [(1, -1, None), (0, 1)]
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert read_labeling(path, PROBLEMS, made) == [(1, -1, None), (0, 1)]


def test_alternatives_and_steps_cut_after_the_error_are_no_fault(written):
    path, made = written
    rate(path, [[1, -1, None], [0, 1]])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    del rows[0]["label"]["steps"][2]
    rows[0]["label"]["steps"][1]["completions"].insert(0, {"text": "better", "rating": 1, "flagged": False})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_labeling(path, PROBLEMS, made) == [(1, -1, None), (0, 1)]


@pytest.mark.parametrize("reason", ["give_up", "bad_problem"])
def test_a_solution_may_be_left_unjudged(written, reason):
    path, made = written
    rate(path, [[1, None, None], [0, 1]])
    path.write_text(path.read_text().replace('"finish_reason": null', f'"finish_reason": "{reason}"', 1))
    assert read_labeling(path, PROBLEMS, made) == [(None, None, None), (0, 1)]


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([1, None, None], ":1: field label.steps[1]: found null; allowed: a rating of 1, 0 or -1: no step"),
        ([None, -1, None], ":1: field label.steps[0]: found null; allowed: a rating"),
        ([-1, None, 1], ":1: field label.steps[2]: found 1; allowed: null: a step before is rated -1"),
        ([-1, -1, None], ":1: field label.steps[1]: found -1; allowed: null"),
        ([2, 1, 1], ":1: field label.steps[0].completions: rating: found 2; allowed: -1, 0, 1 or null"),
        ([True, 1, 1], ":1: field label.steps[0].completions: rating: found true; allowed"),
        ([1.0, 1, 1], ":1: field label.steps[0].completions: rating: found 1.0; allowed"),
    ],
)
def test_malformed_ratings(written, ratings, message):
    path, made = written
    rate(path, [ratings, [1, 1]])
    with pytest.raises(ValueError) as caught:
        read_labeling(path, PROBLEMS, made)
    assert str(caught.value).startswith(f"{path}{message}")


@pytest.mark.parametrize(
    ("ratings", "reason"), [([1, 1, 1], "found_error"), ([1, -1, None], "solution"), ([0, 1, -1], "solution")]
)
def test_ratings_that_contradict_the_finish_reason(written, ratings, reason):
    path, made = written
    rate(path, [ratings, [1, 1]])
    path.write_text(path.read_text().replace('"finish_reason": null', f'"finish_reason": "{reason}"', 1))
    message = f'field label.finish_reason: found "{reason}"; allowed: found_error'
    with pytest.raises(ValueError, match=message):
        read_labeling(path, PROBLEMS, made)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "{" + text, ":1: field (line): found malformed JSON ("),
        (lambda text: "[]\n" + text, ":2: field (line): found malformed JSON (text after the end of the"),
        (lambda text: text.replace('"1+1?"', "1"), ":1: field question.problem: found 1; allowed: a string"),
        (
            lambda text: text.replace('["a", "b", "c"]', "[]"),
            ":1: field question.pre_generated_steps: found []; allowed: one string or more",
        ),
        (
            lambda text: text.replace('"finish_reason": null', '"finish_reason": "tired"'),
            ':1: field label.finish_reason: found "tired"; allowed: null, found_error, solution, give_up',
        ),
        (
            lambda text: text.replace('"text": "b"', '"text": "x"'),
            ":1: field label.steps[1].completions: found [",
        ),
        (
            lambda text: text.replace('"steps": [{', '"steps": [{}, {}, {}, {', 1),
            ":1: field label.steps: found 6; allowed: at most 3",
        ),
        (
            lambda text: text.replace("1+1?", "3+3?", 1),
            ":1: field question: found a solution that was not asked for, or more often than asked",
        ),
        (lambda text: text.splitlines()[0] * 2, ":1: field (line): found malformed JSON (Extra data"),
        (
            lambda text: text.replace('"completions": [', '"completions": 5, "others": [', 1),
            ":1: field label.steps[0].completions: found 5; allowed: one with the text",
        ),
        (
            lambda text: text.splitlines(keepends=True)[0] * 2,
            ":2: field question: found a solution that was not asked for, or more often than asked",
        ),
        (
            lambda text: text.splitlines(keepends=True)[0],
            ": found no line for 1 of 2 solutions, such as the one that begins with 'a'; allowed: a line for",
        ),
    ],
)
def test_malformed_files(written, change, message):
    path, made = written
    rate(path, [[1, 1, 1], [1, 1]])
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError) as caught:
        read_labeling(path, PROBLEMS, made)
    assert str(caught.value).startswith(f"{path}{message}")


def test_bytes_that_are_no_text(written):
    path, made = written
    path.write_bytes(b'{"question": "\xff"}\n')
    with pytest.raises(ValueError) as caught:
        read_labeling(path, PROBLEMS, made)
    assert str(caught.value).startswith(f"{path}:1: field (line): found 'utf-8' codec can't decode byte 0xff")


def test_no_file(tmp_path):
    with pytest.raises(ValueError, match="none.jsonl: found no such file; allowed: a labeling file"):
        next(read_rated(tmp_path / "none.jsonl"))


steps = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5)


@given(st.lists(st.tuples(steps, st.lists(st.sampled_from([-1, 0, 1]), min_size=5, max_size=5)), min_size=1))
def test_any_ratings_survive_a_round_trip(tmp_path_factory, rated):
    path = tmp_path_factory.mktemp("labeling") / "l.jsonl"
    made = solutions(*(tuple(texts) for texts, _ in rated))
    expected = []
    for texts, ratings in rated:
        end = ratings.index(-1) + 1 if -1 in ratings[: len(texts)] else len(texts)
        expected.append([*ratings[:end], *[None] * (len(texts) - end)][: len(texts)])
    write_labeling(path, PROBLEMS, made)
    rate(path, expected)
    found = read_labeling(path, PROBLEMS, made)
    # Equal solutions are given the ratings in the order of the lines: the same as they were written in.
    assert found == [tuple(ratings) for ratings in expected]


@pytest.mark.skipif(not REAL.is_dir(), reason="needs PRM800K's rows, which are not part of the project")
class TestRealRatings:
    def test_a_round_trip_with_real_ratings(self, tmp_path):
        rows = rows_of(REAL / "validation1818_decoded.jsonl")
        texts = sorted({row["problem"] for row in rows})
        problems = [Problem(problem_id=f"r{i}", text=text, answer="") for i, text in enumerate(texts)]
        rows.sort(key=lambda row: row["problem"])
        made = Solutions.from_rows(
            Solution(
                problem_id=f"r{texts.index(row['problem'])}",
                sample=i,
                steps=tuple(row["steps"]),
                answer=row["given_answer"],
                finished=True,
                final_correct=False,
            )
            for i, row in enumerate(rows)
        )
        path = tmp_path / "real.jsonl"
        write_labeling(path, problems, made, generation=3)
        rate(path, [row["ratings"] for row in rows])
        found = read_labeling(path, problems, made)
        assert found == [tuple(row["ratings"]) for row in rows]
        assert sum(rating == -1 for ratings in found for rating in ratings) == 1566

    def test_real_rows_of_the_second_phase_are_read_as_they_are(self, tmp_path):
        raw = rows_of(REAL / "raw_samples_6.jsonl")
        path = tmp_path / "raw.jsonl"
        second = [row for row in raw if "pre_generated_steps" in row["question"]]
        path.write_text("".join(json.dumps(row) + "\n" for row in second))
        (_, _, steps, wrong), (_, _, _, right) = read_rated(path)
        assert wrong == (1, 0, 1, 1, 1, 1, -1, *[None] * 6) and len(steps) == 13
        assert right == (1,) * 12
