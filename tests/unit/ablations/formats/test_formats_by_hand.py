"""Rows of every format written by hand with the record they mean, and a malformed row for each field."""

import copy
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import SHARED_DATA
from prefixes import labeled_prefixes

from ablations.formats.catalogue import FORMATS, recognized
from ablations.formats.labeled_solution import (
    Candidate,
    LabeledSolution,
    Probabilities,
    SolutionStep,
)
from ablations.formats.math_problems import boxed
from ablations.formats.rows import ReadHooks


def completion(text, rating, **more):
    return {"text": text, "rating": rating, "flagged": None} | more


def tried(*completions, chosen=None, human=None):
    return {"completions": [*completions] or None, "human_completion": human, "chosen_completion": chosen}


def phase_2(steps, reason="found_error", **question):
    """A row of PRM800K's phase 2, whose solution is a, b, c."""
    asked = {"problem": "1+1?", "ground_truth_solution": "See: 2.", "ground_truth_answer": "2"}
    asked |= {"pre_generated_steps": ["a", "b", "c"], "pre_generated_answer": "3"}
    return {
        "labeler": "ann",
        "timestamp": "2022-11-22",
        "generation": 6,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
        "question": asked | {"pre_generated_verifier_score": 0.125} | question,
        "label": {"steps": steps, "total_time": 1, "finish_reason": reason},
    }


def phase_1(steps, reason="solution", **more):
    """A row of phase 1, which has no generation and no pre-generated solution."""
    label = {"steps": steps, "total_time": 1, "finish_reason": reason}
    flags = {"is_quality_control_question": False, "is_initial_screening_question": False}
    question = {"problem": "1+1?", "ground_truth_answer": "2"}
    return {"labeler": "bob", "generation": None, "question": question, "label": label} | flags | more


ERROR = phase_2(
    [
        tried(completion("a", 1), chosen=0),
        tried(completion("x", 1), completion("b", -1), completion("y", 0)),
    ]
)
HUMAN = phase_1(
    [
        tried(completion("p", -1), completion("a", 0), completion("q", None), chosen=1),
        tried(completion("r", -1), human={"text": "h", "rating": None, "source": "human"}),
        tried(completion("s", 0), completion("t", 1)),
    ]
)
SCORED = {
    "problem": "1+1?",
    "ground_truth_answer": "2",
    "steps": ["a", "b"],
    "rating_probs": [{"-1": 0.25, "0": 0.25, "1": 0.5}, {"-1": 1, "0": 0, "1": 0}],
    "answer": "3",
    "is_correct": False,
    "prm_score": 0.5,
    "orm_score": 0.75,
}
PATHS = {"problem": "1+1?", "ground_truth_answer": "2", "steps": ["a", "b", "c"], "ratings": [1, 0, -1]}
TRL = {"prompt": "1+1?", "completions": ["a", "b"], "labels": [True, False]}
SHEPHERD = {
    "input": "1+1? Step 1: It is <<1+1=2>>2. ки\nStep 2: So\nwhat: 3 ки",
    "label": "1+1? Step 1: It is <<1+1=2>>2. +\nStep 2: So\nwhat: 3 -",
    "task": "GSM8K",
}
BENCH = {
    "id": "gsm8k-0",
    "generator": "Qwen2-7B-Instruct",
    "problem": "1+1?",
    "steps": ["a", "b", "c"],
    "final_answer_correct": False,
    "label": 1,
}
TURNS = {
    "conversations": [
        {"role": "user", "content": "1+1? Step 1: a"},
        {"role": "assistant", "content": "+"},
        {"role": "user", "content": "Step 2: b"},
        {"role": "assistant", "content": "-"},
    ]
}
MATH = {"problem": "1+1?", "level": "Level 5", "type": "Algebra", "solution": "It is \\boxed{1+\\text{1}}."}
MATH_500 = {
    "problem": "1+1?",
    "solution": "Two: \\boxed{3}.",
    "answer": "2",
    "subject": "Algebra",
    "level": 2,
    "unique_id": "test/algebra/1.json",
}
GSM = {"question": "1+1?", "answer": "It is <<1+1=2>>2.\n\nYes.\n#### 2"}
POOL = {
    "problem_id": "p0",
    "problem": "1+1?",
    "answer": "2",
    "samples": [
        {
            "sample": 3,
            "steps": ["a", "b"],
            "answer": "2",
            "final_correct": True,
            "step_scores": {"prm": [1, 0.75], "labels": [0.5, 0.25]},
        },
        {
            "sample": 4,
            "steps": ["c"],
            "answer": None,
            "final_correct": False,
            "finished": False,
            "step_scores": {"prm": [0.5], "labels": [0.0]},
        },
    ],
}


def steps(**labels):
    return tuple(SolutionStep(text=text, label=label) for text, label in labels.items())


def right(p):
    return Probabilities(wrong=1 - p, right=p)


ASKED = {"problem": "1+1?", "reference": "2"}
SECOND = ASKED | {"reference_solution": "See: 2.", "answer": "3", "prm_score": 0.125, "labeler": "ann"}
SECOND |= {"generation": 6, "finish_reason": "found_error"}
WITH_X_AND_Y = (Candidate(text="x", label=1), Candidate(text="y", label=0))
FOUND = (SolutionStep(text="a", label=1), SolutionStep(text="b", label=-1, alternatives=WITH_X_AND_Y))
PRMBENCH = {
    "idx": "p1_0",
    "question": "1+1?",
    "original_question": "1+1?",
    "modified_question": "1+2?",
    "original_process": ["a", "b"],
    "modified_process": ["a", "b", "c", "d"],
    "modified_steps": [2, 3, 4],
    "error_steps": [2, 4.0],
    "reason": "Step 2 is wrong.",
    "classification": "confidence",
    "step_scores": {"prm": [1, 0.5, 0.25, 0]},
}
SCORES_4 = {"prm": (1.0, 0.5, 0.25, 0.0)}
MISTAKE = {"input": "1+1?", "steps": ["a", "b", "c"], "target": 2, "answer": "(B)", "mistake_index": 1}
MR_MATH = {
    "id": 7,
    "question": "1+1?",
    "ground_truth_answer": "2",
    "generator": "m",
    "model_output": "a\nA\nb\nc",
    "model_output_step_format": [["a", "A"], ["b"], ["c"]],
    "model_output_answer_correctness": "correct",
    "model_output_solution_correctness": "incorrect",
    "model_output_solution_first_error_step": 2,
}
TREE = {
    "question": "1+1?",
    "final_answer": "2",
    "reasoning_steps": {
        "text": "1+1?",
        "mc_value": 0.5,
        "children": [
            {
                "text": "a ",
                "mc_value": 0.75,
                "children": [
                    {"text": "b", "mc_value": 1.0, "children": []},
                    {"text": "\n", "mc_value": 0.5, "children": [{"text": "c\nd", "mc_value": 0.25}]},
                ],
            },
            {"text": "e", "mc_value": 0, "children": None},
        ],
    },
}
EXPECTED = {
    # name: (format, row, options of the reader, the records)
    "phase 2": ("prm800k", ERROR, {}, [LabeledSolution(**SECOND, steps=FOUND)]),
    "phase 2 with the rest": (
        "prm800k",
        ERROR,
        {"rest": True},
        [LabeledSolution(**SECOND, steps=(*FOUND, SolutionStep(text="c")))],
    ),
    "phase 1, a human step, no end": (
        "prm800k",
        HUMAN,
        {},
        [
            LabeledSolution(
                **ASKED,
                labeler="bob",
                finish_reason="solution",
                steps=(
                    SolutionStep(
                        text="a",
                        label=0,
                        alternatives=(Candidate(text="p", label=-1), Candidate(text="q")),
                    ),
                    SolutionStep(text="h", alternatives=(Candidate(text="r", label=-1),), human=True),
                ),
                open_candidates=(Candidate(text="s", label=0), Candidate(text="t", label=1)),
            )
        ],
    ),
    "an end without candidates": (
        "prm800k",
        phase_1([tried(completion("a", 1), chosen=0), tried()], "give_up"),
        {"keep_give_up": True},
        [LabeledSolution(**ASKED, labeler="bob", finish_reason="give_up", steps=steps(a=1))],
    ),
    "an error without a pre-generated solution": (
        "prm800k",
        phase_1([tried(completion("a", -1), completion("b", 1))], "found_error"),
        {},
        [
            LabeledSolution(
                **ASKED,
                labeler="bob",
                finish_reason="found_error",
                steps=(SolutionStep(text="a", label=-1, alternatives=(Candidate(text="b", label=1),)),),
            )
        ],
    ),
    "paths": ("prm800k_paths", PATHS, {}, [LabeledSolution(**ASKED, steps=steps(a=1, b=0, c=-1))]),
    "paths with more": (
        "prm800k_paths",
        PATHS | {"ratings": [1, None, -1], "given_answer": "3", "truncated": True},
        {},
        [LabeledSolution(**ASKED, steps=steps(a=1, b=None, c=-1), answer="3")],
    ),
    "scored": (
        "scored_samples",
        SCORED,
        {},
        [
            LabeledSolution(
                **ASKED,
                steps=steps(
                    a=Probabilities(wrong=0.25, neutral=0.25, right=0.5),
                    b=Probabilities(wrong=1.0, right=0.0),
                ),
                answer="3",
                correct=False,
                prm_score=0.5,
                orm_score=0.75,
            )
        ],
    ),
    "scored, its answer by the other name": (
        "scored_samples",
        {name: value for name, value in SCORED.items() if name not in ("answer", "orm_score")}
        | {"given_answer": "2", "is_correct": True, "rating_probs": [{"-1": 0.0, "0": 0.0, "1": 1.0}] * 2},
        {},
        [
            LabeledSolution(
                **ASKED, steps=steps(a=right(1.0), b=right(1.0)), answer="2", correct=True, prm_score=0.5
            )
        ],
    ),
    "trl": ("trl", TRL, {}, [LabeledSolution(problem="1+1?", steps=steps(a=1, b=-1))]),
    "trl, soft": (
        "trl",
        TRL | {"labels": [0.25, 1.0]},
        {},
        [LabeledSolution(problem="1+1?", steps=steps(a=right(0.25), b=right(1.0)))],
    ),
    "trl, soft, a whole number among them": (
        "trl",
        TRL | {"labels": [0.25, 1]},
        {},
        [LabeledSolution(problem="1+1?", steps=steps(a=right(0.25), b=right(1.0)))],
    ),
    "trl, 0.0 and 1.0 are no bools": (
        "trl",
        TRL | {"labels": [0.0, 1.0]},
        {},
        [LabeledSolution(problem="1+1?", steps=steps(a=right(0.0), b=right(1.0)))],
    ),
    "trl, -100 is no label": (
        "trl",
        TRL | {"labels": [-100, 1]},
        {},
        [LabeledSolution(problem="1+1?", steps=steps(a=None, b=1))],
    ),
    "trl, -100 among bools": (
        "trl",
        TRL | {"labels": [-100, False]},
        {},
        [LabeledSolution(problem="1+1?", steps=steps(a=None, b=-1))],
    ),
    "trl, -100.0 and null among soft ones": (
        "trl",
        {"prompt": "1+1?", "completions": ["a", "b", "c"], "labels": [-100.0, 0.5, None]},
        {},
        [LabeledSolution(problem="1+1?", steps=steps(a=None, b=right(0.5), c=None))],
    ),
    "math_shepherd": (
        "math_shepherd",
        SHEPHERD,
        {},
        [
            LabeledSolution(
                problem="1+1?",
                dataset="GSM8K",
                steps=(
                    SolutionStep(text="It is <<1+1=2>>2.", label=1),
                    SolutionStep(text="So\nwhat: 3", label=-1),
                ),
            )
        ],
    ),
    "math_shepherd, unlike spaces": (
        "math_shepherd",
        {"input": "1+1?\n\nStep 1: a ки \n\nb ки ", "label": "1+1?\n\nStep 1: a - \n\nb + "},
        {},
        [
            LabeledSolution(
                problem="1+1?\n", steps=(SolutionStep(text="a", label=-1), SolutionStep(text="b", label=1))
            )
        ],
    ),
    "math_shepherd, the problem given": (
        "math_shepherd",
        {"input": "1+1? a ки", "label": "1+1? a +"},
        {"problems": ["1+1?", "1"]},
        [LabeledSolution(problem="1+1?", steps=steps(a=1))],
    ),
    "processbench": (
        "processbench",
        BENCH,
        {},
        [
            LabeledSolution(
                problem="1+1?",
                steps=steps(a=1, b=-1, c=None),
                correct=False,
                solution_id="gsm8k-0",
                generator="Qwen2-7B-Instruct",
            )
        ],
    ),
    "processbench, the first step wrong: indices from 0": (
        "processbench",
        BENCH | {"label": 0, "generator": None},
        {},
        [
            LabeledSolution(
                problem="1+1?", steps=steps(a=-1, b=None, c=None), correct=False, solution_id="gsm8k-0"
            )
        ],
    ),
    "processbench, nothing wrong": (
        "processbench",
        BENCH | {"label": -1, "final_answer_correct": None},
        {},
        [
            LabeledSolution(
                problem="1+1?",
                steps=steps(a=1, b=1, c=1),
                solution_id="gsm8k-0",
                generator="Qwen2-7B-Instruct",
            )
        ],
    ),
    "rlhflow": ("rlhflow", TURNS, {}, [LabeledSolution(problem="1+1?", steps=steps(a=1, b=-1))]),
    "rlhflow, the problems given": (
        "rlhflow",
        {
            "conversations": [
                {"role": "user", "content": "1+1? Say. a"},
                {"role": "assistant", "content": "+"},
                {"role": "user", "content": "b"},
                {"role": "assistant", "content": "+"},
            ]
        },
        {"problems": ["1+1?", "1+1? Say."]},
        [LabeledSolution(problem="1+1? Say.", steps=steps(a=1, b=1))],
    ),
    "math": (
        "math",
        MATH,
        {},
        [
            LabeledSolution(
                problem="1+1?",
                reference="1+\\text{1}",
                reference_solution=MATH["solution"],
                level=5,
                subject="Algebra",
            )
        ],
    ),
    "math-500": (
        "math",
        MATH_500,
        {},
        [
            LabeledSolution(
                **ASKED,
                reference_solution="Two: \\boxed{3}.",
                level=2,
                subject="Algebra",
                problem_id="test/algebra/1.json",
            )
        ],
    ),
    "math, level unknown": (
        "math",
        MATH | {"level": "Level ?", "solution": "None."},
        {},
        [LabeledSolution(problem="1+1?", reference_solution="None.", subject="Algebra")],
    ),
    "gsm8k": (
        "gsm8k",
        GSM,
        {},
        [
            LabeledSolution(
                **ASKED,
                steps=(SolutionStep(text="It is <<1+1=2>>2."), SolutionStep(text="Yes.")),
                answer="2",
                correct=True,
            )
        ],
    ),
    "gsm8k without the calculator": (
        "gsm8k",
        GSM,
        {"drop_calculator": True},
        [
            LabeledSolution(
                **ASKED,
                steps=(SolutionStep(text="It is 2."), SolutionStep(text="Yes.")),
                answer="2",
                correct=True,
            )
        ],
    ),
    "pool": (
        "pool",
        POOL,
        {},
        [
            LabeledSolution(
                **ASKED,
                problem_id="p0",
                sample=3,
                steps=steps(a=right(0.5), b=right(0.25)),
                step_scores={"prm": (1.0, 0.75)},
                answer="2",
                correct=True,
            ),
            LabeledSolution(
                **ASKED,
                problem_id="p0",
                sample=4,
                steps=steps(c=right(0.0)),
                step_scores={"prm": (0.5,)},
                correct=False,
                finished=False,
            ),
        ],
    ),
    "prmbench": (
        "prmbench",
        PRMBENCH,
        {},
        [
            LabeledSolution(
                problem="1+2?", steps=steps(a=1, b=-1, c=1, d=-1), solution_id="p1_0", step_scores=SCORES_4
            )
        ],
    ),
    "prmbench without errors": (
        "prmbench",
        {**PRMBENCH, "error_steps": [], "step_scores": None},
        {},
        [LabeledSolution(problem="1+2?", steps=steps(a=1, b=1, c=1, d=1), solution_id="p1_0")],
    ),
    "big_bench_mistake": (
        "big_bench_mistake",
        MISTAKE,
        {},
        [LabeledSolution(**ASKED, steps=steps(a=1, b=-1, c=None), answer="(B)")],
    ),
    "big_bench_mistake without one": (
        "big_bench_mistake",
        {**MISTAKE, "mistake_index": None, "answer": 2},
        {},
        [LabeledSolution(**ASKED, steps=steps(a=1, b=1, c=1), answer="2")],
    ),
    "mr_math": (
        "mr_math",
        MR_MATH,
        {},
        [
            LabeledSolution(
                **ASKED,
                steps=steps(**{"a\nA": 1, "b": -1, "c": None}),
                correct=True,
                solution_id="7",
                generator="m",
            )
        ],
    ),
    "mr_math without an error": (
        "mr_math",
        {
            **MR_MATH,
            "model_output_solution_first_error_step": "N/A",
            "model_output_answer_correctness": "incorrect",
        },
        {},
        [
            LabeledSolution(
                **ASKED,
                steps=steps(**{"a\nA": 1, "b": 1, "c": 1}),
                correct=False,
                solution_id="7",
                generator="m",
            )
        ],
    ),
    "mr_math with ratings": (
        "mr_math",
        {"question": "1+1?", "model_output_step_format": [["a"], ["b"]], "rating": [1, 0.0]},
        {},
        [LabeledSolution(problem="1+1?", steps=steps(a=1, b=0))],
    ),
    "omegaprm, a tree": (
        "omegaprm",
        TREE,
        {},
        [
            LabeledSolution(**ASKED, steps=steps(a=right(0.75), b=right(1.0))),
            LabeledSolution(**ASKED, steps=steps(**{"a": right(0.75), "c\nd": right(0.25)})),
            LabeledSolution(**ASKED, steps=steps(e=right(0.0))),
        ],
    ),
    "omegaprm, prefixes": (
        "omegaprm",
        {
            "question": "1+1?",
            "final_answer": 2,
            "reasoning_steps": [
                {"solution_prefix": "1+1?", "mc_value": 0.5},
                {"solution_prefix": "1+1?\n\nIt is 4 minus", "mc_value": 0.75},
                {"solution_prefix": "1+1?\n\nIt is 42", "mc_value": 0.0},
                {"solution_prefix": "1+1?\n\n\nIt is 4 minus 2.\n\nSo 2.", "mc_value": 1.0},
                {"solution_prefix": "1+1?\n\nIt is 4", "mc_value": 0.25},
            ],
        },
        {},
        [
            LabeledSolution(
                **ASKED,
                steps=steps(
                    **{"It is 4": right(0.25), "minus": right(0.75), "2.\n\nSo 2.": right(1.0)},
                ),
            ),
            LabeledSolution(**ASKED, steps=steps(**{"It is 42": right(0.0)})),
        ],
    ),
    "problems": (
        "problems",
        {"question": "1+1?", "answer": 2, "id": 7},
        {},
        [LabeledSolution(**ASKED, problem_id="7")],
    ),
    "pool, by a labeler": (
        "pool",
        POOL | {"samples": POOL["samples"][:1]},
        {"labeler": "prm"},
        [
            LabeledSolution(
                **ASKED,
                problem_id="p0",
                sample=3,
                steps=steps(a=right(1.0), b=right(0.75)),
                step_scores={"labels": (0.5, 0.25)},
                answer="2",
                correct=True,
                labeler="prm",
            )
        ],
    ),
}


def write_rows(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("case", EXPECTED)
def test_a_row_means_this_record(case, tmp_path):
    name, row, options, records = EXPECTED[case]
    path = write_rows(tmp_path / "a.jsonl", row)
    found = list(FORMATS[name].read(path, **options))
    assert found == records
    # equality is blind to bool, int and float
    assert [[type(label) for label in one.labels] for one in found] == [
        [type(label) for label in one.labels] for one in records
    ]
    assert recognized(path) is FORMATS[name]
    others = FORMATS.items() - {("problems", FORMATS["problems"])}  # it takes what no other does
    assert name == "problems" or [key for key, form in others if form.matches(row)] == [name]


def test_every_format_has_a_row():
    assert {name for name, *_ in EXPECTED.values()} == set(FORMATS)


WRITTEN = {
    "trl": ([steps(a=1, b=-1)], [[True, False]]),
    "trl, soft": ([steps(a=right(0.25), b=right(1.0))], [[0.25, 1.0]]),
    "trl, unlabeled": ([steps(a=None, b=-1)], [[-100, 0]]),
    "trl, soft and unlabeled": ([steps(a=None, b=right(0.5))], [[-100.0, 0.5]]),
    "trl, one type for the column": (
        [steps(a=1, b=-1), steps(a=None, b=1), steps(a=right(0.5))],
        [[1, 0], [-100, 1], [0.5]],
    ),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_labels_are_written_by_their_type(case, tmp_path):
    solutions, labels = WRITTEN[case]
    path = tmp_path / "a.jsonl.gz"
    records = [LabeledSolution(problem="1+1?", steps=one) for one in solutions]
    FORMATS["trl"].write(path, records)
    found = [json.loads(line)["labels"] for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert json.dumps(found) == json.dumps(labels)  # tells true, 1 and 1.0 apart
    assert list(FORMATS["trl"].read(path)) == records


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, ["plain"]),
        ({"keep_screening": True}, ["screening", "plain"]),
        ({"keep_quality_control": True}, ["quality", "plain"]),
        ({"keep_give_up": True}, ["stuck", "plain"]),
        ({"keep_bad_problem": True}, ["broken", "plain"]),
    ],
)
def test_which_rows_of_prm800k_are_kept(options, kept, tmp_path):
    one = [tried(completion("a", 1), chosen=0)]
    rows = [
        phase_1(one, labeler="screening", is_initial_screening_question=True),
        phase_1(one, labeler="quality", is_quality_control_question=True),
        phase_1(one, "give_up", labeler="stuck"),
        phase_1(one, "bad_problem", labeler="broken"),
        phase_1(one, labeler="plain"),
    ]
    path = write_rows(tmp_path / "a.jsonl", *rows)
    dropped = []
    found = FORMATS["prm800k"].read(path, ReadHooks(dropped=dropped.append), **options)
    assert [record.labeler for record in found] == kept
    assert len(dropped) == len(rows) - len(kept)


def test_each_labeled_candidate_is_one_target():
    (record,) = EXPECTED["phase 1, a human step, no end"][3]
    found = [(one.prefix, one.candidate, one.label) for one in labeled_prefixes(record)]
    assert found == [
        ((), "a", 0),
        ((), "p", -1),
        # q is not rated, nor is the human h
        (("a",), "r", -1),
        (("a", "h"), "s", 0),
        (("a", "h"), "t", 1),
    ]


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("\\boxed{1} and \\boxed{\\frac{1}{2}}.", "1, \\frac{1}{2}"),
        ("\\boxed{\\left\\{1\\right\\}}", "\\left\\{1\\right\\}"),
        ("\\boxed{1", None),
        ("1", None),
        ("\\boxed{}", ""),
    ],
)
def test_boxed_answers(solution, answer):
    assert boxed(solution) == answer


REMOVE = object()
STEP = ("label", "steps", 0)
LINE = "found nothing; allowed:"
BAD = {
    # name: (format, row, path to a place, new value, message after FILE:2: field)
    "prm800k question": (ERROR, ("question",), REMOVE, f"question: {LINE} an object"),
    "prm800k problem": (ERROR, ("question", "problem"), "", 'question.problem: found ""; allowed: a string,'),
    "prm800k reference": (
        ERROR,
        ("question", "ground_truth_answer"),
        True,
        "question.ground_truth_answer: found true; allowed: a string, a number or null",
    ),
    "prm800k solution": (
        ERROR,
        ("question", "ground_truth_solution"),
        [],
        "question.ground_truth_solution: found []; allowed: a string or null",
    ),
    "prm800k generated": (
        ERROR,
        ("question", "pre_generated_steps"),
        "a",
        'question.pre_generated_steps: found "a"; allowed: an array',
    ),
    "prm800k generated step": (
        ERROR,
        ("question", "pre_generated_steps", 1),
        None,
        "question.pre_generated_steps[1]: found null; allowed: a string, not empty",
    ),
    "prm800k answer": (
        ERROR,
        ("question", "pre_generated_answer"),
        True,
        "question.pre_generated_answer: found true; allowed: a string, a number or null",
    ),
    "prm800k score": (
        ERROR,
        ("question", "pre_generated_verifier_score"),
        float("inf"),
        "question.pre_generated_verifier_score: found Infinity; allowed: a finite number or null",
    ),
    "prm800k label": (ERROR, ("label",), [], "label: found []; allowed: an object"),
    "prm800k steps": (ERROR, ("label", "steps"), None, "label.steps: found null; allowed: an array"),
    "prm800k step": (ERROR, STEP, 1, "label.steps[0]: found 1; allowed: an object"),
    "prm800k completions": (
        ERROR,
        (*STEP, "completions"),
        {},
        "label.steps[0].completions: found {}; allowed: an array",
    ),
    "prm800k completion": (
        ERROR,
        (*STEP, "completions", 0),
        "a",
        'label.steps[0].completions[0]: found "a"; allowed: an object',
    ),
    "prm800k text": (
        ERROR,
        (*STEP, "completions", 0, "text"),
        "",
        'label.steps[0].completions[0].text: found ""; allowed: a string, not empty',
    ),
    "prm800k half a character": (
        ERROR,
        (*STEP, "completions", 0, "text"),
        "\ud800",
        "label.steps[0].completions[0].text: found a lone surrogate; allowed: Unicode text",
    ),
    "prm800k rating": (
        ERROR,
        (*STEP, "completions", 0, "rating"),
        2,
        "label.steps[0].completions[0].rating: found 2; allowed: -1, 0, 1 or null",
    ),
    "prm800k rating a bool": (
        ERROR,
        (*STEP, "completions", 0, "rating"),
        True,
        "label.steps[0].completions[0].rating: found true; allowed: -1, 0, 1 or null",
    ),
    "prm800k chosen": (
        ERROR,
        (*STEP, "chosen_completion"),
        1,
        "label.steps[0].chosen_completion: found 1; allowed: null or an index below 1",
    ),
    "prm800k chosen from behind": (
        ERROR,
        (*STEP, "chosen_completion"),
        -1,
        "label.steps[0].chosen_completion: found -1; allowed: null or an index below 1",
    ),
    "prm800k nothing to go on from": (
        ERROR,
        (*STEP, "chosen_completion"),
        None,
        "label.steps[0].chosen_completion: found null; allowed: an index, because a step follows",
    ),
    "prm800k human": (
        HUMAN,
        ("label", "steps", 1, "human_completion"),
        "h",
        'label.steps[1].human_completion: found "h"; allowed: an object',
    ),
    "prm800k human text": (
        HUMAN,
        ("label", "steps", 1, "human_completion", "text"),
        None,
        "label.steps[1].human_completion.text: found null; allowed: a string, not empty",
    ),
    "prm800k human rating": (
        HUMAN,
        ("label", "steps", 1, "human_completion", "rating"),
        "1",
        'label.steps[1].human_completion.rating: found "1"; allowed: -1, 0, 1 or null',
    ),
    "prm800k reason": (
        ERROR,
        ("label", "finish_reason"),
        "tired",
        'label.finish_reason: found "tired"; allowed: null, found_error, solution, give_up, bad_problem',
    ),
    "prm800k labeler": (
        ERROR,
        ("labeler",),
        True,
        "labeler: found true; allowed: a string, a number or null",
    ),
    "prm800k generation": (ERROR, ("generation",), "6", 'generation: found "6"; allowed: an integer or null'),
    "prm800k screening": (
        ERROR,
        ("is_initial_screening_question",),
        0,
        "is_initial_screening_question: found 0; allowed: true, false or null",
    ),
    "prm800k quality": (
        ERROR,
        ("is_quality_control_question",),
        "no",
        'is_quality_control_question: found "no"; allowed: true, false or null',
    ),
    "prm800k_paths problem": (PATHS, ("problem",), REMOVE, f"problem: {LINE} a string, not empty"),
    "prm800k_paths steps": (PATHS, ("steps",), [], "steps: found []; allowed: one string or more"),
    "prm800k_paths ratings": (PATHS, ("ratings",), [1], "ratings: found 1 items; allowed: 3, one per step"),
    "prm800k_paths rating": (PATHS, ("ratings", 1), 0.5, "ratings[1]: found 0.5; allowed: -1, 0, 1 or null"),
    "prm800k_paths reference": (
        PATHS,
        ("ground_truth_answer",),
        True,
        "ground_truth_answer: found true; allowed: a string, a number or null",
    ),
    "prm800k_paths answer": (
        PATHS,
        ("given_answer",),
        True,
        "given_answer: found true; allowed: a string, a number or null",
    ),
    "scored_samples problem": (
        SCORED,
        ("problem",),
        None,
        "problem: found null; allowed: a string, not empty",
    ),
    "scored_samples steps": (SCORED, ("steps", 0), 1, "steps[0]: found 1; allowed: a string, not empty"),
    "scored_samples probs": (
        SCORED,
        ("rating_probs",),
        [],
        "rating_probs: found 0 items; allowed: 2, one per step",
    ),
    "scored_samples prob": (
        SCORED,
        ("rating_probs", 1),
        0.5,
        "rating_probs[1]: found 0.5; allowed: an object",
    ),
    "scored_samples P(neutral)": (
        SCORED,
        ("rating_probs", 0, "0"),
        REMOVE,
        f"rating_probs[0].0: {LINE} a number in [0, 1]",
    ),
    "scored_samples P(wrong)": (
        SCORED,
        ("rating_probs", 0, "-1"),
        float("nan"),
        "rating_probs[0].-1: found NaN; allowed: a number in [0, 1]",
    ),
    "scored_samples sum": (
        SCORED,
        ("rating_probs", 0, "1"),
        0.75,
        'rating_probs[0]: found {"-1": 0.25, "0": 0.25, "1": 0.75}; allowed: probabilities that sum to 1',
    ),
    "scored_samples answer": (
        SCORED,
        ("answer",),
        True,
        "answer: found true; allowed: a string, a number or null",
    ),
    "scored_samples correct": (
        SCORED,
        ("is_correct",),
        1,
        "is_correct: found 1; allowed: true, false or null",
    ),
    "scored_samples prm": (
        SCORED,
        ("prm_score",),
        True,
        "prm_score: found true; allowed: a finite number or null",
    ),
    "scored_samples orm": (
        SCORED,
        ("orm_score",),
        "1",
        'orm_score: found "1"; allowed: a finite number or null',
    ),
    "trl prompt": (TRL, ("prompt",), "", 'prompt: found ""; allowed: a string, not empty'),
    "trl completions": (TRL, ("completions",), REMOVE, f"completions: {LINE} an array"),
    "trl completion": (TRL, ("completions", 1), "", 'completions[1]: found ""; allowed: a string, not empty'),
    "trl no completion": (TRL, ("completions",), [], "completions: found []; allowed: one string or more"),
    "trl labels": (TRL, ("labels",), [True] * 3, "labels: found 3 items; allowed: 2, one per step"),
    "trl label": (
        TRL,
        ("labels", 0),
        -1,
        "labels[0]: found -1; allowed: true, false, a number in [0, 1], -100",
    ),
    "trl label above 1": (
        TRL,
        ("labels",),
        [True, 1.5],
        "labels[0]: found true; allowed: a number in [0, 1], -100",
    ),
    "trl label a word": (TRL, ("labels", 1), "+", 'labels[1]: found "+"; allowed: true, false, a number'),
    "trl bool among soft": (
        TRL,
        ("labels",),
        [0.5, True],
        "labels[1]: found true; allowed: a number in [0, 1]",
    ),
    "trl NaN": (TRL, ("labels",), [0.5, float("nan")], "labels[1]: found NaN; allowed: a number in [0, 1]"),
    "math_shepherd input": (SHEPHERD, ("input",), 1, "input: found 1; allowed: a string"),
    "math_shepherd no end": (
        SHEPHERD,
        ("input",),
        SHEPHERD["input"] + " So.",
        'input: found " So."; allowed: the mark ',
    ),
    "math_shepherd no step": (SHEPHERD, ("input",), "", 'input: found ""; allowed: a step and '),
    "math_shepherd no first step": (
        SHEPHERD | {"label": "1+1? a +"},
        ("input",),
        "1+1? a ки",
        'input: found "1+1? a "; allowed: a problem, " Step 1: " and a step; or one of the problems given',
    ),
    "math_shepherd empty step": (
        SHEPHERD | {"label": "1+1? Step 1: + b -"},
        ("input",),
        "1+1? Step 1: ки b ки",
        "input: found ",
    ),
    "math_shepherd label": (SHEPHERD, ("label",), None, "label: found null; allowed: a string"),
    "math_shepherd other label": (
        SHEPHERD,
        ("label",),
        SHEPHERD["label"].replace("So", "Su"),
        'label: found "\\nStep 2: Su\\nwhat: 3 -"; allowed: the input with + or - in place of each ',
    ),
    "math_shepherd sign": (
        SHEPHERD,
        ("label",),
        SHEPHERD["input"],
        'label: found "1+1? Step 1: It is <<1+1=2>>2. ',
    ),
    "math_shepherd more label": (
        SHEPHERD,
        ("label",),
        SHEPHERD["label"] + " +",
        'label: found " +"; allowed: nothing after the last sign',
    ),
    "math_shepherd task": (SHEPHERD, ("task",), 1, "task: found 1; allowed: a string or null"),
    "processbench id": (BENCH, ("id",), True, "id: found true; allowed: a string"),
    "processbench generator": (BENCH, ("generator",), 0, "generator: found 0; allowed: a string or null"),
    "processbench problem": (BENCH, ("problem",), "", 'problem: found ""; allowed: a string, not empty'),
    "processbench steps": (BENCH, ("steps",), "a", 'steps: found "a"; allowed: an array'),
    "processbench no steps": (BENCH, ("steps",), [], "steps: found []; allowed: one string or more"),
    "processbench correct": (
        BENCH,
        ("final_answer_correct",),
        1,
        "final_answer_correct: found 1; allowed: true, false or null",
    ),
    "processbench label": (BENCH, ("label",), 3, "label: found 3; allowed: -1, or an index from 0 to 2"),
    "processbench label below": (
        BENCH,
        ("label",),
        -2,
        "label: found -2; allowed: -1, or an index from 0 to 2",
    ),
    "processbench label a bool": (BENCH, ("label",), True, "label: found true; allowed: -1, or an index"),
    "rlhflow conversations": (TURNS, ("conversations",), REMOVE, f"conversations: {LINE} an array"),
    "rlhflow no answer": (TURNS, ("conversations", 3), REMOVE, "conversations: found [{"),
    "rlhflow turn": (TURNS, ("conversations", 2), "b", 'conversations[2]: found "b"; allowed: an object'),
    "rlhflow role": (
        TURNS,
        ("conversations", 2, "role"),
        "assistant",
        'conversations[2].role: found "assistant"; allowed: user',
    ),
    "rlhflow content": (
        TURNS,
        ("conversations", 2, "content"),
        "",
        'conversations[2].content: found ""; allowed: a string, not empty',
    ),
    "rlhflow step": (
        TURNS,
        ("conversations", 2, "content"),
        "Step 2: ",
        'conversations[2].content: found "Step 2: "; allowed: a step that is not empty',
    ),
    "rlhflow sign": (
        TURNS,
        ("conversations", 1, "content"),
        "good",
        'conversations[1].content: found "good"; allowed: + or -',
    ),
    "rlhflow no first step": (
        TURNS,
        ("conversations", 0, "content"),
        "1+1? a",
        'conversations[0].content: found "1+1? a"; allowed: a problem, " Step 1: " and a step; or one of the',
    ),
    "prmbench step": (
        PRMBENCH,
        ("error_steps", 1),
        0,
        "error_steps[1]: found 0; allowed: a step from 1 to 4",
    ),
    "prmbench no step": (PRMBENCH, ("modified_process",), [], "modified_process: found []; allowed: one"),
    "prmbench id": (PRMBENCH, ("idx",), True, "idx: found true; allowed: a string, a number or null"),
    "big_bench_mistake beyond": (
        MISTAKE,
        ("mistake_index",),
        3,
        "mistake_index: found 3; allowed: null, or an index from 0 to 2",
    ),
    "big_bench_mistake below": (
        MISTAKE,
        ("mistake_index",),
        -1,
        "mistake_index: found -1; allowed: null, or",
    ),
    "big_bench_mistake target": (MISTAKE, ("target",), None, "target: found null; allowed: a string"),
    "mr_math from 0": (
        MR_MATH,
        ("model_output_solution_first_error_step",),
        0,
        'model_output_solution_first_error_step: found 0; allowed: "N/A", or a step from 1 to 3',
    ),
    "mr_math step": (
        MR_MATH,
        ("model_output_step_format", 1),
        "b",
        'model_output_step_format[1]: found "b"; allowed: an array of strings, the lines of a step',
    ),
    "mr_math correctness": (
        MR_MATH,
        ("model_output_answer_correctness",),
        True,
        "model_output_answer_correctness: found true; allowed: correct or incorrect",
    ),
    "omegaprm value": (
        TREE,
        ("reasoning_steps", "children", 0, "mc_value"),
        1.5,
        "reasoning_steps.children[0].mc_value: found 1.5; allowed: a number in [0, 1]",
    ),
    "omegaprm node": (
        TREE,
        ("reasoning_steps", "children", 1),
        "e",
        'reasoning_steps.children[1]: found "e"; allowed: an object',
    ),
    "omegaprm text": (
        TREE,
        ("reasoning_steps", "children", 1, "text"),
        REMOVE,
        f"reasoning_steps.children[1].text: {LINE} a string",
    ),
    "omegaprm prefix": (
        TREE,
        ("reasoning_steps",),
        [{"solution_prefix": "2+2?", "mc_value": 1}],
        'reasoning_steps[0].solution_prefix: found "2+2?"; allowed: the question, and steps',
    ),
    "math problem": (MATH, ("problem",), 1, "problem: found 1; allowed: a string, not empty"),
    "math solution": (MATH, ("solution",), None, "solution: found null; allowed: a string"),
    "math answer": (MATH, ("answer",), True, "answer: found true; allowed: a string, a number or null"),
    "math level": (
        MATH,
        ("level",),
        "hard",
        'level: found "hard"; allowed: null, an integer, or a string such as',
    ),
    "math level without a number": (MATH, ("level",), "Level x", 'level: found "Level x"; allowed: null, an'),
    "math type": (MATH, ("type",), 1, "type: found 1; allowed: a string or null"),
    "math subject": (MATH_500, ("subject",), 1, "subject: found 1; allowed: a string or null"),
    "math id": (MATH_500, ("unique_id",), True, "unique_id: found true; allowed: a string, a number or null"),
    "gsm8k question": (GSM, ("question",), "", 'question: found ""; allowed: a string, not empty'),
    "gsm8k answer": (GSM, ("answer",), REMOVE, f"answer: {LINE} a string"),
    "gsm8k no end": (
        GSM,
        ("answer",),
        "It is 2.\n2",
        'answer: found "2"; allowed: a last line with "#### "',
    ),
    "gsm8k no step": (
        GSM,
        ("answer",),
        "#### 2",
        'answer: found "#### 2"; allowed: a line or more before the',
    ),
    "pool problem_id": (POOL, ("problem_id",), REMOVE, f"problem_id: {LINE} a string, not empty"),
    "pool score": (
        POOL,
        ("samples", 1, "step_scores", "prm", 0),
        True,
        "samples[1].step_scores.prm[0]: found true; allowed: a number in [0, 1]",
    ),
}


def edited(row, path, value):
    row = copy.deepcopy(row)
    place = row
    for key in path[:-1]:
        place = place[key]
    if value is REMOVE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return row


@pytest.mark.parametrize("case", BAD)
def test_a_malformed_row_is_told_by_line_and_field(case, tmp_path):
    row, place, value, message = BAD[case]
    form = FORMATS[case.split()[0]]
    good = row | {"problem_id": "p1", "problem": "2+2?"} if row is POOL else row
    if case.startswith("math_shepherd"):
        good = SHEPHERD
    path = write_rows(tmp_path / "a.jsonl", good, edited(row, place, value))
    records = form.read(path)
    assert next(records).problem
    with pytest.raises(ValueError) as caught:
        list(records)
    assert str(caught.value).startswith(f"{path}:2: field {message}")
    assert "\n" not in str(caught.value)

    aside = []
    assert list(form.read(path, ReadHooks(aside=aside.append)))  # the first row alone
    assert aside == path.read_bytes().splitlines(keepends=True)[1:]


def places(value, path=()):
    """Every place in a JSON value."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(value[key], (*path, key))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(REMOVE),
    lambda inner: (
        st.lists(inner.filter(lambda one: one is not REMOVE), max_size=2)
        | st.dictionaries(st.text(max_size=3), inner.filter(lambda one: one is not REMOVE), max_size=2)
    ),
    max_leaves=3,
)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_a_row_is_read_or_told(tmp_path_factory, data):
    name, row, options, _ = EXPECTED[data.draw(st.sampled_from(sorted(EXPECTED)))]
    row = edited(row, data.draw(st.sampled_from([*places(row)])), data.draw(json_values))
    path = write_rows(tmp_path_factory.getbasetemp() / "any.jsonl", row)
    try:
        assert all(isinstance(record, LabeledSolution) for record in FORMATS[name].read(path, **options))
    except ValueError as error:
        assert str(error).startswith(f"{path}:1: field ")


def test_a_file_of_no_format_is_not_recognized(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", {"text": "a"})
    with pytest.raises(
        ValueError, match=r':1: found fields \["text"\]; allowed: those of a row of prm800k, '
    ):
        recognized(path)
    path.write_text("\n")
    with pytest.raises(ValueError, match="found no row; allowed: a file of one row or more"):
        recognized(path)


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs real data, which are not part of the project")
class TestRealData:
    def test_raw_rows_of_prm800k(self):
        path = SHARED_DATA / "prm800k" / "raw_samples_6.jsonl"
        kept = list(FORMATS["prm800k"].read(path))
        everything = {name: True for name in FORMATS["prm800k"].options if name.startswith("keep_")}
        records = list(FORMATS["prm800k"].read(path, **everything))
        assert len(kept) == 4  # all but one given up on and one to screen with
        assert len(records) == 6 and recognized(path) is FORMATS["prm800k"]
        raw = [json.loads(line) for line in path.read_text().splitlines()]
        rated = [
            (one["text"], one["rating"])
            for row in raw
            for step in row["label"]["steps"]
            for one in step["completions"] or ()
            if one["rating"] is not None
        ]
        found = [(one.candidate, one.label) for record in records for one in labeled_prefixes(record)]
        assert sorted(found) == sorted(rated) and len(rated) == 73
        assert [record.generation for record in records] == [None, 6, None, None, None, -1]
        # the error of the second, and what people wrote in the first and the fifth
        assert records[1].labels == (1, 0, 1, 1, 1, 1, -1)
        assert [[step.human for step in record.steps].count(True) for record in records] == [1, 0, 0, 0, 1, 0]
        whole = list(FORMATS["prm800k"].read(path, rest=True, **everything))
        assert [len(record.steps) for record in whole] == [6, 13, 5, 7, 8, 12]

    def test_paths_of_prm800k(self):
        path = SHARED_DATA / "prm800k" / "validation1818_decoded.jsonl"
        records = list(FORMATS["prm800k_paths"].read(path))
        labels = [label for record in records for label in record.labels]
        assert (len(records), len(labels)) == (1818, 10_801)
        assert [labels.count(rating) for rating in (1, 0, -1)] == [8596, 639, 1566]
        assert len({record.problem for record in records}) == 216

    @pytest.mark.parametrize(("name", "count"), [("train", 7473), ("test", 1319)])
    def test_gsm8k(self, name, count):
        path = SHARED_DATA / "gsm8k" / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        records = list(FORMATS["gsm8k"].read(path))
        assert len(records) == count
        for record, row in zip(records, rows, strict=True):
            lines = [line for line in row["answer"].split("\n") if line]
            assert [*record.texts, f"#### {record.reference}"] == lines

    def test_the_pool(self):
        path = SHARED_DATA / "bon_gsm8k" / "gsm8k_100x32.jsonl.gz"
        records = list(FORMATS["pool"].read(path))
        assert len(records) == 3200 and recognized(path) is FORMATS["pool"]
        assert {len(record.step_scores) for record in records} == {7}
        labeled = list(FORMATS["pool"].read(path, labeler="qwen_prm"))
        for record, other in zip(records, labeled, strict=True):
            assert tuple(label.right for label in other.labels) == record.step_scores["qwen_prm"]
