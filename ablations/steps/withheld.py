"""Problems that are withheld from training."""

from collections.abc import Iterable
from dataclasses import dataclass

from ablations.data.field_types import PartShare, check_fields
from ablations.engine.user_file import UserFile
from ablations.formats.held_out import HeldOut


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """The problems of some files, and a share of all others."""

    files: tuple[UserFile, ...] = ()
    """Files of any format."""
    share: PartShare = 0.0
    """Share of all other problems."""
    seed: int = 0
    """Seed for drawing the share."""

    def __post_init__(self) -> None:
        check_fields(self, "held_out_")

    def read(self, problems: Iterable[str] = ()) -> HeldOut:
        """Returns these problems, and further ones."""
        files = (file.unchanged() for file in self.files)
        return HeldOut.of(files, share=self.share, seed=self.seed, problems=problems)
