"""Process against outcome supervision (the paper's Section 4.1, Figures 4a and 4b).

Small reward models are trained on the identical solutions under three forms of supervision that a large PRM
(or the final answers) gives, at several data scales; best-of-N on held-out problems says which is better.

    ablations run supervision --scale quick                                    (two cores: about ten minutes)
    ablations run supervision --scale quick --pool POOL.jsonl.gz --labeler NAME   (real solutions)

Expected: process above both outcome arms at every data scale; outcome arms above pass@1 at the largest ones.
"""

import gzip
import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ablations.experiments.reporting import finish, report
from ablations.formats.pool import read_pool
from ablations.pipeline import SCALES, Experiment, Plan, Task
from ablations.revision import revision
from ablations.settings import (
    GeneratorSettings,
    LabelerSettings,
    PoolSettings,
    ProblemSettings,
    StudentSettings,
)
from ablations.supervision import ARMS, LabelerArm
from ablations.world.bases import read_manifest
from ablations.world.worlds import WORLDS

LABELERS = ("large_prm",)
TOKENS_OF_SOLUTION = 66
"""Mean length of an embedded solution with its problem, for estimates."""
SECONDS_PER_TOKEN = {"small": 1 / 28_000, "large": 1 / 7_000}
"""Of training on one ordinary core, for estimates."""


@dataclass(frozen=True, kw_only=True)
class SupervisionSettings:
    """All that decides the experiment's records."""

    scale: str
    """smoke, quick, small or paper."""
    world: str | None = None
    """Embedded world; null with a pool."""
    pool: PoolSettings | None = None
    """Real solutions; null in the embedded world."""
    arms: tuple[str, ...] = ("process", "prm_outcome", "final_answer")
    """Forms of supervision."""
    data_scales: tuple[int, ...]
    """Solutions labelled a problem."""
    seeds: int
    """Each redraws training subset, order and head, for all arms alike."""
    problems: ProblemSettings | None = None
    """Of the embedded world."""
    pool_samples: int
    """Solutions sampled for each training problem; subsets of them are labelled."""
    validation_samples: int
    """Solutions sampled for each validation problem."""
    test_samples: int
    """Solutions sampled for each test problem: the largest N."""
    majority_draws: int = 100
    """Subsets over which majority voting is averaged."""
    generator: GeneratorSettings = GeneratorSettings()
    """Embedded world only."""
    labeler: LabelerSettings
    """Only its threshold matters with a pool."""
    students: StudentSettings
    """The reward models under study."""

    def __post_init__(self) -> None:
        if (self.world is None) == (self.pool is None):
            raise ValueError("world, pool: found both or neither; allowed: exactly one of them")
        if self.world is not None and self.world not in WORLDS:
            raise ValueError(f"world: found {self.world!r}; allowed: {', '.join(WORLDS)}")
        if self.world is not None and self.problems is None:
            raise ValueError("problems: found null; allowed: the numbers of problems of the embedded world")
        strange = [arm for arm in self.arms if arm not in ARMS]
        if strange or not self.arms or len(set(self.arms)) != len(self.arms):
            raise ValueError(
                f"arms: found {list(self.arms)}; allowed: one or more of {', '.join(ARMS)}, each once"
            )
        scales = self.data_scales
        if (
            not scales
            or list(scales) != sorted(set(scales))
            or scales[0] < 1
            or scales[-1] > self.pool_samples
        ):
            raise ValueError(
                f"data_scales: found {list(scales)}; allowed: ascending, 1 to pool_samples = "
                f"{self.pool_samples}"
            )
        for name in ("seeds", "validation_samples", "test_samples", "majority_draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed: 1 or more")

    @property
    def dataset(self) -> str:
        """World or pool, as records name it."""
        if self.pool is None:
            return str(self.world)
        return f"{self.pool.path.name.split('.')[0]}/{self.pool.labeler}"


_EMBEDDED: dict[str, dict[str, Any]] = {
    "smoke": dict(
        data_scales=(1, 2),
        seeds=1,
        problems=ProblemSettings(labeler=12, train=16, validation=6, test=8),
        pool_samples=2,
        validation_samples=4,
        test_samples=8,
        majority_draws=10,
        generator=GeneratorSettings(samples=2),
        labeler=LabelerSettings(samples=2, epochs=1),
        students=StudentSettings(
            learning_rates=(2e-3,), max_updates=4, min_updates=4, evaluations=2, validation_n=2
        ),
    ),
    "quick": dict(
        data_scales=(1, 4, 16),
        seeds=3,
        problems=ProblemSettings(labeler=600, train=600, validation=60, test=100),
        pool_samples=32,
        validation_samples=16,
        test_samples=128,
        labeler=LabelerSettings(samples=8),
        students=StudentSettings(max_updates=200),
    ),
    "small": dict(
        data_scales=(1, 4, 16, 64),
        seeds=5,
        problems=ProblemSettings(labeler=600, train=600, validation=100, test=300),
        pool_samples=128,
        validation_samples=16,
        test_samples=128,
        labeler=LabelerSettings(samples=8),
        students=StudentSettings(max_updates=600),
    ),
    "paper": dict(
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


def settings(scale: str, world: str | None, pool: Path | None, labeler: str | None) -> SupervisionSettings:
    """The defaults of a scale, in a world or on a pool of real solutions."""
    if scale not in _EMBEDDED:
        raise ValueError(f"scale: found {scale!r}; allowed: {', '.join(_EMBEDDED)}")
    if pool is None:
        if labeler not in (None, *LABELERS):
            raise ValueError(f"labeler: found {labeler!r}; allowed without --pool: {', '.join(LABELERS)}")
        return SupervisionSettings(
            scale=scale, world=world or next(iter(WORLDS)), pool=None, **_EMBEDDED[scale]
        )
    if world is not None:
        raise ValueError(f"world: found {world!r} beside a pool; allowed: one of the two")
    if labeler is None:
        raise ValueError(
            "labeler: found none; allowed with --pool: the name of one whose step scores the pool holds"
        )
    if not pool.is_file():
        raise ValueError(f"pool: found no file {pool}; allowed: an existing one")
    read = read_pool(pool, labeler)
    samples = len(read.solutions) // len(read.problems)
    students = _POOL_STUDENTS[scale]
    scales = tuple(sorted({min(data_scale, samples) for data_scale in students["data_scales"]}))
    beside = pool.parent.parent / "gsm8k" / "train.jsonl"
    return SupervisionSettings(
        scale=scale,
        world=None,
        pool=PoolSettings(
            path=pool, labeler=labeler, mathmix=beside if beside.is_file() else None, **_POOL[scale]
        ),
        problems=None,
        pool_samples=samples,
        validation_samples=samples,
        test_samples=samples,
        # The paper's threshold is for its own PRM: for another labeler it is chosen on training problems.
        labeler=LabelerSettings(samples=1, threshold=None),
        **students | {"data_scales": scales},
    )


_POOL: dict[str, dict[str, Any]] = {
    # At these vocabularies the longest problem of GSM8K with a first step takes 500 to 800 tokens.
    "smoke": dict(mathmix_updates=2, vocabulary=400, max_length=1024),
    "quick": dict(mathmix_updates=200, vocabulary=4000, max_length=1024),
    "small": dict(mathmix_updates=1000, max_length=1024),
    "paper": dict(mathmix_updates=20_000, vocabulary=8000, max_length=1024),
}
_POOL_STUDENTS: dict[str, dict[str, Any]] = {
    "smoke": dict(
        data_scales=(1,),
        seeds=1,
        students=StudentSettings(
            backbone="tiny",
            learning_rates=(2e-3,),
            batch_size=16,
            min_updates=2,
            max_updates=2,
            evaluations=1,
        ),
    ),
    "quick": dict(
        data_scales=(4, 32),
        seeds=1,
        students=StudentSettings(batch_size=16, epochs=3, min_updates=30, max_updates=60, evaluations=2),
    ),
    "small": dict(
        data_scales=(2, 8, 32),
        seeds=3,
        students=StudentSettings(batch_size=16, epochs=4, min_updates=30, max_updates=360, evaluations=4),
    ),
    "paper": dict(
        data_scales=(1, 2, 4, 8, 16, 32),
        seeds=3,
        students=StudentSettings(
            backbone="large",
            learning_rates=(3e-4, 1e-3, 2e-3),
            epochs=4,
            max_updates=5000,
            evaluations=8,
            device="cuda",
            precision="bf16-mixed",
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """The artifacts of one fold; the embedded world is a single one."""

    base: Task
    """Small base model."""
    train: Task
    """Samples of the training problems."""
    train_labels: Task
    """The labeler's scores of them."""
    validation: Task
    """Samples of the validation problems."""
    test: Task
    """Samples of the test problems."""
    test_labels: Task
    """The labeler's scores of them."""
    ratings: Task | None = None
    """The oracle's ratings of the test samples."""
    train_ratings: Task | None = None
    """The oracle's ratings of the training samples."""
    problems: int
    """Training problems."""
    tokens: float
    """Mean tokens of a solution."""
    name: str = ""
    """For people: which fold, where there are several."""


def plan(settings: SupervisionSettings) -> Plan:
    """Process against outcome supervision, at several data scales (the paper's 4.1, Figures 4a and 4b)."""
    parts = _embedded_parts(settings) if settings.pool is None else _pool_parts(settings)
    cells, largest = [], []
    for arm in settings.arms:
        for data_scale in settings.data_scales:
            first = [_Grid(settings=settings, part=part, arm=arm, data_scale=data_scale) for part in parts]
            for seed in range(settings.seeds):
                cell, scores = _cell(first, seed)
                cells.append(cell)
                if seed == 0 and data_scale == settings.data_scales[-1]:
                    largest.append(scores[0])
    tests: dict[str, Any] = {
        "samples": tuple(part.test for part in parts),
        "labels": tuple(part.test_labels for part in parts),
    }
    of_world: dict[str, Any] = {}
    if parts[0].ratings is not None:
        tests["ratings"] = tuple(part.ratings for part in parts if part.ratings is not None)
        of_world = {"pool_labels": parts[0].train_labels, "pool_ratings": parts[0].train_ratings}
    references = Task(
        stage="references",
        config={"majority_draws": settings.majority_draws, "seed": 0, "bins": 10},
        inputs=tests | of_world,
        label="reference lines",
        weight=5,
    )
    records = Task(
        stage="records",
        config={
            "experiment": "supervision",
            "scale": settings.scale,
            "dataset": settings.dataset,
            "settings": json.dumps(asdict(settings), sort_keys=True, default=str),
            "revision": revision(),
        },
        inputs={"cells": tuple(cells), "references": references},
    )
    examples = Task(
        stage="examples",
        config={"arms": list(settings.arms), "problems": 40, "solutions": 24},
        inputs={
            "samples": parts[0].test,
            "labels": parts[0].test_labels,
            "scores": tuple(largest),
            **({"ratings": parts[0].ratings} if parts[0].ratings is not None else {}),
        },
        label="example problems",
        weight=2,
    )
    return Plan(targets=(*cells, references, examples), records=records)


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """The trainings of one arm and data scale in one fold."""

    settings: SupervisionSettings
    part: Part
    arm: str
    data_scale: int

    def train(self, seed: int, learning_rate: float | None, choice: Task | None) -> Task:
        students = self.settings.students
        updates = students.updates(self.part.problems * self.data_scale)
        tokens = round(updates * students.batch_size * self.part.tokens)
        rate = "chosen rate" if learning_rate is None else f"rate {learning_rate:g}"
        inputs = {
            "base": self.part.base,
            "samples": self.part.train,
            "validation": self.part.validation,
        }
        labelled = isinstance(ARMS[self.arm], LabelerArm)
        if labelled:
            inputs["labels"] = self.part.train_labels
        return Task(
            stage="train",
            config={
                "arm": self.arm,
                "data_scale": self.data_scale,
                "seed": seed,
                "learning_rate": learning_rate,
                "threshold": self.settings.labeler.threshold if labelled else None,
                "updates": updates,
                "batch_size": students.batch_size,
                "evaluations": students.evaluations,
                "validation_n": students.validation_n,
                "precision": students.precision,
                "device": students.device,
                "max_length": self.settings.pool.max_length if self.settings.pool else None,
            },
            inputs=inputs if choice is None else inputs | {"choice": choice},
            label=f"train {self.arm} x{self.data_scale} seed {seed} {rate}{self.part.name}",
            weight=tokens * SECONDS_PER_TOKEN["large" if students.backbone == "large" else "small"] + 2,
            tokens=tokens,
        )

    @cached_property
    def candidates(self) -> tuple[Task, ...]:
        """The first seed's trainings, one a learning rate."""
        return tuple(self.train(0, rate, None) for rate in self.settings.students.learning_rates)

    @cached_property
    def choice(self) -> Task:
        return Task(
            stage="choose",
            inputs={"candidates": self.candidates},
            label=f"choose {self.arm} x{self.data_scale}{self.part.name}",
            weight=0.1,
        )

    def scores(self, seed: int) -> tuple[tuple[Task, ...], Task]:
        """The trainings of a seed, and the scores of the chosen one."""
        if seed == 0:
            trains = self.candidates
            model: dict[str, Any] = {"candidates": trains, "choice": self.choice}
        else:
            trains = (self.train(seed, None, self.choice),)
            model = {"model": trains[0]}
        scores = _scores(
            model,
            self.part.test,
            self.settings,
            f"{self.arm} x{self.data_scale} seed {seed} on test problems{self.part.name}",
        )
        return trains, scores


def _cell(grids: list[_Grid], seed: int) -> tuple[Task, list[Task]]:
    """One reward model (or one a fold) and its evaluation."""
    first = grids[0]
    found = [grid.scores(seed) for grid in grids]
    inputs: dict[str, Any] = {
        "trains": tuple(train for trains, _ in found for train in trains),
        "scores": tuple(scores for _, scores in found),
        "samples": tuple(grid.part.test for grid in grids),
    }
    if seed == 0:
        inputs["choices"] = tuple(grid.choice for grid in grids)
    if first.part.ratings is not None:
        inputs["ratings"] = tuple(grid.part.ratings for grid in grids if grid.part.ratings is not None)
    cell = Task(
        stage="cell",
        config={"arm": first.arm, "data_scale": first.data_scale, "seed": seed},
        inputs=inputs,
        label=f"cell {first.arm} x{first.data_scale} seed {seed}",
    )
    return cell, inputs["scores"]


def _scores(
    model: dict[str, Any], samples: Task, settings: SupervisionSettings, label: str, weight: float = 2
) -> Task:
    config = {
        "device": settings.students.device,
        "max_length": settings.pool.max_length if settings.pool else None,
    }
    return Task(
        stage="scores",
        config=config,
        inputs=model | {"samples": samples},
        label=f"score {label}",
        weight=weight,
    )


def _embedded_parts(settings: SupervisionSettings) -> list[Part]:
    assert settings.problems is not None and settings.world is not None
    counts, generator, labeler = settings.problems, settings.generator, settings.labeler
    bases = {
        size: Task(
            stage="base",
            config={
                "world": settings.world,
                "size": size,
                "sha256": read_manifest(settings.world, size)["sha256"],
            },
            label=f"base {size}",
            weight=0.1,
        )
        for size in (settings.students.backbone, "large")
    }
    small = bases[settings.students.backbone]

    def problems(split: str, count: int) -> Task:
        config = {"split": split, "count": count, "seed": counts.seed}
        return Task(stage="problems", config=config, label=f"problems {split}", weight=0.1)

    train_problems = problems("train", counts.train)
    prompted = min(generator.problems, counts.train)
    made_generator = Task(
        stage="generator",
        config=asdict(generator) | {"seed": 0},
        inputs={"base": small, "problems": problems("train", prompted)},
        label="generator",
        weight=prompted * generator.samples * TOKENS_OF_SOLUTION * SECONDS_PER_TOKEN["small"] * 2 + 1,
    )

    def samples(of: Task, count: int, problem_count: int, seed: int) -> Task:
        tokens = problem_count * count * TOKENS_OF_SOLUTION
        return Task(
            stage="samples",
            config={
                "count": count,
                "temperature": generator.temperature,
                "max_new_tokens": generator.max_new_tokens,
                "seed": seed,
            },
            inputs={"generator": made_generator, "problems": of},
            label=f"sample {count} solutions of {of.label}",
            weight=tokens * SECONDS_PER_TOKEN["small"] + 1,
            tokens=tokens,
        )

    train = samples(train_problems, settings.pool_samples, counts.train, 1)
    test = samples(problems("test", counts.test), settings.test_samples, counts.test, 2)
    validation = samples(
        problems("validation", counts.validation), settings.validation_samples, counts.validation, 3
    )
    rated = samples(problems("labeler", counts.labeler), labeler.samples, counts.labeler, 4)
    tokens = counts.labeler * labeler.samples * labeler.epochs * TOKENS_OF_SOLUTION
    large_prm = Task(
        stage="labeler",
        config={
            "epochs": labeler.epochs,
            "batch_size": labeler.batch_size,
            "learning_rate": labeler.learning_rate,
            "easy_error": labeler.easy_error,
            "hard_error": labeler.hard_error,
            "seed": 0,
            "precision": "32-true",
        },
        inputs={"base": bases["large"], "samples": rated},
        label="labeler (large PRM)",
        weight=tokens * SECONDS_PER_TOKEN["large"],
        tokens=tokens,
    )

    def labels(of: Task, solutions: int) -> Task:
        seconds = solutions * TOKENS_OF_SOLUTION * SECONDS_PER_TOKEN["large"] / 8
        return _scores({"model": large_prm}, of, settings, f"with the labeler: {of.label}", seconds + 1)

    def ratings(of: Task) -> Task:
        return Task(stage="ratings", inputs={"samples": of}, label=f"oracle: {of.label}")

    return [
        Part(
            base=small,
            train=train,
            train_labels=labels(train, counts.train * settings.pool_samples),
            validation=validation,
            test=test,
            test_labels=labels(test, counts.test * settings.test_samples),
            ratings=ratings(test),
            train_ratings=ratings(train),
            problems=counts.train,
            tokens=TOKENS_OF_SOLUTION,
        )
    ]


def _pool_parts(settings: SupervisionSettings) -> list[Part]:
    assert settings.pool is not None
    pool = settings.pool
    count = _count_lines(pool.path)
    if count < pool.folds:
        raise ValueError(
            f"pool.folds: found {pool.folds}; allowed: 3 to {count}, the problems of {pool.path.name}"
        )
    whole = Task(
        stage="pool",
        config={"sha256": _sha256(pool.path), "labeler": pool.labeler},
        local={"path": str(pool.path)},
        label=f"pool {pool.path.name}",
    )

    def fold(index: int, part: str) -> Task:
        return Task(
            stage="fold",
            config={"fold": index, "folds": pool.folds, "part": part, "seed": 0},
            inputs={"pool": whole},
            label=f"fold {index} {part}",
        )

    parts = []
    for index in range(pool.folds):
        train, validation, test = (fold(index, part) for part in ("train", "validation", "test"))
        held_out = index, (index + 1) % pool.folds  # test and validation part, as the stage `fold` deals
        tokens = pool.mathmix_updates * 4608 if pool.mathmix else None
        base = Task(
            stage="scratch_base",
            config={
                "preset": settings.students.backbone,
                "vocabulary": pool.vocabulary,
                "mathmix_sha256": _sha256(pool.mathmix) if pool.mathmix else None,
                "updates": pool.mathmix_updates,
                "learning_rate": 4e-3,
                "seed": 0,
            },
            inputs={"samples": train},
            local={"mathmix": str(pool.mathmix)} if pool.mathmix else {},
            label=f"base of fold {index}: tokenizer and MathMix",
            weight=(tokens or 0) * 2 * SECONDS_PER_TOKEN["small"] + 5,
            tokens=tokens,
        )
        parts.append(
            Part(
                base=base,
                train=train,
                train_labels=train,
                validation=validation,
                test=test,
                test_labels=test,
                problems=count - sum(len(range(held, count, pool.folds)) for held in held_out),
                tokens=300,
                name=f" of fold {index}",
            )
        )
    return parts


def _count_lines(path: Path) -> int:
    """Problems of a pool, one a line."""
    if not path.is_file():
        raise ValueError(f"pool.path: found no file {path}; allowed: an existing one")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return sum(1 for line in file if line.strip())


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise ValueError(f"{path}: found no such file; allowed: an existing one")
    return hashlib.sha256(path.read_bytes()).hexdigest()


SUPERVISION = Experiment(
    settings=settings,
    plan=plan,
    finish=finish,
    report=report,
    scales=SCALES,
    worlds=tuple(WORLDS),
    labelers=LABELERS,
)
