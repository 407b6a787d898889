"""The embedded world's single fold: its generator, the samples, the large PRM and its labels."""

from dataclasses import asdict, replace

from ablations.engine.costs.work import Texts, Work, sampling, training
from ablations.engine.step import Task
from ablations.experiments.fold import SECONDS_PER_TOKEN, Fold, lengths_of, scores_task
from ablations.experiments.named_checkpoints import checkpoint_task
from ablations.experiments.scales import SupervisionSettings
from ablations.world.bases import read_manifest
from ablations.world.world import Kind

SHOT_TOKENS = 33
"""Tokens of a solved problem in the generator's few-shot prompt."""
_TEST_SEEDS_APART = 1_000_003
"""Offset of the test problems' seed per test seed, so that no two pairs of small seeds share problems."""
LONGER = 1.7
"""Ratio of the tokens of long problems and their solutions to those of usual ones: 62 / 38 with facts,
117 / 69 in the arithmetic world (means over 3,000 solutions by authors)."""


def embedded_fold(settings: SupervisionSettings, kind: Kind = "usual") -> Fold:
    """Builds the embedded world's fold: generator, samples, the large PRM and its labels.

    Args:
        settings: the experiment's settings.
        kind: kind of the test problems; all other problems are usual ones.
    """
    assert settings.problems is not None and settings.world is not None
    counts, generator, labeler = settings.problems, settings.generator, settings.labeler
    lengths = lengths_of(settings.world)
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
        student = checkpoint_task(
            settings.students.checkpoint,
            "students.checkpoint",
            chat_template=settings.students.chat_template == "auto",
        )
    if labeler.checkpoint is not None:
        large = checkpoint_task(labeler.checkpoint, "labeler.checkpoint")

    def problems(split: str, count: int) -> Task:
        seed = counts.seed
        if split == "test":
            seed += _TEST_SEEDS_APART * counts.test_seed
        config = {"world": settings.world, "split": split, "count": count, "seed": seed}
        label = f"problems {split}"
        if split == "test" and kind != "usual":
            config["kind"] = kind
            label = f"{kind} {label}"
        return Task(stage="problems", config=config, label=label, weight=0.1)

    train_problems = problems("train", counts.train)
    prompted = min(generator.problems, counts.train)
    few_shot = Texts(lengths=lengths, problems=prompted, samples=generator.samples)
    made_generator = Task(
        stage="generator",
        config=asdict(generator) | {"world": settings.world},
        inputs={"base": small, "problems": problems("train", prompted)},
        label="generator",
        weight=few_shot.tokens * SECONDS_PER_TOKEN["small"] * 2 + 1,
        work=(
            *sampling("generator", few_shot, shots=generator.shots * SHOT_TOKENS),
            # An upper bound: it is not known in advance which of them end right and are learned from.
            Work(
                role="generator",
                kind="language training",
                tokens=few_shot.tokens,
                context=round(lengths.tokens),
            ),
        ),
    )

    def samples(of: Task, count: int, problem_count: int, seed: int) -> Task:
        of_kind = lengths
        if of.config.get("kind") == "long":
            of_kind = replace(lengths, tokens=LONGER * lengths.tokens, prompt=LONGER * lengths.prompt)
        texts = Texts(lengths=of_kind, problems=problem_count, samples=count)
        return Task(
            stage="samples",
            config={
                "world": settings.world,
                "count": count,
                "temperature": generator.temperature,
                "min_p": generator.min_p,
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
            "world": settings.world,
            "epochs": labeler.epochs,
            "batch_size": labeler.batch_size,
            "learning_rate": labeler.learning_rate,
            "easy_error": labeler.easy_error,
            "hard_error": labeler.hard_error,
            "seed": labeler.seed,
            "precision": "32-true",
        },
        inputs={"base": large, "samples": rated},
        label="labeler (large PRM)",
        weight=rated_solutions * lengths.tokens * SECONDS_PER_TOKEN["large"],
        work=(training("large", lengths, rated_solutions, steps=True),),
    )

    def labels(of: Task) -> Task:
        return scores_task({"model": large_prm}, of, settings, f"with the labeler: {of.label}", "large")

    def ratings(of: Task) -> Task:
        config = {"world": settings.world}
        return Task(stage="ratings", config=config, inputs={"samples": of}, label=f"oracle: {of.label}")

    return Fold(
        base=student,
        train=train,
        train_labels=labels(train),
        validation=validation,
        test=test,
        test_labels=labels(test),
        ratings=ratings(test),
        train_ratings=ratings(train),
        large_prm=large_prm,
        problems=counts.train,
        lengths=lengths,
    )
