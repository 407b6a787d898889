"""Rows of every format, and what can be wrong with one: another type of a field, another encoding."""

from __future__ import annotations

import copy
import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from hostile.inputs import Check, Done, Input, accepted, lines, refused, rows_of

Path = tuple[str | int, ...]
"""Keys and indices from a row down to a value."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Two rows of a format: one solution with its first error at its second step, one without an error."""

    rows: tuple[dict[str, Any], ...]
    target: str
    """Format that they are converted to."""
    expected: tuple[Any, ...]
    """What identifies the rows of the target: labels, or reference answers."""
    labels: str = "$^"
    """Regular expression of the paths of what decides the labels, as "a.0.b"."""
    soft: bool = False
    """Whether labels may be probabilities."""
    options: tuple[str, ...] = ()


def _prm800k(problem: str, ratings: tuple[int, ...], reason: str) -> dict[str, Any]:
    steps = [
        {
            "completions": [{"text": f"step {i}", "rating": rating, "flagged": False}],
            "human_completion": None,
            "chosen_completion": None if rating < 0 else 0,
        }
        for i, rating in enumerate(ratings)
    ]
    return {
        "labeler": "a",
        "timestamp": "2022-07-17T16:56:51.323252",
        "generation": 3,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
        "question": {
            "problem": problem,
            "ground_truth_answer": "2",
            "pre_generated_steps": [f"step {i}" for i in range(len(ratings))],
            "pre_generated_answer": "2",
        },
        "label": {"steps": steps, "total_time": 9, "finish_reason": reason},
    }


def _pool(problem: str, problem_id: str, scores: tuple[tuple[float, ...], ...]) -> dict[str, Any]:
    return {
        "problem_id": problem_id,
        "problem": problem,
        "answer": "5",
        "samples": [
            {
                "sample": i,
                "steps": [f"step {j}" for j in range(len(row))],
                "answer": "6" if min(row) < 0.5 else "5",
                "final_correct": min(row) >= 0.5,
                "step_scores": {"prm": list(row)},
            }
            for i, row in enumerate(scores)
        ],
    }


_SCORED = {"answer": "2", "ground_truth_answer": "2", "prm_score": 0.5, "orm_score": 0.5, "is_correct": True}
WRONG, GOOD = "1+1?", "2+2?"
HARD = ((True, False), (True, True))
SAMPLES: dict[str, Sample] = {
    "prm800k": Sample(
        rows=(_prm800k(WRONG, (1, -1), "found_error"), _prm800k(GOOD, (1, 1), "solution")),
        target="trl",
        expected=HARD,
        labels=r"label\.steps\.\d+\.completions\.\d+\.rating",
    ),
    "prm800k_paths": Sample(
        rows=(
            {"problem": WRONG, "steps": ["a", "b"], "ratings": [1, -1], "given_answer": "3"}
            | {"ground_truth_answer": "2"},
            {"problem": GOOD, "steps": ["a", "b"], "ratings": [1, 1], "given_answer": "4"},
        ),
        target="trl",
        expected=HARD,
        labels=r"ratings\.\d+",
    ),
    "scored_samples": Sample(
        rows=tuple(
            {"problem": problem, "steps": ["a", "b"], "rating_probs": [{"-1": 0.0, "0": 0.0, "1": 1.0}, last]}
            | _SCORED
            for problem, last in (
                (WRONG, {"-1": 0.75, "0": 0.0, "1": 0.25}),
                (GOOD, {"-1": 0.0, "0": 0.0, "1": 1.0}),
            )
        ),
        target="trl",
        expected=((1.0, 0.25), (1.0, 1.0)),
        labels=r"rating_probs\.\d+\..*",
        soft=True,
    ),
    "trl": Sample(
        rows=(
            {"prompt": WRONG, "completions": ["a", "b"], "labels": [True, False]},
            {"prompt": GOOD, "completions": ["a", "b"], "labels": [True, True]},
        ),
        target="prm800k_paths",
        expected=((1, -1), (1, 1)),
        labels=r"labels\.\d+",
        soft=True,
    ),
    "math_shepherd": Sample(
        rows=tuple(
            {
                "input": f"{problem} Step 1: a ки\nStep 2: b ки",
                "label": f"{problem} Step 1: a +\nStep 2: b {last}",
                "task": "GSM8K",
            }
            for problem, last in ((WRONG, "-"), (GOOD, "+"))
        ),
        target="trl",
        expected=HARD,
        labels="label",
    ),
    "processbench": Sample(
        rows=tuple(
            {"id": f"m-{label}", "generator": "m", "problem": problem, "steps": ["a", "b"], "label": label}
            | {"final_answer_correct": label < 0}
            for problem, label in ((WRONG, 1), (GOOD, -1))
        ),
        target="processbench",
        expected=(1, -1),
        labels="label",
    ),
    "prmbench": Sample(
        rows=tuple(
            {
                "idx": problem,
                "modified_question": problem,
                "modified_process": ["a", "b"],
                "error_steps": wrong,
            }
            | {"classification": "confidence"}
            for problem, wrong in ((WRONG, [2]), (GOOD, []))
        ),
        target="processbench",
        expected=(1, -1),
        labels=r"error_steps.*",
    ),
    "big_bench_mistake": Sample(
        rows=tuple(
            {"input": problem, "steps": ["a", "b"], "target": "2", "answer": "2", "mistake_index": wrong}
            for problem, wrong in ((WRONG, 1), (GOOD, None))
        ),
        target="processbench",
        expected=(1, -1),
        labels="mistake_index",
    ),
    "mr_math": Sample(
        rows=tuple(
            {"id": 1, "question": problem, "model_output_step_format": [["a"], ["b"]]} | {"rating": [1, last]}
            for problem, last in ((WRONG, -1), (GOOD, 1))
        ),
        target="processbench",
        expected=(1, -1),
        labels=r"rating\.\d+",
    ),
    "omegaprm": Sample(
        rows=tuple(
            {
                "question": problem,
                "final_answer": "2",
                "reasoning_steps": {
                    "text": problem,
                    "mc_value": 0.5,
                    "children": [
                        {"text": "a", "mc_value": 1.0, "children": [{"text": "b", "mc_value": last}]}
                    ],
                },
            }
            for problem, last in ((WRONG, 0.25), (GOOD, 1.0))
        ),
        target="trl",
        expected=((1.0, 0.25), (1.0, 1.0)),
        labels=r".*mc_value",
        soft=True,
    ),
    "rlhflow": Sample(
        rows=tuple(
            {
                "conversations": [
                    {"role": "user", "content": f"{problem} Step 1: a"},
                    {"role": "assistant", "content": "+"},
                    {"role": "user", "content": "Step 2: b"},
                    {"role": "assistant", "content": last},
                ]
            }
            for problem, last in ((WRONG, "-"), (GOOD, "+"))
        ),
        target="trl",
        expected=HARD,
        labels=r"conversations\.[13]\.content",
    ),
    "math": Sample(
        rows=tuple(
            {"problem": problem, "solution": f"It is \\boxed{{{answer}}}.", "answer": answer, "level": 1}
            | {"subject": "Algebra", "unique_id": f"test/{answer}.json"}
            for problem, answer in ((WRONG, "2"), (GOOD, "4"))
        ),
        target="math",
        expected=("2", "4"),
        labels="answer",
    ),
    "gsm8k": Sample(
        rows=tuple(
            {"question": problem, "answer": f"It is {answer}.\n#### {answer}"}
            for problem, answer in ((WRONG, "2"), (GOOD, "4"))
        ),
        target="gsm8k",
        expected=("It is 2.\n#### 2", "It is 4.\n#### 4"),
        labels="answer",
    ),
    "pool": Sample(
        rows=(_pool(WRONG, "p0", ((0.75, 0.25),)), _pool(GOOD, "p1", ((0.75, 1.0),))),
        target="trl",
        expected=((0.75, 0.25), (0.75, 1.0)),
        labels=r"samples\.\d+\.step_scores\.prm(\.\d+)?",
        soft=True,
        options=("--labeler=prm",),
    ),
}
"""Format -> its rows."""
MISSING: Any = object()
VALUES: tuple[Any, ...] = (
    *(MISSING, None, "", " ", "x", "ки", "#### ", "\ud800", "\x00", 0.9, 256, -7, 10**30, 1e308),
    *(float("nan"), float("inf"), [], {}, [None], {"a": 1}, "Step 1: ", True, ["x"] * 3, "+", "-"),
)
"""What may stand where something else should."""


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Paths of all values in a row, the row's own aside."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield (*at, key)
        yield from paths(one, (*at, key))


def mutated(row: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A row with another value at a path."""
    row = copy.deepcopy(row)
    inner: Any = row
    for key in path[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return row


def shown(value: Any) -> str:
    """One of ``VALUES`` in the name of an input."""
    return "missing" if value is MISSING else repr(value)[:20]


def identity(target: str, row: dict[str, Any]) -> Any:
    """What ``Sample.expected`` holds of a row."""
    if target == "trl":
        return tuple(row["labels"])
    if target == "prm800k_paths":
        return tuple(row["ratings"])
    return row["label" if target == "processbench" else "answer"]


def convert(sample_of: str, content: bytes, kind: str, name: str, check: Check, source: str) -> Input:
    """A conversion of a file to the format's target."""
    sample = SAMPLES[sample_of]
    argv = ("ablations", "convert", "--from", sample_of, "--to", sample.target, *sample.options)
    return Input(
        kind=kind, name=name, argv=(*argv, source, "out.jsonl"), files={source: content}, check=check
    )


def one_field(name: str, path: Path, value: Any) -> Input:
    """A file whose first row has another value in one field."""
    sample = SAMPLES[name]
    text = ".".join(map(str, path))
    is_label = re.fullmatch(sample.labels, text) is not None

    def check(done: Done) -> str | None:
        if done.code == 2:
            return None
        found = [identity(sample.target, row) for row in rows_of(done.folder / "out.jsonl")]
        if sample.expected[1] not in found[-1:]:
            return f"the other row became {found[-1:]}"
        if len(found) == 1 or not is_label and found[0] == sample.expected[0]:
            return None
        if is_label:
            return _wrong_label(sample, path, value, found[0])
        if name in ("gsm8k", "math") or _about_labels(path):
            return None
        return f"labels became {found[0]}"

    content = lines_of((mutated(sample.rows[0], path, value), sample.rows[1]))
    return convert(name, content, f"rows: {name}", f"{text} = {shown(value)}", check, "in.jsonl")


def _about_labels(path: Path) -> bool:
    """Whether a path is not of a label itself, but of what holds labels or says which count."""
    holders = ("label", "steps", "ratings", "labels", "conversations", "samples")
    return path[-1] == "children" or any(str(key) in holders for key in path)


def _wrong_label(sample: Sample, path: Path, value: Any, found: Any) -> str | None:
    """Whether a label was silently made another one than the row says."""
    if value is MISSING or value is None:
        return None
    if isinstance(value, bool) or value in ("+", "-"):
        return None  # a label in some formats, by its own name
    if isinstance(value, str) and sample.target in ("math", "gsm8k"):
        return None  # an answer may be any text
    if sample.soft and isinstance(value, float) and 0 <= value <= 1:
        return None if value in found or sample.target == "prm800k_paths" else f"{value} became {found}"
    if sample.target in ("math", "gsm8k") and isinstance(value, int | float):
        return None if str(value) in str(found) and "n" not in str(value) else f"{value} became {found}"
    return f"the label {value!r} became {found}"


def lines_of(rows: tuple[dict[str, Any], ...]) -> bytes:
    """JSON Lines, half a character and NaN included."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _parquet(rows: tuple[dict[str, Any], ...]) -> bytes:
    file = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(list(rows)), file)
    return file.getvalue()


def files(name: str) -> Iterator[Input]:
    """Files of a format that are encoded, laid out or damaged in other ways."""
    sample = SAMPLES[name]
    clean = lines(*sample.rows)

    def same(done: Done) -> str | None:
        if done.code != 0:
            return accepted(done)
        found = tuple(identity(sample.target, row) for row in rows_of(done.folder / "out.jsonl"))
        return None if found == sample.expected else f"{sample.expected} became {found}"

    array = json.dumps(list(sample.rows), ensure_ascii=False)
    good: dict[str, tuple[str, bytes]] = {
        "plain": ("in.jsonl", clean),
        "byte order mark": ("in.jsonl", b"\xef\xbb\xbf" + clean),
        "byte order mark, gzipped": ("in.jsonl.gz", gzip.compress(b"\xef\xbb\xbf" + clean)),
        "carriage returns": ("in.jsonl", clean.replace(b"\n", b"\r\n")),
        "no line end": ("in.jsonl", clean.removesuffix(b"\n")),
        "blank lines": ("in.jsonl", b"\n \n" + clean.replace(b"\n", b"\n\n")),
        "array": ("in.json", array.encode()),
        "indented array": ("in.json", json.dumps(list(sample.rows), indent=2).encode()),
        "array named jsonl": ("in.jsonl", array.encode()),
        "array after a byte order mark": ("in.json", b"\xef\xbb\xbf" + array.encode()),
        "Parquet": ("in.parquet", _parquet(sample.rows)),
    }
    zipped = gzip.compress(clean)
    bad: dict[str, tuple[str, bytes]] = {
        "UTF-16": ("in.jsonl", clean.decode().encode("utf-16")),
        "Latin-1": ("in.jsonl", clean.replace(b"a", b"\xe9")),
        "cut off": ("in.jsonl", clean[:-20]),
        "two rows on a line": ("in.jsonl", clean.replace(b"\n", b" ", 1)),
        "trailing comma": ("in.jsonl", clean.replace(b"}\n", b"},\n")),
        "a list a line": ("in.jsonl", b"[1, 2]\n"),
        "a number a line": ("in.jsonl", b"1\n2\n"),
        "array cut off": ("in.json", array.encode()[:-20]),
        "array of numbers": ("in.json", b"[1, 2]"),
        "deep": ("in.jsonl", b'{"a": ' * 100_000),
        "zeros": ("in.jsonl", b"\x00" * 1000),
        "gzip cut off": ("in.jsonl.gz", zipped[:-9]),
        "gzip damaged": ("in.jsonl.gz", zipped[: len(zipped) // 2] + b"\x00" * 30),
        "not gzip": ("in.jsonl.gz", clean),
        "not zstd": ("in.jsonl.zst", clean),
        "gzip named plain": ("in.jsonl", zipped),
        "not Parquet": ("in.parquet", b"PAR1" + b"\x00" * 100),
        "Parquet named plain": ("in.jsonl", _parquet(sample.rows)),
        "Parquet cut off": ("in.parquet", _parquet(sample.rows)[:-9]),
        "HTML": ("in.jsonl", b"<!DOCTYPE html>\n<html>404</html>\n"),
        "Git LFS": ("in.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7\nsize 12345\n"),
    }
    for group, check in ((good, same), (bad, refused)):
        for what, (source, content) in group.items():
            yield convert(name, content, "files as they are found", f"{name}: {what}", check, source)


def fuzzed() -> list[tuple[str, Path, Any]]:
    """All that ``one_field`` takes: format, path, and value."""
    return [
        (name, path, value)
        for name, sample in SAMPLES.items()
        for path in paths(sample.rows[0])
        for value in VALUES
    ]
