"""Tiny generators of the real architectures, with random weights and real tokenizers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

CORPUS = ["Ann has 12 eggs and buys 30. How many?\n12 + 30 = 42\nThe answer is \\boxed{42}.\n", "#### 42\n"]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DATED = (
    "{{ bos_token }}On {{ date_string if date_string is defined else strftime_now('%d %b %Y') }}:"
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
)
SIZES: dict[str, Any] = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    initializer_range=0.3,
)


def tokenizer_of(*special: str, opens: bool = False, **named: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE; one that opens puts its BOS before every text, as Llama 3's."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=list(dict.fromkeys([*named.values(), *special])),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(CORPUS, trainer)
    if opens:
        bos = named["bos_token"]
        inner.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, inner.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(tokenizer_object=inner, **named)


def qwen2(folder: Path) -> None:
    """A chat template; two tokens end a text, of which the tokenizer knows one."""
    tokenizer = tokenizer_of("<|im_start|>", "<|im_end|>", eos_token="<|endoftext|>")
    tokenizer.chat_template = CHATML
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer) + 3, **SIZES))
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def llama(folder: Path) -> None:
    """A BOS before every text, and a chat template that spells it and tells a date."""
    tokenizer = tokenizer_of(opens=True, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = DATED
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SIZES)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def mistral(folder: Path) -> None:
    """A window that is shorter than the prompts."""
    tokenizer = tokenizer_of(opens=True, bos_token="<s>", eos_token="</s>")
    config = MistralConfig(vocab_size=len(tokenizer), sliding_window=8, **SIZES)
    MistralForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def gpt2(folder: Path) -> None:
    """Few positions, each with an embedding; nothing that pads."""
    tokenizer = tokenizer_of(bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "initializer_range": 0.3}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **ids, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


BUILDERS = {build.__name__: build for build in (qwen2, llama, mistral, gpt2)}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a kind's checkpoint, written once; read only, for all tests share it."""
    root, written = tmp_path_factory.mktemp("generators"), {}

    def build(kind: str) -> Path:
        if kind not in written:
            torch.manual_seed(7)
            written[kind] = root / kind
            BUILDERS[kind](written[kind])
        return written[kind]

    return build
