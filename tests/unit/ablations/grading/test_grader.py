"""Grading by Math-Verify in other processes: what it says, and what becomes of it when they fail."""

import importlib.util
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy_judges
from paths import ROOT, SHARED_DATA

from ablations.grading.answers import told_by_text
from ablations.grading.grader import Grader, extract_answer

MATH = {
    # (answer, reference): whether they are equal, as one works out by hand
    ("1/2", "\\frac12"): True,
    ("\\dfrac{2}{4}", "\\frac{1}{2}"): True,
    ("0.5", "\\frac{1}{2}"): True,
    ("\\frac{1}{3}", "\\frac{1}{2}"): False,
    ("3\\frac{1}{2}", "\\frac{7}{2}"): True,  # 3 + 1/2
    ("\\sqrt{8}", "2\\sqrt{2}"): True,
    ("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}"): True,
    ("\\sqrt{7}", "2\\sqrt{2}"): False,
    ("2^{10}", "1024"): True,
    ("(x-1)^2", "x^2 - 2x + 1"): True,
    ("(x+1)^2", "x^2 - 2x + 1"): False,
    ("[1,2)", "[1, 2)"): True,
    ("[1,2)", "(1,2)"): False,
    ("(-\\infty,2) \\cup (3,\\infty)", "(3,\\infty)\\cup(-\\infty,2)"): True,
    ("1 < x < 3", "(1,3)"): True,
    ("(1,3)", "1 < x < 3"): True,
    ("1 \\le x < 3", "(1,3)"): False,
    ("(2, 1)", "(2,1)"): True,
    ("(1,2)", "(2,1)"): False,  # order counts in a tuple
    ("\\{2,1\\}", "\\{1,2\\}"): True,  # and not in a set
    ("4, -4, 0", "-4, 0, 4"): True,
    ("\\{1,2\\}", "\\{1,3\\}"): False,
    ("x = 5", "5"): True,
    ("5", "x=5"): True,
    ("10\\text{ cm}", "10"): True,
    ("45^\\circ", "45"): True,
    ("11\\text{ cm}", "10\\text{ cm}"): False,
    ("50\\%", "\\frac{1}{2}"): True,
    ("50\\%", "50"): True,  # so does MATH's own way of grading, which leaves the sign away
    ("40\\%", "50"): False,
    ("saturday", "\\text{Saturday}"): True,
    ("Sunday", "\\text{Saturday}"): False,
    ("\\text{(E)}", "E"): True,
    (
        "\\begin{pmatrix} 1/2 \\\\ 2 \\end{pmatrix}",
        "\\begin{pmatrix} \\frac{1}{2} \\\\ 2 \\end{pmatrix}",
    ): True,
    ("\\frac{1}{", "1"): False,  # what cannot be read is equal to nothing
    ("I do not know", "5"): False,
    ("5", "\\frac{1}{0}"): None,  # Math-Verify raises
    ("5", ""): None,  # there is nothing to be equal to
    (None, "\\frac{1}{2}"): False,
}


def pairs_by_kind():
    """Kind -> (answer, reference) -> whether they are equal."""
    kinds, kind = {}, ""
    text = (Path(__file__).parent / "grading_pairs.txt").read_text(encoding="utf-8")
    for line in re.sub(r"\\u(20\w\w|00a0)", lambda found: chr(int(found[1], 16)), text).splitlines():
        if line.startswith("[") and line.endswith("]") and "= " not in line:
            kind = line.strip("[]")
        elif line and not line.startswith("#"):
            equal = " == " in line
            one, other = line.split(" == " if equal else " != ")
            kinds.setdefault(kind, {})[one, other] = equal
    return kinds


PAIRS = pairs_by_kind()


@pytest.fixture(scope="module")
def grader():
    with Grader(seconds=30) as one:  # so that a busy machine does not decide
        yield one


def test_math_by_hand(grader):
    said = dict(zip(MATH, grader.grade(list(MATH)), strict=True))
    assert {pair: (said[pair], told) for pair, told in MATH.items() if said[pair] is not told} == {}


@pytest.mark.parametrize("kind", PAIRS)
def test_pairs_of_a_kind_both_ways(kind, grader):
    """Pairs decided by text are graded both ways, others as written, since Math-Verify is slow.

    A reference that cannot be read leaves its pair ungraded, which is not right.
    """
    swapped = {(other, one): equal for (one, other), equal in PAIRS[kind].items()}
    both = PAIRS[kind] | {pair: equal for pair, equal in swapped.items() if told_by_text(*pair) is not None}
    said = dict(zip(both, grader.grade(list(both)), strict=True))
    assert {pair: said[pair] for pair, equal in both.items() if (said[pair] is True) is not equal} == {}


def test_an_expression_that_takes_for_ever_is_ungraded():
    """10^(10^10) has ten thousand million digits."""
    with Grader(seconds=3) as one:
        assert one.grade([("10^{10^{10}}", "x + 5"), ("2 + 2", "x = 4")]) == [None, True]


def children():
    return set(multiprocessing.active_children())


def judged(answers, **how):
    pairs = [(answer, "right?") for answer in answers]  # two words would be compared as words
    with Grader(judge=toy_judges.judge, **how) as one:
        return one.grade(pairs)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("fault", ["hang", "hang in C", "raise", "exit", "die"])
def test_a_fault_costs_its_pair_alone(fault, workers):
    """A hanging process is killed, a dead one replaced; all other pairs are graded, in the order given."""
    answers = ["r1", fault, "w1", "r2", "w2", "r3"]
    before = children()
    assert judged(answers, workers=workers, seconds=1) == [True, None, False, True, False, True]
    assert children() == before


def test_a_process_that_is_killed_between_pairs_is_replaced(tmp_path):
    note, before = str(tmp_path / "note"), children()
    with Grader(judge=toy_judges.noting) as one:
        assert one.grade([("a", note)]) == [True]
        (first,) = children() - before
        os.kill(first.pid, signal.SIGKILL)
        first.join()
        assert one.grade([("b", note), ("c", note)]) == [True, True]
    noted = [line.split() for line in Path(note).read_text().splitlines()]
    assert [answer for answer, _ in noted] == ["a", "b", "c"]
    assert noted[0][1] == str(first.pid) != noted[1][1] == noted[2][1]


def test_equal_pairs_are_graded_once_and_progress_is_told(tmp_path):
    note, told = str(tmp_path / "note"), []
    with Grader(judge=toy_judges.noting) as one:
        pairs = [("a", note), (note, note), ("b", note), (None, note), ("a", note)]
        assert one.grade(pairs, lambda done, of: told.append((done, of))) == [True, True, True, False, True]
    # told by text: note and None; then a, of which there are two, then b
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert [line.split()[0] for line in Path(note).read_text().splitlines()] == ["a", "b"]
    assert Grader().grade([]) == []


def test_many_pairs_keep_their_order_whatever_the_number_of_processes():
    answers = [f"{'rw'[i * 7 % 3 % 2]}{i}" for i in range(60)]
    expected = [answer[0] == "r" for answer in answers]
    assert judged(answers, workers=1) == judged(answers, workers=2) == expected


def test_an_interrupted_grading_leaves_no_process():
    def interrupt(done, of):
        if done == 2:
            raise KeyboardInterrupt

    before = children()
    with Grader(judge=toy_judges.judge, workers=2) as one:
        with pytest.raises(KeyboardInterrupt):
            one.grade([("r1", "r"), ("hang", "r"), ("r2", "r"), ("r3", "r")], interrupt)
        assert children() == before
        assert one.grade([("w", "r")]) == [False]  # and no verdict is left of the pairs before


def test_processes_import_nothing_heavy():
    with Grader(judge=toy_judges.without_torch) as one:
        assert one.grade([("x + 1", "1 + x")]) == [True]  # letters alone would be compared as words


def test_processes_end_with_their_parent(tmp_path):
    """Even one whose interpreter is held by a computation, after its limit."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import multiprocessing, os, threading, time\n"
        "import toy_judges\n"
        "from ablations.grading import math_verify_worker\n"
        "from ablations.grading.grader import Grader\n"
        "if __name__ == '__main__':\n"
        "    one = Grader(workers=2, seconds=2, judge=toy_judges.judge)\n"
        "    pairs = [('hang', 'r'), ('hang in C', 'r')]\n"
        "    threading.Thread(target=one.grade, args=(pairs,), daemon=True).start()\n"
        "    while len(multiprocessing.active_children()) < 2: time.sleep(0.01)\n"
        "    pool = one._pool\n"
        "    while sum(worker.begun for worker in pool._busy) < 2: time.sleep(0.01)\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    end, workers = time.monotonic() + 60, [int(pid) for pid in done.stdout.split()]
    assert len(workers) == 2
    for pid in workers:
        while alive(pid):
            assert time.monotonic() < end, f"process {pid} outlives its parent"
            time.sleep(0.05)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_without_math_verify_plain_numbers_are_graded(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "math_verify" else found(name)
    )
    with Grader() as one:
        assert one.grade([("6.00", "6"), ("7", "6"), (None, "6")]) == [True, False, False]
        with pytest.raises(ValueError, match=r"math_verify: found no such .*; allowed: .*'\.\[real\]'"):
            one.grade([("6.00", "6"), ("six", "6")])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"workers": 0}, "workers: found 0; allowed: 1 or more"),
        ({"seconds": 0}, "seconds: found 0; allowed: above 0, and finite"),
        ({"seconds": float("inf")}, "seconds: found inf; allowed: above 0, and finite"),
    ],
)
def test_numbers_that_are_not_allowed(how, message):
    with pytest.raises(ValueError) as caught:
        Grader(**how)
    assert str(caught.value) == message


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs real data, which are not part of the project")
def test_gsm8k_solutions_are_graded_as_their_makers_did(grader):
    """1319 test problems, four models: 5276 solutions, of which 2001 are right, told by text alone."""
    pairs, said = [], []
    for row in rows(SHARED_DATA / "gsm8k" / "example_model_solutions.jsonl"):
        reference = extract_answer(row["ground_truth"])
        for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            pairs.append((extract_answer(row[model]["solution"]), reference))
            said.append(row[model]["is_correct"])
    assert grader.grade(pairs) == said
    assert (len(said), sum(said)) == (5276, 2001)


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs real data, which are not part of the project")
def test_prm800k_answers_against_the_ratings_of_people(grader):
    """Of the answers of solutions with a step that is rated wrong, only other spellings are called right."""
    pairs = {}
    for row in rows(SHARED_DATA / "prm800k" / "validation1818_decoded.jsonl"):
        if row["given_answer"] and not row["truncated"]:
            pair = (row["given_answer"], row["ground_truth_answer"])
            pairs[pair] = pairs.get(pair, True) and min(row["ratings"]) >= 0
    said = grader.grade(list(pairs))
    assert None not in said
    doubted = {pair for (pair, good), right in zip(pairs.items(), said, strict=True) if right and not good}
    assert doubted == {
        ("2187/10368", "\\dfrac{27}{128}"),
        ("4374/20736", "\\dfrac{27}{128}"),
        ("243 / 1152", "\\dfrac{27}{128}"),
        ("54/256", "\\dfrac{27}{128}"),
        ("2^8", "256"),
        ("506", "506_7"),
    }
