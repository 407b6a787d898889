"""``ablations world check | pretrain | sample``."""

from pathlib import Path
from typing import Literal

from ablations.data.field_types import Count
from ablations.engine.store import STORE
from ablations.world.world import Kind


def check(
    *, world: str = "facts", scale: str = "quick", store: Path = STORE, workers: Count | None = None
) -> None:
    """Prints the properties of a world, measured on held-out problems with the finetuned generator's samples.

    Args:
        world: which world.
        scale: the samples are those of the experiment ``supervision`` at this scale.
        store: where they are, or are made.
        workers: processes; one per core if not given.
    """
    from ablations.commands.world_check import format_check, measure

    properties = measure(world, scale, store, workers)
    print(format_check(world, properties))
    failed = [p.name for p in properties if not p.holds]
    if failed:
        raise ValueError(f"world {world}: does not hold: {', '.join(failed)}")


def pretrain(
    *, world: str = "facts", size: Literal["tiny", "small", "large"] = "small", out: Path | None = None
) -> None:
    """Makes a base model again; if it is killed, the same command resumes.

    Args:
        world: which world.
        size: which base model.
        out: folder to write; runs/bases/WORLD/SIZE if not given.
    """
    import time

    from ablations.engine.files import check_output, exclusive
    from ablations.engine.processes import one_thread
    from ablations.engine.revision import revision
    from ablations.world import pretraining
    from ablations.world.worlds import world_of

    recipe = world_of(world).pretrainings[size]
    folder = out or Path("runs/bases") / world / size
    if (folder / "manifest.json").is_file():
        raise ValueError(f"out: {folder} holds a finished base model; allowed: another folder")
    check_output(folder, "out", folder=True)
    started, shown = time.monotonic(), 0.0

    def progress(done: float) -> None:
        nonlocal shown
        if done - shown >= 0.02 or done >= 1:
            shown = done
            print(f"{done:6.1%} of {world}/{size} after {time.monotonic() - started:.0f} s", flush=True)

    with one_thread(), exclusive(folder, "out"):
        manifest = pretraining.pretrain(world, recipe, folder, revision=revision(), progress=progress)
    print(f"{folder}: held-out loss {manifest['held_out_loss']:.4f} after {manifest['tokens']:,} tokens")


def sample(*, world: str = "facts", n: Count = 3, seed: int = 0, kind: Kind = "usual") -> None:
    """Prints problems of the training split, each with one author's solution and the oracle's ratings.

    Args:
        world: which world.
        n: number of problems.
        seed: seed of the draw.
        kind: usual problems, long ones or ones about rare facts, as far as the world has them.
    """
    import numpy as np

    from ablations.world.world import draw_problems
    from ablations.world.worlds import world_of

    rng = np.random.default_rng(seed)
    known = world_of(world)
    for problem in draw_problems(known, "train", n, seed, kind):
        steps = known.write_solution(problem, rng)
        print(f"{problem}   right answer {known.answer(problem)}")
        for step, rating in zip(steps, known.judge(problem, steps), strict=True):
            print(f"  {rating:+d}  {step}")
        print()


KINDS = {
    "check": (check, "Compute the properties that a world must have."),
    "pretrain": (pretrain, "Pretrain a world's base models."),
    "sample": (sample, "Print some problems and solutions of a world."),
}
"""The commands on worlds, each with its summary."""
