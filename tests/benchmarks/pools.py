"""Pools of solutions for the benchmarks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from transformers import AutoTokenizer

from ablations.data.artifacts import Samples, prompt_of, steps_of
from ablations.data.ragged import Ragged
from ablations.formats.pool import read_pool
from ablations.formats.questions import read_questions
from ablations.steps.scratch_base import train_tokenizer
from ablations.world.bases import shipped_base
from ablations.world.world import NEGATIVE, draw_problems
from ablations.world.worlds import world_of
from lightning_modules.backbones import load_causal
from lightning_modules.encoding import Encoded, encode_all
from lightning_modules.sampling import sample


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Solutions in tokens."""

    name: str
    encoded: list[Encoded]
    """Solutions, those of a problem next to each other."""
    first_error: np.ndarray
    """int64 [N], index of each solution's first wrong step; the number of steps if none is wrong."""
    vocabulary: int
    """Number of token ids."""


def embedded_pool(problems: int = 48, samples: int = 64, seed: int = 0) -> Pool:
    """Samples solutions of training problems of the embedded world from the shipped small base."""
    folder = shipped_base("dropped", "small")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), load_causal(folder)
    world = world_of("dropped")
    drawn = draw_problems(world, "train", problems, seed)
    texts = [prompt_of(problem) for problem in drawn]
    completions = sample(
        model, tokenizer, texts, num_samples=samples, temperature=1.0, max_new_tokens=192, seed=seed
    )
    prompts, steps, first_error = [], [], []
    for problem, text, solutions in zip(drawn, texts, completions, strict=True):
        for completion in solutions:
            lines = steps_of(completion.text)
            wrong = np.flatnonzero(np.array(world.judge(problem, lines)) == NEGATIVE)
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
    """Reads real solutions of GSM8K problems, in tokens of a byte-level BPE of its training problems."""
    tokenizer = train_tokenizer((text for pair in read_questions(train) for text in pair), vocabulary)
    pool = read_pool(path, "qwen_prm")
    assert pool.labels is not None
    samples = Samples(problems=pool.problems, solutions=pool.solutions)
    chosen, rows = samples.take_problems(range(min(problems, len(pool.problems))))
    prob = pool.labels.take(rows).prob
    wrong = prob.values[:, 0] > 0.5
    before_error = (prob.up_to_first(wrong) & ~wrong).astype(np.int64)
    return Pool(
        name="gsm8k",
        encoded=encode_all(tokenizer, chosen.prompts(), chosen.steps()),
        first_error=Ragged(values=before_error, offsets=prob.offsets).reduce(np.add, 0).astype(np.int64),
        vocabulary=len(tokenizer),
    )
