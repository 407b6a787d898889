"""A Lightning logger for Trackio, Hugging Face's local experiment tracker."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

PROJECT = "ablations"
"""Project of all runs, unless another one is named."""


class TrackioLogger(Logger):
    """Logs a training as a run of a Trackio project; `trackio show --project ablations` displays it.

    Nothing leaves the machine unless the user sets `TRACKIO_SPACE_ID` or `TRACKIO_SERVER_URL`.
    """

    def __init__(self, name: str, version: str | None = None, project: str = PROJECT) -> None:
        """
        Args:
            name: Name of the training.
            version: Key of the training, after its name; a run of the same name and version is continued.
            project: Trackio's project.

        Raises:
            ValueError: Trackio is not installed.
        """
        super().__init__()
        try:
            import trackio  # noqa: F401
        except ImportError:
            raise ValueError(
                "logger: found TrackioLogger without trackio; allowed: after pip install trackio"
            ) from None
        self._name, self._version, self._project = name, version, project
        self._config: dict[str, Any] = {}
        self._run: Any = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str | None:
        return self._version

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """Trackio's run."""
        if self._run is None:
            import trackio

            named = self._name if self._version is None else f"{self._name} {self._version}"
            self._run = trackio.init(
                project=self._project, name=named, config=self._config, resume="allow", embed=False
            )
        return self._run

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        self._config |= vars(params) if isinstance(params, Namespace) else params

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.experiment.log(metrics, step=step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._run is not None:
            self._run.finish()
            self._run = None
