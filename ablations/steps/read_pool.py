"""Stages of real solutions: a pool of them, its folds, and a student's base made from scratch.

A fold's solutions and their labels are separate artifacts: stages that choose what to label read only the
solutions.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ablations.data.artifacts import LEFT_OUT, MODEL, SCORES, Samples, prompt_of
from ablations.data.cross_fitting import fold_problems
from ablations.data.solutions import StepScores
from ablations.engine.files import unchanged
from ablations.engine.step import Context, Inputs, one
from ablations.formats.pool import read_pool
from ablations.steps.language import solved_questions
from lightning_modules.backbones import build_causal
from lightning_modules.presets import PRESETS


def pool(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Reads the pool in ``context.local``: problems, solutions, and the labeler's scores.

    Config: sha256, labeler. If ungraded solutions were left out, ``LEFT_OUT`` has a line that says so.
    """
    read = read_pool(unchanged(context.local["path"], config["sha256"]), config["labeler"])
    assert read.labels is not None
    Samples(problems=read.problems, solutions=read.solutions).write(out)
    read.labels.write(out / SCORES)
    if told := read.told():
        (out / LEFT_OUT).write_text(f"{told}\n", encoding="utf-8")


def fold(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Takes the samples of a part: ``test``, ``validation`` (the next fold's test) or ``train`` (the rest).

    Inputs: pool.
    """
    samples = Samples.read(one(inputs, "pool"))
    chosen, _ = samples.take_problems(fold_problems(len(samples.problems), **config))
    chosen.write(out)


def fold_labels(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Takes the labeler's scores of the solutions that ``fold`` takes with the same config. Inputs: pool."""
    samples = Samples.read(one(inputs, "pool"))
    _, rows = samples.take_problems(fold_problems(len(samples.problems), **config))
    StepScores.read(one(inputs, "pool") / SCORES).take(rows).write(out / SCORES)


def scratch_base(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Trains a tokenizer and draws random weights for a student's base.

    Inputs: samples (of training), held_out (optional). Questions in ``context.local`` are optional.
    """
    samples = Samples.read(one(inputs, "samples"))
    texts = [*samples.prompts(), *("\n".join(steps) for steps in samples.steps())]
    if config["text_sha256"]:
        for question, answer in solved_questions(config, inputs, context):
            texts += [prompt_of(question), answer]
    tokenizer = train_tokenizer(texts, config["vocabulary"])
    preset = PRESETS[config["preset"]]
    preset = replace(preset, max_positions=config.get("positions", preset.max_positions))
    build_causal(preset, tokenizer, seed=config["seed"]).save_pretrained(out / MODEL)
    tokenizer.save_pretrained(out / MODEL)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Trains a byte-level BPE tokenizer that never merges across line ends."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<pad>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", clean_up_tokenization_spaces=False
    )
