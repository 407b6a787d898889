"""Where an experiment's solutions and labels come from: the embedded world, or the folds of a pool.

A part is all that students of one fold are trained and judged on; the embedded world is a single part.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ablations.experiments.bases import checkpoint_task
from ablations.experiments.scales import SupervisionSettings
from ablations.formats.pool import read_pool
from ablations.formats.questions import held_in, read_questions
from ablations.pipeline import Task
from ablations.places import sha256_of
from ablations.solutions import Problem
from ablations.work import Lengths, Role, Texts, Work, sampling, scoring, training
from ablations.world.bases import read_manifest

EMBEDDED = Lengths(tokens=70, prompt=17, sharing=0.23, until_error=0.7, trained_row=115, scored_row=200)
"""Measured on 169,600 solutions of scale `small` in the world `dropped`, laid out for both its backbones:
sharing on 1 to 128 solutions a problem, where it is right to 15%; beyond them it is an extrapolation."""
REAL = Lengths(tokens=300, prompt=55, sharing=0.03, until_error=0.93, trained_row=355, scored_row=400)
"""Measured on 3,200 solutions to 100 problems of GSM8K, in the tokens of tokenizers trained on them."""
SHOT_TOKENS = 33
"""Of a solved problem in the generator's few-shot prompt."""
SECONDS_PER_TOKEN = {"small": 1 / 28_000, "large": 1 / 7_000}
"""Of training on one ordinary core, for estimates."""
MATHMIX_TOKENS = 4608
"""Most tokens of an update of MathMix on a pool's students."""
SCORING_SPEED = 6
"""Tokens scored in the time in which one is trained on, for estimates."""


@dataclass(frozen=True, kw_only=True)
class TrainingPart:
    """What students of one fold are trained and chosen on. No test problem can be reached from it."""

    base: Task
    """Small base model."""
    train: Task
    """Samples of the training problems."""
    train_labels: Task
    """The labeler's scores of them."""
    validation: Task
    """Samples of the validation problems."""
    problems: int
    """Training problems."""
    lengths: Lengths
    """What its solutions are like."""
    name: str = ""
    """For people: which fold, where there are several."""


@dataclass(frozen=True, kw_only=True)
class Part(TrainingPart):
    """The artifacts of one fold; the embedded world is a single one."""

    test: Task
    """Samples of the test problems."""
    test_labels: Task
    """The labeler's scores of them."""
    ratings: Task | None = None
    """The oracle's ratings of the test samples."""
    train_ratings: Task | None = None
    """The oracle's ratings of the training samples."""
    large_prm: Task | None = None
    """The labeler's training, in the embedded world: from the large base, on samples of its problems."""

    @property
    def training(self) -> TrainingPart:
        """Without what judges."""
        return TrainingPart(**{field.name: getattr(self, field.name) for field in fields(TrainingPart)})


def parts_of(settings: SupervisionSettings) -> list[Part]:
    """The parts of an experiment: one of the embedded world, or one a fold of the pool."""
    return _pool_parts(settings) if settings.pool is not None else [embedded_part(settings)]


def last_problems(samples: Task, labels: Task, count: int) -> tuple[Task, Task]:
    """Samples and labels of the last ``count`` of some problems."""

    def some(task: Task, **more: Task) -> Task:
        return Task(
            stage="last_problems",
            config={"count": count},
            inputs={"samples": samples, **more},
            label=f"last {count} problems: {task.label}",
            texts=None if task.texts is None else replace(task.texts, problems=count),
        )

    return some(samples), some(labels, labels=labels)


def drawn_task(samples: Task, count: int, seed: int, label: str) -> Task:
    """Solutions drawn uniformly, ``count`` a problem: those that a training with that seed draws itself."""
    return Task(
        stage="drawn",
        config={"count": count, "seed": seed},
        inputs={"samples": samples},
        label=f"draw {label}",
    )


def scores_task(
    model: dict[str, Any], samples: Task, settings: SupervisionSettings, label: str, role: Role
) -> Task:
    """Scores of a model (or of the chosen one of several candidates) on samples."""
    return _scoring("scores", model, samples, settings, f"score {label}", role)


def opinion_task(
    model: dict[str, Any],
    samples: Task,
    settings: SupervisionSettings,
    label: str,
    role: Role,
    **more: bool,
) -> Task:
    """What a selector thinks of samples; ``more`` goes into the stage's config."""
    return _scoring("opinion", model, samples, settings, f"opinion of {label}", role, **more)


def _scoring(
    stage: str,
    model: dict[str, Any],
    samples: Task,
    settings: SupervisionSettings,
    label: str,
    role: Role,
    **more: bool,
) -> Task:
    assert samples.texts is not None, "samples say how many they are"
    backbone = "large" if role == "large" else settings.students.backbone
    config = {
        "device": settings.students.device,
        "max_length": settings.pool.max_length if settings.pool else None,
    }
    return Task(
        stage=stage,
        config=config | more,
        inputs=model | {"samples": samples},
        label=label,
        weight=samples.texts.tokens * seconds_per_token(backbone) / SCORING_SPEED + 2,
        work=(scoring(role, samples.texts),),
    )


def seconds_per_token(backbone: str) -> float:
    """Of training, by a model's size or preset."""
    return SECONDS_PER_TOKEN["large" if backbone == "large" else "small"]


def embedded_part(settings: SupervisionSettings) -> Part:
    """Generator, samples, the large PRM and its labels, in the embedded world."""
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
    small, large = bases[settings.students.backbone], bases["large"]
    student = small
    if settings.students.checkpoint is not None:
        student = checkpoint_task(settings.students.checkpoint, "students.checkpoint")
    if labeler.checkpoint is not None:
        large = checkpoint_task(labeler.checkpoint, "labeler.checkpoint")

    def problems(split: str, count: int) -> Task:
        config = {"split": split, "count": count, "seed": counts.seed}
        return Task(stage="problems", config=config, label=f"problems {split}", weight=0.1)

    train_problems = problems("train", counts.train)
    prompted = min(generator.problems, counts.train)
    few_shot = Texts(lengths=EMBEDDED, problems=prompted, samples=generator.samples)
    made_generator = Task(
        stage="generator",
        config=asdict(generator) | {"seed": 0},
        inputs={"base": small, "problems": problems("train", prompted)},
        label="generator",
        weight=few_shot.tokens * SECONDS_PER_TOKEN["small"] * 2 + 1,
        work=(
            *sampling("generator", few_shot, shots=generator.shots * SHOT_TOKENS),
            # At most: which of them end right, and are learned from, is not known before.
            Work(
                role="generator",
                kind="language training",
                tokens=few_shot.tokens,
                context=round(EMBEDDED.tokens),
            ),
        ),
    )

    def samples(of: Task, count: int, problem_count: int, seed: int) -> Task:
        texts = Texts(lengths=EMBEDDED, problems=problem_count, samples=count)
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
            weight=texts.tokens * SECONDS_PER_TOKEN["small"] + 1,
            work=sampling("generator", texts),
            texts=texts,
        )

    train = samples(train_problems, settings.pool_samples, counts.train, 1)
    test = samples(problems("test", counts.test), settings.test_samples, counts.test, 2)
    validation = samples(
        problems("validation", counts.validation), settings.validation_samples, counts.validation, 3
    )
    rated = samples(problems("labeler", counts.labeler), labeler.samples, counts.labeler, 4)
    rated_solutions = counts.labeler * labeler.samples * labeler.epochs
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
        inputs={"base": large, "samples": rated},
        label="labeler (large PRM)",
        weight=rated_solutions * EMBEDDED.tokens * SECONDS_PER_TOKEN["large"],
        work=(training("large", EMBEDDED, rated_solutions, steps=True),),
    )

    def labels(of: Task) -> Task:
        return scores_task({"model": large_prm}, of, settings, f"with the labeler: {of.label}", "large")

    def ratings(of: Task) -> Task:
        return Task(stage="ratings", inputs={"samples": of}, label=f"oracle: {of.label}")

    labelled, train_labels, held = train, labels(train), counts.train
    if settings.labelled_problems is not None:
        held = settings.labelled_problems
        labelled, train_labels = last_problems(train, train_labels, held)
    return Part(
        base=student,
        train=labelled,
        train_labels=train_labels,
        validation=validation,
        test=test,
        test_labels=labels(test),
        ratings=ratings(test),
        train_ratings=ratings(labelled),
        large_prm=large_prm,
        problems=held,
        lengths=EMBEDDED,
    )


def _no_overlap(text: Path, problems: Sequence[Problem]) -> None:
    """Raises a ValueError where a text holds a problem that students are judged on."""
    shared = held_in(read_questions(text), (problem.text for problem in problems))
    if shared:
        raise ValueError(
            f"pool.mathmix: found {len(shared)} of the pool's problems in {text}, the first "
            f"{shared[0]!r:.80}; allowed: none, or pool.overlap: leave_out"
        )


def _pool_parts(settings: SupervisionSettings) -> list[Part]:
    assert settings.pool is not None
    pool = settings.pool
    sha256 = sha256_of(pool.path, "pool.path")
    read = read_pool(pool.path, pool.labeler)
    count, drawn = len(read.problems), len(read.solutions) // len(read.problems)
    if settings.pool_samples != drawn:
        raise ValueError(
            f"pool_samples, validation_samples, test_samples: found {settings.pool_samples}; allowed with "
            f"{pool.path.name}: {drawn}, its solutions a problem"
        )
    if count < pool.folds:
        raise ValueError(
            f"pool.folds: found {pool.folds}; allowed: 3 to {count}, the problems of {pool.path.name}"
        )
    whole = Task(
        stage="pool",
        config={"sha256": sha256, "labeler": pool.labeler},
        local={"path": str(pool.path.absolute())},
        label=f"pool {pool.path.name}",
    )
    named, mathmix = None, pool.mathmix
    if settings.students.checkpoint is not None:  # the base of all folds, as it is
        named = checkpoint_task(settings.students.checkpoint, "students.checkpoint", pool.max_length)
        mathmix = None
    text_sha256 = sha256_of(mathmix, "pool.mathmix") if mathmix else None
    if mathmix and pool.overlap == "stop":
        _no_overlap(mathmix, read.problems)
    text = {"text": str(mathmix.absolute())} if mathmix else {}
    held_out_text = {"held_out": whole} if mathmix else {}

    def fold(index: int, part: str, stage: str = "fold") -> Task:
        of_part = {"test": dealt(index), "validation": dealt(index + 1)}
        problems = of_part.get(part, count - sum(of_part.values()))
        return Task(
            stage=stage,
            config={"fold": index, "folds": pool.folds, "part": part, "seed": 0},
            inputs={"pool": whole},
            label=f"{stage.replace('_', ' ')} {index} {part}",
            texts=Texts(lengths=REAL, problems=problems, samples=drawn),
        )

    def dealt(index: int) -> int:
        """Problems that the stage `fold` deals to a fold."""
        return len(range(index % pool.folds, count, pool.folds))

    parts = []
    for index in range(pool.folds):
        train, validation, test = (fold(index, part) for part in ("train", "validation", "test"))
        base = named or Task(
            stage="scratch_base",
            config={
                "preset": settings.students.backbone,
                "vocabulary": pool.vocabulary,
                "text_sha256": text_sha256,
                "seed": 0,
            },
            inputs={"samples": train} | held_out_text,
            local=text,
            label=f"tokenizer and random weights of fold {index}",
            weight=5,
        )
        if mathmix:
            tokens = pool.mathmix_updates * MATHMIX_TOKENS
            base = Task(
                stage="mathmix",
                config={
                    "text_sha256": text_sha256,
                    "updates": pool.mathmix_updates,
                    "batch_tokens": MATHMIX_TOKENS,
                    "max_tokens": 512,
                    "learning_rate": 4e-3,
                    "seed": 0,
                },
                inputs={"base": base} | held_out_text,
                local=text,
                label=f"MathMix of fold {index}",
                weight=tokens * 2 * SECONDS_PER_TOKEN["small"],
                # At most: the last batches of equally long texts are not full.
                work=(
                    Work(role="student", kind="language training", tokens=tokens, context=REAL.trained_row),
                ),
            )
        parts.append(
            Part(
                base=base,
                train=train,
                train_labels=fold(index, "train", "fold_labels"),
                validation=validation,
                test=test,
                test_labels=fold(index, "test", "fold_labels"),
                problems=count - dealt(index) - dealt(index + 1),  # all but test and validation part
                lengths=REAL,
                name=f" of fold {index}",
            )
        )
    return parts
