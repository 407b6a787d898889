"""A cache of encoded samples, for the next task of this process that reads the same ones.

A worker scores the same test solutions with one student after another, and evaluates every training run on
the same validation solutions.
"""

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

from ablations.data.artifacts import SOLUTIONS, Samples
from lightning_modules.encoding import Encoded, encode_all

MOST_KEPT = 2
"""Number of sample sets that are kept: validation and test solutions."""
MOST_TOKENS = 10_000_000
"""Most tokens of a set that is kept: 40 MB."""
_kept: OrderedDict[tuple[object, ...], list[Encoded]] = OrderedDict()


def encode_samples(folder: Path, tokenizer: Any, max_length: int | None) -> list[Encoded]:
    """Encode the samples of an artifact; see `encode_all`.

    Args:
        folder: folder of the artifact.
        tokenizer: a tokenizer of transformers.
        max_length: most tokens per solution; None: no limit.
    """
    identity = _identity(tokenizer)
    known = (folder / SOLUTIONS).stat()
    key = (folder.absolute(), known.st_mtime_ns, known.st_size, identity, max_length)
    found = _kept.pop(key, None)
    if found is None:
        samples = Samples.read(folder)
        found = encode_all(tokenizer, samples.prompts(), samples.steps(), max_length=max_length)
    if identity is not None and sum(map(len, found)) <= MOST_TOKENS:
        _kept[key] = found
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return found


def _identity(tokenizer: Any) -> str | None:
    """Returns a digest of what decides how a tokenizer encodes; None: unknown, so nothing is kept."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    parts = (backend.to_str(), repr(tokenizer.special_tokens_map), repr(tokenizer.chat_template))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
