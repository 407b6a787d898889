"""Settings of the large PRM and the large ORM, and their values at each scale."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ablations.acquisition.collection import SELECTIONS
from ablations.data.checks import allowed
from ablations.data.field_types import Count, check_fields
from ablations.experiments.run_settings import RunSettings
from ablations.experiments.scales import at_scale
from ablations.experiments.settings import StudentSettings
from ablations.experiments.source_settings import WorldSettings

NO_POOL = "the labeler and its problems are the embedded world's"
"""Reason why the experiments on large models do not run on pools."""


@dataclass(frozen=True, kw_only=True)
class CollectionSettings:
    """Settings for collecting the large PRM's data."""

    pool_samples: Count
    """Solutions sampled per labeler problem, from which all generations choose (the paper's N)."""
    uniform: Count
    """Solutions per problem that are labeled in phase 1, as drawn."""
    generations: Count
    """Generations of phase 2; the PRM is retrained after each (the paper: 10)."""
    chosen: Count
    """Solutions per problem that are labeled in each generation (the paper's K)."""
    selection: str = "per_problem"
    """Whether K applies to each problem or to the average over all: per_problem or whole_set."""
    min_updates: Count = 150
    """Minimum number of updates of a PRM; the few labels of early generations get more passes."""
    annotations: Path | None = None
    """Folder of files that people rate (`ablations annotate`); null: the world's annotator rates."""

    def __post_init__(self) -> None:
        check_fields(self, "collection.")
        allowed("collection.selection", self.selection, tuple(SELECTIONS))
        if self.annotations is not None and self.annotations.exists() and not self.annotations.is_dir():
            raise ValueError(
                f"collection.annotations: found the file {self.annotations}; allowed: a folder, or a new one"
            )
        if self.labeled > self.pool_samples:
            raise ValueError(
                f"collection.uniform, generations, chosen: found {self.labeled} labeled solutions per "
                f"problem; allowed: 1 to collection.pool_samples = {self.pool_samples}"
            )

    @property
    def labeled(self) -> int:
        """Total labeled solutions per problem, if enough wrong ones are found."""
        return self.uniform + self.generations * self.chosen

    def labeling_file(self, generation: int) -> Path:
        """Returns the file of people's ratings of a generation; phase 1 is generation 0."""
        assert self.annotations is not None
        return self.annotations / f"generation-{generation}.jsonl"


@dataclass(frozen=True, kw_only=True)
class LargeScaleSettings(RunSettings):
    """Settings of the large models, each of which is trained once."""

    source: WorldSettings
    """The embedded world."""
    collection: CollectionSettings
    """Collection of the large PRM's data; its other settings are those of the labeler."""
    orm: StudentSettings
    """Settings of the large ORM."""
    orm_samples: int
    """Uniform solutions per problem that train the large ORM (the paper: 100)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.orm.backbone != "large":
            raise ValueError(f"orm.backbone: found {self.orm.backbone!r}; allowed: large")
        if self.orm.checkpoint is not None:
            raise ValueError(
                f"orm.checkpoint: found {self.orm.checkpoint!r}; allowed: null, because the large ORM "
                "starts from the large PRM's base, source.labeler.checkpoint"
            )
        if not 1 <= self.orm_samples <= self.collection.pool_samples:
            raise ValueError(
                f"orm_samples: found {self.orm_samples}; allowed: 1 to collection.pool_samples = "
                f"{self.collection.pool_samples}"
            )


class _AtScale(TypedDict):
    collection: CollectionSettings
    orm: StudentSettings
    orm_samples: int


# The PRM gets as many labels as the labeler (`labeler.samples` per problem), except at scale smoke.
# All ORMs make equally many updates, because even few solutions need many.
LARGE: dict[str, _AtScale] = {
    "smoke": dict(
        collection=CollectionSettings(pool_samples=6, uniform=1, generations=2, chosen=1, min_updates=2),
        orm=StudentSettings(
            backbone="large", max_updates=4, learning_rates=(1e-3,), evaluations=2, validation_n=2
        ),
        orm_samples=4,
    ),
    "quick": dict(
        collection=CollectionSettings(pool_samples=32, uniform=4, generations=3, chosen=4),
        orm=StudentSettings(backbone="large", max_updates=300, learning_rates=(1e-3,)),
        orm_samples=32,
    ),
    "small": dict(
        collection=CollectionSettings(pool_samples=64, uniform=4, generations=3, chosen=4),
        orm=StudentSettings(backbone="large", max_updates=400),
        orm_samples=64,
    ),
    "paper": dict(
        collection=CollectionSettings(pool_samples=1000, uniform=6, generations=10, chosen=1),
        orm=StudentSettings(
            backbone="large",
            max_updates=20_000,
            learning_rates=(3e-4, 5e-4, 1e-3),
            evaluations=8,
            precision="bf16-mixed",
        ),
        orm_samples=100,
    ),
}


def settings(scale: str, source: WorldSettings) -> LargeScaleSettings:
    """Returns the defaults of a scale; the source is that of `supervision`, to reuse its artifacts."""
    return at_scale(LargeScaleSettings, scale, source, **LARGE[scale])
