"""Encoding and validation of training data, and a search for solutions that teach nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablations.data.artifacts import Samples
from ablations.data.models import Untaught
from lightning_modules.encoding import Encoded, encode_all
from lightning_modules.positions import verify_positions
from lightning_modules.reward_data import RewardDataset, has_target

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode_checked(
    tokenizer: "PreTrainedTokenizerBase", samples: Samples, max_length: int | None = None
) -> list[Encoded]:
    """Encodes samples; raises a ValueError unless every step reads back as its text at its position."""
    steps = samples.steps()
    encoded = encode_all(tokenizer, samples.prompts(), steps, max_length=max_length)
    verify_positions(tokenizer, steps, encoded, samples.names())
    return encoded


def find_untaught(samples: Samples, encoded: Sequence[Encoded], data: RewardDataset) -> tuple[Untaught, ...]:
    """Returns the solutions without a target: they have none, or were cut before their first one.

    Raises:
        ValueError: no solution has a target.
    """
    rows = [i for i, target in enumerate(data.targets) if not has_target(target).any()]
    if len(rows) == len(data):
        raise ValueError(
            f"targets: found none in {len(data)} solutions; allowed: one or more, within max_length tokens"
        )
    if not rows:
        return ()
    ids, numbers = samples.solutions.column("problem_id").to_pylist(), samples.solutions.sample.tolist()
    return tuple(Untaught(problem_id=ids[i], sample=numbers[i], cut=encoded[i].cut_steps > 0) for i in rows)
