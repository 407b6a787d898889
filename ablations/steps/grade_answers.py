"""The step that grades final answers."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ablations import grading
from ablations.data.shards import shards_of
from ablations.engine.step import Context, Step, apart
from ablations.grading.equal_answers import common_spellings
from ablations.grading.grader import Grader

SHARD = 4096
"""Maximum number of answers that one step grades, in whole problems; it grades at least one problem."""
VERDICTS = "verdicts.parquet"
SCHEMA = pa.schema([pa.field("answer", pa.large_string()), pa.field("right", pa.bool_())])


class Answer(NamedTuple):
    """A solution's final answer."""

    problem_id: str
    text: str | None
    """None: the solution has no answer."""
    reference: str


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Verdicts on R answers."""

    answers: list[str | None]
    """The answers; equal answers to a problem are spelled alike if that was requested."""
    right: list[bool | None]
    """Whether each answer is right; None: ungraded."""

    def write(self, folder: Path) -> None:
        """Writes ``VERDICTS``."""
        pq.write_table(pa.table([self.answers, self.right], schema=SCHEMA), folder / VERDICTS)

    @classmethod
    def read(cls, folder: Path) -> Verdicts:
        """Reads what ``write`` wrote."""
        table = pq.read_table(folder / VERDICTS)
        return cls(answers=table["answer"].to_pylist(), right=table["right"].to_pylist())


@dataclass(frozen=True, kw_only=True, eq=False)
class GradeAnswers(Step[Verdicts], name="verdicts"):
    """Grades answers against the reference answers of their problems."""

    answers_sha256: str
    rules: str
    """Hash of the rules of grading."""
    seconds: float
    """Limit for one pair; an answer that takes longer is ungraded."""
    merge_equivalent: bool = False
    """Whether equal answers to a problem are spelled as the most frequent of them."""
    answers: tuple[Answer, ...] = apart()
    grader: Grader = apart()

    @classmethod
    def shards(
        cls, answers: Sequence[Answer], grader: Grader, *, merge_equivalent: bool = False
    ) -> list[GradeAnswers]:
        """Returns the steps that grade many answers, in order; those to a problem are next to each other."""
        parts = shards_of([answer.problem_id for answer in answers], SHARD)
        return [
            cls(
                answers_sha256=hashlib.sha256(json.dumps(answers[part]).encode()).hexdigest(),
                rules=_rules(),
                seconds=grader.seconds,
                merge_equivalent=merge_equivalent,
                answers=tuple(answers[part]),
                grader=grader,
                label=f"grading, shard {number} of {len(parts)}",
                weight=float(part.stop - part.start),
            )
            for number, part in enumerate(parts, start=1)
        ]

    def run(self, context: Context) -> Verdicts:
        """Grades them."""
        texts, problems = [one.text for one in self.answers], [one.problem_id for one in self.answers]
        share = 0.5 if self.merge_equivalent else 1.0
        right = self.grader.grade(
            [(one.text, one.reference) for one in self.answers],
            lambda done, count: context.progress(share * done / count),
        )
        if self.merge_equivalent:
            for part in shards_of(problems, 1):
                texts[part] = _merged(texts[part], right[part], self.grader)
                context.progress(0.5 + 0.5 * part.stop / len(texts))
        return Verdicts(answers=texts, right=right)


def _merged(texts: list[str | None], right: list[bool | None], grader: Grader) -> list[str | None]:
    """Returns the answers to one problem, with equal ones spelled alike."""
    verdicts = {text: verdict for text, verdict in zip(texts, right, strict=True) if text is not None}
    spelling = common_spellings([text for text in texts if text is not None], verdicts, grader)
    return [None if text is None else spelling[text] for text in texts]


@functools.cache
def _rules() -> str:
    """Hashes the code that grades, and the versions of the packages that it calls."""
    digest = hashlib.sha256()
    for path in sorted(Path(grading.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    for package in ("math-verify", "sympy"):
        try:
            digest.update(f"{package} {metadata.version(package)}".encode())
        except metadata.PackageNotFoundError:
            digest.update(f"{package} missing".encode())
    return digest.hexdigest()
