"""Pools of solutions that the benchmarks run on."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lightning_modules.encoding import Encoded, encode_all


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Solutions in tokens, problem after problem."""

    name: str
    """Name in the results."""
    encoded: list[Encoded]
    """Solutions, those of a problem next to each other."""
    first_error: np.ndarray
    """int64 [N], index of each solution's first wrong step; its number of steps if none is wrong."""
    vocabulary: int
    """Number of token ids."""


def embedded_pool(problems: int = 48, samples: int = 64, seed: int = 0) -> Pool:
    """A stand-in for samples of the embedded world: prompts of 25 characters, 2 to 10 steps of 9, half
    duplicates."""
    random = np.random.default_rng(seed)
    encoded, first_error = [], []
    for _ in range(problems):
        prompt = random.integers(3, 32, 25)
        usual = [np.append(random.integers(3, 32, 8), 2) for _ in range(10)]
        drawn = []
        for _ in range(samples // 2):
            count = int(random.integers(2, 11))
            common = int(random.integers(0, count + 1))
            steps = usual[:common] + [np.append(random.integers(3, 32, 8), 2) for _ in range(count - common)]
            ids = np.concatenate([prompt, *steps]).astype(np.int32)
            solution = Encoded(ids=ids, solution_start=25, step_end=24 + 9 * np.arange(1, count + 1))
            drawn.append((solution, common))
        for index in random.permutation(samples) % (samples // 2):
            encoded.append(drawn[index][0])
            first_error.append(drawn[index][1])
    return Pool(name="embedded", encoded=encoded, first_error=np.array(first_error), vocabulary=32)


def gsm8k_pool(path: Path, train: Path, problems: int = 100, vocabulary: int = 2000) -> Pool:
    """Real solutions to GSM8K problems, in tokens of a byte-level BPE trained on its training problems."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    rows = [json.loads(line) for line in train.read_text().splitlines()]
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    inner.train_from_iterator((row["question"] + "\n" + row["answer"] for row in rows), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    prompts, steps, first_error = [], [], []
    with gzip.open(path, "rt") as file:
        for line in list(file)[:problems]:
            row = json.loads(line)
            for sample in row["samples"]:
                prompts.append(row["problem"] + "\n")
                steps.append(sample["steps"])
                wrong = np.flatnonzero(np.array(sample["step_scores"]["qwen_prm"]) < 0.5)
                first_error.append(wrong[0] if len(wrong) else len(sample["steps"]))
    return Pool(
        name="gsm8k",
        encoded=encode_all(tokenizer, prompts, steps),
        first_error=np.array(first_error),
        vocabulary=vocabulary,
    )
