"""Steps of real solutions: a pool of them, its folds, and a student's base made from scratch.

A fold's solutions and their labels are separate artifacts: steps that choose what to label read only the
solutions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ablations.data.artifacts import IntArray, PoolSamples, Samples, prompt_of
from ablations.data.cross_fitting import fold_problems
from ablations.data.step_scores import StepScores
from ablations.engine.files import unchanged
from ablations.engine.step import Context, Step, apart
from ablations.formats.pool import read_pool
from ablations.steps.base_model import CausalModel
from ablations.steps.language import saving, solved_questions
from lightning_modules.presets import PRESETS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadPool(Step[PoolSamples], name="pool"):
    """Reads a pool: problems, solutions, and a labeler's scores of their steps."""

    sha256: str
    """Of the file."""
    labeler: str
    path: Path = apart()
    """The file."""

    def run(self, context: Context) -> PoolSamples:
        """Reads it."""
        read = read_pool(unchanged(self.path, self.sha256), self.labeler)
        assert read.labels is not None
        return PoolSamples(
            problems=read.problems, solutions=read.solutions, labels=read.labels, left_out=read.told() or ""
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TakeFold(Step[Samples], name="fold"):
    """Takes a part of a pool: ``test``, ``validation`` (the next fold's test) or ``train`` (the rest)."""

    pool: Step[PoolSamples]
    fold: int
    folds: int
    part: Part
    seed: int = 0

    def run(self, context: Context) -> Samples:
        """Takes it."""
        samples = Samples.read(context.folder(self.pool))  # not the labels
        return _dealt(samples, self.fold, self.folds, self.part, self.seed)[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class TakeFoldLabels(Step[StepScores], name="fold_labels"):
    """Takes the labeler's scores of the solutions that `TakeFold` takes with the same fields."""

    pool: Step[PoolSamples]
    fold: int
    folds: int
    part: Part
    seed: int = 0

    def run(self, context: Context) -> StepScores:
        """Takes them."""
        pool = context.read(self.pool)
        return pool.labels.take(_dealt(pool, self.fold, self.folds, self.part, self.seed)[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class MakeScratchBase(Step[CausalModel], name="scratch_base", runs_model=True):
    """Trains a tokenizer and draws random weights for a student's base."""

    samples: Step[Samples]
    """Samples of the training problems."""
    held_out: Step[PoolSamples] | None = None
    """Problems that are left out of the text."""
    preset: str
    vocabulary: int
    """Tokens of the tokenizer."""
    positions: int | None = None
    """Positions of the model; None: the preset's."""
    text_sha256: str | None = None
    """Of the file of questions; None: there is none."""
    seed: int = 0
    text: Path | None = apart(None)
    """The file of questions."""

    def run(self, context: Context) -> CausalModel:
        """Makes it."""
        from lightning_modules.backbones import build_causal

        samples = context.read(self.samples)
        texts = [*samples.prompts(), *("\n".join(steps) for steps in samples.steps())]
        if self.text is not None and self.text_sha256 is not None:
            for question, answer in solved_questions(context, self.text, self.text_sha256, self.held_out):
                texts += [prompt_of(question), answer]
        tokenizer = train_tokenizer(texts, self.vocabulary)
        preset = PRESETS[self.preset]
        preset = replace(preset, max_positions=self.positions or preset.max_positions)
        return CausalModel(save=saving(build_causal(preset, tokenizer, seed=self.seed), tokenizer))


def _dealt(pool: Samples, fold: int, folds: int, part: Part, seed: int) -> tuple[Samples, IntArray]:
    return pool.take_problems(fold_problems(len(pool.problems), fold=fold, folds=folds, part=part, seed=seed))


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Trains a byte-level BPE tokenizer that never merges across line ends."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

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
