"""Training and scoring beside what a careful user gets elsewhere, on the same rows with the same weights.

    pip install trl==1.13.0 datasets
    python tests/benchmarks/peers.py --pool POOL --train TRAIN --out results/reference/peers.json

The peers are TRL's PRMTrainer in float32, the same with batches grouped by length, and as it ships (bfloat16,
gradient checkpointing); and transformers on rows sorted by length, at its best of several batch sizes. All
sides take turns; medians of solutions per second. `python -m results.speed_page` makes the table in the docs.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from measure import padded
from training import QUIET
from transformers import Qwen2Config, Qwen2ForTokenClassification

from ablations.formats.pool import read_pool
from ablations.formats.questions import read_questions
from ablations.steps.scratch_base import train_tokenizer
from lightning_modules.encoding import IGNORE, Encoded
from lightning_modules.packing import cost_of
from lightning_modules.reward_data import RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.scoring import score

SIZES = {"1.6M": (128, 6), "10M": (320, 8)}
"""Name -> width and number of layers of a Qwen2 model."""
BATCH = 32
"""Solutions per update."""
BATCHES = (1, 2, 4, 8, 16)
"""Batch sizes of which transformers gets its best."""
RATE = 1e-4
"""Learning rate."""
Side = Callable[[], float]
"""Does the work, and returns the seconds that count."""


@dataclass(frozen=True, kw_only=True)
class Solutions:
    """Solutions as texts, and in tokens as TRL makes them."""

    rows: list[dict[str, Any]]
    """Rows of TRL: prompt, completions and labels."""
    encoded: list[Encoded]
    targets: list[np.ndarray]
    """int8 [T]: the label at each step's end, -100 elsewhere."""
    tokenizer: Any
    per_problem: int

    @classmethod
    def of(cls, pool: Path, tokenizer: Any, problems: range, per_problem: int) -> "Solutions":
        """Takes as many solutions of some problems; labels are the pool's."""
        from trl.experimental.prm import PRMTrainer

        read = read_pool(pool, "qwen_prm")
        assert read.labels is not None
        rows, encoded, targets = [], [], []
        for index in np.flatnonzero(np.isin(read.solutions.problem_index, list(problems))):
            if read.solutions.sample[index] >= per_problem:
                continue
            prob, offsets = read.labels.prob.values, read.labels.prob.offsets
            steps = read.solutions.column("steps")[index].as_py()
            right = prob[offsets[index] : offsets[index + 1], 0] <= 0.5
            text = read.problems[int(read.solutions.problem_index[index])].text
            rows.append({"prompt": text + "\n", "completions": steps, "labels": right.tolist()})
            made = PRMTrainer.tokenize_row(rows[-1], tokenizer, "\n", None, None, False, False)
            target = np.array(made["labels"], dtype=np.int8)
            ends = np.flatnonzero(target != IGNORE)
            ids = np.array(made["input_ids"], dtype=np.int32)
            encoded.append(Encoded(ids=ids, solution_start=int(ends[0]), step_end=ends))
            targets.append(target)
        return cls(rows=rows, encoded=encoded, targets=targets, tokenizer=tokenizer, per_problem=per_problem)

    @property
    def groups(self) -> list[np.ndarray] | None:
        """What is drawn together: all solutions of a problem, if there are several."""
        if self.per_problem == 1:
            return None
        return np.split(np.arange(len(self.rows)), len(self.rows) // self.per_problem)


def model_of(size: str, vocabulary: int) -> Qwen2ForTokenClassification:
    """The model of all sides, always of the same weights."""
    width, layers = SIZES[size]
    torch.manual_seed(0)
    heads = width // 32
    return Qwen2ForTokenClassification(
        Qwen2Config(
            **{"hidden_size": width, "intermediate_size": width * 11 // 4, "num_hidden_layers": layers},
            **{"num_attention_heads": heads, "num_key_value_heads": heads, "vocab_size": vocabulary},
            **{"num_labels": 2, "classifier_dropout": 0.0},
        )
    )


def train_ours(size: str, data: Solutions) -> float:
    """One epoch as users train; several solutions of a problem are in the same batch."""
    model = model_of(size, len(data.tokenizer))
    dataset = RewardDataset(
        token_ids=[one.ids for one in data.encoded],
        targets=data.targets,
        num_classes=2,
        cost=cost_of(model),
        drawn=data.groups,
    )
    made = RewardData(dataset, batch_size=BATCH // data.per_problem or 1, seed=0)
    module = RewardModel(model, learning_rate=RATE, total_updates=made.updates)
    trainer = lightning.Trainer(accelerator="cpu", devices=1, max_epochs=1, gradient_clip_val=1.0, **QUIET)
    began = time.perf_counter()
    trainer.fit(module, made)
    return time.perf_counter() - began


def train_trl(size: str, data: Solutions, **how: Any) -> float:
    """One epoch of TRL's trainer."""
    from datasets import Dataset
    from trl.experimental.prm import PRMConfig, PRMTrainer

    with tempfile.TemporaryDirectory() as folder:
        config = PRMConfig(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=RATE,
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=0,
            max_length=None,
            **how,
        )
        trainer = PRMTrainer(
            model=model_of(size, len(data.tokenizer)),
            args=config,
            train_dataset=Dataset.from_list(data.rows),
            processing_class=data.tokenizer,
        )
        began = time.perf_counter()
        trainer.train()
        return time.perf_counter() - began


def score_ours(model: torch.nn.Module, data: Solutions) -> float:
    began = time.perf_counter()
    score(model, data.encoded)
    return time.perf_counter() - began


def score_sorted(model: torch.nn.Module, data: Solutions, batch: int) -> np.ndarray:
    """P(class) at the step ends by transformers, rows sorted by length and padded."""
    order = sorted(range(len(data.encoded)), key=lambda i: len(data.encoded[i]))
    found: list[np.ndarray] = [np.empty(0)] * len(order)
    with torch.inference_mode():
        for begin in range(0, len(order), batch):
            rows = [data.encoded[i] for i in order[begin : begin + batch]]
            logits_BTC = model(
                input_ids=padded([row.ids for row in rows], 0),
                attention_mask=padded([np.ones(len(row), dtype=np.int64) for row in rows], 0),
                use_cache=False,
            ).logits
            prob_BTC = logits_BTC.double().softmax(-1).numpy()
            for place, row in enumerate(rows):
                found[order[begin + place]] = prob_BTC[place, row.step_end]
    return np.concatenate(found)


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turns(sides: dict[str, Side], repeats: int) -> dict[str, list[float]]:
    """Seconds of each side, in turns, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, side in sides.items():
            with silence():
                taken = side()
            if turn:
                seconds[name].append(taken)
    return seconds


@contextlib.contextmanager
def silence() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def matmul_rate() -> float:
    """FLOP per second of the best of some matrix products in float32."""
    rates = []
    for rows, inner, columns in ((2048, 128, 352), (2048, 320, 880), (1024, 1024, 1024)):
        a, b = torch.randn(rows, inner), torch.randn(inner, columns)
        a @ b
        rates.append(max(2 * rows * inner * columns / seconds_of(lambda a=a, b=b: a @ b) for _ in range(20)))
    return max(rates)


def training(size: str, data: Solutions, repeats: int) -> dict[str, float]:
    """Solutions per second of each side."""
    fp32 = {"bf16": False, "gradient_checkpointing": False}
    sides: dict[str, Side] = {
        "ours": lambda: train_ours(size, data),
        "TRL": lambda: train_trl(size, data, **fp32),
        "TRL, grouped by length": lambda: train_trl(
            size, data, train_sampling_strategy="group_by_length", **fp32
        ),
        "TRL, as it ships": lambda: train_trl(size, data, bf16=True),
    }
    return {
        name: len(data.rows) / statistics.median(taken) for name, taken in in_turns(sides, repeats).items()
    }


def scoring(size: str, data: Solutions, repeats: int) -> dict[str, float]:
    """Solutions per second of each side; both give the same scores."""
    model = model_of(size, len(data.tokenizer)).eval()
    part = Solutions(**vars(data) | {"encoded": data.encoded[:BATCH]})
    tried = {batch: seconds_of(lambda batch=batch: score_sorted(model, part, batch)) for batch in BATCHES}
    best = min(tried, key=lambda batch: tried[batch])
    difference = float(np.abs(score(model, data.encoded).prob - score_sorted(model, data, best)).max())
    assert difference < 1e-4, difference
    sides: dict[str, Side] = {
        "ours": lambda: score_ours(model, data),
        "transformers, sorted": lambda: seconds_of(lambda: score_sorted(model, data, best)),
    }
    rates = {
        name: len(data.rows) / statistics.median(taken) for name, taken in in_turns(sides, repeats).items()
    }
    return rates | {"best batch of transformers": float(best)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="the pool of 100 GSM8K problems")
    parser.add_argument("--train", type=Path, required=True, help="GSM8K's train.jsonl, for the tokenizer")
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--problems", type=int, default=3, help="problems of 32 solutions; 32 times as many of 1"
    )
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch", "transformers", "trl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    tokenizer = train_tokenizer((text for pair in read_questions(arguments.train) for text in pair), 2000)
    pools = [
        Solutions.of(arguments.pool, tokenizer, range(min(100, 32 * arguments.problems)), 1),
        Solutions.of(arguments.pool, tokenizer, range(arguments.problems), 32),
    ]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    if arguments.out.is_file():  # settings that were measured before stay
        rows = {_place(row): row for row in json.loads(arguments.out.read_text())["rows"]}
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        rate = matmul_rate()
        for size in arguments.sizes:
            parameters = sum(
                weight.numel()
                for name, weight in model_of(size, len(tokenizer)).named_parameters()
                if "embed" not in name
            )
            for data in pools:
                tokens = sum(map(len, data.encoded)) / len(data.rows)
                for work, measured, passes in (("training", training, 3), ("scoring", scoring, 1)):
                    row = {
                        **{"work": work, "parameters": size, "threads": threads},
                        "solutions per problem": data.per_problem,
                        "solutions": len(data.rows),
                        "repeats": arguments.repeats,
                        "solutions per second": measured(size, data, arguments.repeats),
                        "limit": rate / (2 * passes * parameters * tokens),
                    }
                    print(json.dumps(row), flush=True)
                    rows[_place(row)] = row
                    found = {"torch": torch.__version__, "rows": [rows[key] for key in sorted(rows)]}
                    arguments.out.write_text(json.dumps(found, indent=2) + "\n")


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    size = list(SIZES).index(row["parameters"])
    return row["work"], size, row["threads"], row["solutions per problem"]


if __name__ == "__main__":
    main()
