"""Flags of the commands that load a labeler."""

from dataclasses import dataclass

from ablations.commands.arguments import unescape
from ablations.data.field_types import Count, check_fields
from ablations.labelers.choice import Device, LabelerChoice, WeightType


@dataclass(frozen=True, kw_only=True)
class LabelerFlags:
    """How a labeler's checkpoint is loaded and read."""

    family: str | None = None
    """Family of the checkpoint (default: detected); a wrong name lists all."""
    device: Device = "cpu"
    """Device that it runs on."""
    dtype: WeightType = "auto"
    """Type of the weights (auto: as they are)."""
    max_length: int | None = None
    """Most tokens of a solution (default: the model's positions); longer ones are left out, and counted."""
    separator: str | None = None
    r"""Text after each step, for token-classification (default: a newline); \n, \t and \\ stand for a line
    break, a tab and a backslash."""
    max_tokens: Count | None = None
    """Tokens of a forward pass (default: what suits the device)."""
    trust_remote_code: bool = False
    """Run code that comes with the checkpoint."""

    def __post_init__(self) -> None:
        check_fields(self)

    def choice(self, checkpoint: str) -> LabelerChoice:
        """Returns the choice of a checkpoint with these flags; raises a ValueError if one is not allowed."""
        return LabelerChoice(
            checkpoint=checkpoint,
            family=self.family,
            device=self.device,
            dtype=self.dtype,
            max_length=self.max_length,
            separator=None if self.separator is None else unescape("separator", self.separator),
            trust_remote_code=self.trust_remote_code,
        )
