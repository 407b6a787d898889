"""Stages of the small reward models: their training, their labels, and the choice of a learning rate."""

from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.artifacts import (
    CHOICE,
    MODEL,
    ROWS,
    SCORES,
    TRAINING,
    Samples,
    labelled_rows,
    read_ratings,
    write_json,
)
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, one, several
from ablations.steps.base_model import base_of, said_of
from ablations.steps.checkpoint_choice import KeepBest, Validation
from ablations.steps.evaluation_rows import defined
from ablations.steps.training_data import encode_checked, untaught
from ablations.steps.training_facts import Facts, choice_of, facts_of
from ablations.supervision import (
    TARGETS,
    AnswerArm,
    OracleArm,
    Supervision,
    label_noise,
)
from lightning_modules.adapters import add_adapters
from lightning_modules.backbones import load_classifier, recompute_activations
from lightning_modules.divergence import Diverged
from lightning_modules.optimization import falling_updates
from lightning_modules.packing import cost_of
from lightning_modules.positions import check_lengths
from lightning_modules.prefix_trees import check_layout
from lightning_modules.reward_data import RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.tokenization import load_tokenizer
from lightning_modules.training import fit


def train(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Trains a reward model, and keeps its best checkpoint.

    Inputs: base, samples, labels, validation, and optionally acquired, choice, start (the model whose weights
    training continues from). A training run that only evaluates a learning rate keeps no model, and may
    diverge.
    """
    base = base_of(inputs)
    tokenizer = load_tokenizer(base.folder, chat_template=config.get("chat_template", "auto") == "auto")
    samples = Samples.read(one(inputs, "samples"))
    rows = rows_to_learn(config, inputs, samples)
    learned = samples.take(rows)
    supervision = targets_of(config, inputs, samples, rows)
    encoded = encode_checked(tokenizer, learned, config["max_length"])
    model = untrained(config, inputs, base.folder, supervision.num_classes)
    check_lengths(model.backbone, encoded)
    steps = supervision.step_target
    data = RewardData(
        RewardDataset.from_encoded(
            encoded,
            step_targets=None if steps is None else [steps.row(i) for i in range(len(steps))],
            solution_targets=supervision.solution_target,
            num_classes=supervision.num_classes,
            outcome_loss=config.get("outcome_loss", "every_token"),
            cost=cost_of(model.backbone),
            share_prefixes=check_layout(model.backbone),
        ),
        batch_size=config["batch_size"],
        seed=config["seed"],
    )
    empty = untaught(learned, encoded, data.train_set)
    validation = Validation(one(inputs, "validation"), tokenizer, config, context.group)
    keep = KeepBest(
        validation,
        updates=config["updates"],
        evaluations=config["evaluations"],
        patience=config["patience"],
        falling=falling_updates(config["updates"], config["decay"]),
        report_validation=context.report_validation,
    )
    try:
        fit(
            model,
            data,
            updates=config["updates"],
            precision=config["precision"],
            accelerator=config["device"],
            accumulate=config.get("accumulate", 1),
            group=context.group,
            logger=context.logs.logger(),
            callbacks=[keep],
            checkpoint_folder=context.scratch,
            progress=context.progress,
        )
    except Diverged as error:
        if not config.get("tuning"):
            raise
        if context.group.first:
            write_json(out / TRAINING, {"learning_rate": model.learning_rate, "diverged": str(error)})
        return
    if not context.group.first:
        return
    if not config.get("tuning"):
        model.export(out / MODEL, tokenizer, keep.best_state)
    facts = {
        "solutions_hash": learned.solutions.content_hash(),
        "distinct_solutions": learned.solutions.distinct(),
        "solutions": len(learned.solutions),
        "cut_steps": sum(e.cut_steps for e in encoded),
        "targets": data.train_set.target_count(np.arange(len(data.train_set))),
        "threshold": config["threshold"],
        "learning_rate": model.learning_rate,
        "curve": keep.curve,
        "best_update": keep.best_update,
        "best_value": keep.best_value,
        "updates": keep.curve[-1]["update"],
        "planned": sorted(keep.at),
        "plateau": keep.end is not None and keep.end < config["updates"],
        "validation_n": validation.n,
    }
    facts |= said_of(base, tokenizer) | ({"untaught": empty} if empty else {})
    write_json(out / TRAINING, facts)


def rows_to_learn(config: dict[str, Any], inputs: Inputs, samples: Samples) -> np.ndarray:
    """Returns the rows of labeled solutions: all that are labeled after ``acquired``, or a uniform draw."""
    rows = (
        labelled_rows(one(inputs, "acquired"))
        if "acquired" in inputs
        else draw_rows(samples, config["data_scale"], config["seed"])
    )
    if "bootstrap" in config:
        rng = np.random.default_rng([config["seed"], 29, config["bootstrap"]])
        rows = np.sort(rng.choice(rows, size=len(rows)))
    return rows


def targets_of(config: dict[str, Any], inputs: Inputs, samples: Samples, rows: np.ndarray) -> Supervision:
    """Returns the arm's targets for the solutions at some rows."""
    arm = TARGETS[config["arm"]]
    if isinstance(arm, OracleArm):
        return arm.targets(read_ratings(one(inputs, "ratings")).take(rows))
    if isinstance(arm, AnswerArm):
        return arm.targets(samples.take(rows).solutions)
    labels = StepScores.read(one(inputs, "labels") / SCORES)
    return arm.targets(labels.take(rows), config["threshold"], config.get("soft_targets", False))


def noise(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes rows on how far the labels of a training run differ from the oracle's.

    Inputs: samples, ratings, labels (optional), acquired (optional).
    """
    samples = Samples.read(one(inputs, "samples"))
    rows = rows_to_learn(config, inputs, samples)
    supervision = targets_of(config, inputs, samples, rows)
    found = label_noise(supervision, read_ratings(one(inputs, "ratings")).take(rows))
    write_json(
        out / ROWS,
        [
            *defined("label_noise", found.differing),
            *defined("label_false_positives", found.false_positives),
            *defined("label_false_negatives", found.false_negatives),
        ],
    )


def untrained(config: dict[str, Any], inputs: Inputs, base: Path, num_classes: int) -> RewardModel:
    """Returns the initial model: that of ``start``, or the base with a new head (and adapters)."""
    learning_rate = config["learning_rate"]
    if "choice" in inputs:
        learning_rate = choice_of(one(inputs, "choice"))["learning_rate"]
    schedule: dict[str, Any] = {"learning_rate": learning_rate, "total_updates": config["updates"]}
    schedule |= {
        name: config[name] for name in ("warmup", "decay", "weight_decay", "dropout") if name in config
    }
    schedule["seed"] = config["seed"]
    if "start" in inputs:
        model = RewardModel.from_folder(one(inputs, "start") / MODEL, base=base, **schedule)
    else:
        given = {name: config[name] for name in ("dtype", "attention") if name in config}
        backbone = load_classifier(base, num_labels=num_classes, seed=config["seed"], **given)
        if "lora" in config:
            backbone = add_adapters(backbone, **config["lora"], seed=config["seed"])
        model = RewardModel(backbone, **schedule, pooled=config.get("outcome_loss") == "mean_logit" or None)
    if config.get("gradient_checkpointing"):
        recompute_activations(model.backbone)
    return model


def choose(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Chooses the learning rate that does best on validation problems; the first of equals.

    Inputs: candidates. A rate's value is the mean over its training runs; it is excluded if one of them
    diverged. The choice is bracketed if a lower and a higher rate were also tried.

    Raises:
        Diverged: training diverged at every rate.
    """
    of_rate: dict[float, list[Facts]] = {}
    for fact in map(facts_of, several(inputs, "candidates")):
        of_rate.setdefault(fact["learning_rate"], []).append(fact)
    grid: list[Facts] = []
    for rate, facts in of_rate.items():
        why = [fact["diverged"] for fact in facts if "diverged" in fact]
        value = None if why else float(np.mean([fact["best_value"] for fact in facts]))
        tried = {"learning_rate": rate, "validation": value, "trainings": len(facts)}
        grid.append(tried | ({"diverged": why[0]} if why else {}))
    known = [tried for tried in grid if tried["validation"] is not None]
    if not known:
        lowest = min(grid, key=lambda tried: float(tried["learning_rate"]))
        raise Diverged(f"all {len(grid)} learning rates diverge; of the lowest: {lowest['diverged']}")
    rate = max(known, key=lambda tried: float(tried["validation"]))["learning_rate"]
    bracketed = min(of_rate) < rate < max(of_rate)
    write_json(out / CHOICE, {"learning_rate": rate, "bracketed": bracketed, "grid": grid})


def draw_rows(samples: Samples, data_scale: int, seed: int) -> np.ndarray:
    """Draws ``data_scale`` solutions per problem: the first in an order that the seed draws for each problem.

    The rows of a smaller data scale are among those of a larger one.

    Raises:
        ValueError: a problem has fewer solutions than that.
    """
    counts = samples.solutions.counts
    if not 1 <= data_scale <= counts.min():
        raise ValueError(
            f"data_scale: found {data_scale}; allowed: 1 to {counts.min()}, the smallest number of solutions "
            "of a problem"
        )
    places = np.tile(np.arange(counts.max()), (len(counts), 1))
    order_PM = np.random.default_rng([seed, 17]).permuted(places, axis=1)
    # Places that a problem lacks, because another has more solutions, are passed over.
    lacking_PM = order_PM >= counts[:, None]
    first_PM = np.argsort(lacking_PM, axis=1, kind="stable")[:, :data_scale]
    start_P = np.cumsum(counts) - counts
    rows: np.ndarray = (start_P[:, None] + np.take_along_axis(order_PM, first_PM, axis=1)).ravel()
    return rows
