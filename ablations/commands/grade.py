"""``ablations grade SOLUTIONS --out POOL``: grades a pool's final answers again, into a new pool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.commands.making import part
from ablations.engine.files import check_new, exclusive
from ablations.engine.progress import LogFormat, Reporter, reporter_of, text_table
from ablations.engine.user_file import UserFile
from ablations.formats.pool import Pool, read_pool
from ablations.formats.pool_edit import replace_verdicts
from ablations.grading.equal_answers import common_spellings
from ablations.grading.extraction import extract_answer
from ablations.grading.grader import Grader
from ablations.grading.unanswered import describe_unanswered

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
        log_format: format of the progress.

    Raises:
        ValueError: an argument or the pool is invalid, or Math-Verify is needed and missing.
    """
    check_new(out, "out")
    grader = Grader(workers=workers, seconds=seconds)
    file = UserFile.of(solutions, "solutions")
    pool = read_pool(solutions, None, keep_ungraded=True)
    answers = _Answers.of(pool)
    with exclusive(out, "out"):
        with grader:
            found = _graded(answers, grader, reporter_of(log_format), merge=merge_equivalent)
        replace_verdicts(file.unchanged(), out, answers=found.spelled, verdicts=found.verdicts)
    print(_told(answers, found))
    print(f"\n{_unanswered(pool, answers)}")
    print(f"\n{out}: {len(pool.problems):,} problems, {len(pool.solutions):,} solutions")


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """The parts of a pool's R solutions that matter here."""

    texts: list[str | None]
    """Their answers."""
    references: list[str]
    """The reference answers."""
    finished: list[bool]
    """Whether they are finished; unfinished ones cannot be right."""
    said: list[bool | None]
    """Verdicts in the file."""
    names: list[tuple[str, int]]
    """Problem ID and sample number."""

    @classmethod
    def of(cls, pool: Pool) -> _Answers:
        solutions = pool.solutions
        problem_of = [pool.problems[p] for p in solutions.problem_index]
        return cls(
            texts=solutions.column("answer").to_pylist(),
            references=[problem.answer for problem in problem_of],
            finished=solutions.finished.tolist(),
            said=[
                bool(right) if graded else None
                for right, graded in zip(solutions.final_correct, pool.graded, strict=True)
            ],
            names=[
                (problem.problem_id, int(sample))
                for problem, sample in zip(problem_of, solutions.sample, strict=True)
            ],
        )


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The results for the R solutions."""

    verdicts: list[bool | None]
    """Whether they are right; None: ungraded."""
    spelled: list[str | None]
    """Their answers, with equal ones spelled alike if requested."""


def _graded(answers: _Answers, grader: Grader, reporter: Reporter, *, merge: bool) -> _Found:
    count = len(answers.texts)
    reporter.begin(1 + merge, 0, float(count * (1 + merge)))
    try:
        with part(reporter, "grading", count) as progress:
            pairs = list(zip(answers.texts, answers.references, strict=True))
            of_text = grader.grade(pairs, lambda done, of: progress(done / of))
        spelled = answers.texts
        if merge:
            with part(reporter, "comparing answers", count, before=count) as progress:
                spelled = _spelled(answers, of_text, grader, progress)
    finally:
        reporter.close()
    verdicts = [
        verdict if finished else False for verdict, finished in zip(of_text, answers.finished, strict=True)
    ]
    return _Found(verdicts=verdicts, spelled=spelled)


def _spelled(
    answers: _Answers,
    verdicts: Sequence[bool | None],
    grader: Grader,
    progress: Callable[[float], None],
) -> list[str | None]:
    """Returns the answers, with equal answers to a problem spelled alike."""
    rows_of: dict[str, list[int]] = {}
    for row, (problem, _) in enumerate(answers.names):
        rows_of.setdefault(problem, []).append(row)
    spelled = list(answers.texts)
    done = 0
    for rows in rows_of.values():
        there = [(row, text) for row in rows if (text := answers.texts[row]) is not None]
        known = {text: verdicts[row] for row, text in there}
        spelling = common_spellings([text for _, text in there], known, grader)
        for row, text in there:
            spelled[row] = spelling[text]
        done += len(rows)
        progress(done / len(spelled))
    return spelled


def _told(answers: _Answers, found: _Found) -> str:
    """Compares the verdicts with those in the file, and lists those that differ and the ungraded ones."""
    count = Counter(zip(answers.said, found.verdicts, strict=True))
    rows = [(f"was {word}", *(f"{count[said, now]:,}" for now in WORDS)) for said, word in WORDS.items()]
    rows.append(("in all", *(f"{sum(count[said, now] for said in WORDS):,}" for now in WORDS)))
    told = [text_table(("solutions", *WORDS.values()), rows, right=(1, 2, 3))]
    graded = [row for row, said in enumerate(answers.said) if said is not None]
    differ = [row for row in graded if found.verdicts[row] is not answers.said[row]]
    told.append(f"{len(differ):,} of {len(graded):,} verdicts in the file change")
    told += _listed(answers, found, differ)
    new = count[None, True] + count[None, False]
    if new:
        told.append(f"{new:,} solutions without a verdict in the file have one now")
    still = [row for row, now in enumerate(found.verdicts) if now is None and answers.said[row] is None]
    if still:
        told.append(f"{len(still):,} solutions are ungraded as they were")
        told += _listed(answers, found, still)
    changed = sum(text != new for text, new in zip(answers.texts, found.spelled, strict=True))
    if changed:
        problems = {
            answers.names[row][0]
            for row, (text, new) in enumerate(zip(answers.texts, found.spelled, strict=True))
            if text != new
        }
        told.append(
            f"{changed:,} answers to {len(problems):,} problems are spelled as the most frequent equal one"
        )
    return "\n\n".join(told)


def _unanswered(pool: Pool, answers: _Answers) -> str:
    """Reports how many solutions lack an answer in the file, and how many of these state one in a step."""
    rows = [row for row, text in enumerate(answers.texts) if text is None or not text.strip()]
    finished = [row for row in rows if answers.finished[row]]
    steps = [pool.solutions.row(row).steps for row in finished]
    stated = sum(extract_answer("\n".join(texts)) is not None for texts in steps)
    advice = f"the answers are read from the file; {stated:,} of these solutions state one in their steps"
    return describe_unanswered(len(rows), len(answers.texts), len(rows) - len(finished), advice)


def _listed(answers: _Answers, found: _Found, rows: Sequence[int]) -> list[str]:
    if not rows:
        return []
    cells = [
        (
            answers.names[row][0],
            str(answers.names[row][1]),
            _short(answers.texts[row]),
            _short(answers.references[row]),
            WORDS[answers.said[row]],
            WORDS[found.verdicts[row]],
        )
        for row in rows[:FIRST]
    ]
    header = ("problem", "sample", "answer", "reference", "in the file", "now")
    more = f"\n... and {len(rows) - FIRST:,} more" if len(rows) > FIRST else ""
    return [text_table(header, cells, right=(1,)) + more]


def _short(text: str | None) -> str:
    if text is None:
        return "(none)"
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
