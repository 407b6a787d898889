"""The folds of a pool of real solutions."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ablations.data.artifacts import Samples
from ablations.data.solutions import Problem
from ablations.engine.costs.work import Texts, Work
from ablations.engine.step import Step
from ablations.engine.user_file import UserFile
from ablations.experiments.fold import REAL, SECONDS_PER_TOKEN, Fold, compute_states
from ablations.experiments.named_checkpoints import student_checkpoint
from ablations.experiments.scales import byte_counts
from ablations.experiments.settings import StudentSettings
from ablations.experiments.source_settings import PoolSettings
from ablations.formats.pool import Pool, read_pool
from ablations.formats.questions import held_in, read_questions
from ablations.labelers.checkpoints import find_checkpoint
from ablations.steps.base_model import CausalModel
from ablations.steps.course import Course
from ablations.steps.language_finetuning import MathMix
from ablations.steps.read_pool import Part, ReadPool, TakeFold, TakeFoldLabels
from ablations.steps.scratch_base import MakeScratchBase
from ablations.supervision import PAPER_THRESHOLD
from lightning_modules.presets import PRESETS
from lightning_modules.tokenization import load_tokenizer

MATHMIX_TOKENS = 4608
"""Maximum tokens per update of MathMix on a pool's students."""


def _check_overlap(text: Path, problems: Sequence[Problem]) -> None:
    """Raises a ValueError if a text contains a problem on which students are evaluated."""
    shared = held_in((asked for asked, _ in read_questions(text)), (problem.text for problem in problems))
    if shared:
        raise ValueError(
            f"source.mathmix: found {len(shared)} of the pool's problems in {text}, the first "
            f"{shared[0]!r:.80}; allowed: none, or source.overlap: leave_out"
        )


def _warn_of_long_solutions(pool: Pool, max_length: int, checkpoint: str | None) -> None:
    """Warns about solutions that students may not read to the end, before anything is trained.

    A checkpoint's tokenizer counts tokens. The tokenizer of a student from scratch is not trained yet; it
    makes at most as many tokens as there are bytes.
    """
    counts = byte_counts(pool)
    unit = "bytes, and so perhaps tokens,"
    samples = Samples(problems=pool.problems, solutions=pool.solutions)
    if checkpoint is not None and max(counts) > max_length:
        tokenizer = load_tokenizer(find_checkpoint(checkpoint, "students.checkpoint").folder)
        prompts, steps = samples.prompts(), samples.steps()
        texts = [prompt + "\n".join(lines) for prompt, lines in zip(prompts, steps, strict=True)]
        counts, unit = [len(ids) for ids in tokenizer(texts)["input_ids"]], "tokens"
    long = [row for row, count in enumerate(counts) if count > max_length]
    if long:
        names = samples.names()
        first = ", ".join(f"{names[row]} ({counts[row]:,})" for row in long[:3])
        print(
            f"source.max_length: {len(long):,} of {len(counts):,} solutions have more than {max_length:,} "
            f"{unit} such as {first}; steps that a student cannot read are unscored, and best-of-N never "
            "chooses such a solution over a scored one. To read more: --settings.source.max_length N",
            file=sys.stderr,
        )


def pool_folds(pool: PoolSettings, device: str, students: StudentSettings) -> list[Fold]:
    """Returns the folds of a pool, whose models are trained and score on ``device``.

    Raises:
        ValueError: the pool does not fit the settings, or MathMix's text contains its problems.
    """
    file, labeler = UserFile.of(pool.path, "source.path"), pool.labeler
    content = read_pool(pool.path, labeler.name)
    count, samples = len(content.problems), round(len(content.solutions) / len(content.problems))
    if pool.samples != content.fewest[0]:
        raise ValueError(
            f"source.samples: found {pool.samples}; allowed with {pool.path.name}: {content.about_fewest()}"
        )
    if count < pool.folds:
        raise ValueError(
            f"source.folds: found {pool.folds}; allowed: 3 to {count}, the problems of {pool.path.name}"
        )
    whole = ReadPool(
        file=file,
        labeler=labeler.name,
        label=f"pool {pool.path.name}",
        texts=Texts(lengths=REAL, problems=count, samples=samples),
    )
    checkpoint = student_checkpoint(students, pool.max_length)
    text: tuple[UserFile, ...] = ()
    if checkpoint is None and pool.mathmix is not None:
        text = (UserFile.of(pool.mathmix, "source.mathmix"),)
        if pool.overlap == "stop":
            _check_overlap(pool.mathmix, content.problems)

    def problems_in(index: int, part: Part) -> int:
        """Returns the number of problems in a part of a fold."""
        test, validation = (len(range(i % pool.folds, count, pool.folds)) for i in (index, index + 1))
        return {"test": test, "validation": validation, "train": count - test - validation}[part]

    def take(index: int, part: Part) -> tuple[TakeFold, TakeFoldLabels]:
        texts = Texts(lengths=REAL, problems=problems_in(index, part), samples=samples)
        name, folds = f"{index} {part}", pool.folds
        return (
            TakeFold(pool=whole, fold=index, folds=folds, part=part, label=f"fold {name}", texts=texts),
            TakeFoldLabels(
                pool=whole, fold=index, folds=folds, part=part, label=f"fold labels {name}", texts=texts
            ),
        )

    if students.frozen is not None and checkpoint is None:
        raise ValueError(
            "students.frozen: found one without students.checkpoint; allowed with a pool: with one"
        )
    states = (
        () if checkpoint is None else compute_states(checkpoint, whole, students, device, pool.max_length)
    )
    _warn_of_long_solutions(content, pool.max_length, students.checkpoint)
    steps_labeled = labeler.name in content.labelers
    if labeler.threshold == PAPER_THRESHOLD and steps_labeled:
        print(
            f"source.labeler.threshold: {PAPER_THRESHOLD:.2f}, the paper's for its own PRM, because a pool "
            f"has no step labels to choose one for {labeler.name}. To choose it on rated steps: ablations "
            "evaluate --threshold-on FILE; to use it here: --settings.source.labeler.threshold T",
            file=sys.stderr,
        )
    folds, preset = [], PRESETS[students.backbone]
    for index in range(pool.folds):
        train, train_labels = take(index, "train")
        validation, _ = take(index, "validation")
        test, test_labels = take(index, "test")
        base: Step[CausalModel] = checkpoint or MakeScratchBase(
            samples=train,
            text=text,
            problems=whole if text else None,
            preset=students.backbone,
            vocabulary=pool.vocabulary,
            # Only if a solution may be longer than the preset's positions.
            positions=pool.max_length if pool.max_length > preset.max_positions else None,
            label=f"tokenizer and random weights of fold {index}",
            weight=5,
        )
        if text:
            tokens = pool.mathmix_updates * MATHMIX_TOKENS
            base = MathMix(
                base=base,
                text=text,
                problems=whole,
                course=Course(
                    epochs=1,
                    updates=pool.mathmix_updates,
                    batch=MATHMIX_TOKENS,
                    learning_rate=4e-3,
                    max_length=512,
                ),
                label=f"MathMix of fold {index}",
                weight=tokens * 2 * SECONDS_PER_TOKEN["small"],
                # An upper bound: the last batches of equally long texts are not full.
                work=(
                    Work(role="student", kind="language training", tokens=tokens, context=REAL.trained_row),
                ),
            )
        folds.append(
            Fold(
                base=base,
                train=train,
                train_labels=train_labels,
                validation=validation,
                test=test,
                test_labels=test_labels,
                problems=problems_in(index, "train"),
                lengths=REAL,
                threshold=labeler.threshold,
                device=device,
                max_length=pool.max_length,
                steps_labeled=steps_labeled,
                train_states=states,
                validation_states=states,
                test_states=states,
                name=f" of fold {index}",
            )
        )
    return folds
