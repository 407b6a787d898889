"""Each scale's values of the source, and of the settings that experiments share, in a world or on a pool."""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from ablations.data.artifacts import Samples
from ablations.experiments.run_settings import RunSettings
from ablations.experiments.settings import StudentSettings
from ablations.experiments.source_settings import (
    GeneratorSettings,
    LabelerSettings,
    PoolLabelerSettings,
    PoolSettings,
    ProblemSettings,
    Source,
    WorldSettings,
)
from ablations.formats.pool import Pool, read_pool
from ablations.world.worlds import WORLDS

LABELERS = ("large_prm",)
MOST_TOKENS = 8192
"""Maximum tokens of a solution that students read, unless source.max_length is larger."""
_DEFAULT_WORLD = next(iter(WORLDS))

Settings = TypeVar("Settings", bound=RunSettings)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A scale's values of the settings that experiments share; an experiment takes those that it has."""

    data_scales: tuple[int, ...]
    seeds: int
    students: StudentSettings
    majority_draws: int = 100
    device: str = "cpu"


_IN_WORLD = {
    "smoke": Shared(
        data_scales=(1, 2),
        seeds=1,
        majority_draws=10,
        students=StudentSettings(learning_rates=(2e-3,), max_updates=4, evaluations=2, validation_n=2),
    ),
    "quick": Shared(
        data_scales=(1, 8, 64),
        seeds=3,
        students=StudentSettings(learning_rates=(3e-3,), batch_size=32, max_updates=200),
    ),
    "small": Shared(
        data_scales=(1, 3, 8, 24, 64),
        seeds=10,
        students=StudentSettings(learning_rates=(1.5e-3, 3e-3, 6e-3, 1.2e-2), batch_size=32, max_updates=200),
    ),
    "paper": Shared(
        data_scales=(1, 2, 5, 10, 20, 50, 100, 200),
        seeds=3,
        students=StudentSettings(
            learning_rates=(5e-4, 1e-3, 2e-3), max_updates=20_000, evaluations=8, precision="bf16-mixed"
        ),
        device="cuda",
    ),
}
_WORLDS = {
    "smoke": WorldSettings(
        world=_DEFAULT_WORLD,
        problems=ProblemSettings(labeler=12, train=16, validation=6, test=8),
        train_samples=2,
        validation_samples=4,
        test_samples=8,
        generator=GeneratorSettings(samples=2),
        labeler=LabelerSettings(samples=2, epochs=1),
    ),
    "quick": WorldSettings(
        world=_DEFAULT_WORLD,
        problems=ProblemSettings(labeler=300, train=100, validation=60, test=100),
        train_samples=64,
        validation_samples=16,
        test_samples=128,
        labeler=LabelerSettings(samples=16),
    ),
    "small": WorldSettings(
        world=_DEFAULT_WORLD,
        problems=ProblemSettings(labeler=600, train=100, validation=100, test=250),
        train_samples=64,
        validation_samples=16,
        test_samples=128,
        labeler=LabelerSettings(samples=16),
    ),
    "paper": WorldSettings(
        world=_DEFAULT_WORLD,
        problems=ProblemSettings(labeler=12_000, train=12_000, validation=500, test=500),
        train_samples=1000,
        validation_samples=64,
        test_samples=500,
        labeler=LabelerSettings(samples=16),
    ),
}
_ON_POOL = {
    "smoke": Shared(
        data_scales=(1,),
        seeds=1,
        students=StudentSettings(
            backbone="tiny", learning_rates=(2e-3,), batch_size=16, max_updates=2, evaluations=1
        ),
    ),
    "quick": Shared(
        data_scales=(4, 32), seeds=1, students=StudentSettings(batch_size=16, max_updates=60, evaluations=2)
    ),
    "small": Shared(
        data_scales=(2, 8, 32), seeds=3, students=StudentSettings(batch_size=16, max_updates=360)
    ),
    "paper": Shared(
        data_scales=(1, 2, 4, 8, 16, 32),
        seeds=3,
        students=StudentSettings(
            backbone="large",
            learning_rates=(3e-4, 1e-3, 2e-3),
            max_updates=5000,
            evaluations=8,
            precision="bf16-mixed",
        ),
        device="cuda",
    ),
}


class _OnPool(TypedDict, total=False):
    mathmix_updates: int
    vocabulary: int


# With these vocabularies, the longest problem of GSM8K with a first step takes 500 to 800 tokens.
_POOLS: dict[str, _OnPool] = {
    "smoke": dict(mathmix_updates=2, vocabulary=400),
    "quick": dict(mathmix_updates=200, vocabulary=4000),
    "small": dict(mathmix_updates=1000),
    "paper": dict(mathmix_updates=20_000, vocabulary=8000),
}


def shared(scale: str, source: Source) -> Shared:
    """Returns a scale's values of the settings that experiments share."""
    if isinstance(source, WorldSettings):
        return _IN_WORLD[scale]
    data_scales = {min(data_scale, source.samples) for data_scale in _ON_POOL[scale].data_scales}
    return replace(_ON_POOL[scale], data_scales=tuple(sorted(data_scales)))


def at_scale(kind: type[Settings], scale: str, source: Source, **more: Any) -> Settings:
    """Makes an experiment's settings: the scale's shared values, unless ``more`` has others."""
    values = vars(shared(scale, source))
    names = {field.name for field in fields(kind)}
    usual = {name: value for name, value in values.items() if name in names}
    return kind(scale=scale, source=source, **usual | more)


def source_of(scale: str, world: str | None, pool: Path | None, labeler: str | None) -> Source:
    """Returns a world, or a pool of real solutions, with the values of a scale."""
    if scale not in _WORLDS:
        raise ValueError(f"scale: found {scale!r}; allowed: {', '.join(_WORLDS)}")
    if pool is None:
        if labeler not in (None, *LABELERS):
            raise ValueError(f"labeler: found {labeler!r}; allowed without --pool: {', '.join(LABELERS)}")
        return world_source(scale, world)
    if world is not None:
        raise ValueError(f"world: found {world!r} next to a pool; allowed: one of the two")
    if labeler is None:
        raise ValueError(
            "labeler: found none; allowed with --pool: the name of one whose step scores the pool holds"
        )
    if not pool.is_file():
        raise ValueError(f"pool: found no file {pool}; allowed: an existing one")
    content = read_pool(pool, labeler)
    mathmix = pool.absolute().parent.parent / "gsm8k" / "train.jsonl"
    if not pool.is_absolute():  # records must not name a path of one machine
        mathmix = Path(os.path.relpath(mathmix))
    return PoolSettings(
        path=pool,
        labeler=PoolLabelerSettings(name=labeler),
        samples=content.fewest[0],
        mathmix=mathmix if mathmix.is_file() else None,
        max_length=max_length(content),
        **_POOLS[scale],
    )


def world_source(scale: str, world: str | None = None) -> WorldSettings:
    """Returns a world, by default the first, with the values of a scale."""
    world = world or _DEFAULT_WORLD
    generator = replace(_WORLDS[scale].generator, learning_rate=WORLDS[world].finetuning_rate)
    return replace(_WORLDS[scale], world=world, generator=generator)


def byte_counts(pool: Pool) -> list[int]:
    """Counts the bytes of each solution with its problem: the most tokens of any byte-level tokenizer."""
    samples = Samples(problems=pool.problems, solutions=pool.solutions)
    texts = zip(samples.prompts(), samples.steps(), strict=True)
    return [len(prompt.encode()) + sum(len(f"{s}\n".encode()) for s in steps) for prompt, steps in texts]


def max_length(pool: Pool) -> int:
    """Returns a number of tokens in which all solutions fit: a multiple of 64, from 1,024 to `MOST_TOKENS`.

    It counts bytes, because the tokenizer of a student from scratch is not trained yet.
    """
    return min(max(-(-max(byte_counts(pool)) // 64) * 64, 1024), MOST_TOKENS)
