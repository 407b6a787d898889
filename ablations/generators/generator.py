"""A generator: an inspected checkpoint, its prompt, and everything that ends a solution."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ablations.data.solutions import Problem
from ablations.engine.ranks import check_gpus
from ablations.generators.completions import Stops
from ablations.generators.problem_files import Shot
from ablations.generators.prompts import Prompt, Prompter
from ablations.generators.setup import GeneratorChoice, Sampling, Setup
from ablations.labelers.checkpoints import GENERATION, Checkpoint, find_checkpoint
from lightning_modules.tokenization import check_vocabulary


@dataclass(frozen=True, kw_only=True)
class Generator:
    """A generator that is not loaded yet."""

    setup: Setup
    prompter: Prompter
    identity: dict[str, Any]
    """Everything except the problem that decides its solutions, as plain JSON."""

    def prompts(self, problems: Sequence[Problem]) -> tuple[Prompt, ...]:
        """Makes the prompts of problems.

        Raises:
            ValueError: a problem is too long for the model.
        """
        return self._checked([self.prompter.prompt(problem.text) for problem in problems], problems)

    def extend(
        self, prompts: Sequence[Prompt], texts: Sequence[str], problems: Sequence[Problem]
    ) -> tuple[Prompt, ...]:
        """Makes prompts of solutions that have begun.

        Args:
            prompts: prompts of the problems, as `prompts` makes them.
            texts: beginning of a solution after each of them.
            problems: the problems.

        Raises:
            ValueError: a problem and its beginning are too long for the model.
        """
        begun = self.prompter.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        extended = [
            Prompt(text=prompt.text + text, ids=(*prompt.ids, *ids))
            for prompt, text, ids in zip(prompts, texts, begun, strict=True)
        ]
        return self._checked(extended, problems)

    def _checked(self, prompts: Sequence[Prompt], problems: Sequence[Problem]) -> tuple[Prompt, ...]:
        for problem, prompt in zip(problems, prompts, strict=True):
            if self.setup.positions is not None and len(prompt.ids) >= self.setup.positions:
                raise ValueError(
                    f"problems: found a prompt of {len(prompt.ids):,} tokens for {problem.problem_id}; "
                    f"allowed: fewer than {self.setup.positions:,}, the positions that the model has"
                )
        return tuple(prompts)

    def setup_for(self, prompts: Sequence[Prompt]) -> Setup:
        """Returns the settings passed to an engine that reads these prompts."""
        longest = max(len(prompt.ids) for prompt in prompts) + self.setup.sampling.max_new_tokens
        return replace(self.setup, positions=min(longest, self.setup.positions or longest))

    def render_prompt(self, problem: Problem) -> str:
        """Returns the prompt of a problem with its special tokens, as the model reads it."""
        text: str = self.prompter.tokenizer.decode(self.prompter.prompt(problem.text).ids)
        return text


def find_generator(choice: GeneratorChoice, sampling: Sampling, shots: tuple[Shot, ...]) -> Generator:
    """Finds a checkpoint and everything that can be determined before it is loaded.

    Raises:
        ValueError: the checkpoint is invalid, is not a causal language model, or needs code that is not
            trusted; nothing would end its solutions; or there is no such device or engine.
    """
    from transformers import AutoConfig, AutoTokenizer

    if sampling.engine == "vllm":
        from ablations.generators.vllm_engine import check_vllm

        check_vllm()
    check_gpus([sampling.device])
    checkpoint = find_checkpoint(choice.checkpoint, "generator")
    _check_code(checkpoint, choice.trust_remote_code)
    loading = {"local_files_only": True, "trust_remote_code": choice.trust_remote_code}
    config = AutoConfig.from_pretrained(checkpoint.folder, **loading)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, **loading)
    check_vocabulary(tokenizer, checkpoint.rows, "generator")
    prompter = Prompter.of(tokenizer, choice.chat_template, choice.instruction, shots)
    stops = Stops(strings=(*choice.stop, *prompter.stops), after_answer=choice.stop_after_answer)
    ends = _end_tokens(checkpoint, config, tokenizer, choice.stop)
    if not ends and not stops.characters:
        raise ValueError(
            f"stop: found no token in {checkpoint.name} that ends a text; allowed: --stop or "
            "--stop-after-answer, or nothing would end a solution"
        )
    dtype: str = choice.dtype
    if dtype == "auto":
        dtype = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    setup = Setup(
        folder=checkpoint.folder,
        dtype=dtype,
        trust_remote_code=choice.trust_remote_code,
        positions=getattr(config.get_text_config(), "max_position_embeddings", None),
        end_tokens=ends,
        stops=stops,
        sampling=sampling,
    )
    identity = {
        "generator": checkpoint.name,
        "revision": checkpoint.revision(),
        "engine": sampling.engine,
        "dtype": dtype,
        "chat_template": prompter.chat,
        "template": prompter.template,
        "stop": list(stops.strings),
        "stop_after_answer": stops.after_answer,
        "end_tokens": tokenizer.convert_ids_to_tokens(list(ends)),
        "temperature": sampling.temperature,
        "min_p": sampling.min_p,
        "max_new_tokens": sampling.max_new_tokens,
        "seed": sampling.seed,
    }
    return Generator(setup=setup, prompter=prompter, identity=identity)


def _check_code(checkpoint: Checkpoint, trust_remote_code: bool) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if trust_remote_code:
        return
    if checkpoint.remote:
        raise ValueError(
            f"generator: found remote code (auto_map) in the config of {checkpoint.name}; allowed: a "
            "checkpoint without it, or --trust-remote-code"
        )
    if checkpoint.architecture not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        raise ValueError(
            f"generator: found a {checkpoint.architecture or 'checkpoint without a class'} in "
            f"{checkpoint.name}; allowed: a causal language model that transformers knows"
        )


def _end_tokens(checkpoint: Checkpoint, config: Any, tokenizer: Any, stop: Sequence[str]) -> tuple[int, ...]:
    """Returns the tokens that end a text: those the checkpoint names, and special tokens the user names."""
    special = {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}
    ends = {special[text] for text in stop if text in special}
    sources = [tokenizer.eos_token_id, config.get_text_config().eos_token_id]
    file = checkpoint.folder / GENERATION
    if file.is_file():
        sources.append(json.loads(file.read_text(encoding="utf-8")).get("eos_token_id"))
    for source in sources:
        if source is not None:
            ends.update(source if isinstance(source, list | tuple) else [source])
    return tuple(sorted(ends))
