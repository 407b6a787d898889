"""A pool with one labeler's scores more, line by line; all else in it stays as it is.

Beside `step_scores`, each line says in `labelled_by` who that labeler was: an object, labeler name -> object.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TextIO

from ablations.ragged import Ragged

FIELD = "labelled_by"


def add_scores(
    source: Path,
    out: Path,
    *,
    name: str,
    positive: Ragged,
    identity: dict[str, Any],
    left_out: Collection[str],
) -> None:
    """Writes a pool with a labeler's scores, whole or not at all; equal arguments give equal bytes.

    Args:
        source: a pool that `read_pool` has read; it has no labeler of that name.
        out: gzipped if it ends in `.gz`.
        name: the labeler's.
        positive: P(the step is right), a row a solution, of the problems that are not left out, in order.
        identity: who the labeler is, plain JSON.
        left_out: names of the problems that are not written.

    Raises:
        ValueError: a line's `labelled_by` is no object.
    """
    partial = out.with_name(f"{out.name}.partial")
    row = 0
    try:
        with _reading(source) as lines, _writing(partial, zipped=out.suffix == ".gz") as file:
            for number, text in enumerate(lines, 1):
                line = json.loads(text) if text.strip() else None
                if line is None or line["problem_id"] in left_out:
                    continue
                who = line.setdefault(FIELD, {})
                if not isinstance(who, dict):
                    raise ValueError(
                        f"{source}:{number}: field {FIELD}: found {json.dumps(who):.40}; allowed: an object"
                    )
                who[name] = identity
                for sample in line["samples"]:
                    sample.setdefault("step_scores", {})[name] = positive.row(row).tolist()
                    row += 1
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        assert row == len(positive)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[TextIO]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        yield file


@contextlib.contextmanager
def _writing(path: Path, *, zipped: bool) -> Iterator[TextIO]:
    """Text; zipped without name and time, so that equal text is equal bytes."""
    with contextlib.ExitStack() as stack:
        file: Any = stack.enter_context(path.open("wb"))
        if zipped:
            file = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))
        yield stack.enter_context(io.TextIOWrapper(file, encoding="utf-8", newline="\n"))
