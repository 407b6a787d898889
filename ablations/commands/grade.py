"""``ablations grade SOLUTIONS --out POOL``: grades a pool's final answers again, into a new pool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ablations.commands.making import make_all
from ablations.engine.files import check_new, check_output, exclusive
from ablations.engine.progress import LogFormat, text_table
from ablations.engine.store import STORE, Store
from ablations.engine.user_file import UserFile
from ablations.formats.pool import Pool, read_pool
from ablations.formats.pool_edit import replace_verdicts
from ablations.grading.extraction import extract_answer
from ablations.grading.grader import Grader
from ablations.grading.unanswered import describe_unanswered
from ablations.steps.grade_answers import Answer, GradeAnswers, Verdicts

WORDS = {True: "right", False: "wrong", None: "ungraded"}
FIRST = 10
"""Maximum number of solutions shown per list."""
SHOWN = 40
"""Maximum number of characters shown of an answer."""


def grade(
    solutions: Path,
    *,
    out: Path,
    workers: int = 1,
    seconds: float = 5.0,
    merge_equivalent: bool = False,
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    """Grades a pool's final answers again, and writes a pool with the verdicts.

    Args:
        solutions: a pool: .jsonl, .jsonl.gz or .jsonl.zst.
        out: the new pool; compressed by its name.
        workers: processes of Math-Verify.
        seconds: limit for one answer; past it the solution is ungraded.
        merge_equivalent: spell all answers to a problem that are equal as the most frequent of them, so that
            votes count them together.
        store: folder of artifacts.
        log_format: format of the progress.

    Raises:
        ValueError: an argument or the pool is invalid, or Math-Verify is needed and missing.
    """
    check_new(out, "out")
    check_output(store, "store", folder=True)
    file = UserFile.of(solutions, "solutions")
    with exclusive(out, "out"), Grader(workers=workers, seconds=seconds) as grader:
        pool = read_pool(solutions, None, keep_ungraded=True)
        answers = _answers(pool)
        steps = GradeAnswers.shards(answers, grader, merge_equivalent=merge_equivalent)
        artifacts = Store(store)
        make_all(steps, artifacts, 1, log_format)
        parts = [Verdicts.read(artifacts.path(step)) for step in steps]
        # an unfinished solution cannot be right, whatever its answer
        finished = iter(pool.solutions.finished.tolist())
        verdicts = [right if next(finished) else False for part in parts for right in part.right]
        texts = [text for part in parts for text in part.answers]
        replace_verdicts(file.unchanged(), out, answers=texts, verdicts=verdicts)
    print(_describe_verdicts(pool, answers, verdicts))
    print(_describe_spellings(answers, texts), end="")
    print(f"\n{_describe_missing(pool)}")
    print(f"\n{out}: {len(pool.problems):,} problems, {len(pool.solutions):,} solutions")


def _answers(pool: Pool) -> list[Answer]:
    problems = [pool.problems[p] for p in pool.solutions.problem_index]
    texts = pool.solutions.column("answer").to_pylist()
    return [
        Answer(problem.problem_id, text, problem.answer)
        for problem, text in zip(problems, texts, strict=True)
    ]


class _Change(NamedTuple):
    """A solution with its verdicts."""

    answer: Answer
    sample: int
    before: bool | None
    """Verdict in the file; None: ungraded."""
    after: bool | None


def _describe_verdicts(pool: Pool, answers: Sequence[Answer], verdicts: Sequence[bool | None]) -> str:
    """Compares the verdicts with those in the file, and lists those that differ and the ungraded ones."""
    right, graded = pool.solutions.final_correct.tolist(), pool.graded.tolist()
    before = [verdict if known else None for verdict, known in zip(right, graded, strict=True)]
    samples = pool.solutions.sample.tolist()
    changes = [_Change(*row) for row in zip(answers, samples, before, verdicts, strict=True)]

    count = Counter((change.before, change.after) for change in changes)
    rows = [(f"was {word}", *(f"{count[old, new]:,}" for new in WORDS)) for old, word in WORDS.items()]
    rows.append(("in all", *(f"{sum(count[old, new] for old in WORDS):,}" for new in WORDS)))
    blocks = [text_table(("solutions", *WORDS.values()), rows, right=(1, 2, 3))]
    changed = [change for change in changes if change.before not in (None, change.after)]
    blocks.append(f"{len(changed):,} of {sum(graded):,} verdicts in the file change")
    blocks += _list(changed)
    if new := count[None, True] + count[None, False]:
        blocks.append(f"{new:,} solutions without a verdict in the file have one now")
    if ungraded := [change for change in changes if change.before is None and change.after is None]:
        blocks.append(f"{len(ungraded):,} solutions are ungraded as they were")
        blocks += _list(ungraded)
    return "\n\n".join(blocks)


def _list(changes: Sequence[_Change]) -> list[str]:
    if not changes:
        return []
    cells = [
        (
            change.answer.problem_id,
            str(change.sample),
            _short(change.answer.text),
            _short(change.answer.reference),
            WORDS[change.before],
            WORDS[change.after],
        )
        for change in changes[:FIRST]
    ]
    header = ("problem", "sample", "answer", "reference", "in the file", "now")
    more = f"\n... and {len(changes) - FIRST:,} more" if len(changes) > FIRST else ""
    return [text_table(header, cells, right=(1,)) + more]


def _short(text: str | None) -> str:
    if text is None:
        return "(none)"
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."


def _describe_spellings(answers: Sequence[Answer], texts: Sequence[str | None]) -> str:
    """Reports how many answers are spelled otherwise now; an empty text if none is."""
    problems = [answer.problem_id for answer, text in zip(answers, texts, strict=True) if answer.text != text]
    if not problems:
        return ""
    return (
        f"\n{len(problems):,} answers to {len(set(problems)):,} problems are spelled as the most frequent "
        "equal one\n"
    )


def _describe_missing(pool: Pool) -> str:
    """Reports how many solutions lack an answer in the file, and how many of these state one in a step."""
    texts = pool.solutions.column("answer").to_pylist()
    missing = [row for row, text in enumerate(texts) if text is None or not text.strip()]
    finished = [row for row in missing if pool.solutions.finished[row]]
    stated = sum(extract_answer("\n".join(pool.solutions.row(row).steps)) is not None for row in finished)
    advice = f"the answers are read from the file; {stated:,} of these solutions state one in their steps"
    return describe_unanswered(len(missing), len(texts), len(missing) - len(finished), advice)
