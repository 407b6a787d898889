"""All benchmarks, each next to a plain loop of the same model: ``python run.py --out bench.json``."""

import argparse
import json
import logging
import platform
from pathlib import Path
from typing import Any

import grading
import parallel
import sampling
import scoring
import torch
import training
from pools import Pool, embedded_pool, gsm8k_pool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--gsm8k", type=Path, help="pool of GSM8K solutions, JSONL.gz")
    parser.add_argument("--gsm8k-train", type=Path, help="GSM8K's train.jsonl, for the tokenizer")
    parser.add_argument("--repeats", type=int, default=5, help="runs per median")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--fraction", type=float, default=1.0, help="share of the solutions, for a trial")
    arguments = parser.parse_args()
    if (arguments.gsm8k is None) != (arguments.gsm8k_train is None):
        parser.error("--gsm8k and --gsm8k-train go together")
    for path in filter(None, (arguments.gsm8k, arguments.gsm8k_train)):
        if not path.is_file():
            parser.error(f"found no file {path}")
    torch.set_num_threads(arguments.threads)
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)

    def part(count: int) -> int:
        return max(1, round(count * arguments.fraction))

    pools: list[tuple[Pool, int]] = [(embedded_pool(problems=part(48)), part(1280))]
    if arguments.gsm8k is not None:
        pools.append((gsm8k_pool(arguments.gsm8k, arguments.gsm8k_train, problems=part(20)), part(192)))
    results: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "threads": arguments.threads,
        "torch": torch.__version__,
        "repeats": arguments.repeats,
        "training": {},
        "scoring": {},
    }
    for pool, solutions in pools:
        results["training"][pool.name] = training.measure(
            pool, solutions=solutions, batch_size=64, repeats=arguments.repeats
        )
        results["scoring"][pool.name] = scoring.measure(pool, batch_size=64, repeats=arguments.repeats)
    results["sampling"] = sampling.measure(
        prompts=part(8), samples=64, max_new_tokens=64, repeats=arguments.repeats
    )
    results["grading"] = grading.measure(part(50_000), part(1000), arguments.repeats)
    results["workers"] = parallel.measure(8, part(400))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=2) + "\n")
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()
