"""The user's choice of a labeler."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ablations.data.field_types import Count, check_fields

Device = Literal["cpu", "cuda"]
WeightType = Literal["auto", "float32", "bfloat16", "float16"]
"""Data types of the weights; auto: that of the checkpoint."""


@dataclass(frozen=True, kw_only=True)
class LabelerChoice:
    """The user's choices about a labeler."""

    checkpoint: str
    """A folder, or OWNER/NAME[@REVISION] on the hub."""
    family: str | None = None
    """One of FAMILIES; None: detected from the checkpoint."""
    device: Device = "cpu"
    dtype: WeightType = "auto"
    max_length: Count | None = None
    """Maximum number of tokens per solution; None: as many as the model has positions."""
    separator: str | None = None
    """Text after each step, if the family's checkpoints do not fix it; None: the family's default."""
    trust_remote_code: bool = False
    """Whether code shipped with the checkpoint may be run."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.separator == "":
            raise ValueError("separator: found an empty text; allowed: one character or more")


def check_name(name: str, source: Path, used: Iterable[str]) -> None:
    """Raises a ValueError if a file already holds scores of a labeler with that name."""
    used = sorted(used)
    if name in used:
        raise ValueError(
            f"name: found {name!r}, whose scores {source} already holds; allowed: a name other than "
            f"{', '.join(used)}"
        )
