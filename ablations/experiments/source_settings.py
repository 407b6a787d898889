"""Settings of an experiment's source: an embedded world, or a pool of real solutions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ablations.data.checks import above_zero, at_least, zero_to_one
from ablations.formats.pool import read_pool
from ablations.supervision import PAPER_THRESHOLD
from ablations.world.worlds import WORLDS


@dataclass(frozen=True, kw_only=True)
class ProblemSettings:
    """Number of problems for each purpose; the sets are disjoint."""

    labeler: int
    """Problems whose solutions the annotator rates for the large PRM."""
    train: int
    """Problems that train the generator and the students."""
    validation: int
    """Problems on which learning rate and checkpoint are chosen."""
    test: int
    """Problems on which models are tested."""
    seed: int = 0
    """Seed for drawing problems."""
    test_seed: int = 0
    """Seed for drawing test problems and their samples; another one tests the same models on fresh ones."""

    def __post_init__(self) -> None:
        at_least(
            2,
            of="source.problems.",
            labeler=self.labeler,
            train=self.train,
            validation=self.validation,
            test=self.test,
        )
        at_least(0, of="source.problems.", seed=self.seed, test_seed=self.test_seed)


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings:
    """The generator: the base, finetuned for one epoch on its few-shot solutions that end right."""

    backbone: str = "small"
    """Size of its base model."""
    problems: int = 300
    """Maximum number of training problems to prompt; more right answers would leave too few errors."""
    samples: int = 4
    """Few-shot solutions sampled per problem."""
    shots: int = 2
    """Solved problems in the few-shot prompt."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    batch_tokens: int = 1024
    """Maximum tokens per update."""
    max_new_tokens: int = 192
    """Maximum tokens of a solution; one that has not ended by then is kept as unfinished."""
    temperature: float = 1.0
    """Temperature of all sampling."""
    min_p: float = 0.01
    """A token less likely than this share of the most likely one is never drawn: a tiny model's softmax
    leaves a little to every token, which adds up to a slip in one of forty solutions."""
    seed: int = 0
    """Seed for few-shot sampling and finetuning; another one makes another generator."""

    def __post_init__(self) -> None:
        at_least(
            1,
            of="source.generator.",
            problems=self.problems,
            samples=self.samples,
            shots=self.shots,
            batch_tokens=self.batch_tokens,
            max_new_tokens=self.max_new_tokens,
        )
        at_least(0, of="source.generator.", seed=self.seed)
        above_zero(of="source.generator.", learning_rate=self.learning_rate, temperature=self.temperature)
        zero_to_one(of="source.generator.", min_p=self.min_p)


@dataclass(frozen=True, kw_only=True)
class LabelerSettings:
    """The large PRM: three classes, trained on an annotator's ratings up to the first error."""

    samples: int
    """Solutions rated per labeler problem."""
    epochs: int = 2
    """Passes over the ratings (the paper: 2)."""
    batch_size: int = 64
    """Solutions per update."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    easy_error: float = 0.01
    """Share of easy steps that the annotator rates wrongly."""
    hard_error: float = 0.04
    """Share of hard steps that the annotator rates wrongly: a contested fact, a carry or a borrow."""
    seed: int = 0
    """Seed for the annotator's errors and for training; another one makes another labeler."""
    checkpoint: str | None = None
    """Base model instead of the world's large one: a causal language model's folder, or its name."""
    threshold: float = PAPER_THRESHOLD
    """P(negative) above which a step is incorrect; the default is the paper's for its own PRM."""

    def __post_init__(self) -> None:
        at_least(
            1,
            of="source.labeler.",
            samples=self.samples,
            epochs=self.epochs,
            batch_size=self.batch_size,
        )
        at_least(0, of="source.labeler.", seed=self.seed)
        above_zero(of="source.labeler.", learning_rate=self.learning_rate)
        zero_to_one(
            of="source.labeler.",
            easy_error=self.easy_error,
            hard_error=self.hard_error,
            threshold=self.threshold,
        )


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """An embedded world: its problems, its generator's solutions, and the large PRM that labels them."""

    world: str
    """Name of the world."""
    problems: ProblemSettings
    """Numbers of problems."""
    train_samples: int
    """Solutions sampled per training problem; subsets of them are labeled."""
    validation_samples: int
    """Solutions sampled per validation problem."""
    test_samples: int
    """Solutions sampled per test problem: the largest N."""
    generator: GeneratorSettings = GeneratorSettings()
    """Settings of the generator."""
    labeler: LabelerSettings
    """Settings of the labeler."""

    def __post_init__(self) -> None:
        if self.world not in WORLDS:
            raise ValueError(f"source.world: found {self.world!r}; allowed: {', '.join(WORLDS)}")
        at_least(
            1,
            of="source.",
            train_samples=self.train_samples,
            validation_samples=self.validation_samples,
            test_samples=self.test_samples,
        )

    @property
    def most_labeled(self) -> str:
        """The largest allowed data scale, in words."""
        return f"source.train_samples = {self.train_samples}"

    @property
    def dataset(self) -> str:
        """Name in the records."""
        return self.world


@dataclass(frozen=True, kw_only=True)
class PoolLabelerSettings:
    """The labeler of a pool, whose step scores are the labels."""

    name: str
    """Its name in the pool."""
    threshold: float = PAPER_THRESHOLD
    """P(negative) above which a step is incorrect; the default is the paper's for its own PRM."""

    def __post_init__(self) -> None:
        zero_to_one(of="source.labeler.", threshold=self.threshold)


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """Real solutions with the scores of a real labeler, for cross-fitting over problems."""

    path: Path
    """JSON Lines file in the format of ``ablations.formats.pool``."""
    labeler: PoolLabelerSettings
    """Labeler whose step scores are the labels."""
    samples: int
    """Solutions of the problem that has the fewest: the largest data scale, and the largest N."""
    mathmix: Path | None = None
    """Text for the students' MathMix, JSON Lines of ``{question, answer}``; null: no MathMix."""
    mathmix_updates: int = 300
    """Updates of MathMix."""
    overlap: Literal["stop", "leave_out"] = "stop"
    """Action if MathMix's text contains problems of the pool: stop the run, or leave them out of the text."""
    vocabulary: int = 1000
    """Vocabulary size of the tokenizer trained on the training folds."""
    folds: int = 5
    """Sets that the problems are dealt to; each is the test set once, with the next as validation set."""
    max_length: int = 512
    """Maximum tokens of a solution; steps past it are cut and counted."""

    def __post_init__(self) -> None:
        at_least(3, of="source.", folds=self.folds)
        at_least(
            1,
            of="source.",
            samples=self.samples,
            mathmix_updates=self.mathmix_updates,
            max_length=self.max_length,
        )
        at_least(258, of="source.", vocabulary=self.vocabulary)  # every byte, the padding and the end

    @property
    def train_samples(self) -> int:
        """Solutions of every training problem."""
        return self.samples

    @property
    def most_labeled(self) -> str:
        """The largest allowed data scale, in words, with the problem that limits it."""
        if not self.path.is_file():
            return f"source.samples = {self.samples}"
        return read_pool(self.path, self.labeler.name).about_fewest()

    @property
    def dataset(self) -> str:
        """Name in the records."""
        return f"{self.path.name.split('.')[0]}/{self.labeler.name}"


Source: TypeAlias = WorldSettings | PoolSettings
