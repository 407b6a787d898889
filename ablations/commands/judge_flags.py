"""Flags of the commands that ask a judge behind an endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ablations.data.field_types import Count, NotNegative, Positive, Seed, check_fields
from ablations.labelers.chat_endpoint import ChatEndpoint
from ablations.labelers.judge import Judge, default_template


@dataclass(frozen=True, kw_only=True)
class JudgeFlags:
    """How a judge is asked."""

    endpoint: str | None = None
    """OpenAI-compatible server of a judge, such as http://localhost:8000/v1; --labeler then names the model
    there. An API key is read from ABLATIONS_JUDGE_KEY."""
    verdicts: str = "first_error"
    """With an endpoint: form of the verdicts; a wrong name lists all."""
    template: Path | None = None
    """With an endpoint: file of the prompt, with {problem} and {steps} (default: that of the verdicts)."""
    samples: Count = 1
    """With an endpoint: answers per solution; P(wrong) of a step is the share of verdicts on it that call it
    wrong."""
    temperature: NotNegative = 0.0
    """With an endpoint: temperature of the answers."""
    max_new_tokens: Count = 4096
    """With an endpoint: most tokens of an answer; one that is cut off has no verdict."""
    seed: Seed = 0
    """With an endpoint: seed of the answers."""
    body: str | None = None
    """With an endpoint: JSON object of further fields of a request, such as {"top_p": 0.95}."""
    concurrency: Count = 16
    """With an endpoint: most requests at once."""
    timeout: Positive = 600.0
    """With an endpoint: seconds until a request without a reply is sent again."""
    price_in: NotNegative | None = None
    """With an endpoint: price of a million tokens that are read."""
    price_out: NotNegative | None = None
    """With an endpoint: price of a million tokens that are written."""

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("price_in, price_out: found one of them; allowed: both, or none")
        if self.endpoint is None:
            check_unset(self, "without --endpoint")

    def judge(self, model: str) -> Judge:
        """Returns the judge with these flags.

        Raises:
            ValueError: a flag is not allowed.
        """
        return Judge(
            model=model,
            template=_read_template(self.template) if self.template else default_template(self.verdicts),
            verdicts=self.verdicts,
            samples=self.samples,
            temperature=self.temperature,
            max_new_tokens=self.max_new_tokens,
            seed=self.seed,
            body={} if self.body is None else _read_body(self.body),
        )

    @property
    def prices(self) -> tuple[float, float] | None:
        """Prices per million tokens, read and written; None if they are unknown."""
        return None if self.price_in is None or self.price_out is None else (self.price_in, self.price_out)

    def chat_endpoint(self) -> ChatEndpoint:
        """Returns the endpoint; raises a ValueError if its address is malformed."""
        assert self.endpoint is not None
        return ChatEndpoint(url=self.endpoint, concurrency=self.concurrency, timeout=self.timeout)


def check_unset(flags: Any, where: str) -> None:
    """Raises a ValueError if a flag differs from its default."""
    for item in fields(flags):
        if (found := getattr(flags, item.name)) != item.default:
            raise ValueError(f"{item.name}: found {found} {where}; allowed: none")


def _read_template(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"template: found no UTF-8 text in {path}; allowed: a text file") from None
    except OSError as error:
        raise ValueError(f"template: found no file {path} ({error.strerror}); allowed: a text file") from None


def _read_body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ValueError(f'body: found {text}; allowed: a JSON object, such as {{"top_p": 0.95}}')
    return body
