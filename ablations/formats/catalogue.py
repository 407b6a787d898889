"""All formats by name. To add one, add its file here and its entry in ``FORMATS``.

A file has the first format that recognizes its first row.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.formats import (
    first_error_rows,
    gsm8k,
    math_problems,
    math_shepherd,
    omegaprm,
    pool_records,
    prm800k,
    prm800k_paths,
    prmbench,
    problem_answers,
    processbench,
    rlhflow,
    scored_samples,
    trl,
)
from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.losses import Abilities
from ablations.formats.rows import Where, read_rows


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format of problems, solutions and labels."""

    read: Callable[..., Iterator[LabeledSolution]]
    """(path, ReadHooks or None, options by name) -> records, one row held at a time."""
    abilities: Abilities
    """What the format can carry."""
    keys: frozenset[str]
    """Fields that every written row has; if there is no ``recognizes``, every row."""
    write: Callable[..., None] | None = None
    """(path, records), written atomically. The records must be cut down to the abilities first. None: the
    format is only read."""
    options: frozenset[str] = frozenset()
    """Names of the reader's options."""
    tells_apart: Callable[[LabeledSolution], bool] = lambda record: True
    """Whether a record's texts can be distinguished from the format's own marks."""
    recognizes: Callable[[dict[str, Any]], bool] | None = None
    """Whether a row is of the format; if None, whether it has all ``keys``."""
    labels_are_scores_of: str | None = None
    """Labeler whose scores serve as the labels, if they are not ground truth."""
    suffix: str = ".jsonl"
    """Suffix of a file's name, before .gz or .zst if it is compressed."""


FORMATS: dict[str, Format] = {
    "prm800k": Format(
        read=prm800k.read,
        write=prm800k.write,
        abilities=prm800k.ABILITIES,
        keys=prm800k.KEYS,
        options=frozenset({"keep_screening", "keep_quality_control", "keep_give_up", "keep_bad_problem"})
        | {"rest"},
    ),
    "prm800k_paths": Format(
        read=prm800k_paths.read,
        write=prm800k_paths.write,
        abilities=prm800k_paths.ABILITIES,
        keys=prm800k_paths.KEYS,
    ),
    "scored_samples": Format(
        read=scored_samples.read,
        write=scored_samples.write,
        abilities=scored_samples.ABILITIES,
        keys=scored_samples.KEYS,
        labels_are_scores_of="rating_probs",
    ),
    "trl": Format(read=trl.read, write=trl.write, abilities=trl.ABILITIES, keys=trl.KEYS),
    "math_shepherd": Format(
        read=math_shepherd.read,
        write=math_shepherd.write,
        abilities=math_shepherd.ABILITIES,
        keys=math_shepherd.KEYS,
        recognizes=math_shepherd.recognizes,
        options=frozenset({"problems"}),
        tells_apart=math_shepherd.tells_apart,
    ),
    "processbench": Format(
        read=processbench.read,
        write=processbench.write,
        abilities=processbench.ABILITIES,
        keys=processbench.KEYS,
    ),
    "rlhflow": Format(
        read=rlhflow.read,
        write=rlhflow.write,
        abilities=rlhflow.ABILITIES,
        keys=rlhflow.KEYS,
        options=frozenset({"problems"}),
        tells_apart=rlhflow.tells_apart,
    ),
    "prmbench": Format(read=prmbench.read, abilities=prmbench.ABILITIES, keys=prmbench.KEYS),
    "big_bench_mistake": Format(
        read=first_error_rows.read_mistakes,
        abilities=first_error_rows.MISTAKE_ABILITIES,
        keys=first_error_rows.MISTAKE_KEYS,
    ),
    "mr_math": Format(
        read=first_error_rows.read_mr_math,
        abilities=first_error_rows.MR_MATH_ABILITIES,
        keys=first_error_rows.MR_MATH_KEYS,
    ),
    "omegaprm": Format(read=omegaprm.read, abilities=omegaprm.ABILITIES, keys=omegaprm.KEYS),
    "math": Format(
        read=math_problems.read,
        write=math_problems.write,
        abilities=math_problems.ABILITIES,
        keys=math_problems.KEYS,
        recognizes=math_problems.recognizes,
    ),
    "gsm8k": Format(
        read=gsm8k.read,
        write=gsm8k.write,
        abilities=gsm8k.ABILITIES,
        keys=gsm8k.KEYS,
        recognizes=gsm8k.recognizes,
        options=frozenset({"drop_calculator"}),
        tells_apart=gsm8k.tells_apart,
    ),
    "pool": Format(
        read=pool_records.read,
        write=pool_records.write,
        abilities=pool_records.ABILITIES,
        keys=pool_records.KEYS,
        options=frozenset({"labeler"}),
        tells_apart=pool_records.tells_apart,
    ),
    "problems": Format(
        read=problem_answers.read,
        write=problem_answers.write,
        abilities=problem_answers.ABILITIES,
        keys=problem_answers.KEYS,
        recognizes=problem_answers.recognizes,
        tells_apart=problem_answers.tells_apart,
    ),
}


WRITTEN = tuple(name for name, form in FORMATS.items() if form.write is not None)
"""Names of the formats that can be written."""


def is_of(form: Format, row: dict[str, Any]) -> bool:
    """Returns whether a format recognizes a row."""
    return form.recognizes(row) if form.recognizes is not None else form.keys <= row.keys()


def recognized(path: str | Path) -> Format:
    """Recognizes the format of a file by the fields of its first row.

    Raises:
        ValueError: there is no row, or its fields match no format.
    """

    def matching(where: Where, row: dict[str, Any]) -> list[Format]:
        found = [one for one in FORMATS.values() if is_of(one, row)]
        if not found:
            raise ValueError(
                f"{where.path}:{where.line}: found fields {json.dumps(sorted(row))}; allowed: those of a row "
                f"of {', '.join(FORMATS)}"
            )
        return found[:1]

    found = next(read_rows(path, matching), None)
    if found is None:
        raise ValueError(f"{path}: found no row; allowed: a file of one row or more")
    return found
