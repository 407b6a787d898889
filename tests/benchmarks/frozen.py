"""Time and memory of heads on a frozen trunk, by the size of the pool.

    PYTHONPATH=.:tests/helpers python tests/benchmarks/frozen.py FOLDER [--solutions 1000 4000 16000]

Makes pools of random texts with 32 solutions of about 250 tokens per problem, and a trunk of two layers with
random weights. Runs `supervision` on each pool with one worker, and prints one JSON object per pool: seconds
of the steps, and `peak_bytes`, the largest resident memory of the run.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

from tiny_checkpoints import write_checkpoint

SAMPLES, STEPS = 32, 6
WORDS = ("the", "sum", "of", "both", "parts", "is", "then", "half", "as", "many", "eggs", "so", "she", "has")


def write_pool(path: Path, solutions: int) -> None:
    """Writes a pool. A solution is right if its last digit is even; `prm` judges without errors."""
    rng = random.Random(0)

    def text(words: int) -> str:
        return " ".join(rng.choice((*WORDS, str(rng.randrange(10**6)))) for _ in range(words))

    with path.open("w") as file:
        for p in range(solutions // SAMPLES):
            samples = []
            for i in range(SAMPLES):
                right = rng.random() < 0.5
                steps = [text(14) for _ in range(STEPS - 1)] + [f"The answer is {2 * p + (not right)}"]
                scores = {"prm": [0.9] * (STEPS - 1) + [0.9 if right else 0.1]}
                samples.append(
                    {"sample": i, "steps": steps, "answer": str(2 * p + (not right)), "final_correct": right}
                    | {"step_scores": scores}
                )
            row = {"problem_id": f"p{p}", "problem": f"{p}: {text(40)}?", "answer": str(2 * p)}
            file.write(json.dumps(row | {"samples": samples}) + "\n")


def measure(folder: Path, checkpoint: Path, solutions: int) -> dict[str, float]:
    """Runs on a pool; returns the seconds of the run and of each kind of step."""
    folder = folder / str(solutions)
    folder.mkdir(parents=True)
    pool, config = folder / "pool.jsonl", folder / "config.yaml"
    write_pool(pool, solutions)
    settings = {
        "arms": ["process", "final_answer"],
        "data_scales": [SAMPLES],
        "seeds": 2,
        "students": {
            "checkpoint": str(checkpoint),
            "frozen": {"layers": [2]},
            "learning_rates": [0.01],
            "outcome_loss": "last_token",
            "batch_size": 32,
            "max_updates": 200,
            "evaluations": 4,
        },
    }
    config.write_text(json.dumps({"pool": str(pool), "labeler": "prm", "settings": settings}))
    argv = ["run", "supervision", "--scale=small", f"--config={config}", "--workers=1"]
    argv += [f"--store={folder / 'store'}", f"--out={folder / 'out'}", "--log-format=json"]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "ablations", *argv],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    seconds: dict[str, float] = {"all_s": time.perf_counter() - start}
    for line in done.stderr.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "ended":
            name = f"{event['task'].partition('/')[0]}_s"
            seconds[name] = seconds.get(name, 0) + event["seconds"]
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--solutions", type=int, nargs="+", default=[1000, 4000, 16_000])
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = write_checkpoint("qwen2", arguments.folder / "trunk", max_position_embeddings=2048)
    for solutions in arguments.solutions:
        pid = os.fork()  # so that the peak is this pool's
        if pid == 0:
            seconds = measure(arguments.folder, checkpoint, solutions)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
            print(json.dumps({"solutions": solutions, **seconds, "peak_bytes": peak}), flush=True)
            os._exit(0)
        if os.waitpid(pid, 0)[1] != 0:
            sys.exit(1)


if __name__ == "__main__":
    main()
