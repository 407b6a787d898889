import json

import pytest

from ablations.data.solutions import Problem
from ablations.generators.problem_files import Shot, read_problems, read_shots


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def gsm8k(question, answer):
    return {"question": question, "answer": answer}


def pool(name, problem, answer, *samples):
    held = [
        {"sample": i, "steps": steps, "answer": answer, "final_correct": right, "finished": finished}
        for i, (steps, right, finished) in enumerate(samples)
    ]
    return {"problem_id": name, "problem": problem, "answer": answer, "samples": held}


def test_problems_of_any_format(tmp_path):
    found = read_problems(
        write(tmp_path / "a", gsm8k("1 + 1?", "so 2\n#### 2"), gsm8k("2 + 2?", "4\n#### 4"))
    )
    assert found == [
        Problem(problem_id="problem-0", text="1 + 1?", answer="2"),
        Problem(problem_id="problem-1", text="2 + 2?", answer="4"),
    ]
    math = {"problem": "1?", "solution": "It is $\\boxed{1}$.", "unique_id": "test/1", "level": 1}
    assert read_problems(write(tmp_path / "b", math)) == [Problem(problem_id="test/1", text="1?", answer="1")]
    several = pool("p", "1?", "1", (["x"], False, True), (["y"], True, True))
    assert read_problems(write(tmp_path / "c", several)) == [Problem(problem_id="p", text="1?", answer="1")]
    # the same rows as another format, if the user says so
    assert read_problems(write(tmp_path / "d", math), "math") == [
        Problem(problem_id="test/1", text="1?", answer="1")
    ]


def test_problems_that_cannot_be(tmp_path):
    def mistake(*rows, form=None):
        with pytest.raises(ValueError) as caught:
            read_problems(write(tmp_path / "file.jsonl", *rows), form)
        return str(caught.value)

    math = {"problem": "1?", "solution": "It is one.", "unique_id": "test/1"}
    said = mistake(math, math | {"problem": "2?", "unique_id": "test/2"})
    assert said.startswith("problems: found no reference answer for 2 of 2 in ")
    assert said.endswith("(test/1, test/2); allowed: one for each, to grade against")
    one, other = gsm8k("1 +\n1?", "2\n#### 2"), gsm8k("1 + 1?", "3\n#### 3")
    assert "found the reference answers '2' and '3' of '1 + 1?'" in mistake(one, other)
    boxed = {"solution": "\\boxed{1}", "unique_id": "a"}
    said = mistake({"problem": "1?"} | boxed, {"problem": "2?"} | boxed)
    assert "found the name a of '1?' and of '2?'" in said
    assert "from: found 'csv'" in mistake(one, form="csv")
    assert "found no row" in mistake()
    with pytest.raises(ValueError, match="problems: found no file"):
        read_problems(tmp_path / "nothing")


def test_shots_are_right_solutions_of_other_problems(tmp_path):
    rows = [
        pool("a", "1?", "1", (["no"], False, True), (["so", "\\boxed{1}"], True, True)),
        pool("b", "2?", "2", (["x"], False, False), (["y"], False, True)),  # none is right
        pool("c", "3?", "3", (["it is 3"], True, True), (["3"], True, True)),
        pool("d", "4?", "4", (["it is\n\n4"], True, True), (["4"], True, True)),
    ]
    path = write(tmp_path / "pool.jsonl", *rows)
    asked = [Problem(problem_id="c", text=" 3? ", answer="3")]
    first, second = read_shots(path, 2, asked)
    assert first == Shot(problem="1?", solution="so\n\\boxed{1}")
    assert second == Shot(problem="4?", solution="it is\n4\nThe final answer is \\boxed{4}.")
    with pytest.raises(ValueError, match="shots: found 2 solved problems in .* allowed: 3"):
        read_shots(path, 3, asked)
    assert read_shots(path, 0, asked) == ()


def test_shots_of_problem_sets(tmp_path):
    """Without calculator annotations; MATH's solutions by their lines."""
    path = write(tmp_path / "gsm8k.jsonl", gsm8k("4/2?", "It is <<4/2=2>>2.\n<<1=1>>\n#### 2"))
    assert read_shots(path, 1, []) == (
        Shot(problem="4/2?", solution="It is 2.\nThe final answer is \\boxed{2}."),
    )
    path = write(tmp_path / "math.jsonl", {"problem": "1?", "solution": "We see\n\nthat \\boxed{1}."})
    assert read_shots(path, 1, []) == (Shot(problem="1?", solution="We see\nthat \\boxed{1}."),)
