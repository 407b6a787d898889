"""Problems from which nothing may be learned."""

from collections.abc import Iterable
from dataclasses import dataclass

from ablations.engine.user_file import UserFile
from ablations.formats.held_out import HeldOut


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """The problems of some files, and a share of all others."""

    files: tuple[UserFile, ...] = ()
    """Files of any format."""
    share: float = 0.0
    """Share of all other problems, in [0, 1)."""
    seed: int = 0
    """Seed of the draw of the share."""

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"held_out_share: found {self.share}; allowed: 0 or more, and below 1")

    def read(self, problems: Iterable[str] = ()) -> HeldOut:
        """Returns them, together with some further problems."""
        files = (file.unchanged() for file in self.files)
        return HeldOut.of(files, share=self.share, seed=self.seed, problems=problems)
