"""The step that trains PRM_large on files of rated steps (the paper's section 2.6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.json_files import Json, read_json, write_json
from ablations.data.left_out import LeftOut
from ablations.data.models import MODEL, TrainedModel
from ablations.data.states import States
from ablations.engine.revision import made_by
from ablations.engine.step import Context, Step
from ablations.formats.held_out import HeldOut
from ablations.formats.rated_solutions import Rated
from ablations.steps.base_model import FACTS
from ablations.steps.course import most_tokens
from ablations.steps.finetuning import Finetuning
from ablations.steps.measure_shortcuts import shortcuts_of_ratings
from ablations.steps.rated_labels import RatedLabels


@dataclass(frozen=True, kw_only=True)
class EvaluatedPrm(TrainedModel):
    """A PRM with the facts of its training and of its evaluation on held-out problems."""

    facts: dict[str, Json]

    def write(self, folder: Path) -> None:
        """Writes the model and ``FACTS``."""
        super().write(folder)
        write_json(folder / FACTS, self.facts)

    @classmethod
    def read(cls, folder: Path) -> EvaluatedPrm:
        return cls(path=folder / MODEL, facts=read_json(folder / FACTS))


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainPrmOnLabels(RatedLabels, Finetuning, Step[EvaluatedPrm], name="prm_on_labels", spreads=True):
    """Trains a PRM of three classes on files of labels, and evaluates it on held-out problems."""

    states: Step[States] | None = None
    """States of the solutions by the base as a frozen trunk, on which a linear head is trained; None: the
    whole model is trained."""

    def run(self, context: Context) -> EvaluatedPrm:
        from transformers import PreTrainedModel

        from ablations.evaluation.shortcuts import warn
        from ablations.steps.encoded_ratings import encode_rated
        from ablations.steps.prm_quality import evaluate_prm
        from lightning_modules.backbones import load_classifier, load_config
        from lightning_modules.packing import cost_of
        from lightning_modules.positions import check_ids
        from lightning_modules.reward_data import RewardData
        from lightning_modules.reward_model import RewardModel
        from lightning_modules.row_choice import choose_rows
        from lightning_modules.sharding import gather_weights
        from lightning_modules.state_head import StateHead, StateHeadConfig, join_trunk, new_head
        from lightning_modules.tokenization import load_tokenizer
        from lightning_modules.training import fit

        course, base = self.course, context.read(self.base).folder
        tokenizer, left_out = load_tokenizer(base), LeftOut()
        held_out = self.withheld.read()
        learned, held = split_held_out(self.read(left_out), held_out)
        assert not any(solution.problem in held_out for solution in learned)  # guards against later changes
        max_length = most_tokens(course.max_length, load_config(base))
        branches = encode_rated(tokenizer, learned, max_length, left_out)
        if not branches.encoded:
            raise ValueError(
                f"labels: found none to learn from, {left_out}, {len(held)} solutions held out; allowed: one "
                "or more"
            )
        found = shortcuts_of_ratings(learned)
        if context.group.first:
            warn(found, "the ratings")
        if self.states is None:
            backbone: PreTrainedModel = load_classifier(base, num_labels=3, seed=course.seed)
        else:
            states = context.read(self.states)
            branches = replace(branches, encoded=states.encoded_by_name(branches.names(learned)))
            (layer,) = states.layers
            head = new_head(StateHeadConfig(width=states.width, layer=layer, num_labels=3), seed=course.seed)
            head.table = states.table(layer)
            head.standardize(head.table[np.concatenate([branch.ids for branch in branches.encoded])])
            backbone = head
        model = RewardModel(backbone, learning_rate=course.learning_rate)
        check_ids(model.backbone, (encoded.ids for encoded in branches.encoded))
        rows = choose_rows(model.backbone)
        data = RewardData(
            branches.dataset(cost=cost_of(model.backbone, course.device), rows=rows),
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
            checkpoint_every=self.checkpoint_every,
            progress=context.progress,
        )
        state = gather_weights(model)
        if not context.group.first:
            return EvaluatedPrm(facts={})
        folder = context.scratch / MODEL
        if isinstance(backbone, StateHead):
            backbone.load_state_dict({name.removeprefix("backbone."): value for name, value in state.items()})
            RewardModel(join_trunk(backbone, base)).export(folder, tokenizer)
        else:
            model.export(folder, tokenizer, state)
        tests = encode_rated(tokenizer, held, max_length, left_out)
        facts: dict[str, Json] = {"judged": None, "judged_distinct": None, "left_out": left_out.facts}
        if tests.encoded:
            exported = RewardModel.from_folder(folder).to(course.device)  # as users will load it
            facts["judged"] = evaluate_prm(exported, tests, problem_numbers(held))
            once = distinct(held)
            if len(once) < len(held):  # one repeated hundreds of times outweighs all others
                distinct_tests = encode_rated(tokenizer, once, max_length, LeftOut())
                facts["judged_distinct"] = evaluate_prm(exported, distinct_tests, problem_numbers(once))
        facts["counts"] = {
            "labels": sum(solution.labels for solution in (*learned, *held)),
            "labels_learned": branches.labels,
            "labels_judged": tests.labels,
            "labels_cut": branches.cut_labels + tests.cut_labels,
            "solutions_learned": len(learned),
            "solutions_held_out": len(held),
            "branches_learned": len(branches.encoded),
            "problems_learned": len({solution.key for solution in learned}),
            "problems_held_out": len({solution.key for solution in held}),
        }
        facts["shortcuts"] = {name: one.labels.estimate for name, one in found.items()}
        facts["training"] = {
            "updates": updates,
            "updates_of_a_pass": data.updates,
            "warmup": model.warmup,
            "decay": model.decay,
            "weight_decay": model.weight_decay,
            "rows": rows,
        }
        return EvaluatedPrm(path=folder, facts=facts | made_by())


def split_held_out(rated: Iterable[Rated], held_out: HeldOut) -> tuple[list[Rated], list[Rated]]:
    """Splits solutions into those to learn from and those of held-out problems."""
    learned: list[Rated] = []
    held: list[Rated] = []
    for solution in rated:
        (held if solution.problem in held_out else learned).append(solution)
    return learned, held


def distinct(rated: Iterable[Rated]) -> list[Rated]:
    """Returns the first of each group of solutions with equal problem, steps and ratings."""
    first: dict[Any, Rated] = {}
    for solution in rated:
        first.setdefault((solution.key, solution.branches), solution)
    return list(first.values())


def problem_numbers(rated: Iterable[Rated]) -> np.ndarray:
    """Numbers the problems; returns that of each solution: int64."""
    numbers: np.ndarray = np.unique([solution.key for solution in rated], return_inverse=True)[1]
    return numbers
