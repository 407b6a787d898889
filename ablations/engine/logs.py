"""Logs of trainings: any of Lightning's loggers, with one logger run per training."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

NONE = "none"
DEFAULT_KIND = "TensorBoardLogger"


@dataclass(frozen=True, kw_only=True)
class Logs:
    """A kind of logger, and the training that is logged."""

    kind: str = NONE
    """One of `logger_kinds`, or none."""
    folder: Path = Path()
    """Folder for what the logger does not send elsewhere."""
    title: str = ""
    key: str = ""
    """Key of the training; the same key continues the same log."""

    def of(self, label: str, key: str) -> Logs:
        """Returns the logs of the training with this label and key."""
        return replace(self, title=label.replace("/", " "), key=key)

    def logger(self) -> Logger | None:
        """Returns Lightning's logger, with those arguments that it accepts; None if the kind is none."""
        if self.kind == NONE:
            return None
        kind = logger_kinds()[self.kind]
        arguments = {
            **{"save_dir": str(self.folder), "version": self.key},
            **{"name": self.title, "run_name": self.title},
        }
        accepted = inspect.signature(kind).parameters
        logger: Logger = kind(**{name: value for name, value in arguments.items() if name in accepted})
        return logger


def logger_kinds() -> dict[str, type[Logger]]:
    """Returns the loggers by name: those of Lightning, and Trackio's."""
    from lightning.pytorch import loggers

    from lightning_modules.trackio_logger import TrackioLogger

    kinds = {name: getattr(loggers, name) for name in loggers.__all__ if name != "Logger"}
    return kinds | {TrackioLogger.__name__: TrackioLogger}
