"""GGUF files: reading what one says of itself, and writing its weights as a plain checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

_SAID = ("general.name", "general.architecture", "general.license", "general.organization")
"""Fields of a file that are kept."""


def said_by(file: Path) -> dict[str, str]:
    """Returns what a file says of its model, by the names of its fields.

    Raises:
        ValueError: the file is not a whole GGUF file.
    """
    from gguf import GGUFReader

    try:
        fields = GGUFReader(file).fields
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise ValueError(f"{file}: found no readable GGUF file ({error}); allowed: a whole one") from error
    return {name: str(fields[name].contents()) for name in _SAID if name in fields}


def write_checkpoint(file: Path, folder: Path) -> None:
    """Writes the model and the tokenizer of a GGUF file as transformers does, in float32.

    Args:
        file: the file.
        folder: folder to write to.

    Raises:
        ValueError: transformers cannot read the file.
    """
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    where: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **where)
        model: Any = AutoModelForCausalLM.from_pretrained(str(file.parent), dtype=torch.float32, **where)
        del model.config.quantization_config  # the weights are plain now, but it says otherwise
        model.hf_quantizer = None
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise ValueError(f"{file}: found a GGUF file that transformers cannot read ({error})") from error
    finally:
        if shown:
            logging.enable_progress_bar()
