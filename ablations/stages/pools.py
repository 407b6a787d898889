"""Stages of real solutions: a pool of them, its folds, and a student's base made from scratch."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ablations.formats.pool import read_pool
from ablations.pipeline import Context, Inputs
from ablations.solutions import StepScores
from ablations.stages.files import MODEL, SCORES, Samples, prompt_of, write_json
from lightning_modules.backbones import PRESETS, build_causal
from lightning_modules.language_model import Batch, LanguageModel, TextData, bucket
from lightning_modules.training import fit

BATCH_TOKENS = 4608
MOST_TOKENS = 512


def pool(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """``{sha256, labeler}``, the file in ``context.local`` -> problems, solutions, the labeler's scores."""
    read = read_pool(context.local["path"], config["labeler"])
    assert read.labels is not None
    Samples(problems=read.problems, solutions=read.solutions).write(out)
    read.labels.write(out / SCORES)


def fold(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """pool -> a part of a fold: ``test``, ``validation`` (the next fold's test), ``train`` (the rest)."""
    samples = Samples.read(inputs["pool"])  # type: ignore[arg-type]
    index = fold_problems(len(samples.problems), **config)
    chosen, rows = samples.take_problems(index)
    chosen.write(out)
    StepScores.read(inputs["pool"] / SCORES).take(rows).write(out / SCORES)  # type: ignore[operator]


def fold_problems(count: int, *, fold: int, folds: int, part: str, seed: int) -> list[int]:
    """Which of ``count`` problems lie in a part of a fold; the parts of a fold are disjoint and make up all.

    Raises:
        ValueError: there are fewer problems than folds.
    """
    if count < folds:
        raise ValueError(f"folds: found {folds} for {count} problems; allowed: at most one fold a problem")
    fold_of = np.empty(count, dtype=np.int64)
    fold_of[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    distance = (fold_of - fold) % folds
    chosen = {"test": distance == 0, "validation": distance == 1, "train": distance > 1}[part]
    return [int(p) for p in np.flatnonzero(chosen)]


def scratch_base(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """samples of the training part [, MathMix text in ``context.local``] -> tokenizer, base from scratch."""
    samples = Samples.read(inputs["samples"])  # type: ignore[arg-type]
    solved = list(zip(samples.prompts(), ("\n".join(steps) for steps in samples.steps()), strict=True))
    mathmix = list(read_questions(Path(context.local["mathmix"]))) if config["mathmix_sha256"] else []
    tokenizer = train_tokenizer(
        (text for pair in itertools.chain(solved, mathmix) for text in pair), config["vocabulary"]
    )
    model = build_causal(PRESETS[config["preset"]], tokenizer, seed=config["seed"])
    updates = config["updates"] if mathmix else 0
    if updates:
        eos = [tokenizer.eos_token_id]
        texts = tokenizer([f"{question}{answer}\n" for question, answer in mathmix])["input_ids"]
        documents = [np.array(ids + eos, dtype=np.int64)[:MOST_TOKENS] for ids in texts]
        batches: list[Batch] = []
        while len(batches) < updates:  # an epoch after the other
            batches += bucket(
                documents,
                documents,
                tokens=BATCH_TOKENS,
                pad=tokenizer.pad_token_id,
                seed=config["seed"] + len(batches),
            )
        module = LanguageModel(model, learning_rate=config["learning_rate"], total_updates=updates)
        fit(
            module,
            TextData(batches.__getitem__, updates=updates),
            updates=updates,
            checkpoint_folder=context.scratch,
            progress=context.progress,
        )
    model.save_pretrained(out / MODEL)
    tokenizer.save_pretrained(out / MODEL)
    write_json(
        out / "base.json",
        {"mathmix_documents": len(mathmix), "updates": updates, "vocabulary": len(tokenizer)},
    )


def train_tokenizer(texts: Iterator[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer; it never merges across a line's end."""
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


def read_questions(path: Path) -> Iterator[tuple[str, str]]:
    """``{question, answer}`` rows of a JSON-lines file, as prompt and solution.

    Raises:
        ValueError: a row is malformed; names file, line and field.
    """
    with path.open() as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                found = line.rstrip()[:40]
                raise ValueError(f"{path}:{number}: found {found!r}; allowed: a JSON object") from error
            for field in ("question", "answer"):
                if not isinstance(row, dict) or not isinstance(row.get(field), str):
                    raise ValueError(f"{path}:{number}: field {field}: found none; allowed: a string")
            yield prompt_of(row["question"]), row["answer"]
