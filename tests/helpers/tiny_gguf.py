"""A tiny GGUF file of the Llama architecture, as llama.cpp writes one."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFWriter
from transformers import LlamaConfig, LlamaForCausalLM

WIDTH, LAYERS, HEADS, VOCABULARY = 32, 2, 4, 261


def write_gguf(path: Path, **metadata: str) -> Any:
    """Writes a model of random weights with bytes as tokens; returns the model."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
    )
    model = LlamaForCausalLM(config).eval()
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    for name, value in metadata.items():
        getattr(writer, f"add_{name}")(value)
    writer.add_context_length(256)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(48)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*_byte_letters(), "th", "<s>", "</s>", "<a>", "<b>"])
    writer.add_token_types([1] * 257 + [3] * 4)
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)
    for name, tensor in model.model.state_dict().items():
        writer.add_tensor(*_as_llama_cpp(name, tensor.numpy().astype(np.float32)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def _as_llama_cpp(name: str, weight: np.ndarray) -> tuple[str, np.ndarray]:
    """Returns GGUF's name and order of rows: queries and keys have the halves of heads interleaved."""
    if name == "embed_tokens.weight":
        return "token_embd.weight", weight
    if name == "norm.weight":
        return "output_norm.weight", weight
    _, layer, *rest, _ = name.split(".")
    short = {
        "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
        "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }[rest[-1]]  # fmt: skip
    if rest[-1] in ("q_proj", "k_proj"):
        rows = weight.reshape(HEADS, 2, WIDTH // HEADS // 2, WIDTH)
        weight = rows.swapaxes(1, 2).reshape(WIDTH, WIDTH)
    return f"blk.{layer}.{short}.weight", weight


def _byte_letters() -> list[str]:
    """Lists the letters for bytes in GPT-2's tokenizers."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]
