"""The step that makes a base with random weights and its own tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ablations.data.artifacts import ProblemSet, Samples
from ablations.data.json_files import Json
from ablations.data.left_out import LeftOut
from ablations.engine.step import Context, Step
from ablations.engine.user_file import UserFile
from ablations.formats.texts import filter_texts, read_any
from ablations.steps.base_model import CausalModel
from ablations.steps.language_finetuning import problems_of, save_with_facts
from ablations.steps.withheld import Withheld
from lightning_modules.presets import PRESETS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, kw_only=True, eq=False)
class MakeScratchBase(Step[CausalModel], name="scratch_base", version=3, runs_model=True):
    """Trains a tokenizer on text, and draws random weights."""

    samples: Step[Samples] | None = None
    """Samples whose problems and steps are used as text."""
    text: tuple[UserFile, ...] = ()
    """Files of texts or of solutions, of any format."""
    withheld: Withheld = Withheld()
    problems: Step[ProblemSet] | None = None
    """Further problems that are left out of the files."""
    preset: str
    vocabulary: int
    """Maximum tokens of the tokenizer."""
    positions: int | None = None
    """Positions of the model; None: the preset's."""
    seed: int = 0

    def run(self, context: Context) -> CausalModel:
        from lightning_modules.backbones import build_causal

        left_out = LeftOut()
        held_out = self.withheld.read(problems_of(context, self.problems))
        texts: list[str] = []
        if self.samples is not None:
            samples = context.read(self.samples)
            texts = [*samples.prompts(), *("\n".join(steps) for steps in samples.steps())]
        from_files = (text for file in self.text for text in read_any(file.unchanged()))
        texts += filter_texts(from_files, held_out, left_out)
        if not texts:
            raise ValueError(f"text: found none, {left_out}; allowed: one or more")
        tokenizer = train_tokenizer(texts, self.vocabulary)
        preset = PRESETS[self.preset]
        if self.positions is not None:
            preset = replace(preset, max_positions=self.positions)
        model = build_causal(preset, tokenizer, seed=self.seed)
        counts: dict[str, Json] = {
            "texts": len(texts),
            "tokens": len(tokenizer),
            "parameters": model.num_parameters(),
        }
        return save_with_facts(model, tokenizer, counts, left_out)


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
