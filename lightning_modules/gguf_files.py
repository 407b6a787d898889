"""GGUF files: reading their metadata, and writing their models as plain checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

_METADATA = ("general.name", "general.architecture", "general.license", "general.organization")


def read_metadata(file: Path) -> dict[str, str]:
    """Returns the metadata of a file's model, field by field.

    Raises:
        ValueError: the file is not a whole GGUF file.
    """
    from gguf import GGUFReader

    try:
        fields = GGUFReader(file).fields
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise ValueError(f"{file}: found no readable GGUF file ({error}); allowed: a whole one") from error
    return {name: str(fields[name].contents()) for name in _METADATA if name in fields}


def write_checkpoint(file: Path, folder: Path) -> None:
    """Writes the model (in float32) and the tokenizer of a GGUF file to a folder as transformers does.

    Raises:
        ValueError: transformers cannot read the file.
    """
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    source: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **source)
        model: Any = AutoModelForCausalLM.from_pretrained(str(file.parent), dtype=torch.float32, **source)
        del model.config.quantization_config  # the weights are no longer quantized
        model.hf_quantizer = None
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise ValueError(f"{file}: found a GGUF file that transformers cannot read ({error})") from error
    finally:
        if shown:
            logging.enable_progress_bar()
