"""Labeling a pool by a judge: asks it shard by shard, then reads the verdicts from its stored answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.commands.making import make_all
from ablations.data.ragged import Ragged
from ablations.data.shards import shards_of
from ablations.engine.store import Store
from ablations.engine.user_file import UserFile
from ablations.formats.pool import Pool
from ablations.formats.pool_edit import add_scores
from ablations.labelers.chat_endpoint import CONTEXT_EXCEEDED, ChatAnswer, ChatEndpoint
from ablations.labelers.judge import CUT_OFF, Judge
from ablations.labelers.verdicts import right_shares
from ablations.steps.ask_judge import AskJudge, JudgeAnswers

SHARD = 512
"""Maximum number of solutions per step, in whole problems; a step asks about at least one problem."""


@dataclass(frozen=True, kw_only=True)
class JudgeUsage:
    """Numbers of a judge's answers."""

    answers: int
    verdicts: int
    """Answers of which the verdict could be read."""
    cut_off: int
    """Answers that reached the maximum number of tokens."""
    requests: int
    """Requests sent, with those repeated after a failure."""
    prompt_tokens: int
    """Tokens read, as far as the server says."""
    completion_tokens: int
    """Tokens written, as far as the server says."""
    uncounted: int
    """Answers of which the server does not say the tokens."""

    @classmethod
    def of(cls, answers: Sequence[ChatAnswer], verdicts: int) -> JudgeUsage:
        """Adds up the numbers of answers, some of which have a verdict."""
        tokens = [(answer.prompt_tokens, answer.completion_tokens) for answer in answers]
        return cls(
            answers=len(answers),
            verdicts=verdicts,
            cut_off=sum(answer.finish_reason == CUT_OFF for answer in answers),
            requests=sum(answer.requests for answer in answers),
            prompt_tokens=sum(read or 0 for read, _ in tokens),
            completion_tokens=sum(written or 0 for _, written in tokens),
            uncounted=sum(None in counts for counts in tokens),
        )

    def cost(self, price_in: float, price_out: float) -> float:
        """Computes the cost at prices per million tokens."""
        return (self.prompt_tokens * price_in + self.completion_tokens * price_out) / 1e6


@dataclass(frozen=True, kw_only=True)
class Unjudged:
    """A solution without a verdict."""

    problem_id: str
    """Name of the problem it solves."""
    sample: int
    """Its number among the problem's solutions."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A judge's labels of a pool."""

    rows: npt.NDArray[np.int64]
    """int64 [R], ascending: which solutions of the pool have a verdict."""
    right: Ragged
    """float64: P(right) of the steps of these R solutions; NaN where no verdict judges the step."""
    unjudged: tuple[Unjudged, ...]
    problems: int
    """Number of problems that have a solution with a verdict."""
    usage: JudgeUsage

    def write(self, file: UserFile, out: Path, name: str, judge: Judge) -> None:
        """Writes a pool with these labels under a name, atomically.

        Raises:
            ValueError: the pool has changed since it was judged.
        """
        identity: dict[str, Any] = judge.identity | {"usage": asdict(self.usage)}
        rows = self.rows.tolist()
        add_scores(file.unchanged(), out, name=name, scores=self.right, identity=identity, rows=rows)

    def describe(self, name: str, judge: Judge, prices: tuple[float, float] | None) -> str:
        """Describes verdicts, tokens and cost for display."""
        usage, unlabeled = self.usage, int(np.isnan(self.right.values).sum())
        lines = [
            f"{self.problems:,} problems, {len(self.rows):,} solutions, {len(self.right.values):,} steps "
            f"labeled by {name} (judge, {judge.verdicts}, {judge.model})",
            f"verdicts: {usage.verdicts:,} of {usage.answers:,} answers have one, {usage.cut_off:,} were cut "
            f"off at {judge.max_new_tokens:,} tokens; {unlabeled:,} steps after an error have no label",
            f"usage: {usage.prompt_tokens:,} tokens read, {usage.completion_tokens:,} written, "
            f"{usage.requests:,} requests, {usage.requests - usage.answers:,} of them repeated",
        ]
        if usage.uncounted:
            lines[-1] += f"; the server did not count the tokens of {usage.uncounted:,} answers"
        if prices is not None:
            lines.append(f"cost: {usage.cost(*prices):,.4g} at the prices given")
        return "\n".join(lines)


def judge_pool(pool: Pool, judge: Judge, endpoint: ChatEndpoint, store: Store, log_format: str) -> Judged:
    """Asks a judge about all solutions of a pool, except for answers that are in the store.

    Raises:
        ValueError: the endpoint fails, or no answer has a verdict.
    """
    solutions = pool.solutions
    problem, texts = solutions.problem_index.tolist(), solutions.column("steps").to_pylist()
    prompts = [judge.prompt(pool.problems[p].text, steps) for p, steps in zip(problem, texts, strict=True)]
    shards = shards_of(problem, SHARD)
    by_sample = [
        [
            AskJudge.of(
                judge.request(sample),
                prompts[shard],
                endpoint,
                f"answer {sample + 1} of {judge.samples}, shard {number} of {len(shards)}",
            )
            for number, shard in enumerate(shards, start=1)
        ]
        for sample in range(judge.samples)
    ]
    steps = [step for shards_of_sample in by_sample for step in shards_of_sample]
    if any(store.fault(step, full=False) is not None for step in steps):
        endpoint.check_reachable()
    make_all(steps, store, 1, log_format)
    answers_KR = [
        [answer for step in shards_of_sample for answer in JudgeAnswers.read(store.path(step)).answers]
        for shards_of_sample in by_sample
    ]
    return _read(pool, judge, answers_KR)


def _read(pool: Pool, judge: Judge, answers_KR: Sequence[Sequence[ChatAnswer]]) -> Judged:
    """Reads the verdicts from K answers about each of R solutions."""
    solutions = pool.solutions
    rows, right, unjudged, count = [], [], [], 0
    for row, answers in enumerate(zip(*answers_KR, strict=True)):
        steps = int(solutions.n_steps[row])
        verdicts = [verdict for one in answers if (verdict := judge.verdict(one, steps)) is not None]
        count += len(verdicts)
        if verdicts:
            rows.append(row)
            right.append(right_shares(verdicts))
            continue
        too_long = all(one.finish_reason == CONTEXT_EXCEEDED for one in answers)
        unjudged.append(
            Unjudged(
                problem_id=pool.problems[int(solutions.problem_index[row])].problem_id,
                sample=int(solutions.sample[row]),
                reason="longer than the model's context" if too_long else "no verdict",
            )
        )
    if not rows:
        first = " ".join(answers_KR[0][0].text.split())
        raise ValueError(
            f"verdicts: found none in {len(answers_KR) * len(unjudged):,} answers, which begin with "
            f"{first[:80]!r}; allowed: answers of the form that --verdicts names and the template asks for"
        )
    return Judged(
        rows=np.array(rows),
        right=Ragged.from_rows(right),
        unjudged=tuple(unjudged),
        problems=len(set(solutions.problem_index[rows].tolist())),
        usage=JudgeUsage.of([answer for answers in answers_KR for answer in answers], count),
    )
