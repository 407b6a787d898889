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
    """Name of the measured quantity."""
    value: str
    """Measured value."""
    allowed: str
    """Allowed values."""
    holds: bool
    """Whether the value is allowed."""


def measured(world: str, scale: str, store_root: Path, workers: int | None) -> list[Property]:
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
    of, problem = world_of(world), read.solutions.problem_index
    slips = [of.is_slip(read.problems[p].text, steps) for p, steps in zip(problem, texts, strict=True)]
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
    shares = {rating: float((ratings.values == rating).mean()) for rating in (1, 0, -1)}
    rate = float(rate_P.mean())
    slipped = float(slips.mean())
    return [
        Property(
            name="solutions with a slip", value=f"{slipped:.3f}", allowed="below 0.02", holds=slipped < 0.02
        ),
        Property(name="pass@1", value=f"{rate:.3f}", allowed="0.30 to 0.60", holds=0.30 <= rate <= 0.60),
        Property(
            name="quintile means of the pass rate",
            value=", ".join(f"{q:.2f}" for q in quintiles),
            allowed="at least 0.12 apart",
            holds=gap >= 0.12,
        ),
        Property(
            name=f"majority below pass@{n}",
            value=f"{voted:.3f} below {solvable:.3f}",
            allowed="by at least 0.15",
            holds=solvable - voted >= 0.15,
        ),
        Property(
            name="right answers with a wrong step",
            value=f"{lucky:.3f}",
            allowed="0.05 to 0.20",
            holds=0.05 <= lucky <= 0.2,
        ),
        Property(
            name=f"unique among {drawn} solutions",
            value=f"{unique:.3f}",
            allowed=">= 0.30",
            holds=unique >= 0.3,
        ),
        Property(
            name="positive, neutral, negative steps",
            value=", ".join(f"{shares[r]:.3f}" for r in (1, 0, -1)),
            allowed="each >= 0.03",
            holds=min(shares.values()) >= 0.03,
        ),
    ]


def format_check(world: str, found: Sequence[Property]) -> str:
    """Formats the properties as a Markdown table."""
    lines = [f"| world `{world}` | measured | must be | holds |", "|---|---|---|---|"]
    lines += [f"| {p.name} | {p.value} | {p.allowed} | {'yes' if p.holds else 'NO'} |" for p in found]
    return "\n".join(lines)
