"""The embedded world's single fold: the generator, its samples, the large PRM and its labels."""

from dataclasses import replace

from ablations.engine.costs.work import Texts, Work, sampling, training
from ablations.engine.step import Step
from ablations.experiments.fold import SECONDS_PER_TOKEN, Fold, Scorer, compute_states, lengths_of
from ablations.experiments.named_checkpoints import student_checkpoint, use_checkpoint
from ablations.experiments.settings import StudentSettings
from ablations.experiments.source_settings import WorldSettings
from ablations.steps.base_model import CausalModel
from ablations.steps.compute_states import ComputeStates
from ablations.steps.course import Course
from ablations.steps.draw import DrawProblems, RateByOracle, ShippedBase
from ablations.steps.language_finetuning import FinetuneOnSolutions
from ablations.steps.sampling import SampleSolutions
from ablations.steps.score import ScoreSolutions
from ablations.steps.train_prm import Annotate, TrainLargePrm
from ablations.world.bases import read_manifest
from ablations.world.world import Kind, Split

SHOT_TOKENS = 33
"""Tokens of a solved problem in the generator's few-shot prompt."""
_TEST_SEEDS_APART = 1_000_003
"""Offset of the test problems' seed per test seed, so that no two pairs of small seeds share problems."""
LONGER = 1.7
"""Ratio of the tokens of long problems and their solutions to those of usual ones: 62 / 38 with facts,
117 / 69 in the arithmetic world (means over 3,000 solutions by authors)."""


def embedded_fold(
    source: WorldSettings, device: str = "cpu", students: StudentSettings | None = None, kind: Kind = "usual"
) -> Fold:
    """Builds the embedded world's fold.

    Args:
        source: the world.
        device: device on which models are trained and score.
        students: the students; None: the models that are trained on the fold start from the labeler's base.
        kind: kind of the test problems; all other problems are usual ones.
    """
    counts, generator, labeler = source.problems, source.generator, source.labeler
    world, lengths = source.world, lengths_of(source.world)

    def shipped(size: str) -> ShippedBase:
        sha256 = str(read_manifest(world, size)["sha256"])
        return ShippedBase(world=world, size=size, sha256=sha256, label=f"base {size}", weight=0.1)

    labeler_base: Step[CausalModel] = shipped("large")
    if labeler.checkpoint is not None:
        labeler_base = use_checkpoint(labeler.checkpoint, "source.labeler.checkpoint")
    base = labeler_base
    if students is not None:
        base = student_checkpoint(students) or shipped(students.backbone)
    generator_base = shipped(generator.backbone)

    def problems(split: Split, count: int, kind: Kind = "usual") -> DrawProblems:
        seed = counts.seed + (_TEST_SEEDS_APART * counts.test_seed if split == "test" else 0)
        label = f"problems {split}" if kind == "usual" else f"{kind} problems {split}"
        return DrawProblems(
            world=world, split=split, count=count, seed=seed, kind=kind, label=label, weight=0.1
        )

    prompted = min(generator.problems, counts.train)
    few_shot = Texts(lengths=lengths, problems=prompted, samples=generator.samples)
    made_generator = FinetuneOnSolutions(
        base=generator_base,
        samples=SampleSolutions(
            generator=generator_base,
            problems=problems("train", prompted),
            world=world,
            count=generator.samples,
            shots=generator.shots,
            temperature=generator.temperature,
            min_p=generator.min_p,
            max_new_tokens=generator.max_new_tokens,
            seed=generator.seed,
            shard_problems=prompted,
            label="few-shot solutions",
            weight=few_shot.tokens * SECONDS_PER_TOKEN["small"] + 1,
            work=sampling("generator", few_shot, shots=generator.shots * SHOT_TOKENS),
            texts=few_shot,
        ),
        course=Course(
            epochs=1, batch=generator.batch_tokens, learning_rate=generator.learning_rate, seed=generator.seed
        ),
        weight=few_shot.tokens * SECONDS_PER_TOKEN["small"] + 1,
        # An upper bound: it is not known in advance which of them end right and are learned from.
        work=(
            Work(
                role="generator",
                kind="language training",
                tokens=few_shot.tokens,
                context=round(lengths.tokens),
            ),
        ),
    )

    def samples(drawn: DrawProblems, count: int, seed: int) -> SampleSolutions:
        longer = LONGER if drawn.kind == "long" else 1.0
        kind_lengths = replace(lengths, tokens=longer * lengths.tokens, prompt=longer * lengths.prompt)
        texts = Texts(lengths=kind_lengths, problems=drawn.count, samples=count)
        return SampleSolutions(
            generator=made_generator,
            problems=drawn,
            world=world,
            count=count,
            temperature=generator.temperature,
            min_p=generator.min_p,
            max_new_tokens=generator.max_new_tokens,
            seed=seed,
            label=f"sample {count} solutions of {drawn.label}",
            weight=texts.tokens * SECONDS_PER_TOKEN["small"] + 1,
            work=sampling("generator", texts),
            texts=texts,
        )

    train = samples(problems("train", counts.train), source.train_samples, 1)
    test = samples(problems("test", counts.test, kind), source.test_samples, 2)
    validation = samples(problems("validation", counts.validation), source.validation_samples, 3)
    rated = samples(problems("labeler", counts.labeler), labeler.samples, 4)
    rated_solutions = counts.labeler * labeler.samples * labeler.epochs
    large_prm = TrainLargePrm(
        base=labeler_base,
        samples=rated,
        annotations=(
            Annotate(
                samples=rated,
                world=world,
                easy_error=labeler.easy_error,
                hard_error=labeler.hard_error,
                seed=labeler.seed,
                label=f"annotate: {rated.label}",
                weight=3,
            ),
        ),
        epochs=labeler.epochs,
        batch_size=labeler.batch_size,
        learning_rate=labeler.learning_rate,
        seed=labeler.seed,
        device=device,
        label="labeler (large PRM)",
        weight=rated_solutions * lengths.tokens * SECONDS_PER_TOKEN["large"],
        work=(training("large", lengths, rated_solutions, steps=True),),
    )

    def labels(samples: SampleSolutions) -> ScoreSolutions:
        return Scorer(model=large_prm, device=device).score(samples, f"with the labeler: {samples.label}")

    def ratings(samples: SampleSolutions) -> RateByOracle:
        return RateByOracle(world=world, samples=samples, label=f"oracle: {samples.label}")

    def states(samples: SampleSolutions) -> tuple[ComputeStates, ...]:
        return () if students is None else compute_states(base, samples, students, device)

    return Fold(
        base=base,
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
        threshold=labeler.threshold,
        device=device,
        train_states=states(train),
        validation_states=states(validation),
        test_states=states(test),
    )
