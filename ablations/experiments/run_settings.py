"""Settings of a run: those of every experiment, and those of every experiment that trains students."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ablations.data.checks import each_once
from ablations.data.field_types import Count, Range, check_fields
from ablations.experiments.settings import StudentSettings
from ablations.experiments.source_settings import PoolSettings, Source
from ablations.labelers.choice import Device
from ablations.supervision import TARGETS, rolls_out
from lightning_modules.presets import PRESETS

MOST_SEEDS = 10_000
"""Maximum number of seeds; a plan has tasks for every seed, so with a typo, planning would never end."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Settings of every experiment; like all settings, they determine its records."""

    scale: str
    """Scale: smoke, quick, small or paper."""
    source: Source
    """Problems, solutions and their labels: an embedded world, or a pool of real solutions."""
    majority_draws: Count = 100
    """Subsets of the test solutions over which majority voting is averaged."""
    device: Device = "cpu"
    """Device on which reward models are trained and score: cpu or cuda."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class StudentRunSettings(RunSettings):
    """Settings of every experiment that trains students."""

    seeds: Annotated[int, Range(least=1, most=MOST_SEEDS)]
    """Number of seeds; each redraws training subset, order and head, for all trainings alike."""
    students: StudentSettings
    """Settings of the reward models under study."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.source, PoolSettings) and self.students.backbone not in PRESETS:
            raise ValueError(
                f"students.backbone: found {self.students.backbone!r}; allowed with a pool: "
                f"{', '.join(PRESETS)}"
            )


def check_arms(arms: Sequence[str], source: Source, *, rollouts: bool = False) -> None:
    """Raises a ValueError unless these forms of supervision, each once, can be had.

    Args:
        arms: forms of supervision.
        source: the run's source, which may lack what an arm needs.
        rollouts: whether the experiment has rollouts of the generator.
    """
    each_once("arms", arms, [arm for arm in TARGETS if rollouts or not rolls_out(arm)])
    for arm in arms if isinstance(source, PoolSettings) else ():
        if (reason := TARGETS[arm].not_in_a_pool) is not None:
            raise ValueError(f"arms: found {arm}; allowed with a pool: the others, because {reason}")


def check_data_scale(data_scale: int, source: Source) -> None:
    """Raises a ValueError unless a source has as many solutions per problem."""
    if not 1 <= data_scale <= source.train_samples:
        raise ValueError(f"data_scale: found {data_scale}; allowed: 1 to {source.most_labeled}")


def check_data_scales(data_scales: Sequence[int], source: Source) -> None:
    """Raises a ValueError unless there are data scales, ascending, and a source has as many solutions."""
    ascending = list(data_scales) == sorted(set(data_scales))
    if not data_scales or not ascending or not 1 <= data_scales[0] <= data_scales[-1] <= source.train_samples:
        raise ValueError(
            f"data_scales: found {list(data_scales)}; allowed: ascending, 1 to {source.most_labeled}"
        )
