"""Checkpoints that settings name as the base of trainings: looked into when a run is planned."""

from pathlib import Path

from ablations.engine.step import Task
from ablations.labelers.checkpoints import find_checkpoint
from ablations.steps.base_model import revision_of
from lightning_modules.tokenization import check_vocabulary, load_tokenizer, opening

PROBLEM = "1 + 1 = ?\n"
"""Any problem, to see whether a chat template takes it."""


def checkpoint_task(
    name: str, field: str, max_length: int | None = None, *, chat_template: bool = True
) -> Task:
    """A causal language model as the base of trainings; its files' hash is in the key, their place is not.

    Args:
        name: a folder, or OWNER/NAME[@REVISION] on the hub.
        field: the setting that names it.
        max_length: most tokens of the solutions that it is to read; None: not known.
        chat_template: whether problems are read through the chat template of its tokenizer, if it has one.

    Raises:
        ValueError: there is none of that name, no student can be made of it, it has too few positions, its
            tokenizer has more tokens than the model, or a chat template that takes no user's turn.
    """
    from lightning_modules.backbones import check_architecture  # with torch, which plans go without

    found = find_checkpoint(name, field)
    check_architecture(name, found.config.get("model_type"), found.config.get("architectures"))
    positions = found.config.get("max_position_embeddings") or found.config.get("n_positions")
    if positions and max_length is not None and max_length > positions:
        raise ValueError(
            f"pool.max_length: found {max_length}; allowed: up to {positions}, the positions of {name}"
        )
    tokenizer = load_tokenizer(found.folder, chat_template=chat_template)
    check_vocabulary(tokenizer, found.rows, field)
    opening(tokenizer, PROBLEM, ", or students.chat_template: never")
    local = Path(name).is_dir()
    return Task(
        stage="checkpoint",
        config={"revision": revision_of(found)},
        local={"checkpoint": str(Path(name).absolute()) if local else name},
        label=f"checkpoint {Path(name).name if local else name}",
    )
