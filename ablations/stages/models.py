"""Stages of reward models: the students, the choice among them, and scores."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from transformers import AutoTokenizer

from ablations.evaluation import best_of_n
from ablations.pipeline import Context, Inputs, one, several
from ablations.ragged import Ragged
from ablations.scoring import SCORING_OF, SCORINGS
from ablations.solutions import StepScores
from ablations.stages.facts import choice_of, chosen, facts_of
from ablations.stages.files import CHOICE, MODEL, SCORES, TRAINING, Samples, labelled_rows, write_json
from ablations.supervision import ARMS, LabelerArm, choose_threshold
from lightning_modules.backbones import load_classifier
from lightning_modules.batching import check_layout, cost_of
from lightning_modules.data import RewardData, RewardDataset
from lightning_modules.encoding import Encoded, encode_all
from lightning_modules.group import ALONE, Group
from lightning_modules.inference import score
from lightning_modules.reward_model import RewardModel
from lightning_modules.sharding import whole_state
from lightning_modules.training import fit


def train(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """base, samples, labels, validation [, acquired, choice, start] -> a reward model, its best checkpoint.

    It learns from all that is labelled when ``acquired`` is done. A threshold that is not given is the
    labeler's own, chosen on its labels of all samples: one for every training. ``start`` is the model
    whose weights it goes on from, or candidates of which ``start_choice`` names it; without it the base, with
    a new head, is trained.
    """
    folder = one(inputs, "base") / MODEL
    tokenizer = AutoTokenizer.from_pretrained(folder)
    samples = Samples.read(one(inputs, "samples"))
    rows = (
        labelled_rows(one(inputs, "acquired"))
        if "acquired" in inputs
        else draw_rows(samples, config["data_scale"], config["seed"])
    )
    if "bootstrap" in config:
        rng = np.random.default_rng([config["seed"], 29, config["bootstrap"]])
        rows = np.sort(rng.choice(rows, size=len(rows)))
    learned = samples.take(rows)
    threshold, arm = config["threshold"], ARMS[config["arm"]]
    if isinstance(arm, LabelerArm):
        labels = StepScores.read(one(inputs, "labels") / SCORES)
        if threshold is None:
            threshold = choose_threshold(labels, samples.solutions.final_correct).threshold
        supervision = arm.targets(labels.take(rows), threshold, config.get("soft_targets", False))
    else:
        supervision = arm.targets(learned.solutions)
    encoded = encode_all(tokenizer, learned.prompts(), learned.steps(), max_length=config["max_length"])
    learning_rate = config["learning_rate"]
    if "choice" in inputs:
        learning_rate = choice_of(one(inputs, "choice"))["learning_rate"]
    schedule: dict[str, Any] = {"learning_rate": learning_rate, "total_updates": config["updates"]}
    schedule |= {name: config[name] for name in ("warmup", "weight_decay", "dropout") if name in config}
    schedule["seed"] = config["seed"]
    if "start" in inputs:
        model = RewardModel.from_folder(chosen(inputs, "start", "start_choice") / MODEL, **schedule)
    else:
        classifier = load_classifier(folder, num_labels=supervision.num_classes, seed=config["seed"])
        model = RewardModel(classifier, **schedule)
    steps = supervision.step_target
    data = RewardData(
        RewardDataset.from_encoded(
            encoded,
            step_targets=None if steps is None else [steps.row(i) for i in range(len(steps))],
            solution_targets=supervision.solution_target,
            num_classes=supervision.num_classes,
            cost=cost_of(model.backbone),
            share_prefixes=check_layout(model.backbone),
        ),
        batch_size=config["batch_size"],
        seed=config["seed"],
    )
    keep = KeepBest(
        Validation(one(inputs, "validation"), tokenizer, config, context.group),
        updates=config["updates"],
        evaluations=config["evaluations"],
        judged=context.judged,
    )
    fit(
        model,
        data,
        updates=config["updates"],
        precision=config["precision"],
        accelerator=config["device"],
        group=context.group,
        logger=context.logs.logger(),
        callbacks=[keep],
        checkpoint_folder=context.scratch,
        progress=context.progress,
    )
    if not context.group.first:
        return
    model.export(out / MODEL, tokenizer, keep.best_state)
    facts = {
        "solutions_hash": learned.solutions.content_hash(),
        "distinct_solutions": learned.solutions.distinct(),
        "solutions": len(learned.solutions),
        "cut_steps": sum(e.cut_steps for e in encoded),
        "targets": data.train_set.target_count(np.arange(len(data.train_set))),
        "threshold": threshold,
        "learning_rate": learning_rate,
        "curve": keep.curve,
        "best_update": keep.best_update,
        "best_value": keep.best_value,
    }
    write_json(out / TRAINING, facts)


def choose(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """candidates -> which of them does best on validation problems; the first of equals."""
    facts = [facts_of(folder) for folder in several(inputs, "candidates")]
    values = [fact["best_value"] for fact in facts]
    index = int(np.argmax(values))
    grid = [{"learning_rate": f["learning_rate"], "validation": f["best_value"]} for f in facts]
    write_json(out / CHOICE, {"index": index, "learning_rate": facts[index]["learning_rate"], "grid": grid})


def scores(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """model (or candidates and their choice), samples -> class probabilities of every step."""
    found = scored(config, inputs, context)
    if context.group.first:
        found.write(out / SCORES)


def scored(config: dict[str, Any], inputs: Inputs, context: Context) -> StepScores:
    """What a model, or the chosen one of several, says of samples; all named by ``inputs``."""
    folder = chosen(inputs, "candidates" if "choice" in inputs else "model")
    tokenizer = AutoTokenizer.from_pretrained(folder / MODEL)
    model = RewardModel.from_folder(folder / MODEL).eval().to(config["device"])
    samples = Samples.read(one(inputs, "samples"))
    encoded = encode_all(tokenizer, samples.prompts(), samples.steps(), max_length=config["max_length"])
    return score_encoded(model, encoded, context.progress, context.group)


def draw_rows(samples: Samples, data_scale: int, seed: int) -> np.ndarray:
    """Rows of ``data_scale`` solutions a problem: the first of an order that the seed draws for each problem.

    A smaller data scale's rows are among a larger one's.

    Raises:
        ValueError: fewer solutions a problem than that were drawn.
    """
    row_PM = samples.solutions.per_problem(np.arange(len(samples.solutions)))
    problems, drawn = row_PM.shape
    if not 1 <= data_scale <= drawn:
        raise ValueError(
            f"data_scale: found {data_scale}; allowed: 1 to {drawn}, the solutions drawn a problem"
        )
    order_PM = np.random.default_rng([seed, 17]).permuted(np.tile(np.arange(drawn), (problems, 1)), axis=1)
    return np.take_along_axis(row_PM, order_PM[:, :data_scale], axis=1).ravel()


def score_encoded(
    model: RewardModel,
    encoded: list[Encoded],
    progress: Callable[[float], None] | None = None,
    group: Group = ALONE,
) -> StepScores:
    """Scores of all steps; a step that was cut away counts as the last one before it that was judged."""
    found = score(model, encoded, progress=progress, group=group)
    judged = np.diff(found.offsets)
    cut = np.array([e.cut_steps for e in encoded])
    if ((judged == 0) & (cut > 0)).any():
        raise ValueError(
            "max_length: a solution has no step within it; allowed: a length that holds its first step"
        )
    offsets = np.concatenate([[0], np.cumsum(judged + cut)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], judged + cut)
    row = np.repeat(found.offsets[:-1], judged + cut) + np.minimum(
        within, np.repeat(judged - 1, judged + cut)
    )
    return StepScores(prob=Ragged(values=found.prob[row], offsets=offsets), last=found.last)


class Validation:
    """Best-of-N on validation problems, as the arm scores solutions."""

    def __init__(self, folder: Path, tokenizer: Any, config: dict[str, Any], group: Group = ALONE) -> None:
        samples = Samples.read(folder)
        self.encoded = encode_all(
            tokenizer, samples.prompts(), samples.steps(), max_length=config["max_length"]
        )
        self.correct_PM = samples.solutions.per_problem(samples.solutions.final_correct)
        self.finished_PM = samples.solutions.per_problem(samples.solutions.finished)
        self.scoring = SCORINGS[SCORING_OF[config["arm"]]]
        self.n = min(config["validation_n"], self.correct_PM.shape[1])
        self.group = group

    def __call__(self, model: RewardModel) -> float:
        score_PM = self.scoring(score_encoded(model, self.encoded, group=self.group))
        score_PM = score_PM.reshape(self.correct_PM.shape)
        return float(best_of_n(score_PM, self.correct_PM, self.finished_PM, [self.n]).mean())


class KeepBest(Callback):
    """Judges evenly spaced checkpoints and keeps the weights of the best; of equals the later.

    What it knows is part of a training's state, so that one that was killed goes on as if it had not been.
    """

    def __init__(
        self,
        judge: Callable[[RewardModel], float],
        *,
        updates: int,
        evaluations: int,
        judged: Callable[[float, float], None] = lambda share, value: None,
    ) -> None:
        self.judge, self.judged, self.updates = judge, judged, updates
        self.at = {round(updates * (i + 1) / evaluations) for i in range(evaluations)} - {0}
        self.curve: list[dict[str, float]] = []
        self.best_update, self.best_value = 0, -1.0
        self.best_state: dict[str, torch.Tensor] = {}

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *args: Any) -> None:
        if trainer.global_step not in self.at or (
            self.curve and self.curve[-1]["update"] == trainer.global_step
        ):
            return
        module.eval()
        value = self.judge(module)
        module.train()
        self.curve.append({"update": trainer.global_step, "value": value})
        module.log("validation_best_of_n", value)
        if value >= self.best_value:
            self.best_update, self.best_value = trainer.global_step, value
            self.best_state = whole_state(module)
        if trainer.is_global_zero:
            self.judged(trainer.global_step / self.updates, value)

    def state_dict(self) -> dict[str, Any]:
        """For the state of a training."""
        return {name: getattr(self, name) for name in ("curve", "best_update", "best_value", "best_state")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken."""
        for name, value in state.items():
            setattr(self, name, value)
