"""A generative judge: a language model behind an endpoint that is asked for verdicts on solutions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations.data.checks import allowed
from ablations.data.field_types import Count, NotNegative, Seed, check_fields
from ablations.data.json_files import Json
from ablations.labelers.chat_endpoint import CONTEXT_EXCEEDED, ChatAnswer
from ablations.labelers.verdicts import VERDICTS, Verdict

TEMPLATES = Path(__file__).parent / "templates"
"""Folder of the default templates, one for each form of verdicts."""
OURS = ("model", "messages", "temperature", "max_tokens", "seed", "n", "stream")
"""Fields of a request that are not for the user to add."""
CUT_OFF = "length"
"""Reason for the end of an answer that reached the maximum number of tokens."""
UNFINISHED = (CUT_OFF, "content_filter", CONTEXT_EXCEEDED)
"""Reasons for the end of an answer from which no verdict is read."""
_FIELD = re.compile(r"\{(problem|steps|last)\}")


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What decides the verdicts of a judge, except for the solutions."""

    model: str
    """Name of the model at the endpoint; it must identify the model, because the address does not count."""
    template: str
    """Prompt; {problem}, {steps} and {last}, the index of the last step, stand for texts."""
    verdicts: str = "first_error"
    """Form of the verdicts: a key of ``VERDICTS``."""
    samples: Count = 1
    """Answers per solution."""
    temperature: NotNegative = 0.0
    max_new_tokens: Count = 4096
    """Maximum number of tokens of an answer."""
    seed: Seed = 0
    body: dict[str, Json] = field(default_factory=dict)
    """Further fields of a request."""

    def __post_init__(self) -> None:
        check_fields(self)
        allowed("verdicts", self.verdicts, tuple(VERDICTS))
        for name in ("{problem}", "{steps}"):
            if name not in self.template:
                raise ValueError(f"template: found no {name}; allowed: a text with {{problem}} and {{steps}}")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                f"samples: found {self.samples} at temperature 0, where all are alike; allowed: 1, or a "
                "temperature above 0"
            )
        if taken := sorted(set(self.body) & set(OURS)):
            raise ValueError(f"body: found {taken[0]}; allowed: fields other than {', '.join(OURS)}")

    def prompt(self, problem: str, steps: Sequence[str]) -> str:
        """Returns what the judge reads; steps are paragraphs in tags, numbered from 0, as in ProcessBench."""
        paragraphs = (f"<paragraph_{i}>\n{step}\n</paragraph_{i}>" for i, step in enumerate(steps))
        texts = {"problem": problem, "steps": "\n\n".join(paragraphs), "last": str(len(steps) - 1)}
        return _FIELD.sub(lambda found: texts[found[1]], self.template)

    def request(self, sample: int) -> dict[str, Json]:
        """Returns the fields of a request for the answer of that number, except for the prompt."""
        digest = hashlib.sha256(f"{self.seed} {sample}".encode()).digest()
        return {
            "model": self.model,
            "temperature": self.temperature,
            "max_tokens": self.max_new_tokens,
            "seed": int.from_bytes(digest[:4]) >> 1,  # every server takes 31 bits
            **self.body,
        }

    def verdict(self, answer: ChatAnswer, steps: int) -> Verdict | None:
        """Reads an answer's verdict on a solution with that many steps; None if there is none."""
        if answer.finish_reason in UNFINISHED:
            return None
        return VERDICTS[self.verdicts](answer.text, steps)

    @property
    def identity(self) -> dict[str, Any]:
        """Identity of the judge as plain JSON; equal ones ask for the same and read it alike."""
        return {
            "family": "judge",
            "model": self.model,
            "template": self.template,
            "verdicts": self.verdicts,
            "samples": self.samples,
            "temperature": self.temperature,
            "max_new_tokens": self.max_new_tokens,
            "seed": self.seed,
            "body": self.body,
        }


def default_template(verdicts: str) -> str:
    """Returns the default template for a form of verdicts."""
    allowed("verdicts", verdicts, tuple(VERDICTS))
    return (TEMPLATES / f"{verdicts}.txt").read_text(encoding="utf-8")
