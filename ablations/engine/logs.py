"""Where trainings write what they see on the way: any of Lightning's loggers, a run of it a training."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

NONE = "none"
USUAL = "TensorBoardLogger"


@dataclass(frozen=True, kw_only=True)
class Logs:
    """A kind of logger, and the training that is logged."""

    kind: str = NONE
    """A class of `lightning.pytorch.loggers`, or none."""
    folder: Path = Path()
    """Where it writes what it does not send elsewhere."""
    title: str = ""
    """Of the training, for people."""
    key: str = ""
    """Of the training: the same one goes on in the same place."""

    def of(self, label: str, key: str) -> Logs:
        """For one training."""
        return replace(self, title=label.replace("/", " "), key=key)

    def logger(self) -> Logger | None:
        """Lightning's logger, told of what it takes."""
        if self.kind == NONE:
            return None
        from lightning.pytorch import loggers

        kind = getattr(loggers, self.kind)
        given: dict[str, Any] = {
            **{"save_dir": str(self.folder), "version": self.key},
            **{"name": self.title, "run_name": self.title},
        }
        taken = inspect.signature(kind).parameters
        made: Logger = kind(**{name: value for name, value in given.items() if name in taken})
        return made
