"""Settings of students, the small reward models."""

import math
from dataclasses import dataclass
from typing import Literal

from ablations.data.field_types import Count, NotNegative, PartShare, Positive, Share, check_fields
from lightning_modules.outcome_loss import OutcomeLoss
from lightning_modules.presets import Attention, Dtype, Frozen, Lora, Precision

FIRST_TUNING_SEED = 1_000_000
"""First of the seeds that choose learning rates and are never reported; reported ones are far below."""


@dataclass(frozen=True, kw_only=True)
class StudentSettings:
    """The small reward models; the same for every arm."""

    backbone: str = "small"
    """Base model's size (embedded world) or preset (real solutions)."""
    checkpoint: str | None = None
    """Base model instead: a causal language model's folder, or OWNER/NAME[@REVISION] on the hub."""
    chat_template: Literal["auto", "never"] = "auto"
    """Whether problems are read through the chat template of a tokenizer that has one."""
    lora: Lora | None = None
    """Adapters that are trained instead of the whole model; null: none."""
    frozen: Frozen | None = None
    """A frozen trunk, on whose hidden states heads are trained instead of the whole model; null: none."""
    dtype: Dtype = "float32"
    """Type of the weights: float32 or bfloat16; adapters are always float32."""
    attention: Attention = "sdpa"
    """Attention in training: sdpa, eager; on GPUs flex_attention, which skips what a shared prefix hides; or
    flash_attention_2, if installed, which packs solutions without padding and requires bfloat16."""
    compile_layers: bool = False
    """Whether torch compiles the layers: a minute or more per process, for faster updates afterwards."""
    gradient_checkpointing: bool = False
    """Whether activations inside a layer are recomputed for gradients, not kept: less memory, more time."""
    accumulate: Count = 1
    """Batches into which an update is split: less memory, the same gradients."""
    learning_rates: tuple[Positive, ...] = (5e-4, 1e-3, 2e-3)
    """Grid to choose from per arm and data scale on validation problems; a single one is used as given."""
    tuning_seeds: Count = 1
    """Trainings per learning rate for choosing it; their seeds are never reported."""
    batch_size: Count = 64
    """Solutions per update."""
    per_problem: Count = 1
    """Solutions of a problem that come together into an update: more are faster, because they share their
    prefix, but students may learn less. 1: each solution comes at random."""
    max_updates: Count = 240
    """Maximum number of updates, the same for all arms and data scales."""
    patience: Count | None = None
    """Consecutive evaluations without improvement that end training; null: it makes all updates."""
    process_epochs: Positive | None = None
    """Maximum passes over the labeled solutions under process supervision (the paper: 2); null: no limit."""
    outcome_epochs: Positive | None = None
    """Maximum passes under outcome supervision (the paper: 1); null: no limit."""
    evaluations: Count = 4
    """Checkpoints evaluated on validation problems, evenly spaced over all updates; the best is kept."""
    validation_n: Count = 8
    """N of the best-of-N that chooses checkpoints and learning rates."""
    warmup: Share = 0.05
    """Share of the maximum updates in which the learning rate rises."""
    decay: Share = 0.2
    """Share of the maximum updates in which it falls to zero, at the end of every training, early or not."""
    weight_decay: NotNegative = 0.01
    """Weight decay of matrices other than embeddings."""
    dropout: PartShare = 0.0
    """Dropout before the head."""
    soft_targets: bool = False
    """Whether targets are the labeler's probabilities, not decisions; final answers have no probabilities."""
    outcome_loss: OutcomeLoss = "every_token"
    """Form of the outcome loss: every_token, last_token, every_and_last or mean_logit."""
    precision: Precision = "32-true"
    """Precision of training, by Lightning's name."""

    def __post_init__(self) -> None:
        check_fields(self, "students.")
        if self.frozen is not None and self.lora is not None:
            raise ValueError("students.lora: found one with students.frozen; allowed: one of the two")
        if self.frozen is not None and self.outcome_loss not in ("last_token", "mean_logit"):
            raise ValueError(
                f"students.outcome_loss: found {self.outcome_loss}; allowed with students.frozen: "
                "last_token, mean_logit"
            )
        if self.attention == "flash_attention_2" and self.dtype != "bfloat16":
            raise ValueError(
                f"students.attention: found flash_attention_2 with students.dtype {self.dtype}; allowed: "
                "sdpa, eager, flex_attention, or all with bfloat16"
            )
        if self.evaluations > self.max_updates:
            raise ValueError(
                f"students.evaluations: found {self.evaluations}; allowed: 1 to students.max_updates = "
                f"{self.max_updates}"
            )
        rates = self.learning_rates
        if not rates or len(set(rates)) != len(rates):
            raise ValueError(f"students.learning_rates: found {rates}; allowed: one or more, each once")

    def updates(self, solutions: int, *, outcome: bool) -> int:
        """Returns the maximum number of updates on a number of labeled solutions, by form of supervision."""
        epochs = self.outcome_epochs if outcome else self.process_epochs
        if epochs is None:
            return self.max_updates
        return min(math.ceil(epochs * solutions / self.batch_size), self.max_updates)
