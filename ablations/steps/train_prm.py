"""Stages of the large PRM: an annotator's ratings, and the PRM that is trained on ratings.

The ratings that ``large_prm`` is trained on are separate artifacts, whoever gave them.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.annotations import Annotations
from ablations.data.artifacts import ANNOTATIONS, LABELER, MODEL, Samples, labelled_rows, write_json
from ablations.engine.files import unchanged
from ablations.engine.step import Context, Inputs, one, several
from ablations.formats.annotation_file import read_labelling
from ablations.steps.base_model import base_of, said_of
from ablations.steps.training_data import encode_checked, untaught
from ablations.world.annotator import CLASS_OF, Annotator, up_to_first_error
from ablations.world.worlds import world_of
from lightning_modules.backbones import load_classifier
from lightning_modules.packing import cost_of
from lightning_modules.positions import check_lengths
from lightning_modules.prefix_trees import check_layout
from lightning_modules.reward_data import IGNORE, RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.sharding import whole_state
from lightning_modules.tokenization import load_tokenizer
from lightning_modules.training import fit


def labeler(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Trains the large PRM, of three classes, on an annotator's ratings. Inputs: base, samples."""
    samples = Samples.read(one(inputs, "samples"))
    found = annotate(samples, np.arange(len(samples.solutions)), config)
    train_prm(samples, found, config, inputs, out, context)


def annotated(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the annotator's ratings of chosen rows, up to the first error. Inputs: samples, chosen."""
    samples = Samples.read(one(inputs, "samples"))
    rows = labelled_rows(one(inputs, "chosen"))
    annotate(samples, rows, config).write(out / ANNOTATIONS)


def rated(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Reads people's ratings of chosen rows from a labeling file in ``context.local``.

    Inputs: samples, chosen. Solutions that nobody could rate are left out.
    """
    samples = Samples.read(one(inputs, "samples"))
    rows = labelled_rows(one(inputs, "chosen"))
    file = unchanged(context.local["path"], config["sha256"])
    chosen = samples.take(rows)
    found = read_labelling(file, chosen.problems, chosen.solutions)
    judged = [i for i, ratings in enumerate(found) if any(rating is not None for rating in ratings)]
    ratings = [list(found[i]) for i in judged]
    Annotations(rows=rows[judged], ratings=ratings).write(out / ANNOTATIONS)


def large_prm(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Trains the large PRM again from the base, on the annotations of all generations so far.

    Inputs: base, samples, annotations.
    """
    samples = Samples.read(one(inputs, "samples"))
    parts = [Annotations.read(folder / ANNOTATIONS) for folder in several(inputs, "annotations")]
    train_prm(samples, Annotations.join(parts), config, inputs, out, context)


def annotate(samples: Samples, rows: np.ndarray, config: dict[str, Any]) -> Annotations:
    """Rates solutions with the annotator of an embedded world, which stops at the first error of each."""
    world = world_of(config["world"])
    annotator = Annotator(
        name=f"annotator-{config['seed']}", easy_error=config["easy_error"], hard_error=config["hard_error"]
    )
    chosen = samples.take(rows)
    ratings = [
        list(up_to_first_error(annotator.rate(world, chosen.problems[p].text, steps)))
        for p, steps in zip(chosen.solutions.problem_index, chosen.steps(), strict=True)
    ]
    return Annotations(rows=rows, ratings=ratings)


def train_prm(
    samples: Samples,
    annotations: Annotations,
    config: dict[str, Any],
    inputs: Inputs,
    out: Path,
    context: Context,
) -> None:
    """Trains a three-class PRM on ratings, from the base in ``inputs``, and writes it with its facts."""
    base = base_of(inputs)
    tokenizer = load_tokenizer(base.folder)
    chosen = samples.take(annotations.rows)
    encoded = encode_checked(tokenizer, chosen)
    targets = [
        [IGNORE if rating is None else CLASS_OF[rating] for rating in ratings]
        for ratings in annotations.ratings
    ]
    model = RewardModel(
        load_classifier(base.folder, num_labels=3, seed=config["seed"]), learning_rate=config["learning_rate"]
    )
    check_lengths(model.backbone, encoded)
    data = RewardData(
        RewardDataset.from_encoded(
            encoded,
            step_targets=targets,
            num_classes=3,
            cost=cost_of(model.backbone),
            share_prefixes=check_layout(model.backbone),
        ),
        batch_size=config["batch_size"],
        seed=config["seed"],
    )
    empty = untaught(chosen, encoded, data.train_set)
    updates = max(config["epochs"] * data.updates, config.get("min_updates", 0))
    model.total_updates = updates
    fit(
        model,
        data,
        updates=updates,
        precision=config["precision"],
        accelerator=config.get("device", "cpu"),
        group=context.group,
        logger=context.logs.logger(),
        checkpoint_folder=context.scratch,
        progress=context.progress,
    )
    state = whole_state(model)
    if not context.group.first:
        return
    model.export(out / MODEL, tokenizer, state)
    facts = {"solutions": len(annotations), "rated_steps": annotations.rated_steps, "updates": updates}
    write_json(out / LABELER, facts | said_of(base, tokenizer) | ({"untaught": empty} if empty else {}))
