"""A labeler: a loaded checkpoint, with its family's way of reading solutions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ablations.data.ragged import Ragged
from ablations.data.step_scores import StepScores
from ablations.engine.ranks import check_gpus
from ablations.labelers.checkpoints import find_checkpoint
from ablations.labelers.choice import LabelerChoice
from ablations.labelers.families import FAMILIES, check_code, family_of
from ablations.labelers.family import Loading
from lightning_modules.encoding import Encoded
from lightning_modules.prefix_trees import Rows
from lightning_modules.reward_model import probability_of_correct
from lightning_modules.row_choice import choose_rows
from lightning_modules.scoring import score
from lightning_modules.tokenization import check_vocabulary


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Identity of a labeler: equal identities give equal labels, up to rounding on other machines."""

    family: str
    """One of FAMILIES."""
    checkpoint: str
    """Name of the checkpoint, as the user gave it."""
    revision: str
    """sha256 over the checkpoint's config, tokenizer and weights."""
    template: str
    """What the model reads, and where it judges."""
    separator: str | None
    """Text after each step, if the checkpoint does not fix it."""
    dtype: str
    max_length: int | None
    """Maximum number of tokens per solution; None: no limit."""

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as plain JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Labeler:
    """A loaded checkpoint that can label."""

    identity: Identity
    model: Any
    """Gives class logits, from negative to positive, at every token."""
    tokenizer: Any
    rows: Rows
    """Rows that the model computes right, as a test found."""

    def encode(self, problem: str, steps: Sequence[str], where: str) -> Encoded:
        """Encodes a solution as the model reads it, with one position per step, or one in all.

        Raises:
            ValueError: there are no steps, or their positions cannot be determined; it begins with ``where``.
        """
        if not steps:
            raise ValueError(f"{where}: found no steps; allowed: one or more")
        family = FAMILIES[self.identity.family]
        try:
            encoded = family.encode(self.tokenizer, problem, steps, self.identity.separator or "")
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        rows = getattr(self.model.config, "vocab_size", None)
        if rows is not None and len(encoded) and int(encoded.ids.max()) >= rows:
            token = self.tokenizer.convert_ids_to_tokens(int(encoded.ids.max()))
            raise ValueError(
                f"{where}: found the token {token!r}; allowed: one that the model has embeddings of"
            )
        ends = encoded.step_end
        judged, allowed = (1, "one") if family.of_solutions else (len(steps), "one per step")
        rising = len(ends) == judged and bool((np.diff(ends) > 0).all())
        if not rising or ends[0] < 0 or ends[-1] >= len(encoded.ids):
            raise ValueError(
                f"{where}: found judged positions {ends.tolist()} for {len(steps)} steps; allowed: "
                f"{allowed}, rising, among {len(encoded.ids)} tokens"
            )
        return encoded

    @property
    def of_solutions(self) -> bool:
        """Whether it judges whole solutions rather than steps."""
        return FAMILIES[self.identity.family].of_solutions

    def fits(self, tokens: int) -> bool:
        """Returns whether the model can read that many tokens at once."""
        return self.identity.max_length is None or tokens <= self.identity.max_length

    def label(
        self,
        solutions: Sequence[Encoded],
        *,
        max_tokens: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> StepScores:
        """Computes class probabilities of each step; `last` is P(right) of the last step of each solution.

        A family of whole solutions judges once per solution. Solutions of one problem are computed faster
        together. A forward pass takes `max_tokens` tokens with padding, or what suits the device.
        """
        assert all(self.fits(len(solution)) for solution in solutions)
        scored = score(
            self.model,
            solutions,
            max_tokens=max_tokens,
            rows=self.rows,
            progress=progress,
        )
        if not np.isfinite(scored.prob).all():
            raise ValueError(
                f"dtype: found probabilities that are not numbers with {self.identity.dtype} weights; "
                "allowed: a dtype that can represent what the model computes, such as float32"
            )
        prob = Ragged(values=scored.prob, offsets=scored.offsets)
        return StepScores(prob=prob, last=probability_of_correct(scored.prob)[scored.offsets[1:] - 1])


@lru_cache(maxsize=1)
def load_labeler(choice: LabelerChoice) -> Labeler:
    """Loads a checkpoint after all checks that are possible without loading it; caches the last one.

    Raises:
        ValueError: the checkpoint is invalid, its family is not recognized, or it needs code that is not
            trusted; its weights are incomplete or pickled; or an option does not suit it.
    """
    from transformers import AutoTokenizer

    checkpoint = find_checkpoint(choice.checkpoint)
    name = family_of(checkpoint, choice.family)
    family = FAMILIES[name]
    check_code(checkpoint, name, choice.trust_remote_code)
    if choice.separator is not None and family.separator is None:
        raise ValueError(f"separator: found {choice.separator!r} for {name}; allowed: none, it is fixed")
    check_gpus([choice.device])
    tokenizer = AutoTokenizer.from_pretrained(
        checkpoint.folder, local_files_only=True, trust_remote_code=choice.trust_remote_code
    )
    if not tokenizer.is_fast:
        raise ValueError(
            f"tokenizer: found a {type(tokenizer).__name__}, which does not report the positions of its "
            "tokens; allowed: one with a tokenizer.json"
        )
    check_vocabulary(tokenizer, checkpoint.rows, "labeler")
    loading = Loading(
        folder=checkpoint.folder,
        architecture=checkpoint.architecture,
        tokenizer=tokenizer,
        dtype=choice.dtype,
        trust_remote_code=choice.trust_remote_code,
    )
    model = family.load(loading).eval().to(choice.device)
    positions = getattr(model.config, "max_position_embeddings", None)
    if choice.max_length is not None and positions is not None and choice.max_length > positions:
        raise ValueError(
            f"max_length: found {choice.max_length}; allowed: at most {positions}, the positions that the "
            "model has"
        )
    identity = Identity(
        family=name,
        checkpoint=checkpoint.name,
        revision=checkpoint.revision(),
        template=family.template,
        separator=family.separator if choice.separator is None else choice.separator,
        dtype=str(model.dtype).removeprefix("torch."),
        max_length=positions if choice.max_length is None else choice.max_length,
    )
    return Labeler(identity=identity, model=model, tokenizer=tokenizer, rows=choose_rows(model))
