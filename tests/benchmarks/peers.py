"""Training and scoring compared with other libraries, on the same rows with the same weights.

    pip install trl==1.13.0 datasets
    python tests/benchmarks/peers.py --pool POOL --train TRAIN --out results/reference/peers.json

The peers are TRL's PRMTrainer in float32, the same with batches grouped by length, and as it ships (bfloat16,
gradient checkpointing); and transformers on rows sorted by length, with the best of several batch sizes. All
sides take turns; results are medians of solutions per second. `python -m results.speed_page` makes the table
in the docs.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from measure import padded
from training import ONE_EPOCH
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
"""Batch sizes to try for transformers."""
RATE = 1e-4
"""Learning rate."""
Side = Callable[[], float]
"""Does the work and returns the seconds that count."""


@dataclass(frozen=True, kw_only=True)
class Solutions:
    """Solutions as texts, and in tokens as TRL makes them."""

    rows: list[dict[str, Any]]
    """TRL's rows: prompt, completions and labels."""
    encoded: list[Encoded]
    targets: list[np.ndarray]
    """int8 [T]: the label at each step's end, -100 elsewhere."""
    tokenizer: Any
    per_problem: int


def read_solutions(path: Path, tokenizer: Any, problems: int, per_problem: int) -> Solutions:
    """Reads the first solutions of the first problems of a pool, with its labels."""
    from trl.experimental.prm import PRMTrainer

    pool = read_pool(path, "qwen_prm")
    assert pool.labels is not None
    rows, encoded, targets = [], [], []
    first = (pool.solutions.problem_index < problems) & (pool.solutions.sample < per_problem)
    for index in np.flatnonzero(first):
        prob, offsets = pool.labels.prob.values, pool.labels.prob.offsets
        right = prob[offsets[index] : offsets[index + 1], 0] <= 0.5
        rows.append(
            {
                "prompt": pool.problems[int(pool.solutions.problem_index[index])].text + "\n",
                "completions": pool.solutions.column("steps")[index].as_py(),
                "labels": right.tolist(),
            }
        )
        tokenized = PRMTrainer.tokenize_row(rows[-1], tokenizer, "\n", None, None, False, False)
        target = np.array(tokenized["labels"], dtype=np.int8)
        ends = np.flatnonzero(target != IGNORE)
        ids = np.array(tokenized["input_ids"], dtype=np.int32)
        encoded.append(Encoded(ids=ids, solution_start=int(ends[0]), step_end=ends))
        targets.append(target)
    return Solutions(
        rows=rows, encoded=encoded, targets=targets, tokenizer=tokenizer, per_problem=per_problem
    )


def model_of(size: str, vocabulary: int) -> Qwen2ForTokenClassification:
    """Makes the model of all sides, always with the same weights."""
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


def dataset_of(model: torch.nn.Module, data: Solutions) -> RewardDataset:
    """Makes our training set for a model."""
    return RewardDataset(
        token_ids=[solution.ids for solution in data.encoded],
        targets=data.targets,
        num_classes=2,
        cost=cost_of(model),
        problem=np.arange(len(data.rows)) // data.per_problem,
    )


def check_losses(size: str, data: Solutions) -> None:
    """Checks that the loss of a batch is that of TRL's trainer, which takes it from transformers."""
    model, rows = model_of(size, len(data.tokenizer)).eval(), np.arange(BATCH)
    dataset = dataset_of(model, data)
    count = dataset.target_count(rows)
    module = RewardModel(model, learning_rate=RATE, total_updates=1)
    with torch.inference_mode():
        ours = float(module.loss_sum(dataset.batch(rows, count))) / count
        theirs = float(
            model(
                input_ids=padded([data.encoded[row].ids for row in rows], 0),
                attention_mask=padded([np.ones(len(data.encoded[row]), dtype=np.int64) for row in rows], 0),
                labels=padded([data.targets[row].astype(np.int64) for row in rows], IGNORE),
            ).loss
        )
    assert abs(ours - theirs) < 1e-4, (ours, theirs)


def train_ours(size: str, data: Solutions) -> float:
    """Trains one epoch, as users do; several solutions of a problem are in the same batch."""
    model = model_of(size, len(data.tokenizer))
    batches = RewardData(dataset_of(model, data), batch_size=BATCH, seed=0, per_problem=data.per_problem)
    module = RewardModel(model, learning_rate=RATE, total_updates=batches.updates)
    trainer = lightning.Trainer(**ONE_EPOCH)
    return seconds_of(lambda: trainer.fit(module, batches))


def train_trl(size: str, data: Solutions, **options: Any) -> float:
    """Trains one epoch with TRL's trainer."""
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
            **options,
        )
        trainer = PRMTrainer(
            model=model_of(size, len(data.tokenizer)),
            args=config,
            train_dataset=Dataset.from_list(data.rows),
            processing_class=data.tokenizer,
        )
        return seconds_of(trainer.train)


def score_sorted(model: torch.nn.Module, data: Solutions, batch: int) -> np.ndarray:
    """Computes class probabilities at the step ends with transformers, rows sorted by length and padded."""
    order = sorted(range(len(data.encoded)), key=lambda i: len(data.encoded[i]))
    prob: list[np.ndarray] = [np.empty(0)] * len(order)
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
                prob[order[begin + place]] = prob_BTC[place, row.step_end]
    return np.concatenate(prob)


def seconds_of(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def solutions_per_second(sides: dict[str, Side], data: Solutions, repeats: int) -> dict[str, float]:
    """Measures the median rate of each side. They take turns; the first turn does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats + 1):
        for name, side in sides.items():
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                seconds[name].append(side())
    return {name: len(data.rows) / statistics.median(values[1:]) for name, values in seconds.items()}


def matmul_rate() -> float:
    """Measures the highest FLOP per second of float32 matrix products of several shapes."""
    rates = []
    for rows, inner, columns in ((2048, 128, 352), (2048, 320, 880), (1024, 1024, 1024)):
        a, b = torch.randn(rows, inner), torch.randn(inner, columns)
        a @ b
        rates.append(max(2 * rows * inner * columns / seconds_of(lambda a=a, b=b: a @ b) for _ in range(20)))
    return max(rates)


def training(size: str, data: Solutions, repeats: int) -> dict[str, float]:
    """Measures the solutions per second of each side; all have the same loss."""
    check_losses(size, data)
    fp32 = {"bf16": False, "gradient_checkpointing": False}
    sides: dict[str, Side] = {
        "ours": lambda: train_ours(size, data),
        "TRL": lambda: train_trl(size, data, **fp32),
        "TRL, grouped by length": lambda: train_trl(
            size, data, train_sampling_strategy="group_by_length", **fp32
        ),
        "TRL, as it ships": lambda: train_trl(size, data, bf16=True),
    }
    return solutions_per_second(sides, data, repeats)


def scoring(size: str, data: Solutions, repeats: int) -> dict[str, float]:
    """Measures the solutions per second of each side; both give the same scores."""
    model = model_of(size, len(data.tokenizer)).eval()
    part = Solutions(**vars(data) | {"encoded": data.encoded[:BATCH]})
    best = min(BATCHES, key=lambda batch: seconds_of(lambda: score_sorted(model, part, batch)))
    difference = float(np.abs(score(model, data.encoded).prob - score_sorted(model, data, best)).max())
    assert difference < 1e-4, difference
    sides: dict[str, Side] = {
        "ours": lambda: seconds_of(lambda: score(model, data.encoded)),
        "transformers, sorted": lambda: seconds_of(lambda: score_sorted(model, data, best)),
    }
    return solutions_per_second(sides, data, repeats) | {"best batch of transformers": float(best)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="the pool of 100 GSM8K problems")
    parser.add_argument("--train", type=Path, required=True, help="GSM8K's train.jsonl, for the tokenizer")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
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
        read_solutions(arguments.pool, tokenizer, min(100, 32 * arguments.problems), 1),
        read_solutions(arguments.pool, tokenizer, arguments.problems, 32),
    ]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    if arguments.out.is_file():  # keeps rows of other settings
        rows = {_key(row): row for row in json.loads(arguments.out.read_text())["rows"]}
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
                    rows[_key(row)] = row
                    results = {"torch": torch.__version__, "rows": [rows[key] for key in sorted(rows)]}
                    arguments.out.write_text(json.dumps(results, indent=2) + "\n")


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    size = list(SIZES).index(row["parameters"])
    return row["work"], size, row["threads"], row["solutions per problem"]


if __name__ == "__main__":
    main()
