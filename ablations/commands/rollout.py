"""``ablations rollout POOL --generator CHECKPOINT --out POOL``: Monte Carlo labels, as a labeler's scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from ablations.commands.arguments import unescape
from ablations.engine.files import check_new, check_output, lock_of
from ablations.engine.locks import locked
from ablations.engine.progress import LogFormat
from ablations.engine.store import STORE, Store
from ablations.engine.user_file import UserFile
from ablations.generators.setup import ChatTemplate, EngineName, GeneratorChoice, Sampling
from ablations.labelers.choice import Device, WeightType, check_name


def rollout(
    solutions: Path,
    *,
    generator: str,
    out: Path,
    rollouts: Annotated[int, "-n"] = 8,
    name: str = "monte_carlo",
    temperature: float = 1.0,
    min_p: float = 0.0,
    seed: int = 0,
    max_new_tokens: int = 1024,
    stop: tuple[str, ...] = (),
    stop_after_answer: bool = False,
    chat_template: ChatTemplate = "auto",
    instruction: str | None = None,
    engine: EngineName = "transformers",
    device: Device = "cpu",
    devices: int = 1,
    dtype: WeightType = "auto",
    max_batch: int = 256,
    trust_remote_code: bool = False,
    store: Path = STORE,
    log_format: LogFormat = "text",
) -> None:
    r"""Labels each step of a pool by the share of rollouts from it that reach the right answer.

    The last step of a solution is labeled by the solution's own answer. Ungraded solutions are left out.

    Args:
        solutions: a pool: .jsonl, .jsonl.gz or .jsonl.zst.
        generator: folder of the checkpoint, or OWNER/NAME[@REVISION] on the hub.
        out: the new pool; compressed by its name.
        rollouts: rollouts from each step; what solutions of a problem have in common is rolled out once.
        name: name of the scores in the pool.
        temperature: 0: the likeliest token each time.
        min_p: never draw a token less likely than this share of the likeliest one.
        seed: seed of the rollouts.
        max_new_tokens: most tokens of a rollout.
        stop: text or special token that ends a solution, repeatable; \n, \t and \\ stand for a line break, a
            tab and a backslash.
        stop_after_answer: end a solution after the line that states its final answer.
        chat_template: whether the chat template is used (auto: where the tokenizer has one).
        instruction: text next to the problem (default: as in ``ablations sample``); escapes as in stop.
        engine: what runs the checkpoint.
        device: device that it runs on.
        devices: processes, each with its own GPU, or one core each.
        dtype: type of the weights (auto: as they are).
        max_batch: rollouts that are written together.
        trust_remote_code: run code that comes with the checkpoint.
        store: folder of artifacts.
        log_format: format of the progress.

    Raises:
        ValueError: an argument, the pool or the checkpoint is invalid.
    """
    choice = GeneratorChoice(
        checkpoint=generator,
        dtype=dtype,
        chat_template=chat_template,
        instruction=None if instruction is None else unescape("instruction", instruction),
        stop=tuple(unescape("stop", text) for text in stop),
        stop_after_answer=stop_after_answer,
        trust_remote_code=trust_remote_code,
    )
    if rollouts < 1:
        raise ValueError(f"rollouts: found {rollouts}; allowed: 1 or more")
    sampling = Sampling(
        samples=rollouts,
        temperature=temperature,
        min_p=min_p,
        max_new_tokens=max_new_tokens,
        seed=seed,
        engine=engine,
        device=device,
        max_batch=max_batch,
        devices=devices,
    )
    check_new(out, "out")
    check_output(store, "store", folder=True)
    # slow imports wait until the arguments are checked, so that mistakes are reported at once
    from ablations.commands.rolled_out_pool import roll_out
    from ablations.data.artifacts import Samples
    from ablations.data.ragged import Ragged
    from ablations.formats.pool import read_pool
    from ablations.formats.pool_edit import add_scores
    from ablations.generators.generator import find_generator

    file = UserFile.of(solutions, "solutions")
    pool = read_pool(solutions, None, keep_ungraded=True)
    check_name(name, solutions, (*pool.labelers, *pool.solution_labelers))
    found = find_generator(choice, sampling, ())
    rows = np.flatnonzero(pool.graded)
    samples = Samples(problems=pool.problems, solutions=pool.solutions).take(rows)
    scores = roll_out(samples, found, Store(store), log_format)
    with locked(lock_of(out)):
        if out.exists():
            print(f"{out}: written by another command, which shared the work")
            return
        add_scores(
            file.unchanged(),
            out,
            name=name,
            scores=Ragged(values=scores.prob.values[:, 1], offsets=scores.prob.offsets),
            identity=found.identity | {"rollouts": rollouts},
            rows=rows.tolist(),
        )
    count, tokens = scores.cost(np.arange(len(rows)))
    print(
        f"{out}: {len(samples.problems):,} problems, {len(rows):,} solutions, "
        f"{len(scores.prob.values):,} steps labeled by {name}: {count:,} rollouts of "
        f"{found.identity['generator']}, {tokens:,} tokens"
    )
    if len(rows) < len(pool.solutions):
        print(f"left out: {len(pool.solutions) - len(rows):,} ungraded solutions")
