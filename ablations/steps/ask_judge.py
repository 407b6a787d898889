"""The step that asks a judge about solutions. Its artifact holds raw answers, which are parsed afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.parquet as pq

from ablations.data.json_files import Json
from ablations.engine.step import Context, Step, apart
from ablations.labelers.chat_endpoint import ChatAnswer, ChatEndpoint
from results.writing import write_text

ANSWERS, KEPT = "answers.parquet", "answers.jsonl"
SCHEMA = pa.schema(
    [
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("finish_reason", pa.string(), nullable=False),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("requests", pa.int32(), nullable=False),
    ]
)
"""Columns, one per field of `ChatAnswer`."""


@dataclass(frozen=True, kw_only=True)
class JudgeAnswers:
    """A judge's answers to some prompts, in their order."""

    answers: tuple[ChatAnswer, ...]

    def write(self, folder: Path) -> None:
        """Writes ``ANSWERS``, one row per answer."""
        table = pa.Table.from_pylist([asdict(answer) for answer in self.answers], schema=SCHEMA)
        pq.write_table(table, folder / ANSWERS, compression="zstd")

    @classmethod
    def read(cls, folder: Path) -> JudgeAnswers:
        """Reads what ``write`` wrote."""
        return cls(answers=tuple(ChatAnswer(**row) for row in pq.read_table(folder / ANSWERS).to_pylist()))


@dataclass(frozen=True, kw_only=True, eq=False)
class AskJudge(Step[JudgeAnswers], name="judge_answers"):
    """Asks a judge once about each of some solutions."""

    request: Mapping[str, Json]
    """Fields of the requests, except for the prompts; see `ablations.labelers.judge.Judge.request`."""
    prompts_sha256: str
    prompts: tuple[str, ...] = apart()
    endpoint: ChatEndpoint = apart()

    @classmethod
    def of(
        cls, request: Mapping[str, Json], prompts: Sequence[str], endpoint: ChatEndpoint, label: str
    ) -> AskJudge:
        """Returns the step for some prompts."""
        return cls(
            request=request,
            prompts_sha256=hashlib.sha256(json.dumps(prompts).encode()).hexdigest(),
            prompts=tuple(prompts),
            endpoint=endpoint,
            label=label,
            weight=float(len(prompts)),
        )

    def run(self, context: Context) -> JudgeAnswers:
        """Asks for the answers that an interrupted attempt has not kept."""
        file = context.scratch / KEPT
        kept = _read_kept(file)
        write_text(file, "".join(_line(number, answer) for number, answer in kept.items()))
        bodies: dict[int, dict[str, Json]] = {
            number: {**self.request, "messages": [{"role": "user", "content": prompt}]}
            for number, prompt in enumerate(self.prompts)
            if number not in kept
        }
        lock = Lock()
        with file.open("a", encoding="utf-8") as out:

            def keep(number: int, answer: ChatAnswer) -> None:
                with lock:
                    kept[number] = answer
                    out.write(_line(number, answer))
                    out.flush()
                    context.progress(len(kept) / len(self.prompts))

            self.endpoint.ask_all(bodies, keep)
        return JudgeAnswers(answers=tuple(kept[number] for number in range(len(self.prompts))))


def _line(number: int, answer: ChatAnswer) -> str:
    return json.dumps([number, asdict(answer)]) + "\n"


def _read_kept(file: Path) -> dict[int, ChatAnswer]:
    """Reads the answers of an interrupted attempt; its last line may be torn."""
    kept: dict[int, ChatAnswer] = {}
    lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.is_file() else []
    for line in lines:
        number, answer = json.loads(line)
        kept[number] = ChatAnswer(**answer)
    return kept
