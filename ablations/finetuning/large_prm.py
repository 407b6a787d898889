"""PRM_large (the paper's section 2.6): three classes, trained on step ratings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ablations.engine.step import Context, Inputs
from ablations.finetuning.course import Course
from ablations.finetuning.encoded import encode_rated
from ablations.finetuning.labels import Rated, read_rated
from ablations.finetuning.prm_quality import evaluate_prm
from ablations.finetuning.provenance import LeftOut, write_facts
from ablations.finetuning.split import HeldOut
from ablations.formats.overlap import every_problem
from lightning_modules.backbones import load_classifier
from lightning_modules.packing import cost_of
from lightning_modules.positions import check_ids
from lightning_modules.prefix_trees import check_layout
from lightning_modules.reward_data import RewardData
from lightning_modules.reward_model import RewardModel
from lightning_modules.sharding import whole_state
from lightning_modules.tokenization import load_tokenizer
from lightning_modules.training import fit


def large_prm(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Trains a PRM from the base and labels in ``context.local``, and evaluates it on held-out problems."""
    course = Course(**config["course"])
    base = Path(context.local["base"])
    tokenizer = load_tokenizer(base)
    model = RewardModel(
        load_classifier(base, num_labels=3, seed=course.seed), learning_rate=course.learning_rate
    )
    longest = course.length(getattr(model.backbone.config, "max_position_embeddings", None))
    left_out = LeftOut()
    held_out = HeldOut.of(context.local["held_out"], share=config["held_out_share"], seed=course.seed)
    learnt, held = divided(read_all(config, context, left_out), held_out)
    assert not any(one.problem in held_out for one in learnt)  # guards against later changes
    branches = encode_rated(tokenizer, learnt, longest, left_out)
    check_ids(model.backbone, (encoded.ids for encoded in branches.encoded))
    if not branches.encoded:
        raise ValueError(
            f"labels: found none to learn from, {left_out}, {len(held)} solutions held out; allowed: one or "
            "more"
        )
    share_prefixes = check_layout(model.backbone)
    data = RewardData(
        branches.dataset(cost=cost_of(model.backbone), share_prefixes=share_prefixes),
        batch_size=course.batch,
        seed=course.seed,
    )
    updates = model.total_updates = course.total(data.updates)
    fit(
        model,
        data,
        updates=updates,
        precision=course.precision,
        accelerator=course.device,
        group=context.group,
        logger=context.logs.logger(),
        checkpoint_folder=context.scratch,
        checkpoint_every=context.local["checkpoint_every"],
        progress=context.progress,
    )
    state = whole_state(model)
    if not context.group.first:
        return
    model.export(out, tokenizer, state)
    tests = encode_rated(tokenizer, held, longest, left_out)
    judgements: dict[str, Any] = {"judged": None, "judged_distinct": None}
    if tests.encoded:
        written = RewardModel.from_folder(out).to(course.device)  # as users will load it
        judgements["judged"] = evaluate_prm(written, tests, problems_of(held))
        once = distinct(held)
        if len(once) < len(held):  # one repeated hundreds of times outweighs all others
            again = encode_rated(tokenizer, once, longest, LeftOut())
            judgements["judged_distinct"] = evaluate_prm(written, again, problems_of(once))
    counts = {
        "labels": sum(one.labels for one in (*learnt, *held)),
        "labels_learnt": branches.labels,
        "labels_judged": tests.labels,
        "labels_cut": branches.cut_labels + tests.cut_labels,
        "solutions_learnt": len(learnt),
        "solutions_held_out": len(held),
        "branches_learnt": len(branches.encoded),
        "problems_learnt": len({one.key for one in learnt}),
        "problems_held_out": len({one.key for one in held}),
    }
    training = {
        "updates": updates,
        "updates_of_a_pass": data.updates,
        "warmup": model.warmup,
        "decay": model.decay,
        "weight_decay": model.weight_decay,
        "shared_prefixes": share_prefixes,
    }
    write_facts(out, config, left_out, counts, training=training, **judgements)


def read_all(config: dict[str, Any], context: Context, left_out: LeftOut) -> Iterator[Rated]:
    """Yields the rated solutions of all files."""
    options = dict(config["options"])
    if context.local["problems"]:
        options["problems"] = [text for path in context.local["problems"] for text in every_problem(path)]
    for path in context.local["labels"]:
        yield from read_rated(path, left_out, options=options, threshold=config["threshold"])


def divided(rated: Iterable[Rated], held_out: HeldOut) -> tuple[list[Rated], list[Rated]]:
    """Splits solutions into those to learn from and those of held-out problems."""
    learnt: list[Rated] = []
    held: list[Rated] = []
    for one in rated:
        (held if one.problem in held_out else learnt).append(one)
    return learnt, held


def distinct(rated: Iterable[Rated]) -> list[Rated]:
    """Returns the first of each group of solutions with equal problem, steps and ratings."""
    first: dict[Any, Rated] = {}
    for one in rated:
        first.setdefault((one.key, one.branches), one)
    return list(first.values())


def problems_of(rated: Iterable[Rated]) -> np.ndarray:
    """Returns a number for the problem of each solution: int64."""
    numbers: np.ndarray = np.unique([one.key for one in rated], return_inverse=True)[1]
    return numbers
