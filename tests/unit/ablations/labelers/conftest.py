"""Tiny checkpoints of every family, of the real architectures with random weights and real tokenizers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaModel,
    MistralConfig,
    MistralForCausalLM,
    MistralModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForSequenceClassification,
    Qwen2ForTokenClassification,
    Qwen2Model,
)

from lightning_modules.reward_model import RewardModel

CORPUS = [
    "Natalia sold 48 + 24 = 72 clips. ки\nSo she sold + - + - clips in all. ки\n",
    "What is the sum of 3 and 4, minus 2? Let's think step by step.\nThe answer is 5. ки\n",
    "Déjà vu: √2 ≈ 1,414 und 数学 🙂 ки\n + - ки\n ки\n + -",
]
CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
LLAMA = (
    "{{ bos_token }}<|start|>system<|end|>\n\nToday Date: "
    "{{ date_string if date_string is defined else strftime_now('%d %b %Y') }}<|eot|>"
    "{% for m in messages %}<|start|>{{ m.role }}<|end|>\n\n{{ m.content | trim }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|end|>\n\n{% endif %}"
)
SIZES: dict[str, Any] = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    initializer_range=0.3,
    tie_word_embeddings=False,
)


def byte_level(*special: str, **named: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE, as Qwen's and Llama 3's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=list(dict.fromkeys([*named.values(), *special])),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def metaspace(**named: str) -> PreTrainedTokenizerFast:
    """BPE over words that begin with their space, as Mistral's; unknown characters are one token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Metaspace(prepend_scheme="first")]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    special = ["<unk>", "<s>", "</s>", *named.values()]
    trainer = trainers.BpeTrainer(
        vocab_size=220, special_tokens=list(dict.fromkeys(special)), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", **named)


def write_parts(folder: Path, body: Any, head: dict[str, torch.Tensor], **config: Any) -> None:
    """A decoder and a head as two safetensors files with their index, and a config that names remote code."""
    folder.mkdir(exist_ok=True)
    decoder = {f"model.{name}": tensor.contiguous() for name, tensor in body.state_dict().items()}
    files = {"model-00001-of-00002.safetensors": decoder, "model-00002-of-00002.safetensors": head}
    for name, tensors in files.items():
        save_file(tensors, folder / name, metadata={"format": "pt"})
    weight_map = {tensor: name for name, tensors in files.items() for tensor in tensors}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map})
    )
    (folder / "config.json").write_text(json.dumps(body.config.to_dict() | config))


def token_classification(folder: Path) -> None:
    tokenizer = byte_level(bos_token="<s>", pad_token="<pad>")
    config = Qwen2Config(vocab_size=len(tokenizer), num_labels=2, **SIZES)
    Qwen2ForTokenClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def qwen_prm(folder: Path) -> None:
    tokenizer = byte_level("<|im_start|>", "<|im_end|>", "<extra_0>", pad_token="<pad>")
    tokenizer.chat_template = CHATML
    body = Qwen2Model(Qwen2Config(vocab_size=len(tokenizer), **SIZES))
    head = {
        "score.0.weight": torch.randn(32, 32) / 4,
        "score.0.bias": torch.randn(32),
        "score.2.weight": torch.randn(2, 32) / 4,
        "score.2.bias": torch.randn(2),
        "lm_head.weight": torch.randn(len(tokenizer), 32),  # the public ones have it too, without use
    }
    write_parts(
        folder,
        body,
        head,
        architectures=["Qwen2ForProcessRewardModel"],
        auto_map={
            "AutoConfig": "configuration_qwen2_rm.Qwen2RMConfig",
            "AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel",
        },
    )
    tokenizer.save_pretrained(folder)


def skywork(folder: Path) -> None:
    tokenizer = byte_level(bos_token="<|bos|>", pad_token="<pad>")
    body = Qwen2Model(Qwen2Config(vocab_size=len(tokenizer), **SIZES))
    head = {"v_head.summary.weight": torch.randn(1, 32) / 4, "v_head.summary.bias": torch.randn(1)}
    write_parts(folder, body, head, architectures=["Qwen2ForPrmModel"], auto_map={"AutoModel": "x.Y"})
    tokenizer.save_pretrained(folder)


def reasoneval(folder: Path) -> None:
    tokenizer = metaspace(pad_token="<pad>")
    config = MistralConfig(vocab_size=len(tokenizer), sliding_window=None, **SIZES)
    head = {"score_head.weight": torch.randn(3, 32) / 4}
    write_parts(
        folder,
        MistralModel(config),
        head,
        architectures=["ReasonEval_7B"],
        score_dimension=3,
        use_bias=False,
    )
    tokenizer.save_pretrained(folder)


def reasoneval_llama(folder: Path) -> None:
    tokenizer = metaspace(pad_token="<pad>")
    head = {"score_head.weight": torch.randn(3, 32) / 4, "score_head.bias": torch.randn(3)}
    body = LlamaModel(LlamaConfig(vocab_size=len(tokenizer), **SIZES))
    write_parts(folder, body, head, architectures=["LlamaModel"], score_dim=3, bias=True)
    tokenizer.save_pretrained(folder)


def rlhflow(folder: Path) -> None:
    tokenizer = byte_level("<|start|>", "<|end|>", "<|eot|>", bos_token="<|bos|>", pad_token="<pad>")
    tokenizer.chat_template = LLAMA
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SIZES)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def math_shepherd(folder: Path) -> None:
    tokenizer = metaspace(pad_token="<pad>")
    # its window is shorter than the solutions: nothing may be packed
    config = MistralConfig(vocab_size=len(tokenizer), sliding_window=16, **SIZES)
    MistralForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def sequence_classification(folder: Path) -> None:
    tokenizer = byte_level(bos_token="<s>", pad_token="<pad>")
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_labels=1, pad_token_id=tokenizer.pad_token_id, **SIZES
    )
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def two_classes(folder: Path) -> None:
    tokenizer = byte_level("<|im_start|>", "<|im_end|>", pad_token="<pad>")
    tokenizer.chat_template = CHATML
    config = Qwen2Config(vocab_size=len(tokenizer), num_labels=2, **SIZES)
    Qwen2ForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def qwen_reward_model(folder: Path) -> None:
    tokenizer = byte_level("<|im_start|>", "<|im_end|>", pad_token="<pad>")
    tokenizer.chat_template = CHATML
    body = Qwen2Model(Qwen2Config(vocab_size=len(tokenizer), **SIZES))
    head = {
        "score.0.weight": torch.randn(32, 32) / 4,
        "score.0.bias": torch.randn(32),
        "score.2.weight": torch.randn(1, 32) / 4,
        "score.2.bias": torch.randn(1),
    }
    write_parts(folder, body, head, architectures=["Qwen2ForRewardModel"])
    tokenizer.save_pretrained(folder)


def reward_model(folder: Path) -> None:
    tokenizer = byte_level(bos_token="<s>", pad_token="<pad>")
    config = LlamaConfig(vocab_size=len(tokenizer), num_labels=3, **SIZES)
    RewardModel(LlamaForTokenClassification(config)).export(folder, tokenizer)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "token-classification": token_classification,
    "qwen-prm": qwen_prm,
    "skywork": skywork,
    "reasoneval": reasoneval,
    "reasoneval-llama": reasoneval_llama,
    "rlhflow": rlhflow,
    "math-shepherd": math_shepherd,
    "reward-model": reward_model,
    "sequence-classification": sequence_classification,
    "two-classes": two_classes,
    "qwen-reward-model": qwen_reward_model,
}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a kind's checkpoint, written once; read only, for all tests share it."""
    root, written = tmp_path_factory.mktemp("checkpoints"), {}

    def build(kind: str) -> Path:
        if kind not in written:
            torch.manual_seed(7)
            written[kind] = root / kind
            BUILDERS[kind](written[kind])
        return written[kind]

    return build


@pytest.fixture(autouse=True)
def at_tmp_path(tmp_path, monkeypatch):
    """Each test has the store `runs/store` of the folder that its commands are run in."""
    monkeypatch.chdir(tmp_path)
