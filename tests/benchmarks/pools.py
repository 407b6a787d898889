"""Pools of solutions that the benchmarks run on."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ablations.stages.files import prompt_of
from ablations.world.bases import shipped_base
from ablations.world.oracle import NEGATIVE, judge
from ablations.world.problems import draw_problems
from lightning_modules.backbones import load_causal
from lightning_modules.encoding import Encoded, encode_all
from lightning_modules.sampling import sample


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
    """Samples of the shipped small base to training problems of the embedded world, rated by the oracle."""
    folder = shipped_base("dropped", "small")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), load_causal(folder)
    drawn = draw_problems("train", problems, seed)
    texts = [prompt_of(problem.text) for problem in drawn]
    completions = sample(
        model, tokenizer, texts, num_samples=samples, temperature=1.0, max_new_tokens=192, seed=seed
    )
    prompts, steps, first_error = [], [], []
    for problem, text, solutions in zip(drawn, texts, completions, strict=True):
        for completion in solutions:
            lines = completion.text.removesuffix("\n").split("\n")
            wrong = np.flatnonzero(np.array(judge(problem, lines)) == NEGATIVE)
            prompts.append(text)
            steps.append(lines)
            first_error.append(int(wrong[0]) if len(wrong) else len(lines))
    return Pool(
        name="embedded",
        encoded=encode_all(tokenizer, prompts, steps),
        first_error=np.array(first_error),
        vocabulary=len(tokenizer),
    )


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
