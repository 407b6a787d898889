"""Steps of the small reward models: their training, their labels, and the choice of a learning rate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ablations.data.artifacts import ChosenRows, IntArray, Ratings, Samples
from ablations.data.models import RateChoice, TrainedModel, TrainedStudent, TrainingFacts, TriedRate
from ablations.data.states import States
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.steps.base_model import CausalModel
from ablations.steps.collect import draw_rows
from ablations.steps.evaluation_rows import Rows, defined
from ablations.steps.state_rows import StateRows
from ablations.supervision import (
    TARGETS,
    AnswerArm,
    ConsensusArm,
    OracleArm,
    RolloutArm,
    Supervision,
    label_noise,
)
from lightning_modules.outcome_loss import SolutionLoss
from lightning_modules.presets import Attention, Dtype, Lora, Precision
from lightning_modules.step_loss import StepLoss

if TYPE_CHECKING:
    from lightning_modules.reward_model import RewardModel
    from lightning_modules.state_head import StateHeadConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class LabeledRows:
    """The solutions that a student learns from, and their supervision."""

    arm: str
    """Form of supervision."""
    data_scale: int
    """Solutions labeled per problem."""
    seed: int
    """Redraws training subset, order and head."""
    threshold: float | None = None
    """P(negative) above which a step is incorrect; None unless the labeler labels."""
    soft_targets: bool = False
    """Whether targets are the labeler's probabilities, or shares of right rollouts, not decisions."""
    bootstrap: int | None = None
    """Number of the resample of the labeled solutions; None: each of them once."""
    samples: Step[Samples]
    labels: Step[StepScores] | None = None
    """The labeler's scores of the samples."""
    ratings: Step[Ratings] | None = None
    """The oracle's ratings of the samples."""
    rollouts: Step[StepScores] | None = None
    """Scores of the samples by rollouts of the generator; see `Rollouts`."""
    acquired: Step[ChosenRows] | None = None
    """The labeled rows; None: they are drawn uniformly."""

    def rows(self, context: Context, samples: Samples) -> IntArray:
        """Returns the rows of labeled solutions."""
        if self.acquired is None:
            rows = draw_rows(samples, self.data_scale, self.seed)
        else:
            rows = context.read(self.acquired).labeled
        if self.bootstrap is not None:
            rng = np.random.default_rng([self.seed, 29, self.bootstrap])
            rows = np.sort(rng.choice(rows, size=len(rows)))
        return rows

    def supervision(self, context: Context, samples: Samples, rows: IntArray) -> Supervision:
        """Returns the arm's targets for the solutions at ``rows``."""
        arm = TARGETS[self.arm]
        if isinstance(arm, OracleArm):
            assert self.ratings is not None
            return arm.targets(context.read(self.ratings).steps.take(rows))
        if isinstance(arm, AnswerArm):
            return arm.targets(samples.take(rows).solutions)
        if isinstance(arm, RolloutArm):
            assert self.rollouts is not None
            return arm.targets(context.read(self.rollouts).take(rows), self.soft_targets)
        assert self.labels is not None and self.threshold is not None
        labels = context.read(self.labels).take(rows)
        if isinstance(arm, ConsensusArm):
            assert self.rollouts is not None
            return arm.targets(context.read(self.rollouts).take(rows), labels, self.threshold)
        return arm.targets(labels, self.threshold, self.soft_targets)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainStudent(LabeledRows, Step[TrainedStudent], name="train", version=2, spreads=True):
    """Trains a reward model, and keeps its best checkpoint.

    A training run that only evaluates a learning rate keeps no model, and may diverge.
    """

    base: Step[CausalModel]
    validation: Step[Samples]
    """Samples on which checkpoints are evaluated."""
    start: Step[TrainedModel] | None = None
    """Model whose weights training continues from; None: the base with a new head."""
    choice: Step[RateChoice] | None = None
    """Choice of the learning rate."""
    learning_rate: float | None = None
    """Peak learning rate; None: the chosen one."""
    states: tuple[Step[States], ...] = ()
    """States of the samples by a frozen trunk, on which a head is trained; none: a whole model is trained."""
    validation_states: tuple[Step[States], ...] = ()
    """States of the validation samples."""
    layer: int | None = None
    """Layer of the states; None: the chosen one."""
    hidden: int = 0
    """Width of the hidden layer of a head on states; 0: the head is linear."""
    heads: int = 0
    """Attention heads of the head's transformer layer over the steps; 0: it has no such layer."""
    tuning: bool = False
    """Whether the run only evaluates the learning rate."""
    updates: int
    """Maximum number of updates."""
    batch_size: int
    """Solutions per update."""
    per_problem: int = 1
    """Solutions of a problem that come together into an update."""
    evaluations: int
    """Checkpoints evaluated on validation problems, evenly spaced over all updates."""
    validation_n: int
    """N of the best-of-N by which they are compared."""
    patience: int | None = None
    """Consecutive evaluations without improvement that end training; None: it makes all updates."""
    warmup: float = 0.05
    """Share of the updates in which the learning rate rises."""
    decay: float = 0.2
    """Share of the updates in which the learning rate falls to zero."""
    weight_decay: float = 0.01
    """Weight decay of matrices other than embeddings."""
    dropout: float = 0.0
    """Dropout before the head."""
    outcome_loss: SolutionLoss = "every_token"
    """Form of the outcome loss."""
    step_loss: StepLoss = "cross_entropy"
    """Form of the loss for steps."""
    beta: float | None = None
    """Scale of implicit rewards, which a language model is trained to give; None: the model has a head."""
    accumulate: int = 1
    """Batches into which an update is split."""
    max_length: int | None = None
    """Maximum tokens of a solution; None: no limit."""
    chat_template: Literal["auto", "never"] = "auto"
    """Whether problems are read through the chat template of a tokenizer that has one."""
    lora: Lora | None = None
    """Adapters that are trained instead of the whole model."""
    dtype: Dtype = "float32"
    attention: Attention = "sdpa"
    compile_layers: bool = False
    """Whether torch compiles the layers."""
    gradient_checkpointing: bool = False
    """Whether activations inside a layer are recomputed for gradients."""
    precision: Precision = "32-true"
    device: str = "cpu"

    def run(self, context: Context) -> TrainedStudent:
        from ablations.steps.checkpoint_choice import KeepBest, Validation
        from ablations.steps.encoded_samples import encode_samples
        from ablations.steps.training_data import encode_checked, find_untaught
        from lightning_modules.divergence import Diverged
        from lightning_modules.optimization import falling_updates
        from lightning_modules.packing import cost_of
        from lightning_modules.positions import check_lengths
        from lightning_modules.reward_data import RewardData, RewardDataset
        from lightning_modules.row_choice import choose_rows
        from lightning_modules.state_head import StateHeadConfig
        from lightning_modules.tokenization import load_tokenizer
        from lightning_modules.training import fit

        base = context.read(self.base)
        tokenizer = load_tokenizer(base.folder, chat_template=self.chat_template == "auto")
        samples = context.read(self.samples)
        rows = self.rows(context, samples)
        learned = samples.take(rows)
        supervision = self.supervision(context, samples, rows)
        held = context.read(self.validation)
        layer = self.layer if self.choice is None else context.read(self.choice).layer
        if not self.states:
            encoded = encode_checked(tokenizer, learned, self.max_length)
            held_encoded = encode_samples(context.folder(self.validation), tokenizer, self.max_length)
            model = self.initial_model(context, base.folder, supervision.num_classes)
        else:
            assert layer is not None
            states = States.join(context.read_all(self.states))
            state_rows = StateRows(layer=layer, pooled=self.outcome_loss == "mean_logit")
            encoded = state_rows.encoded(states, learned)
            held_encoded = state_rows.encoded(States.join(context.read_all(self.validation_states)), held)
            head = StateHeadConfig(
                width=states.width,
                hidden=self.hidden,
                heads=self.heads,
                layer=layer,
                pooled=state_rows.pooled,
                num_labels=supervision.num_classes,
            )
            model = self.initial_model(context, base.folder, supervision.num_classes, head)
            all_encoded = state_rows.encoded(states, samples) if self.start is None else None
            state_rows.attach(model.backbone, standardize_by=all_encoded)
        check_lengths(model.backbone, encoded)
        steps = supervision.step_target
        data = RewardData(
            RewardDataset.from_encoded(
                encoded,
                step_targets=None if steps is None else [steps.row(i) for i in range(len(steps))],
                solution_targets=supervision.solution_target,
                num_classes=supervision.num_classes,
                # A solution in rows ends with the row that its label applies to.
                outcome_loss="last_token" if self.states and steps is None else self.outcome_loss,
                step_loss=self.step_loss,
                cost=cost_of(model.backbone, self.device),
                # a model that is split may not fit on a device
                rows=choose_rows(model.backbone, None if context.group.strategy == "fsdp" else self.device),
                problem=learned.solutions.problem_index,
            ),
            batch_size=self.batch_size,
            per_problem=self.per_problem,
            seed=self.seed,
        )
        untaught = find_untaught(learned, encoded, data.train_set)
        validation = Validation(held, held_encoded, arm=self.arm, n=self.validation_n, group=context.group)
        keep = KeepBest(
            validation,
            updates=self.updates,
            evaluations=self.evaluations,
            patience=self.patience,
            falling=falling_updates(self.updates, self.decay),
            report_validation=context.report_validation,
        )
        try:
            fit(
                model,
                data,
                updates=self.updates,
                precision=self.precision,
                accelerator=self.device,
                accumulate=self.accumulate,
                group=context.group,
                logger=context.logs.logger(),
                callbacks=[keep],
                checkpoint_folder=context.scratch,
                progress=context.progress,
            )
        except Diverged as error:
            if not self.tuning:
                raise
            return TrainedStudent(
                learning_rate=model.learning_rate, facts=None, diverged=str(error), layer=layer
            )
        facts = TrainingFacts(
            solutions_hash=learned.solutions.content_hash(),
            distinct_solutions=learned.solutions.distinct(),
            solutions=len(learned.solutions),
            cut_steps=sum(e.cut_steps for e in encoded),
            targets=data.train_set.target_count(np.arange(len(data.train_set))),
            threshold=self.threshold,
            learning_rate=model.learning_rate,
            curve=tuple(keep.curve),
            best_update=keep.best_update,
            best_value=keep.best_value,
            updates=keep.curve[-1][0],
            planned=tuple(sorted(keep.at)),
            plateau=keep.end is not None and keep.end < self.updates,
            validation_n=validation.n,
            checkpoint=base.named_base(tokenizer),
            untaught=untaught,
        )
        save = partial(model.export, tokenizer=None if self.states else tokenizer, state=keep.best_state)
        return TrainedStudent(
            save=None if self.tuning else save, learning_rate=model.learning_rate, facts=facts, layer=layer
        )

    def initial_model(
        self, context: Context, base: Path, num_classes: int, head: StateHeadConfig | None = None
    ) -> RewardModel:
        """Returns the initial model: that of ``start``, a new head on states, or the base with a new head."""
        from lightning_modules.adapters import add_adapters
        from lightning_modules.backbones import (
            compile_layers,
            load_causal,
            load_classifier,
            recompute_activations,
        )
        from lightning_modules.implicit_reward import implicit_reward
        from lightning_modules.reward_model import RewardModel, load_backbone
        from lightning_modules.state_head import new_head

        learning_rate = self.learning_rate
        if self.choice is not None:
            learning_rate = context.read(self.choice).learning_rate
        assert learning_rate is not None
        if self.start is not None:
            backbone = load_backbone(context.read(self.start).folder, base)
        elif head is not None:
            backbone = new_head(head, seed=self.seed)
        elif self.beta is not None:
            backbone = implicit_reward(load_causal(base, self.dtype, self.attention), self.beta)
        else:
            backbone = load_classifier(
                base, num_labels=num_classes, seed=self.seed, dtype=self.dtype, attention=self.attention
            )
            if self.lora is not None:
                backbone = add_adapters(backbone, **asdict(self.lora), seed=self.seed)
        new_and_pooled = self.start is None and head is None and self.outcome_loss == "mean_logit"
        model = RewardModel(
            backbone,
            learning_rate=learning_rate,
            total_updates=self.updates,
            warmup=self.warmup,
            decay=self.decay,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            seed=self.seed,
            pooled=True if new_and_pooled else None,
        )
        if self.compile_layers:
            compile_layers(model.backbone)
        if self.gradient_checkpointing:
            recompute_activations(model.backbone)
        return model


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasureLabelNoise(LabeledRows, Step[Rows], name="label_noise"):
    """Measures how much the labels of a training run differ from the oracle's."""

    def run(self, context: Context) -> Rows:
        assert self.ratings is not None
        samples = context.read(self.samples)
        rows = self.rows(context, samples)
        supervision = self.supervision(context, samples, rows)
        noise = label_noise(supervision, context.read(self.ratings).steps.take(rows))
        return Rows(
            rows=[
                *defined("label_noise", noise.differing),
                *defined("label_false_positives", noise.false_positives),
                *defined("label_false_negatives", noise.false_negatives),
            ]
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ChooseRate(Step[RateChoice], name="choose", version=2):
    """Chooses the learning rate (on a frozen trunk, with the layer) that does best on validation problems.

    A rate's value is the mean over its training runs; it is excluded if one of them diverged. Of equal ones,
    the first is chosen. The choice is bracketed if a lower and a higher rate were also tried.
    """

    candidates: tuple[Step[TrainedStudent], ...]

    def run(self, context: Context) -> RateChoice:
        """Raises Diverged if training diverged at every rate."""
        by_point: dict[tuple[float, int | None], list[TrainedStudent]] = {}
        for student in context.read_all(self.candidates):
            by_point.setdefault((student.learning_rate, student.layer), []).append(student)
        grid = []
        values: dict[tuple[float, int | None], float] = {}
        for (rate, layer), students in by_point.items():
            diverged = next((s.diverged for s in students if s.diverged is not None), None)
            if diverged is None:
                values[rate, layer] = float(np.mean([s.known.best_value for s in students]))
            grid.append(
                TriedRate(
                    learning_rate=rate,
                    validation=values.get((rate, layer)),
                    trainings=len(students),
                    diverged=diverged,
                    layer=layer,
                )
            )
        if not values:
            from lightning_modules.divergence import Diverged

            lowest = min(grid, key=lambda tried: tried.learning_rate)
            raise Diverged(f"all {len(grid)} learning rates diverge; at the lowest: {lowest.diverged}")
        rate, layer = max(values, key=values.__getitem__)
        rates = {rate for rate, _ in by_point}
        bracketed = min(rates) < rate < max(rates)
        return RateChoice(learning_rate=rate, bracketed=bracketed, grid=tuple(grid), layer=layer)
