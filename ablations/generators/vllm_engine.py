"""vLLM, if installed: many more solutions per second on a GPU.

Every solution is a request with its own seed. The only rules of vLLM that look at the text are stop strings,
so text after a final answer is cut off afterwards.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

import numpy as np

from ablations.generators.prompts import Prompt
from ablations.generators.setup import Setup
from lightning_modules.sampling import Completion, entropy_of


class VllmEngine:
    """See `Engine`."""

    def __init__(self, setup: Setup) -> None:
        check_vllm()
        from vllm import LLM, SamplingParams  # type: ignore[import-not-found]

        self._setup, self._params = setup, SamplingParams
        self._model = LLM(
            model=str(setup.folder),
            dtype=setup.dtype,
            trust_remote_code=setup.trust_remote_code,
            max_model_len=setup.positions,
            max_num_seqs=setup.sampling.max_batch,
            enable_prefix_caching=True,  # the solutions of a problem share its prompt
            seed=setup.sampling.seed,
        )

    def draw(
        self, prompts: Sequence[Prompt], wanted: Sequence[tuple[int, int]], progress: Callable[[float], None]
    ) -> list[Completion]:
        sampling, stops = self._setup.sampling, self._setup.stops
        entropy = entropy_of(sampling.seed, [prompt.text for prompt in prompts])
        params = [
            self._params(
                n=1,
                temperature=sampling.temperature,
                min_p=sampling.min_p,
                max_tokens=sampling.max_new_tokens,
                seed=_seed([*entropy[prompt], number]),
                stop=list(stops.strings) or None,
                include_stop_str_in_output=True,  # the rules cut it off, at the same place for all engines
                stop_token_ids=list(self._setup.end_tokens) or None,
            )
            for prompt, number in wanted
        ]
        texts = [{"prompt_token_ids": list(prompts[prompt].ids)} for prompt, _ in wanted]
        requests = self._model.generate(texts, params, use_tqdm=False)
        progress(1.0)
        completions = []
        for (output,) in (request.outputs for request in requests):
            if output.finish_reason not in ("stop", "length"):
                raise RuntimeError(f"vllm ended a solution for the reason {output.finish_reason!r}")
            completion = Completion(
                text=output.text, finished=output.finish_reason == "stop", tokens=len(output.token_ids)
            )
            completions.append(stops.apply(completion))
        return completions


def check_vllm() -> None:
    """Raises a ValueError if vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        raise ValueError(
            "engine: found vllm, which is not installed; allowed: transformers, or vllm after pip install "
            "'.[vllm]'"
        )


def _seed(entropy: Sequence[int]) -> int:
    """Derives a 63-bit seed from entropy."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))
