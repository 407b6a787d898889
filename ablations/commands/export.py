"""``ablations export SOURCE OUT``: a trained reward model for transformers, or a pool, with its card."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ablations.commands.exported_pool import export_pool
from ablations.commands.hub import check_push
from ablations.commands.hub import push as upload
from ablations.commands.trained import Selection, Trained, find_model
from ablations.data.models import TrainedStudent, TrainingFacts
from ablations.engine.files import check_new, new_folder
from lightning_modules.presets import Lora

if TYPE_CHECKING:
    from results.model_card import Card

CARD = "README.md"
PLAIN_SAMPLE = ("What is 3 + 4 * 2?", ("4 * 2 = 8", "3 + 8 = 11", "The answer is 11."))
"""Sample for models trained on texts that people wrote, so that none of those texts is shown."""


def export(
    source: str,
    out: Path,
    *,
    selection: Selection = Selection(),
    store: Path | None = None,
    name: str | None = None,
    license: str | None = None,
    push: str | None = None,
    public: bool = False,
) -> None:
    """Writes a trained reward model, or a pool of solutions, as a folder with a card for the hub.

    Args:
        source: a run's out folder; the folder or address (train/KEY, cell/KEY) of an artifact in the store;
            or a pool.
        out: the new folder.
        selection: which of a run's models.
        store: folder of artifacts (default: the run's, or runs/store).
        name: name in the card (default: the folder's).
        license: license, as the hub names it.
        push: OWNER/NAME of a repository on the hub to which the folder is uploaded.
        public: with --push: make a new repository public (default: private).

    Raises:
        ValueError: an argument is invalid, there is no such model or pool, or the hub refuses the upload.
    """
    check_new(out, "out")
    if push is not None:
        check_push(push)
    elif public:
        raise ValueError("public: found it without a repository; allowed: with --push OWNER/NAME")
    is_pool = Path(source).is_file()
    if is_pool:
        export_pool(Path(source), out, name or out.resolve().name, license)
    else:
        _export_model(source, out, selection, store, name, license)
    if push is not None:
        print(upload(out, push, "dataset" if is_pool else "model", public=public))


def _export_model(
    source: str, out: Path, selection: Selection, store: Path | None, name: str | None, license: str | None
) -> None:
    trained = find_model(source, selection, store)
    if trained.config.get("beta") is not None:
        raise ValueError(
            f"arm: found {trained.config['arm']}; allowed: the others, because transformers has no model for "
            "implicit rewards"
        )
    from ablations.labelers.checkpoints import find_checkpoint
    from results.model_card import model_card

    with new_folder(out, "out") as folder:
        _write_model(trained, folder)
        config = find_checkpoint(str(folder), "source").config
        card = _card(trained, name or out.resolve().name, license, config)
        (folder / CARD).write_text(model_card(card), encoding="utf-8")
    print(f"{out}: {trained.config['arm']}, {trained.address}; how to score with it: {out / CARD}")


def _write_model(trained: Trained, folder: Path) -> None:
    """Writes weights, config and tokenizer; adapters, or a head on a frozen trunk, become a whole model."""
    from ablations.steps.base_model import CausalModel
    from lightning_modules.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS, load_adapters
    from lightning_modules.reward_model import load_backbone
    from lightning_modules.state_head import StateHead, join_trunk
    from lightning_modules.tokenization import load_tokenizer

    model = trained.folder / "model"
    adapted = (model / ADAPTER_CONFIG).is_file()
    if trained.inputs.get("states") is not None:
        base = CausalModel.read(trained.store.root / trained.inputs["base"]).folder
        head = cast(StateHead, load_backbone(model))
        join_trunk(head, base).save_pretrained(folder)
        read = trained.config["chat_template"] == "auto"
        load_tokenizer(base, chat_template=read).save_pretrained(folder)
        return
    if adapted:
        base = CausalModel.read(trained.store.root / trained.inputs["base"]).folder
        load_adapters(model, base).merge_and_unload().save_pretrained(folder)
    for path in sorted(model.iterdir()):
        if not (adapted and path.name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS, "config.json")):
            shutil.copyfile(path, folder / path.name)


def _card(trained: Trained, name: str, license: str | None, config: dict[str, Any]) -> Card:
    """Collects what is known about a model, whose config is as transformers writes it."""
    from ablations.commands.cell_intervals import auroc_intervals
    from ablations.engine.revision import revision
    from results.model_card import Card
    from results.vocabulary import ARMS

    arm = ARMS[trained.config["arm"]]
    assert arm.learned_from is not None, "a trained model is a student's"
    facts = TrainedStudent.read(trained.folder).known
    world = trained.manifest_of("base").get("config", {}).get("world")
    problem, steps = PLAIN_SAMPLE if world is None else _sample_of(world)
    classes = config["id2label"]
    return Card(
        name=name,
        arm=arm.words,
        supervision=arm.learned_from,
        of_steps=arm.scoring == "product",
        classes=tuple(classes[key] for key in sorted(classes, key=int)),
        data=_data(trained, facts, world),
        training=_training(trained, facts, config),
        records=trained.records,
        cell=trained.cell,
        folds=trained.folds,
        aurocs=auroc_intervals(trained.store, trained.cell_inputs, trained.config["arm"]),
        problem=problem,
        steps=steps,
        chat_template=facts.checkpoint is not None and facts.checkpoint.chat_template,
        license=license,
        address=trained.address,
        revision=revision(),
        pooled=trained.config.get("outcome_loss") == "mean_logit",
    )


def _sample_of(world: str) -> tuple[str, tuple[str, ...]]:
    """Returns a problem of an embedded world and a right solution to it."""
    import numpy as np

    from ablations.world.world import draw_problems
    from ablations.world.worlds import world_of

    (problem,) = draw_problems(world_of(world), "test", 1, seed=0)
    return problem, world_of(world).write_solution(problem, np.random.default_rng(0), expert=True)


def _data(trained: Trained, facts: TrainingFacts, world: str | None) -> tuple[tuple[str, str], ...]:
    from ablations.evaluation.scoring_rules import SCORING_OF
    from results.model_card import facts_of
    from results.vocabulary import acquisition_words

    own = None
    chosen = f"{trained.config['data_scale']:,} per problem"
    if trained.records is not None:
        own = trained.records[trained.records["cell"] == trained.cell].iloc[0]
        chosen += f", {acquisition_words(own['acquisition'])}"
    labeled = "steps" if SCORING_OF[trained.config["arm"]] == "product" else "tokens"
    threshold = facts.threshold
    return facts_of(
        (
            ("data set", None if own is None else own["dataset"]),
            ("embedded world", world),
            ("experiment", None if own is None else f"{own['experiment']}, scale {own['scale']}"),
            ("labeled solutions", f"{facts.solutions:,} ({chosen})"),
            ("distinct among them", f"{facts.distinct_solutions:,}"),
            (f"{labeled} with a target", f"{facts.targets:,}"),
            ("solutions, sha256", f"`{facts.solutions_hash}`"),
            (
                "a step is incorrect if the labeler's P(negative) exceeds",
                None if threshold is None else f"{threshold:.3g}",
            ),
        )
    )


def _training(trained: Trained, facts: TrainingFacts, config: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    from results.model_card import facts_of

    settings = trained.config
    lora = settings.get("lora")
    return facts_of(
        (
            ("architecture", config["architectures"][0]),
            ("starts from the checkpoint", None if facts.checkpoint is None else facts.checkpoint.name),
            ("adapters", None if lora is None else f"of rank {Lora(**lora).rank}, added to the weights"),
            ("seed", settings["seed"]),
            ("updates", f"{settings['updates']:,} of {settings['batch_size']} solutions each"),
            ("kept", f"the weights after {facts.best_update:,} updates, the best on validation problems"),
            (
                f"best-of-{settings['validation_n']} on validation problems",
                f"{facts.best_value:.3f} (too high, because they chose the weights)",
            ),
            ("learning rate", f"{facts.learning_rate:g}"),
            ("precision", settings["precision"]),
        )
    )
