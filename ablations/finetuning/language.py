"""Language modeling with a causal checkpoint: MathMix, and the generator (the paper's section 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from transformers import PreTrainedModel

from ablations.data.artifacts import prompt_of
from ablations.engine.step import Context, Inputs
from ablations.finetuning.course import Course
from ablations.finetuning.provenance import OF_HELD_OUT, LeftOut, write_facts
from ablations.finetuning.split import HeldOut
from ablations.finetuning.texts import kept, read_texts
from ablations.formats.catalogue import FORMATS
from ablations.formats.labeled_solution import LabeledSolution
from ablations.formats.questions import normalised
from lightning_modules.backbones import load_causal
from lightning_modules.encoding import IGNORE, encode_all
from lightning_modules.language_model import LanguageModel, Passes, TextData
from lightning_modules.positions import check_ids, row_count, verify_positions
from lightning_modules.tokenization import load_tokenizer
from lightning_modules.training import fit

CHUNK = 1000
"""Texts tokenized at once: tokenizers' own lists take far more memory than the ids."""
WINDOW = 2048
"""Most tokens per document, unless the user sets another limit or the model has fewer positions."""

Documents = list[np.ndarray]
Item = TypeVar("Item")


def mathmix(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Finetunes the base in ``context.local`` on its text, with every token as a target."""
    course = Course(**config["course"])
    tokenizer, model = opened(context)
    left_out = LeftOut()
    held_out = HeldOut.of(context.local["held_out"], share=config["held_out_share"], seed=course.seed)
    found = (text for path in context.local["text"] for text in read_texts(path))
    texts = kept(found, held_out, left_out)
    documents = windows(tokenizer, texts, length(model, course))
    if not documents:
        raise ValueError(f"text: found none, {left_out}; allowed: one or more")
    counts = {"documents": len(documents), "tokens": sum(map(len, documents))}
    trained = train(model, tokenizer, documents, documents, course, out, context)
    write_facts(out, config, left_out, counts, training=trained)


def generator(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Finetunes the base in ``context.local`` on the pool's solutions that came to a right end.

    They are newline-delimited; the problem has no target, the token that ends the solution has one.
    """
    course = Course(**config["course"])
    tokenizer, model = opened(context)
    left_out = LeftOut()
    held_out = HeldOut.of(context.local["held_out"], share=config["held_out_share"], seed=course.seed)
    pool = (record for path in context.local["pool"] for record in FORMATS["pool"].read(path))
    right = right_solutions(pool, held_out, config["most"], left_out)
    documents, targets = solved(tokenizer, right, length(model, course), left_out)
    if not documents:
        raise ValueError(f"pool: found no right solution, {left_out}; allowed: one or more")
    counts = {
        "solutions": len(documents),
        "problems": len({record.problem for record in right}),
        "targets": int(sum((target != IGNORE).sum() for target in targets)),
    }
    trained = train(model, tokenizer, documents, targets, course, out, context)
    write_facts(out, config, left_out, counts, training=trained)


def opened(context: Context) -> tuple[Any, PreTrainedModel]:
    """Loads tokenizer and model of the base.

    Raises:
        ValueError: the tokenizer has no token that ends a text.
    """
    folder = Path(context.local["base"])
    tokenizer, model = load_tokenizer(folder), load_causal(folder)
    if tokenizer.eos_token_id is None:
        raise ValueError(
            "base: found a tokenizer without a token that ends a text; allowed: one with eos_token"
        )
    return tokenizer, model


def length(model: PreTrainedModel, course: Course) -> int:
    """Returns the most tokens per document."""
    found = course.length(getattr(model.config, "max_position_embeddings", None), WINDOW)
    assert found is not None
    return found


def windows(tokenizer: Any, texts: Iterable[str], size: int) -> Documents:
    """Encodes texts unchanged, each with the token that ends it; long ones in pieces of ``size`` tokens."""
    bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    documents = []
    for chunk in _chunks(texts):
        for ids in tokenizer(chunk, add_special_tokens=False, verbose=False)["input_ids"]:
            whole = np.array([*bos, *ids, tokenizer.eos_token_id], dtype=np.int32)
            pieces = (whole[at : at + size] for at in range(0, len(whole), size))
            documents += [piece for piece in pieces if len(piece) > 1]  # a single token has no context
    return documents


def right_solutions(
    pool: Iterable[LabeledSolution], held_out: HeldOut, most: int | None, left_out: LeftOut
) -> list[LabeledSolution]:
    """Returns the finished solutions that were graded right.

    Args:
        pool: graded solutions; one that nobody could grade does not count as right.
        held_out: held-out problems.
        most: how many per problem, the first ones; None: all.
        left_out: collects all others.
    """
    right = []
    taken: Counter[str] = Counter()
    for record in pool:
        problem = normalised(record.problem)
        if record.problem in held_out:
            reason = OF_HELD_OUT
        elif not record.finished:
            reason = "unfinished"
        elif record.correct is None:
            reason = "ungraded"
        elif not record.correct:
            reason = "wrong"
        elif most is not None and taken[problem] == most:
            reason = "more than the most of a problem"
        else:
            taken[problem] += 1
            right.append(record)
            continue
        left_out.add(reason, _name(record))
    return right


def solved(
    tokenizer: Any, solutions: Sequence[LabeledSolution], size: int, left_out: LeftOut
) -> tuple[Documents, Documents]:
    """Returns tokens and targets of solutions; those over ``size`` are left out, as they would not end."""
    documents, targets = [], []
    for chunk in _chunks(solutions):
        prompts, steps = [prompt_of(record.problem) for record in chunk], [record.texts for record in chunk]
        found = encode_all(tokenizer, prompts, steps)
        verify_positions(tokenizer, steps, found, [_name(record) for record in chunk])
        for record, encoded in zip(chunk, found, strict=True):
            ids = np.append(encoded.ids, np.int32(tokenizer.eos_token_id))
            if len(ids) > size:
                left_out.add(f"longer than {size} tokens", _name(record))
                continue
            target = ids.copy()
            target[: encoded.solution_start] = IGNORE
            documents.append(ids)
            targets.append(target)
    return documents, targets


def train(
    model: PreTrainedModel,
    tokenizer: Any,
    documents: Documents,
    targets: Documents,
    course: Course,
    out: Path,
    context: Context,
) -> dict[str, Any]:
    """Trains and writes a checkpoint; returns facts about the training."""
    check_ids(model, documents)
    rows = row_count(model)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id < rows else 0  # no position reads it
    passes = Passes(documents, targets, tokens=course.batch, pad=pad, seed=course.seed)
    updates = course.total(len(passes))
    module = LanguageModel(model, learning_rate=course.learning_rate, total_updates=updates)
    fit(
        module,
        TextData(passes, updates=updates),
        updates=updates,
        precision=course.precision,
        accelerator=course.device,
        logger=context.logs.logger(),
        checkpoint_folder=context.scratch,
        checkpoint_every=context.local["checkpoint_every"],
        progress=context.progress,
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return {
        "updates": updates,
        "updates_of_a_pass": len(passes),
        "warmup": module.warmup,
        "decay": module.decay,
        "weight_decay": module.weight_decay,
    }


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _name(record: LabeledSolution) -> str:
    return f"{record.problem_id} sample {record.sample}"
