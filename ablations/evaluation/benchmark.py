"""The frozen benchmark: its pools, how those of embedded worlds are made, and the entries of scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablations.engine.files import sha256_of
from ablations.engine.revision import revision
from ablations.evaluation.score_file import Scored
from ablations.evaluation.summary import final_rows
from ablations.formats.pool import read_pool
from ablations.formats.rows import write_rows
from ablations.world.world import draw_problems
from ablations.world.worlds import world_of
from results.analyses.evaluations import WHOLE
from results.benchmark import ANY, MAJORITY, METRICS_VERSION, Entry


@dataclass(frozen=True, kw_only=True)
class FrozenPool:
    """A pool that never changes; another content has another name."""

    sha256: str
    """`content_sha256` of its file."""
    origin: str
    """What its solutions are, for display."""
    world: str | None = None
    """Embedded world of which it is made; None: the user has the file."""
    problems: int = 200
    """Problems of an embedded world."""
    samples: int = 32
    """Solutions per problem."""
    seed: int = 41
    """Seed of problems and solutions; no experiment uses it."""

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields the rows of an embedded world's pool: test problems, with solutions by its authors."""
        assert self.world is not None, "only an embedded world's pool is made"
        world = world_of(self.world)
        for number, problem in enumerate(draw_problems(world, "test", self.problems, self.seed)):
            rng, answer = np.random.default_rng([self.seed, number]), world.answer(problem)
            samples = []
            for sample in range(self.samples):
                steps = world.write_solution(problem, rng)
                found = world.final_answer(steps)
                right = [float(rating >= 0) for rating in world.judge(problem, steps)]
                samples.append(
                    {
                        "sample": sample,
                        "steps": list(steps),
                        "answer": found,
                        "final_correct": found == answer,
                        "step_scores": {"oracle": right},
                    }
                )
            yield {
                "problem_id": f"{self.world}-{number}",
                "problem": problem,
                "answer": answer,
                "samples": samples,
            }


FROZEN: dict[str, FrozenPool] = {
    "facts": FrozenPool(
        sha256="d96898971225a98c18efc942207d197bda452f7eaa77803f0ed4ca16d5c1b470",
        origin="200 test problems of the embedded world `facts`, 32 solutions each by its authors",
        world="facts",
    ),
    "dropped": FrozenPool(
        sha256="cf94a1032eb55f8b572e7869eb7cb069922c46cb5717d7d367844272970a4c13",
        origin="200 test problems of the embedded world `dropped`, 32 solutions each by its authors",
        world="dropped",
    ),
    "gsm8k_100x32": FrozenPool(
        sha256="6050a63788339c7f6c61fd8bcd38d7bfd953e0896fa3813a83769bf85b2a72cc",
        origin="100 test problems of GSM8K, 32 sampled solutions each (StrictPRMBench, CC-BY-4.0)",
    ),
}
"""The pools of the benchmark."""


def make_pool(name: str, out: Path) -> None:
    """Writes the pool of an embedded world, with the oracle's ratings as the scores of a labeler.

    Raises:
        ValueError: it has another content than the frozen one.
    """
    write_rows(out, FROZEN[name].rows())
    found, frozen = content_sha256(out), FROZEN[name].sha256
    if found != frozen:
        raise ValueError(f"{out}: found content {found[:12]}; allowed: {frozen[:12]}, that of {name}")


def frozen_name(path: Path) -> str:
    """Returns the name of the frozen pool that a file holds, with whatever scores.

    Raises:
        ValueError: it holds none of them.
    """
    found = content_sha256(path)
    for name, pool in FROZEN.items():
        if pool.sha256 == found:
            return name
    raise ValueError(
        f"{path}: found content {found[:12]}; allowed: a pool of the benchmark: {', '.join(FROZEN)}"
    )


def content_sha256(path: Path) -> str:
    """Hashes a pool's problems, and its solutions with their verdicts; not the scores of labelers."""
    pool = read_pool(path, None, keep_ungraded=True)
    digest = hashlib.sha256()
    for problem in pool.problems:
        digest.update(json.dumps([problem.problem_id, problem.text, problem.answer]).encode())
    columns = ("sample", "steps", "answer", "final_correct", "finished")
    for row in zip(*(pool.solutions.column(name).to_pylist() for name in columns), strict=True):
        digest.update(json.dumps(row).encode())
    digest.update(np.asarray(pool.graded).tobytes())
    return digest.hexdigest()


def entries_of(pool: str, scored: Scored, scorings: tuple[str, ...], files: Sequence[Path]) -> list[Entry]:
    """Computes the entries of all labelers of a file of scores, and of majority voting and pass@N.

    Args:
        pool: name of the frozen pool that was scored.
        scored: the scores.
        scorings: how step scores score a solution; keys of ``summary.REDUCTION``.
        files: the files that the scores were read from.
    """
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in final_rows(scored, scorings):
        if row["metric"] == "best_of_n":
            name = row["labeler"], "" if row["scoring"] == WHOLE else row["scoring"]
        elif row["metric"] in ("majority", "pass_at_n"):
            name = {"majority": MAJORITY, "pass_at_n": ANY}[row["metric"]], ""
        else:
            continue
        values.setdefault(name, {})[str(row["n"])] = row["values"].round(9).tolist()
    hashes = list(map(sha256_of, files))
    file = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
    return [
        Entry(
            pool=pool,
            sha256=FROZEN[pool].sha256,
            name=name,
            scoring=scoring,
            scores_sha256="" if name in (MAJORITY, ANY) else file,
            revision=revision(),
            metrics=METRICS_VERSION,
            best_of_n=best_of_n,
        )
        for (name, scoring), best_of_n in values.items()
    ]
