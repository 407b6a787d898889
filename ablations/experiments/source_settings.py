"""Settings of an experiment's source: an embedded world, or a pool of real solutions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from ablations.data.checks import allowed
from ablations.data.field_types import Count, Positive, Range, Seed, Share, Vocabulary, check_fields
from ablations.formats.pool import read_pool
from ablations.supervision import PAPER_THRESHOLD
from ablations.world.worlds import WORLDS

SetSize = Annotated[int, Range(least=2)]
"""Number of problems in a set; an interval needs two."""


@dataclass(frozen=True, kw_only=True)
class ProblemSettings:
    """Number of problems for each purpose; the sets are disjoint."""

    labeler: SetSize
    """Problems whose solutions the annotator rates for the large PRM."""
    train: SetSize
    """Problems that train the generator and the students."""
    validation: SetSize
    """Problems on which learning rate and checkpoint are chosen."""
    test: SetSize
    """Problems on which models are tested."""
    seed: Seed = 0
    """Seed for drawing problems."""
    test_seed: Seed = 0
    """Seed for drawing test problems and their samples; another one tests the same models on fresh ones."""

    def __post_init__(self) -> None:
        check_fields(self, "source.problems.")


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings:
    """The generator: the base, finetuned for one epoch on its few-shot solutions that end right."""

    backbone: str = "small"
    """Size of its base model."""
    problems: Count = 300
    """Maximum number of training problems to prompt; more right answers would leave too few errors."""
    samples: Count = 4
    """Few-shot solutions sampled per problem."""
    shots: Count = 2
    """Solved problems in the few-shot prompt."""
    learning_rate: Positive = 1e-3
    """Peak learning rate."""
    batch_tokens: Count = 1024
    """Maximum tokens per update."""
    max_new_tokens: Count = 192
    """Maximum tokens of a solution; one that has not ended by then is kept as unfinished."""
    temperature: Positive = 1.0
    """Temperature of all sampling."""
    min_p: Share = 0.01
    """Share of the most likely token's probability below which a token is never drawn: a tiny model's softmax
    leaves a little to every token, which adds up to a slip in one of forty solutions."""
    seed: Seed = 0
    """Seed for few-shot sampling and finetuning; another one makes another generator."""

    def __post_init__(self) -> None:
        check_fields(self, "source.generator.")


@dataclass(frozen=True, kw_only=True)
class LabelerSettings:
    """The large PRM: three classes, trained on an annotator's ratings up to the first error."""

    samples: Count
    """Solutions rated per labeler problem."""
    epochs: Count = 2
    """Passes over the ratings (the paper: 2)."""
    batch_size: Count = 64
    """Solutions per update."""
    learning_rate: Positive = 1e-3
    """Peak learning rate."""
    easy_error: Share = 0.01
    """Share of easy steps that the annotator rates wrongly."""
    hard_error: Share = 0.04
    """Share of hard steps that the annotator rates wrongly: a contested fact, a carry or a borrow."""
    seed: Seed = 0
    """Seed for the annotator's errors and for training; another one makes another labeler."""
    checkpoint: str | None = None
    """Base model instead of the world's large one: a causal language model's folder, or its name."""
    threshold: Share = PAPER_THRESHOLD
    """P(negative) above which a step is incorrect; the default is the paper's for its own PRM."""

    def __post_init__(self) -> None:
        check_fields(self, "source.labeler.")


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """An embedded world: its problems, its generator's solutions, and the large PRM that labels them."""

    world: str
    """Name of the world."""
    problems: ProblemSettings
    """Numbers of problems."""
    train_samples: Count
    """Solutions sampled per training problem; subsets of them are labeled."""
    validation_samples: Count
    """Solutions sampled per validation problem."""
    test_samples: Count
    """Solutions sampled per test problem: the largest N."""
    generator: GeneratorSettings = GeneratorSettings()
    """Settings of the generator."""
    labeler: LabelerSettings
    """Settings of the labeler."""

    def __post_init__(self) -> None:
        allowed("source.world", self.world, tuple(WORLDS))
        check_fields(self, "source.")

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
    threshold: Share = PAPER_THRESHOLD
    """P(negative) above which a step is incorrect; the default is the paper's for its own PRM."""

    def __post_init__(self) -> None:
        check_fields(self, "source.labeler.")


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """Real solutions with the scores of a real labeler, for cross-fitting over problems."""

    path: Path
    """JSON Lines file in the format of ``ablations.formats.pool``."""
    labeler: PoolLabelerSettings
    """Labeler whose step scores are the labels."""
    samples: Count
    """Solutions of the problem that has the fewest: the largest data scale, and the largest N."""
    mathmix: Path | None = None
    """Text for the students' MathMix, JSON Lines of ``{question, answer}``; null: no MathMix."""
    mathmix_updates: Count = 300
    """Updates of MathMix."""
    overlap: Literal["stop", "leave_out"] = "stop"
    """Action if MathMix's text contains problems of the pool: stop the run, or leave them out of the text."""
    vocabulary: Vocabulary = 1000
    """Vocabulary size of the tokenizer trained on the training folds."""
    folds: Annotated[int, Range(least=3)] = 5
    """Sets into which problems are divided; each is the test set once, with the next as validation set."""
    max_length: Count = 512
    """Maximum tokens of a solution; steps past it are cut and counted."""

    def __post_init__(self) -> None:
        check_fields(self, "source.")

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
