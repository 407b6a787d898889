"""Stages that evaluate the large reward models: their rows, votes, collected data and quintiles."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.annotations import Annotations
from ablations.data.artifacts import (
    ANNOTATIONS,
    CHOSEN,
    LABELER,
    ROWS,
    SCORES,
    Samples,
    read_json,
    read_ratings,
    write_json,
)
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, one, several
from ablations.evaluation.best_of_n import (
    best_of_n,
    majority,
    pass_at_n,
    random_choice,
    weighted_vote,
)
from ablations.evaluation.difficulty import quintiles
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, random_row
from ablations.steps.training_facts import facts_of, labelled, told


def scorer(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the rows of a large reward model.

    Inputs: samples, scores, ratings (optional); model for a PRM; train and choice (optional) for an ORM.
    """
    tests, scores = (
        EvaluatedSolutions(several(inputs, "samples")),
        StepScores.read(one(inputs, "scores") / SCORES),
    )
    ratings = [read_ratings(folder) for folder in several(inputs, "ratings")]
    rows = tests.scored([scores], SCORING_OF[config["arm"]], ratings)
    shared = {name: config[name] for name in ("arm", "acquisition") if name in config}
    labels = bought(config["arm"], inputs)
    write_json(out / ROWS, [row | shared | labels for row in rows])
    if "train" in inputs:
        choice = one(inputs, "choice") if "choice" in inputs else None
        write_json(
            out / CHOSEN, [told(facts_of(one(inputs, "train")), choice, left_out=("curve", "planned"))]
        )


def votes(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the rows of weighted votes.

    Inputs: samples, scores; model for a PRM; train and choice (optional) for an ORM.
    """
    tests, scores = (
        EvaluatedSolutions(several(inputs, "samples")),
        StepScores.read(one(inputs, "scores") / SCORES),
    )
    value_PK = tests.each(
        partial(weighted_vote, ns=tests.ns, draws=config["draws"], seed=config["seed"]),
        *(vote_weights(scores, SCORING_OF[config["arm"]]), tests.voted, tests.correct),
    )
    rows = tests.per_n("weighted_vote", value_PK, arm=config["arm"], **bought(config["arm"], inputs))
    write_json(out / ROWS, rows)


def generations(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes what the collected data is like: in all, by phase and by generation.

    Inputs: samples, annotations (of the first draw and of each generation).
    """
    right = Samples.read(one(inputs, "samples")).solutions.final_correct
    parts = [Annotations.read(folder / ANNOTATIONS) for folder in several(inputs, "annotations")]
    first, later = parts[:1], parts[1:]
    rows = described(right, Annotations.join(parts))
    for level, phase in enumerate((first, later), start=1):
        rows += described(right, Annotations.join(phase), variant="phase", level=level)
    for level, part in enumerate(parts):
        rows += described(right, part, variant="generation", level=level)
    write_json(out / ROWS, rows)


def by_quintile(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes rows by difficulty of the problems.

    Inputs: samples, difficulty (other samples of the same problems), scores (one per arm).
    """
    tests, other = (
        EvaluatedSolutions(several(inputs, "samples")),
        EvaluatedSolutions(several(inputs, "difficulty")),
    )
    correct, finished, ns = tests.correct, tests.finished, tests.ns
    curves = {
        ("majority", "majority"): tests.each(
            partial(majority, ns=ns, draws=config["draws"], seed=config["seed"]), tests.voted, correct
        ),
        ("oracle", "pass_at_n"): tests.each(partial(pass_at_n, ns=ns), correct),
    }
    for arm, folder in zip(config["arms"], several(inputs, "scores"), strict=True):
        score = SCORINGS[SCORING_OF[arm]](StepScores.read(folder / SCORES))
        curves[arm, "best_of_n"] = tests.each(partial(best_of_n, ns=ns), score, correct, finished)
    once_P = tests.each(random_choice, correct, finished)
    level_P = quintiles(other.samples[0].solutions.per_problem(other.correct))
    rows: list[Row] = []
    for level in np.unique(level_P).tolist():
        of_level, which = level_P == level, {"variant": "quintile", "level": level}
        for (arm, metric), value_PK in curves.items():
            rows += tests.per_n(metric, value_PK[of_level], arm=arm, **which)
        rows.append(random_row(once_P[of_level]) | which)
    write_json(out / ROWS, rows)


def vote_weights(scores: StepScores, scoring: str) -> np.ndarray:
    """Returns the reward model's probability that each solution is right, 0 if unscored: float64 [R]."""
    found = np.where(scores.unscored, -np.inf if scoring == "product" else 0.0, SCORINGS[scoring](scores))
    return np.exp(found) if scoring == "product" else found


def described(right: np.ndarray, annotations: Annotations, **which: Any) -> list[Row]:
    """Computes the shares of labeled solutions that end right, and of their labeled steps that are right.

    Args:
        right: bool [R], whether each of the samples ends right.
        annotations: labels of some of the samples.
        which: further columns of the rows.

    Returns:
        One row per metric; none if nothing was labeled.
    """
    count, steps = len(annotations), annotations.rated_steps
    shared = {"arm": "large_prm", "labelled_solutions": count, "labelled_steps": steps} | which
    shares = {
        "ends_right": (int(right[annotations.rows].sum()), count),
        "right_steps": (annotations.right_steps, steps),
    }
    return [
        {"metric": metric, "value": part / whole} | shared
        for metric, (part, whole) in shares.items()
        if whole
    ]


def bought(arm: str, inputs: Inputs) -> Row:
    """Counts the labels that a large reward model was trained on; an ORM has labels of solutions only."""
    if "train" in inputs:
        return labelled(arm, [facts_of(one(inputs, "train"))])
    facts = read_json(one(inputs, "model") / LABELER)
    return {"labelled_solutions": facts["solutions"], "labelled_steps": facts["rated_steps"]}
