"""The properties that make a world worth studying, measured on the finetuned generator's samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ablations.data.ragged import Ragged

MAJORITY_DRAWS = 100
STUDIED_N = 128
"""The N at which voting is compared with pass@N; less if fewer solutions were drawn."""


@dataclass(frozen=True, kw_only=True)
class Property:
    """A measured property of a world."""

    name: str
    value: str
    allowed: str
    holds: bool


def measure(world: str, scale: str, store_root: Path, workers: int | None) -> list[Property]:
    """Measures a world on the test samples of the experiment ``supervision`` at a scale."""
    from ablations.data.artifacts import Ratings, Samples
    from ablations.engine.processes import default_workers
    from ablations.engine.run import run_tasks
    from ablations.engine.store import Store
    from ablations.experiments.scales import world_source
    from ablations.experiments.world_fold import embedded_fold
    from ablations.world.worlds import world_of

    fold = embedded_fold(world_source(scale, world))
    assert fold.ratings is not None
    store = Store(store_root)
    run_tasks([fold.test, fold.ratings], store, workers=workers or default_workers())
    read = Samples.read(store.path(fold.test))
    texts = [tuple(steps) for steps in read.steps()]
    known, problem = world_of(world), read.solutions.problem_index
    slips = [known.is_slip(read.problems[p].text, steps) for p, steps in zip(problem, texts, strict=True)]
    return properties(
        correct_PM=read.solutions.per_problem(read.solutions.final_correct),
        answer_PM=read.solutions.per_problem(read.solutions.answer_code),
        texts=texts,
        ratings=Ratings.read(store.path(fold.ratings)).steps,
        slips=np.array(slips),
    )


def properties(
    *,
    correct_PM: np.ndarray,
    answer_PM: np.ndarray,
    texts: Sequence[tuple[str, ...]],
    ratings: Ragged,
    slips: np.ndarray,
) -> list[Property]:
    """Computes the properties.

    Args:
        correct_PM: whether each solution's final answer is right.
        answer_PM: codes of final answers, -1 for none.
        texts: the P * M solutions, problem by problem.
        ratings: the oracle's ratings, in the same order.
        slips: bool [P * M]: whether each has a wrong step that no author would write.
    """
    from ablations.evaluation.best_of_n import majority, pass_at_n

    problems, drawn = correct_PM.shape
    if problems < 5:
        raise ValueError(f"problems: found {problems}; allowed: 5 or more, for quintiles")
    n = min(STUDIED_N, drawn)
    rate_P = correct_PM.mean(axis=1)
    quintiles = [float(part.mean()) for part in np.array_split(np.sort(rate_P), 5)]
    gap = float(np.diff(quintiles).min())
    voted = float(majority(answer_PM, correct_PM, [n], MAJORITY_DRAWS, 0).mean())
    solvable = float(pass_at_n(correct_PM, [n]).mean())
    right = correct_PM.ravel()
    has_wrong = ratings.reduce(np.minimum, 1.0) < 0
    lucky = float(has_wrong[right].mean()) if right.any() else 0.0
    unique = float(np.mean([len(set(texts[p * drawn : (p + 1) * drawn])) / drawn for p in range(problems)]))
    shares = [float((ratings.values == rating).mean()) for rating in (1, 0, -1)]
    rate = float(rate_P.mean())
    slipped = float(slips.mean())
    rows = (
        ("solutions with a slip", f"{slipped:.3f}", "below 0.02", slipped < 0.02),
        ("pass@1", f"{rate:.3f}", "0.30 to 0.60", 0.30 <= rate <= 0.60),
        (
            "quintile means of the pass rate",
            ", ".join(f"{mean:.2f}" for mean in quintiles),
            "at least 0.12 apart",
            gap >= 0.12,
        ),
        (
            f"majority below pass@{n}",
            f"{voted:.3f} below {solvable:.3f}",
            "by at least 0.15",
            solvable - voted >= 0.15,
        ),
        ("right answers with a wrong step", f"{lucky:.3f}", "0.05 to 0.20", 0.05 <= lucky <= 0.2),
        (f"unique among {drawn} solutions", f"{unique:.3f}", ">= 0.30", unique >= 0.3),
        (
            "positive, neutral, negative steps",
            ", ".join(f"{share:.3f}" for share in shares),
            "each >= 0.03",
            min(shares) >= 0.03,
        ),
    )
    return [
        Property(name=name, value=value, allowed=allowed, holds=holds) for name, value, allowed, holds in rows
    ]


def format_check(world: str, found: Sequence[Property]) -> str:
    """Formats the properties as a Markdown table."""
    lines = [f"| world `{world}` | measured | must be | holds |", "|---|---|---|---|"]
    lines += [f"| {p.name} | {p.value} | {p.allowed} | {'yes' if p.holds else 'NO'} |" for p in found]
    return "\n".join(lines)
