"""A cache of encoded samples, for later tasks of this process that read the same ones.

A worker scores the same test solutions with one student after another, and evaluates every training run on
the same validation solutions.
"""

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

from ablations.data.artifacts import SOLUTIONS, Samples
from lightning_modules.encoding import Encoded, encode_all

MOST_SETS = 2
"""Maximum number of cached sample sets: validation and test solutions."""
MOST_TOKENS = 10_000_000
"""Maximum tokens of a cached set: 40 MB."""
_cache: OrderedDict[tuple[object, ...], list[Encoded]] = OrderedDict()


def encode_samples(folder: Path, tokenizer: Any, max_length: int | None) -> list[Encoded]:
    """Encodes the samples in a folder, up to ``max_length`` tokens per solution; see `encode_all`."""
    identity = _identity(tokenizer)
    stat = (folder / SOLUTIONS).stat()
    key = (folder.absolute(), stat.st_mtime_ns, stat.st_size, identity, max_length)
    encoded = _cache.pop(key, None)
    if encoded is None:
        samples = Samples.read(folder)
        encoded = encode_all(tokenizer, samples.prompts(), samples.steps(), max_length=max_length)
    if identity is not None and sum(map(len, encoded)) <= MOST_TOKENS:
        _cache[key] = encoded
        while len(_cache) > MOST_SETS:
            _cache.popitem(last=False)
    return encoded


def _identity(tokenizer: Any) -> str | None:
    """Returns a hash of what decides how a tokenizer encodes; None: unknown, so nothing is cached."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    parts = (backend.to_str(), repr(tokenizer.special_tokens_map), repr(tokenizer.chat_template))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
