"""The default engine: transformers, with this project's sampler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

from ablations.generators.prompts import Prompt
from ablations.generators.setup import Setup
from lightning_modules.backbones import load_whole
from lightning_modules.sampling import Completion, Sampler, entropy_of

ATTENTION = ("full_attention", "sliding_attention")
"""Types of layers whose state the sampler can keep."""


class TransformersEngine:
    """See `Engine`."""

    def __init__(self, setup: Setup) -> None:
        self._stops, sampling = setup.stops, setup.sampling
        self._seed, self._batch = sampling.seed, sampling.max_batch
        trust = setup.trust_remote_code
        tokenizer = AutoTokenizer.from_pretrained(
            setup.folder, local_files_only=True, trust_remote_code=trust
        )
        model: Any = load_whole(AutoModelForCausalLM, setup.folder, setup.dtype, trust_remote_code=trust)
        check_attention(model.config)
        self._sampler = Sampler(
            model.to(sampling.device),
            tokenizer,
            temperature=sampling.temperature,
            min_p=sampling.min_p,
            max_new_tokens=sampling.max_new_tokens,
            stop=setup.stops.complete if setup.stops.characters else None,
            stop_characters=setup.stops.characters,
            ends=setup.end_tokens,
            positions=setup.positions,
        )

    def draw(
        self, prompts: Sequence[Prompt], wanted: Sequence[tuple[int, int]], progress: Callable[[float], None]
    ) -> list[Completion]:
        drawn = self._sampler.draw(
            [prompt.ids for prompt in prompts],
            entropy_of(self._seed, [prompt.text for prompt in prompts]),
            wanted,
            batch_size=self._batch,
            progress=lambda done, total: progress(done / total),
        )
        return [self._stops.apply(completion) for completion in drawn]


def check_attention(config: Any) -> None:
    """Raises a ValueError if a model keeps more of earlier tokens than keys and values."""
    kinds = sorted(set(getattr(config.get_text_config(), "layer_types", None) or ATTENTION) - set(ATTENTION))
    if kinds or config.is_encoder_decoder:
        found = f"layers of {', '.join(kinds)}" if kinds else "an encoder"
        raise ValueError(
            f"engine: found {found} in a {config.model_type} checkpoint; allowed with transformers: "
            f"{', '.join(ATTENTION)}"
        )
