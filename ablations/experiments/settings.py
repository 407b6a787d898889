"""Settings that determine artifacts, shared by all experiments."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ablations.supervision import PAPER_THRESHOLD
from lightning_modules.outcome_loss import OutcomeLoss
from lightning_modules.presets import Attention, Dtype, Lora, Precision

FIRST_TUNING_SEED = 1_000_000
"""Seeds from here on choose learning rates and are never reported; reported ones are far below."""


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
            of="problems.",
            labeler=self.labeler,
            train=self.train,
            validation=self.validation,
            test=self.test,
        )
        at_least(0, of="problems.", seed=self.seed, test_seed=self.test_seed)


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings:
    """The generator: the base, finetuned for one epoch on its few-shot solutions that end right."""

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
            of="generator.",
            problems=self.problems,
            samples=self.samples,
            shots=self.shots,
            batch_tokens=self.batch_tokens,
            max_new_tokens=self.max_new_tokens,
        )
        at_least(0, of="generator.", seed=self.seed)
        _above_zero(of="generator.", learning_rate=self.learning_rate, temperature=self.temperature)
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"generator.min_p: found {self.min_p}; allowed: 0 to 1")


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
        at_least(1, of="labeler.", samples=self.samples, epochs=self.epochs, batch_size=self.batch_size)
        at_least(0, of="labeler.", seed=self.seed)
        _above_zero(of="labeler.", learning_rate=self.learning_rate)
        for name, share in (("easy_error", self.easy_error), ("hard_error", self.hard_error)):
            if not 0 <= share <= 1:
                raise ValueError(f"labeler.{name}: found {share}; allowed: 0 to 1")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold: found {self.threshold}; allowed: 0 to 1")


@dataclass(frozen=True, kw_only=True)
class StudentSettings:
    """The small reward models; the same for every arm."""

    backbone: str = "small"
    """Base model's size (embedded world) or preset (real solutions)."""
    checkpoint: str | None = None
    """Base model instead of this: a causal language model's folder, or OWNER/NAME[@REVISION] on the hub."""
    chat_template: Literal["auto", "never"] = "auto"
    """Whether problems are read through the chat template of a tokenizer that has one."""
    lora: Lora | None = None
    """Adapters that are trained instead of the whole model; null: none."""
    dtype: Dtype = "float32"
    """Type of the weights: float32 or bfloat16; adapters are always float32."""
    attention: Attention = "sdpa"
    """Attention in training: sdpa, eager, or flash_attention_2 if installed, which requires bfloat16."""
    gradient_checkpointing: bool = False
    """Whether activations inside a layer are recomputed for gradients, not kept: less memory, more time."""
    accumulate: int = 1
    """Batches into which an update is split: less memory, the same gradients."""
    learning_rates: tuple[float, ...] = (5e-4, 1e-3, 2e-3)
    """Grid to choose from per arm and data scale on validation problems; a single one is used as given."""
    tuning_seeds: int = 1
    """Trainings per learning rate for choosing it; their seeds are never reported."""
    batch_size: int = 64
    """Solutions per update."""
    max_updates: int = 240
    """Maximum number of updates, the same for all arms and data scales."""
    patience: int | None = None
    """Consecutive evaluations without improvement that end a training; null: it makes all updates."""
    process_epochs: float | None = None
    """Maximum passes over the labeled solutions under process supervision (the paper: 2); null: no limit."""
    outcome_epochs: float | None = None
    """Maximum passes under outcome supervision (the paper: 1); null: no limit."""
    evaluations: int = 4
    """Checkpoints evaluated on validation problems, evenly spaced over all updates; the best is kept."""
    validation_n: int = 8
    """N of the best-of-N that chooses checkpoints and learning rates."""
    warmup: float = 0.05
    """Share of the maximum updates in which the learning rate rises."""
    decay: float = 0.2
    """Share of the maximum updates in which it falls to zero, at the end of every training, early or not."""
    weight_decay: float = 0.01
    """Weight decay of matrices other than embeddings."""
    dropout: float = 0.0
    """Dropout before the head; 0 to below 1."""
    soft_targets: bool = False
    """Whether targets are the labeler's probabilities, not decisions; final answers have no probabilities."""
    outcome_loss: OutcomeLoss = "every_token"
    """Form of the outcome loss: every_token, last_token, every_and_last or mean_logit."""
    precision: Precision = "32-true"
    """Precision of training, by Lightning's name."""
    device: str = "cpu"
    """Device on which students are trained and score: cpu or cuda."""

    def __post_init__(self) -> None:
        at_least(
            1,
            of="students.",
            evaluations=self.evaluations,
            batch_size=self.batch_size,
            max_updates=self.max_updates,
            **({} if self.patience is None else {"patience": self.patience}),
            validation_n=self.validation_n,
            tuning_seeds=self.tuning_seeds,
            accumulate=self.accumulate,
        )
        if self.attention == "flash_attention_2" and self.dtype != "bfloat16":
            raise ValueError(
                f"students.attention: found flash_attention_2 with students.dtype {self.dtype}; allowed: "
                "sdpa, eager, or all three with bfloat16"
            )
        for name in ("process_epochs", "outcome_epochs"):
            if (epochs := getattr(self, name)) is not None:
                _above_zero(of="students.", **{name: epochs})
        if self.evaluations > self.max_updates:
            raise ValueError(
                f"students.evaluations: found {self.evaluations}; allowed: 1 to students.max_updates = "
                f"{self.max_updates}"
            )
        for name in ("warmup", "decay"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise ValueError(f"students.{name}: found {share}; allowed: 0 to 1")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"students.weight_decay: found {self.weight_decay}; allowed: 0 or more, finite")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"students.dropout: found {self.dropout}; allowed: 0 to below 1")
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"students.device: found {self.device!r}; allowed: cpu, cuda")
        rates = self.learning_rates
        if not rates or min(rates) <= 0 or len(set(rates)) != len(rates):
            raise ValueError(
                f"students.learning_rates: found {rates}; allowed: one or more, each once and above 0"
            )

    def updates(self, solutions: int, *, outcome: bool) -> int:
        """Returns the maximum number of updates on a number of labeled solutions, by form of supervision."""
        epochs = self.outcome_epochs if outcome else self.process_epochs
        if epochs is None:
            return self.max_updates
        return min(math.ceil(epochs * solutions / self.batch_size), self.max_updates)


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """Real solutions with the scores of a real labeler, for cross-fitting over problems."""

    path: Path
    """JSON Lines file in the format of ``ablations.formats.pool``."""
    labeler: str
    """Labeler whose step scores are the labels."""
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
        at_least(3, of="pool.", folds=self.folds)
        at_least(1, of="pool.", mathmix_updates=self.mathmix_updates, max_length=self.max_length)
        at_least(258, of="pool.", vocabulary=self.vocabulary)  # every byte, the padding and the end


def at_least(least: int, *, of: str = "", **values: int) -> None:
    """Raises a ValueError that names the first of some settings, in the group ``of``, that is too small."""
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{of}{name}: found {value}; allowed: {least} or more")


def each_once(name: str, found: Sequence[str], allowed: Collection[str]) -> None:
    """Raises a ValueError unless a setting names one or more of what is allowed, each once."""
    if not found or len(set(found)) != len(found) or not set(found) <= set(allowed):
        raise ValueError(
            f"{name}: found {list(found)}; allowed: one or more of {', '.join(allowed)}, each once"
        )


def _above_zero(*, of: str, **values: float) -> None:
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{of}{name}: found {value}; allowed: above 0, and finite")
