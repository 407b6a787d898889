"""Steps that finetune causal language models: MathMix, and the generator (the paper's section 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ablations.data.artifacts import ProblemSet, Samples, prompt_of
from ablations.data.json_files import Json
from ablations.data.left_out import OF_HELD_OUT, LeftOut
from ablations.engine.revision import made_by
from ablations.engine.step import Context, Step
from ablations.engine.user_file import UserFile
from ablations.formats.catalogue import FORMATS
from ablations.formats.held_out import HeldOut
from ablations.formats.labeled_solution import LabeledSolution, SolutionStep
from ablations.formats.questions import normalized
from ablations.formats.texts import filter_texts, read_texts
from ablations.steps.base_model import CausalModel
from ablations.steps.course import Course, most_tokens
from ablations.steps.finetuning import Finetuning
from lightning_modules.encoding import IGNORE, encode_all

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CHUNK = 1000
"""Texts tokenized at once, because tokenizers' own lists take far more memory than the ids."""
WINDOW = 2048
"""Maximum tokens per document, unless the user sets another limit or the model has fewer positions."""

Documents = list[np.ndarray]
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, eq=False)
class MathMix(Finetuning, Step[CausalModel], name="mathmix", version=2, runs_model=True):
    """Finetunes a base on mathematical text, with every token as a target (the paper's 2.2)."""

    text: tuple[UserFile, ...]
    """Solved questions, or plain text."""
    problems: Step[ProblemSet] | None = None
    """Further problems that are left out of the text."""

    def run(self, context: Context) -> CausalModel:
        tokenizer, model = open_base(context.read(self.base).folder)
        left_out = LeftOut()
        texts = (text for file in self.text for text in read_texts(file.unchanged()))
        held_out = self.withheld.read(problems_of(context, self.problems))
        documents = windows(tokenizer, filter_texts(texts, held_out, left_out), longest(model, self.course))
        if not documents:
            raise ValueError(f"text: found none, {left_out}; allowed: one or more")
        counts: dict[str, Json] = {"documents": len(documents), "tokens": sum(map(len, documents))}
        training = train(self, context, model, tokenizer, documents, documents)
        return save_with_facts(model, tokenizer, counts, left_out, training)


@dataclass(frozen=True, kw_only=True, eq=False)
class FinetuneOnSolutions(Finetuning, Step[CausalModel], name="generator", version=2, runs_model=True):
    """Finetunes a base on finished solutions with right answers (the paper's 2.3).

    They are newline-delimited. The problem has no target; the token that ends the solution has one.
    """

    samples: Step[Samples] | None = None
    """Graded solutions."""
    pool: tuple[UserFile, ...] = ()
    """Files of graded solutions."""
    most: int | None = None
    """Maximum right solutions per problem, the first ones; None: all."""

    def run(self, context: Context) -> CausalModel:
        tokenizer, model = open_base(context.read(self.base).folder)
        left_out = LeftOut()
        right = right_solutions(self._read(context), self.withheld.read(), self.most, left_out)
        documents, targets = encode_solutions(tokenizer, right, longest(model, self.course), left_out)
        if not documents:
            raise ValueError(f"pool: found no right solution, {left_out}; allowed: one or more")
        counts: dict[str, Json] = {
            "solutions": len(documents),
            "problems": len({solution.problem for solution in right}),
            "targets": sum(int((target != IGNORE).sum()) for target in targets),
        }
        training = train(self, context, model, tokenizer, documents, targets)
        return save_with_facts(model, tokenizer, counts, left_out, training)

    def _read(self, context: Context) -> Iterator[LabeledSolution]:
        if self.samples is not None:
            yield from labeled_solutions(context.read(self.samples))
        for file in self.pool:
            yield from FORMATS["pool"].read(file.unchanged())


def problems_of(context: Context, step: Step[ProblemSet] | None) -> list[str]:
    """Returns the texts of an input's problems without reading its solutions; none if there is no input."""
    if step is None:
        return []
    return [problem.text for problem in ProblemSet.read(context.folder(step)).problems]


def open_base(folder: Path) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Loads tokenizer and model of a base.

    Raises:
        ValueError: the tokenizer has no token that ends a text.
    """
    from lightning_modules.backbones import load_causal
    from lightning_modules.tokenization import load_tokenizer

    tokenizer, model = load_tokenizer(folder), load_causal(folder)
    if tokenizer.eos_token_id is None:
        raise ValueError(
            "base: found a tokenizer without a token that ends a text; allowed: one with eos_token"
        )
    return tokenizer, model


def longest(model: PreTrainedModel, course: Course) -> int:
    """Returns the maximum tokens per document."""
    limit = most_tokens(course.max_length, model.config, WINDOW)
    assert limit is not None
    return limit


def windows(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], size: int) -> Documents:
    """Encodes texts, each with the token that ends it; cuts long ones into pieces of ``size`` tokens."""
    bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    documents = []
    for chunk in _chunks(texts):
        for ids in tokenizer(chunk, add_special_tokens=False, verbose=False)["input_ids"]:
            whole = np.array([*bos, *ids, tokenizer.eos_token_id], dtype=np.int32)
            pieces = (whole[start : start + size] for start in range(0, len(whole), size))
            documents += [piece for piece in pieces if len(piece) > 1]  # a single token has no context
    return documents


def labeled_solutions(samples: Samples) -> Iterator[LabeledSolution]:
    """Yields samples in the form that all formats share."""
    solutions = samples.solutions
    for row, steps in enumerate(samples.steps()):
        problem = samples.problems[solutions.problem_index[row]]
        yield LabeledSolution(
            problem=problem.text,
            problem_id=problem.problem_id,
            steps=tuple(SolutionStep(text=text) for text in steps),
            correct=bool(solutions.final_correct[row]),
            finished=bool(solutions.finished[row]),
            sample=int(solutions.sample[row]),
        )


def right_solutions(
    pool: Iterable[LabeledSolution], held_out: HeldOut, most: int | None, left_out: LeftOut
) -> list[LabeledSolution]:
    """Returns the finished solutions that were graded right.

    Args:
        pool: graded solutions; an ungraded one does not count as right.
        held_out: held-out problems.
        most: maximum per problem, the first ones; None: all.
        left_out: collects all others.
    """
    right = []
    taken: Counter[str] = Counter()
    for solution in pool:
        problem = normalized(solution.problem)
        if solution.problem in held_out:
            reason = OF_HELD_OUT
        elif not solution.finished:
            reason = "unfinished"
        elif solution.correct is None:
            reason = "ungraded"
        elif not solution.correct:
            reason = "wrong"
        elif most is not None and taken[problem] == most:
            reason = "more than the most of a problem"
        else:
            taken[problem] += 1
            right.append(solution)
            continue
        left_out.add(reason, _name(solution))
    return right


def encode_solutions(
    tokenizer: PreTrainedTokenizerBase, solutions: Sequence[LabeledSolution], size: int, left_out: LeftOut
) -> tuple[Documents, Documents]:
    """Returns tokens and targets of solutions; leaves out those over ``size``, which would not end."""
    from lightning_modules.positions import verify_positions

    documents, targets = [], []
    for chunk in _chunks(solutions):
        steps = [solution.texts for solution in chunk]
        chunk_encoded = encode_all(tokenizer, [prompt_of(solution.problem) for solution in chunk], steps)
        verify_positions(tokenizer, steps, chunk_encoded, [_name(solution) for solution in chunk])
        for solution, encoded in zip(chunk, chunk_encoded, strict=True):
            ids = np.append(encoded.ids, np.int32(tokenizer.eos_token_id))
            if len(ids) > size:
                left_out.add(f"longer than {size} tokens", _name(solution))
                continue
            target = ids.copy()
            target[: encoded.solution_start] = IGNORE
            documents.append(ids)
            targets.append(target)
    return documents, targets


def train(
    step: Finetuning,
    context: Context,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    documents: Documents,
    targets: Documents,
) -> dict[str, Json]:
    """Trains a language model; returns facts about the training."""
    from lightning_modules.language_model import LanguageModel, Passes, TextData
    from lightning_modules.positions import check_ids, row_count
    from lightning_modules.training import fit

    check_ids(model, documents)
    course = step.course
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id < row_count(model) else 0  # no position reads it
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
        checkpoint_every=step.checkpoint_every,
        progress=context.progress,
    )
    return {
        "updates": updates,
        "updates_of_a_pass": len(passes),
        "warmup": module.warmup,
        "decay": module.decay,
        "weight_decay": module.weight_decay,
    }


def save_with_facts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    counts: dict[str, Json],
    left_out: LeftOut,
    training: dict[str, Json] | None = None,
) -> CausalModel:
    """Returns a model to save, with facts about how it was made."""
    facts: dict[str, Json] = {"counts": counts, "left_out": left_out.facts, **made_by()}
    if training is not None:
        facts["training"] = training
    return CausalModel(save=saving(model, tokenizer), facts=facts)


def saving(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Callable[[Path], None]:
    """Returns a function that saves both into a folder."""

    def save(folder: Path) -> None:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return save


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def _name(solution: LabeledSolution) -> str:
    return f"{solution.problem_id} sample {solution.sample}"
