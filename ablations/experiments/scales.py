"""Settings of the experiment `supervision`, and their values at each scale, in a world or on a pool."""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from ablations.data.artifacts import Samples
from ablations.experiments.settings import (
    GeneratorSettings,
    LabelerSettings,
    PoolSettings,
    ProblemSettings,
    StudentSettings,
    at_least,
    each_once,
)
from ablations.formats.pool import Pool, read_pool
from ablations.supervision import TARGETS
from ablations.world.worlds import WORLDS
from lightning_modules.presets import PRESETS

LABELERS = ("large_prm",)
MOST_SEEDS = 10_000
"""Maximum number of seeds: a plan has tasks for every seed, so planning after a typo would never end."""


@dataclass(frozen=True, kw_only=True)
class SupervisionSettings:
    """Settings that determine the experiment's records."""

    scale: str
    """Scale: smoke, quick, small or paper."""
    world: str | None = None
    """Embedded world; null with a pool."""
    pool: PoolSettings | None = None
    """Real solutions; null in the embedded world."""
    arms: tuple[str, ...] = ("process", "prm_outcome", "final_answer")
    """Forms of supervision."""
    data_scales: tuple[int, ...]
    """Solutions labeled per problem."""
    seeds: int
    """Number of seeds; each redraws training subset, order and head, for all arms alike."""
    problems: ProblemSettings | None = None
    """Numbers of problems in the embedded world."""
    pool_samples: int
    """Solutions sampled per training problem; subsets of them are labeled."""
    validation_samples: int
    """Solutions sampled per validation problem."""
    test_samples: int
    """Solutions sampled per test problem: the largest N."""
    majority_draws: int = 100
    """Subsets over which majority voting is averaged."""
    generator: GeneratorSettings = GeneratorSettings()
    """Settings of the generator; embedded world only."""
    labeler: LabelerSettings
    """Settings of the labeler; with a pool, only its threshold matters."""
    students: StudentSettings
    """Settings of the reward models under study."""

    def __post_init__(self) -> None:
        if (self.world is None) == (self.pool is None):
            raise ValueError("world, pool: found both or neither; allowed: exactly one of them")
        if self.world is not None and self.world not in WORLDS:
            raise ValueError(f"world: found {self.world!r}; allowed: {', '.join(WORLDS)}")
        if self.world is not None and self.problems is None:
            raise ValueError("problems: found null; allowed: the numbers of problems of the embedded world")
        drawn = (self.pool_samples, self.validation_samples, self.test_samples)
        if self.pool is not None and len(set(drawn)) > 1:
            raise ValueError(
                f"pool_samples, validation_samples, test_samples: found {', '.join(map(str, drawn))}; "
                "allowed with a pool: each the smallest number of solutions of a problem"
            )
        if self.pool is not None and self.students.backbone not in PRESETS:
            raise ValueError(
                f"students.backbone: found {self.students.backbone!r}; allowed with a pool: "
                f"{', '.join(PRESETS)}"
            )
        if self.pool is not None and self.labeler.checkpoint is not None:
            raise ValueError(
                f"labeler.checkpoint: found {self.labeler.checkpoint!r}; allowed with a pool: null, for its "
                "labels stand"
            )
        each_once("arms", self.arms, TARGETS)
        for arm in self.arms if self.pool is not None else ():
            if (reason := TARGETS[arm].not_in_a_pool) is not None:
                raise ValueError(f"arms: found {arm}; allowed with a pool: the others, since {reason}")
        scales = self.data_scales
        if (
            not scales
            or list(scales) != sorted(set(scales))
            or scales[0] < 1
            or scales[-1] > self.pool_samples
        ):
            raise ValueError(
                f"data_scales: found {list(scales)}; allowed: ascending, 1 to {self.most_labelled}"
            )
        if self.seeds > MOST_SEEDS:
            raise ValueError(f"seeds: found {self.seeds}; allowed: {MOST_SEEDS:,} or fewer")
        at_least(
            1,
            seeds=self.seeds,
            validation_samples=self.validation_samples,
            test_samples=self.test_samples,
            majority_draws=self.majority_draws,
        )

    @property
    def most_labelled(self) -> str:
        """The largest allowed data scale in words; with a pool, the problem that limits it."""
        if self.pool is None or not self.pool.path.is_file():
            return f"pool_samples = {self.pool_samples}"
        return read_pool(self.pool.path, self.pool.labeler).about_fewest()

    @property
    def max_length(self) -> int | None:
        """Maximum tokens of a solution that students read; None: no limit."""
        return None if self.pool is None else self.pool.max_length

    @property
    def dataset(self) -> str:
        """World or pool, as records name it."""
        if self.pool is None:
            return str(self.world)
        return f"{self.pool.path.name.split('.')[0]}/{self.pool.labeler}"


Extended = TypeVar("Extended", bound=SupervisionSettings)

_DEFAULT_WORLD = next(iter(WORLDS))
_EMBEDDED: dict[str, SupervisionSettings] = {
    "smoke": SupervisionSettings(
        scale="smoke",
        world=_DEFAULT_WORLD,
        data_scales=(1, 2),
        seeds=1,
        problems=ProblemSettings(labeler=12, train=16, validation=6, test=8),
        pool_samples=2,
        validation_samples=4,
        test_samples=8,
        majority_draws=10,
        generator=GeneratorSettings(samples=2),
        labeler=LabelerSettings(samples=2, epochs=1),
        students=StudentSettings(learning_rates=(2e-3,), max_updates=4, evaluations=2, validation_n=2),
    ),
    "quick": SupervisionSettings(
        scale="quick",
        world=_DEFAULT_WORLD,
        data_scales=(1, 8, 64),
        seeds=3,
        problems=ProblemSettings(labeler=300, train=100, validation=60, test=100),
        pool_samples=64,
        validation_samples=16,
        test_samples=128,
        labeler=LabelerSettings(samples=16),
        students=StudentSettings(learning_rates=(3e-3,), batch_size=32, max_updates=200),
    ),
    "small": SupervisionSettings(
        scale="small",
        world=_DEFAULT_WORLD,
        data_scales=(1, 3, 8, 24, 64),
        seeds=10,
        problems=ProblemSettings(labeler=600, train=100, validation=100, test=250),
        pool_samples=64,
        validation_samples=16,
        test_samples=128,
        labeler=LabelerSettings(samples=16),
        students=StudentSettings(learning_rates=(1.5e-3, 3e-3, 6e-3, 1.2e-2), batch_size=32, max_updates=200),
    ),
    "paper": SupervisionSettings(
        scale="paper",
        world=_DEFAULT_WORLD,
        data_scales=(1, 2, 5, 10, 20, 50, 100, 200),
        seeds=3,
        problems=ProblemSettings(labeler=12_000, train=12_000, validation=500, test=500),
        pool_samples=1000,
        validation_samples=64,
        test_samples=500,
        labeler=LabelerSettings(samples=16),
        students=StudentSettings(
            learning_rates=(5e-4, 1e-3, 2e-3),
            max_updates=20_000,
            evaluations=8,
            device="cuda",
            precision="bf16-mixed",
        ),
    ),
}


def extended(kind: type[Extended], given: SupervisionSettings, **more: Any) -> Extended:
    """Makes settings of another kind from given ones; ``more`` adds values or replaces them."""
    return kind(**{field.name: getattr(given, field.name) for field in fields(given)} | more)


def byte_counts(read: Pool) -> list[int]:
    """Counts bytes of each solution with its problem; no byte-level tokenizer makes more tokens of it."""
    samples = Samples(problems=read.problems, solutions=read.solutions)
    texts = zip(samples.prompts(), samples.steps(), strict=True)
    return [len(prompt.encode()) + sum(len(f"{s}\n".encode()) for s in steps) for prompt, steps in texts]


def longest(read: Pool) -> int:
    """Returns a number of tokens that solutions fit in, unless it would exceed `MOST_TOKENS`; at least 1,024.

    A multiple of 64. It goes by bytes, because the tokenizer of a student from scratch is not trained yet.
    """
    return min(max(-(-max(byte_counts(read)) // 64) * 64, 1024), MOST_TOKENS)


def settings(scale: str, world: str | None, pool: Path | None, labeler: str | None) -> SupervisionSettings:
    """Returns the defaults of a scale, in a world or on a pool of real solutions."""
    if scale not in _EMBEDDED:
        raise ValueError(f"scale: found {scale!r}; allowed: {', '.join(_EMBEDDED)}")
    if pool is None:
        if labeler not in (None, *LABELERS):
            raise ValueError(f"labeler: found {labeler!r}; allowed without --pool: {', '.join(LABELERS)}")
        return _embedded(scale, world or _DEFAULT_WORLD)
    if world is not None:
        raise ValueError(f"world: found {world!r} beside a pool; allowed: one of the two")
    if labeler is None:
        raise ValueError(
            "labeler: found none; allowed with --pool: the name of one whose step scores the pool holds"
        )
    if not pool.is_file():
        raise ValueError(f"pool: found no file {pool}; allowed: an existing one")
    read = read_pool(pool, labeler)
    samples = read.fewest[0]
    given = _ON_POOL[scale]
    beside = pool.absolute().parent.parent / "gsm8k" / "train.jsonl"
    if not pool.is_absolute():  # records must not name a path of one machine
        beside = Path(os.path.relpath(beside))
    return SupervisionSettings(
        scale=scale,
        pool=PoolSettings(
            path=pool,
            labeler=labeler,
            mathmix=beside if beside.is_file() else None,
            max_length=longest(read),
            mathmix_updates=given.mathmix_updates,
            vocabulary=given.vocabulary,
        ),
        pool_samples=samples,
        validation_samples=samples,
        test_samples=samples,
        labeler=LabelerSettings(samples=1),
        data_scales=tuple(sorted({min(data_scale, samples) for data_scale in given.data_scales})),
        seeds=given.seeds,
        students=given.students,
    )


def _embedded(scale: str, world: str) -> SupervisionSettings:
    given = replace(_EMBEDDED[scale], world=world)
    return replace(given, generator=replace(given.generator, learning_rate=WORLDS[world].finetuning_rate))


def process_alone(arms: tuple[str, ...]) -> None:
    """Raises a ValueError unless process supervision is the only arm."""
    if arms != ("process",):
        raise ValueError(f"arms: found {list(arms)}; allowed: process alone")


MOST_TOKENS = 8192
"""Maximum tokens of a solution that students read, unless pool.max_length is larger."""


@dataclass(frozen=True, kw_only=True)
class _OnPool:
    """A scale on a pool."""

    data_scales: tuple[int, ...]
    seeds: int
    students: StudentSettings
    mathmix_updates: int
    vocabulary: int = 1000


_ON_POOL = {
    # With these vocabularies, the longest problem of GSM8K with a first step takes 500 to 800 tokens.
    "smoke": _OnPool(
        data_scales=(1,),
        seeds=1,
        students=StudentSettings(
            backbone="tiny", learning_rates=(2e-3,), batch_size=16, max_updates=2, evaluations=1
        ),
        mathmix_updates=2,
        vocabulary=400,
    ),
    "quick": _OnPool(
        data_scales=(4, 32),
        seeds=1,
        students=StudentSettings(batch_size=16, max_updates=60, evaluations=2),
        mathmix_updates=200,
        vocabulary=4000,
    ),
    "small": _OnPool(
        data_scales=(2, 8, 32),
        seeds=3,
        students=StudentSettings(batch_size=16, max_updates=360),
        mathmix_updates=1000,
    ),
    "paper": _OnPool(
        data_scales=(1, 2, 4, 8, 16, 32),
        seeds=3,
        students=StudentSettings(
            backbone="large",
            learning_rates=(3e-4, 1e-3, 2e-3),
            max_updates=5000,
            evaluations=8,
            device="cuda",
            precision="bf16-mixed",
        ),
        mathmix_updates=20_000,
        vocabulary=8000,
    ),
}
