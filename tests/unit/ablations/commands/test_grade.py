"""`ablations grade`: a pool's verdicts anew, ungraded solutions, one spelling for votes."""

import copy
import json

import pytest
from paths import SHARED_DATA

from ablations.commands import cli
from ablations.formats.pool import read_pool
from ablations.grading.equal_answers import common_spellings
from ablations.grading.grader import Grader
from ablations.steps import grade_answers


def sample(number, answer, said, **more):
    return {"sample": number, "steps": ["s"], "answer": answer, "final_correct": said, "note": "é", **more}


LINES = [
    {
        "problem_id": "p0",
        "problem": "1+1?",
        "answer": "\\frac{1}{2}",
        "source": "made up",
        "samples": [
            sample(0, "0.5", True),
            sample(1, "1/2", False),  # right, though the file says otherwise
            sample(2, "0.5", True, finished=False) | {"final_correct": False},  # cannot be right
            sample(3, None, False),
            sample(4, "3", True),
            sample(5, "3.00", None),
        ],
    },
    {
        "problem_id": "p1",
        "problem": "2+2?",
        "answer": "\\frac{1}{0}",  # nothing can be compared with it but by its text
        "samples": [
            sample(0, "\\frac{1}{0}", True),
            sample(1, "7", False),
            sample(2, "8", None),
            sample(3, " \\tfrac{1}{0}", False),
            sample(4, None, None) | {"steps": ["s", "The answer is 2."]},
            sample(5, "9", False, finished=False),
        ],
    },
]
VERDICTS = [[True, True, False, False, False, False], [True, None, None, True, False, False]]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Keeps the store in the test's own folder."""
    monkeypatch.chdir(tmp_path)


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_pool_is_graded(tmp_path, capsys):
    source, out = write(tmp_path / "in.jsonl", LINES), tmp_path / "new" / "out.jsonl"
    assert cli.main(["grade", str(source), "--out", str(out), "--seconds", "60"]) == 0
    said = capsys.readouterr()
    expected = copy.deepcopy(LINES)
    for line, verdicts in zip(expected, VERDICTS, strict=True):
        for one, verdict in zip(line["samples"], verdicts, strict=True):
            one["final_correct"] = verdict
    assert read(out) == expected  # all else is as it was
    assert [path.name for path in out.parent.iterdir()] == ["out.jsonl"]
    assert said.out.splitlines() == [
        "solutions     right  wrong  ungraded",
        "was right         2      1         0",
        "was wrong         2      3         1",
        "was ungraded      0      2         1",
        "in all            4      6         2",
        "",
        "4 of 9 verdicts in the file change",
        "",
        "problem  sample  answer        reference    in the file  now",
        "p0            1  1/2           \\frac{1}{2}  wrong        right",
        "p0            4  3             \\frac{1}{2}  right        wrong",
        "p1            1  7             \\frac{1}{0}  wrong        ungraded",
        "p1            3  \\tfrac{1}{0}  \\frac{1}{0}  wrong        right",
        "",
        "2 solutions without a verdict in the file have one now",
        "",
        "1 solutions are ungraded as they were",
        "",
        "problem  sample  answer  reference    in the file  now",
        "p1            2  8       \\frac{1}{0}  ungraded     ungraded",
        "",
        "2 of 12 solutions have no final answer",
        # 2 / 12
        "warning: 16.7% without a final answer count as not right; the answers are read from the file; 1 of "
        "these solutions state one in their steps",
        "",
        f"{out}: 2 problems, 12 solutions",
    ]
    assert said.err.splitlines()[0] == "tasks: 1 to do, 0 done before"

    # as it is read: the two ungraded solutions of p1 are left out, and nothing else
    pool = read_pool(out, None)
    assert pool.solutions.sample.tolist() == [0, 1, 2, 3, 4, 5, 0, 3, 4, 5]
    assert (pool.ungraded, pool.left_out) == (2, ())


def test_equal_answers_in_one_spelling(tmp_path, capsys):
    lines = copy.deepcopy(LINES)
    lines[0]["samples"].append(sample(6, "3.0", False))
    lines[0]["samples"].append(sample(7, "3.0", False))
    lines[1]["samples"] += [sample(6, "\\frac{1}{0}", True), sample(7, "7.0", False)]
    source, out = write(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl"
    how = ["--merge-equivalent", "--seconds", "60", "--log-format", "json"]
    assert cli.main(["grade", str(source), "--out", str(out), *how]) == 0
    first, second = ([one["answer"] for one in line["samples"]] for line in read(out))
    # right: 0.5 twice, 1/2 once; wrong: 3, 3.00, and 3.0 twice
    assert first == ["0.5", "0.5", "0.5", None, "3.0", "3.0", "3.0", "3.0"]
    # right by their texts: \frac{1}{0} twice; 7 and 7.0 are ungraded, and stay as they are
    assert second == ["\\frac{1}{0}", "7", "8", "\\frac{1}{0}", None, "9", "\\frac{1}{0}", "7.0"]
    said = capsys.readouterr()
    # 1/2, 3 and 3.00; \tfrac
    assert "4 answers to 2 problems are spelled as the most frequent equal one" in said.out
    events = [json.loads(line) for line in said.err.splitlines()]
    labels = [event["label"] for event in events if event["event"] == "ended"]
    assert labels == ["grading, shard 1 of 1"]


def test_no_answer_is_graded_twice(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(grade_answers, "SHARD", 6)  # a shard per problem
    source, asked = write(tmp_path / "in.jsonl", LINES), []
    grade = Grader.grade

    def failing(grader, pairs, progress=None):
        if len(asked) == 1:
            raise KeyboardInterrupt
        asked.append([answer for answer, _ in pairs])
        return grade(grader, pairs, progress)

    def run(name, *flags):
        return cli.main(["grade", str(source), "--out", str(tmp_path / name), "--seconds", "60", *flags])

    with monkeypatch.context() as stopped:
        stopped.setattr(Grader, "grade", failing)
        assert run("out.jsonl") == 130
    assert asked == [["0.5", "1/2", "0.5", None, "3", "3.00"]]
    assert not (tmp_path / "out.jsonl").exists()

    asked.clear()
    monkeypatch.setattr(Grader, "grade", lambda *rest: asked.append(rest[1]) or grade(*rest))
    assert run("out.jsonl") == 0
    assert [len(pairs) for pairs in asked] == [6]  # the second problem only
    assert [
        [one["final_correct"] for one in line["samples"]] for line in read(tmp_path / "out.jsonl")
    ] == VERDICTS
    assert run("again.jsonl") == 0
    assert len(asked) == 1
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()

    # other rules or another limit may give other verdicts
    with monkeypatch.context() as changed:
        changed.setattr(grade_answers, "_rules", lambda: "other rules")
        assert run("rules.jsonl") == 0
    assert len(asked) == 3
    assert run("limit.jsonl", "--seconds", "61") == 0
    assert len(asked) == 5


def test_classes_by_hand():
    """50% is equal to 50, as Math-Verify has it, and to 0.5; but 50 is not 0.5, so that they are no class."""
    answers = ["0.5", "50\\%", "7", "50", "50", "x+1", "1+x", "7", "7.0", "1+x"]
    with Grader(seconds=60) as grader:
        spelling = common_spellings(answers, dict.fromkeys(answers, False), grader)
        assert spelling == {
            "0.5": "0.5",
            "50\\%": "0.5",  # equally many: the first
            "50": "50",
            "7": "7",
            "7.0": "7",
            "x+1": "1+x",
            "1+x": "1+x",
        }
        verdicts = {"a": True, "b": None, "c": True}
        assert common_spellings(["a", "c", "b", "c"], verdicts, grader) == {"a": "c", "b": "b", "c": "c"}
        assert common_spellings([], {}, grader) == {}


def test_mistakes_are_one_line(tmp_path, capsys):
    source, out = write(tmp_path / "in.jsonl", LINES), tmp_path / "out.jsonl"

    def mistake(*argv):
        assert cli.main(["grade", *map(str, argv)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "solutions: found no file" in mistake(tmp_path / "none.jsonl", "--out", out)
    assert f"out: found {source}; allowed: a new one" in mistake(source, "--out", source)
    assert "workers: found 0; allowed: 1 or more" in mistake(source, "--out", out, "--workers", "0")
    assert "seconds: found -1.0" in mistake(source, "--out", out, "--seconds", "-1")
    assert "log_format" in mistake(source, "--out", out, "--log-format", "loud")
    assert "out" in mistake(source)
    assert not out.exists()


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs real data, which are not part of the project")
def test_the_real_pool_is_graded_as_its_makers_did(tmp_path, capsys):
    source, out = SHARED_DATA / "bon_gsm8k" / "gsm8k_100x32.jsonl.gz", tmp_path / "out.jsonl.zst"
    how = ["--merge-equivalent", "--seconds", "60"]
    assert cli.main(["grade", str(source), "--out", str(out), *how]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[4] == "in all        2,588    612         0"
    assert "0 of 3,200 verdicts in the file change" in told
    before, after = read_pool(source, "qwen_prm"), read_pool(out, "qwen_prm")
    assert after.solutions.final_correct.tolist() == before.solutions.final_correct.tolist()
    assert after.labels.prob.values.tolist() == before.labels.prob.values.tolist()

    def spellings(pool):
        """Of how many problems the right answers stand in several spellings."""
        code, right = pool.solutions.answer_code, pool.solutions.final_correct
        of = pool.solutions.problem_index
        return sum(len(set(code[right & (of == p)].tolist())) > 1 for p in range(len(pool.problems)))

    assert (spellings(before), spellings(after)) == (12, 0)
