"""All formats by name. To add one, write its file, and add its line to ``FORMATS``.

A file has the first format that recognizes its first row.
"""

import json
from pathlib import Path

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
from ablations.formats.format import Format
from ablations.formats.rows import Fields, read_rows

FORMATS: dict[str, Format] = {
    "prm800k": prm800k.FORMAT,
    "prm800k_paths": prm800k_paths.FORMAT,
    "scored_samples": scored_samples.FORMAT,
    "trl": trl.FORMAT,
    "math_shepherd": math_shepherd.FORMAT,
    "processbench": processbench.FORMAT,
    "rlhflow": rlhflow.FORMAT,
    "prmbench": prmbench.FORMAT,
    "big_bench_mistake": first_error_rows.BIG_BENCH_MISTAKE,
    "mr_math": first_error_rows.MR_MATH,
    "omegaprm": omegaprm.FORMAT,
    "math": math_problems.FORMAT,
    "gsm8k": gsm8k.FORMAT,
    "pool": pool_records.FORMAT,
    "problems": problem_answers.FORMAT,
}

WRITTEN = tuple(name for name, form in FORMATS.items() if form.written)
"""Names of the formats that can be written."""


def recognized(path: str | Path) -> Format:
    """Recognizes the format of a file by the fields of its first row.

    Raises:
        ValueError: there is no row, or its fields match no format.
    """

    def matching(row: Fields) -> list[Format]:
        for form in FORMATS.values():
            if form.matches(row):
                return [form]
        raise ValueError(
            f"{row.path}:{row.line}: found fields {json.dumps(sorted(row))}; allowed: those of a row of "
            f"{', '.join(FORMATS)}"
        )

    form = next(read_rows(path, matching), None)
    if form is None:
        raise ValueError(f"{path}: found no row; allowed: a file of one row or more")
    return form
