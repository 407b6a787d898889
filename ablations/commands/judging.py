"""Judging solutions: asks a judge shard by shard, then reads the verdicts from its stored answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.commands.making import make_all
from ablations.data.shards import shards_of
from ablations.engine.store import Store
from ablations.labelers.chat_endpoint import CONTEXT_EXCEEDED, ChatAnswer, ChatEndpoint
from ablations.labelers.judge import CUT_OFF, Judge
from ablations.labelers.verdicts import right_shares
from ablations.steps.ask_judge import AskJudge, JudgeAnswers

SHARD = 512
"""Maximum number of solutions per step, in whole problems; a step asks about at least one problem."""
NO_VERDICT, TOO_LONG = "no verdict", "longer than the model's context"
"""Reasons why a solution has no labels."""


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

    def describe(self, judge: Judge, prices: tuple[float, float] | None) -> str:
        """Describes verdicts, tokens and, at prices per million tokens read and written, the cost."""
        lines = [
            f"verdicts: {self.verdicts:,} of {self.answers:,} answers have one, {self.cut_off:,} were cut "
            f"off at {judge.max_new_tokens:,} tokens",
            f"usage: {self.prompt_tokens:,} tokens read, {self.completion_tokens:,} written, "
            f"{self.requests:,} requests, {self.requests - self.answers:,} of them repeated",
        ]
        if self.uncounted:
            lines[-1] += f"; the server did not count the tokens of {self.uncounted:,} answers"
        if prices is not None:
            cost = self.prompt_tokens * prices[0] + self.completion_tokens * prices[1]
            lines.append(f"cost: {cost / 1e6:,.4g} at the prices given")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Judgments:
    """A judge's labels of R solutions, and why some have none."""

    right: dict[int, npt.NDArray[np.float64]]
    """Row of each solution with a verdict, ascending -> P(right) of its steps; NaN where none judges it."""
    unjudged: dict[int, str]
    """Row of each other solution, ascending -> the reason."""
    usage: JudgeUsage


@dataclass(frozen=True, kw_only=True)
class Judging:
    """A judge, where it is, and where its answers are kept."""

    judge: Judge
    endpoint: ChatEndpoint
    store: Store
    log_format: str
    """Format of the progress."""

    def identity(self, usage: JudgeUsage) -> dict[str, Any]:
        """Returns what decided the labels and what they took, as plain JSON."""
        return self.judge.identity | {"usage": asdict(usage)}

    def label(self, problems: Sequence[str], steps: Sequence[Sequence[str]]) -> Judgments:
        """Asks about solutions, except for answers that are in the store, and reads the verdicts.

        Args:
            problems: text of the problem of each solution; equal ones next to each other.
            steps: steps of each solution.

        Raises:
            ValueError: the endpoint fails, or no answer has a verdict.
        """
        prompts = [self.judge.prompt(text, texts) for text, texts in zip(problems, steps, strict=True)]
        shards = shards_of(problems, SHARD)
        by_sample = [
            [
                AskJudge.of(
                    self.judge.request(sample),
                    prompts[shard],
                    self.endpoint,
                    f"answer {sample + 1} of {self.judge.samples}, shard {number} of {len(shards)}",
                )
                for number, shard in enumerate(shards, start=1)
            ]
            for sample in range(self.judge.samples)
        ]
        tasks = [task for of_sample in by_sample for task in of_sample]
        if any(self.store.fault(task, full=False) is not None for task in tasks):
            self.endpoint.check_reachable()
        make_all(tasks, self.store, 1, self.log_format)
        answers_KR = [
            [one for task in of_sample for one in JudgeAnswers.read(self.store.path(task)).answers]
            for of_sample in by_sample
        ]
        return self._read(answers_KR, [len(texts) for texts in steps])

    def _read(self, answers_KR: Sequence[Sequence[ChatAnswer]], lengths: Sequence[int]) -> Judgments:
        """Reads the verdicts from K answers about each of R solutions, given their numbers of steps."""
        right: dict[int, npt.NDArray[np.float64]] = {}
        unjudged: dict[int, str] = {}
        count = 0
        for row, answers in enumerate(zip(*answers_KR, strict=True)):
            found = [self.judge.verdict(answer, lengths[row]) for answer in answers]
            verdicts = [verdict for verdict in found if verdict is not None]
            count += len(verdicts)
            if verdicts:
                right[row] = right_shares(verdicts)
            else:
                too_long = all(answer.finish_reason == CONTEXT_EXCEEDED for answer in answers)
                unjudged[row] = TOO_LONG if too_long else NO_VERDICT
        all_answers = [answer for of_sample in answers_KR for answer in of_sample]
        if not right:
            first = " ".join(all_answers[0].text.split())
            raise ValueError(
                f"verdicts: found none in {len(all_answers):,} answers, which begin with {first[:80]!r}; "
                "allowed: answers of the form that --verdicts names and the template asks for"
            )
        return Judgments(right=right, unjudged=unjudged, usage=JudgeUsage.of(all_answers, count))
