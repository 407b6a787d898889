"""Checkpoints that settings name as bases, checked when a run is planned."""

from collections.abc import Sequence

from ablations.experiments.settings import StudentSettings
from ablations.labelers.checkpoints import find_checkpoint
from ablations.steps.base_model import UseCheckpoint
from lightning_modules.tokenization import check_opening, check_vocabulary, load_tokenizer


def use_checkpoint(
    name: str,
    field: str,
    max_length: int | None = None,
    *,
    chat_template: bool = True,
    layers: Sequence[int] = (),
) -> UseCheckpoint:
    """Returns the step for a causal language model that trainings start from.

    The step's key depends on the hash of the model's files, not on their location.

    Args:
        name: a folder, or OWNER/NAME[@REVISION] on the hub.
        field: the setting that names it.
        max_length: maximum tokens of the solutions that it will read; None: unknown.
        chat_template: whether problems are read through its tokenizer's chat template, if it has one.
        layers: layers whose states students read.

    Raises:
        ValueError: no checkpoint has that name, no student can be made from it, it has too few positions, its
            tokenizer has more tokens than the model, its chat template accepts no user turn, or it has fewer
            layers.
    """
    from lightning_modules.backbones import check_architecture  # imports torch, which plans avoid

    found = find_checkpoint(name, field)
    check_architecture(name, found.config.get("model_type"), found.config.get("architectures"))
    positions = found.config.get("max_position_embeddings") or found.config.get("n_positions")
    if positions and max_length is not None and max_length > positions:
        raise ValueError(
            f"source.max_length: found {max_length}; allowed: up to {positions}, the positions of {name}"
        )
    depth = found.config.get("num_hidden_layers") or found.config.get("n_layer")
    if depth and layers and max(layers) > depth:
        raise ValueError(
            f"students.frozen.layers: found {list(layers)}; allowed: 1 to {depth}, the layers of {name}"
        )
    tokenizer = load_tokenizer(found.folder, chat_template=chat_template)
    check_vocabulary(tokenizer, found.rows, field)
    check_opening(tokenizer, ", or students.chat_template: never")
    return UseCheckpoint.of(name, found)


def student_checkpoint(students: StudentSettings, max_length: int | None = None) -> UseCheckpoint | None:
    """Returns the step for the checkpoint that students start from, if they do; see `use_checkpoint`."""
    if students.checkpoint is None:
        return None
    return use_checkpoint(
        students.checkpoint,
        "students.checkpoint",
        max_length,
        chat_template=students.chat_template == "auto",
        layers=() if students.frozen is None else students.frozen.layers,
    )
