"""Encode and validate training data, and find the solutions that teach nothing."""

from collections.abc import Sequence
from typing import Any

from ablations.data.artifacts import Samples
from lightning_modules.encoding import Encoded, encode_all
from lightning_modules.positions import verify_positions
from lightning_modules.reward_data import RewardDataset, has_target


def encode_checked(tokenizer: Any, samples: Samples, max_length: int | None = None) -> list[Encoded]:
    """Encodes samples, and checks that every step reads back at its position.

    Raises:
        ValueError: a step does not read back as its text.
    """
    steps = samples.steps()
    encoded = encode_all(tokenizer, samples.prompts(), steps, max_length=max_length)
    names = [f"{one['problem_id']} sample {one['sample']}" for one in names_of(samples)]
    verify_positions(tokenizer, steps, encoded, names)
    return encoded


def names_of(samples: Samples) -> list[dict[str, Any]]:
    """Returns ``problem_id`` and ``sample`` of each solution."""
    ids = samples.solutions.column("problem_id").to_pylist()
    numbers = samples.solutions.sample.tolist()
    return [{"problem_id": p, "sample": s} for p, s in zip(ids, numbers, strict=True)]


def untaught(samples: Samples, encoded: Sequence[Encoded], data: RewardDataset) -> list[dict[str, Any]]:
    """Returns the solutions without a target: they have none, or were cut before their first one (``cut``).

    Raises:
        ValueError: no solution has a target.
    """
    empty = [i for i, target in enumerate(data.targets) if not has_target(target).any()]
    if len(empty) == len(data):
        raise ValueError(
            f"targets: found none in {len(data)} solutions; allowed: one or more, within max_length tokens"
        )
    names = names_of(samples) if empty else []
    return [{**names[i], "cut": encoded[i].cut_steps > 0} for i in empty]
