"""Stages that evaluate students: the rows of a cell, and the reference lines next to the cells."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.artifacts import (
    CHOSEN,
    ROWS,
    SCORES,
    Samples,
    read_json,
    read_ratings,
    write_json,
)
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, one, several
from ablations.evaluation.best_of_n import majority, pass_at_n, random_choice
from ablations.evaluation.discrimination import calibration, step_auroc
from ablations.evaluation.scoring_rules import SCORING_OF
from ablations.steps.evaluation_rows import EvaluatedSolutions, Row, defined, random_row
from ablations.steps.training_data import names_of
from ablations.steps.training_facts import FIRST, course, facts_of, labelled, of_cell, told


def cell(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the rows of one cell.

    Inputs, one per fold: trains, scores, samples, ratings (optional), choices (optional). Also: further
    (optional), the artifacts of further rows.
    """
    tests = EvaluatedSolutions(several(inputs, "samples"))
    scores = [StepScores.read(folder / SCORES) for folder in several(inputs, "scores")]
    rows = tests.scored(
        scores,
        SCORING_OF[config["arm"]],
        [read_ratings(folder) for folder in several(inputs, "ratings")],
    )
    trained = [facts_of(folder) for folder in several(inputs, "trains")]
    for points in zip(*map(course, trained), strict=True):
        update, value = np.mean(points, axis=0).tolist()
        rows.append({"metric": "validation_best_of_n", "n": round(update), "value": value})
    kept = float(np.mean([fact["best_value"] for fact in trained]))
    rows.append({"metric": "kept_best_of_n", "n": trained[0]["validation_n"], "value": kept})
    for folder in several(inputs, "further"):
        rows += read_json(folder / ROWS)
    hashes = [fact["solutions_hash"] for fact in trained]
    shared: Row = {
        "arm": config["arm"],
        "acquisition": config.get("acquisition", "uniform"),
        "data_scale": config["data_scale"],
        "seed": config["seed"],
        **{name: config[name] for name in ("variant", "level") if name in config},
        "solutions_hash": hashes[0]
        if len(hashes) == 1
        else hashlib.sha256("".join(hashes).encode()).hexdigest(),
        "distinct_solutions": sum(fact["distinct_solutions"] for fact in trained),
        **labelled(config["arm"], trained),
    }
    choices = several(inputs, "choices") or (None,) * len(trained)
    write_json(out / ROWS, [row | shared for row in rows])
    unread = [unscored(of, found) for of, found in zip(tests.samples, scores, strict=True)]
    facts = zip(trained, choices, unread, strict=True)
    write_json(out / CHOSEN, [told(fact, choice) | more for fact, choice, more in facts])


def of_kind(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes further rows of a cell, on problems of one kind.

    Config: kind. Inputs: cell, samples, scores, ratings (optional).
    """
    shared = of_cell(one(inputs, "cell"), out)
    tests = EvaluatedSolutions(several(inputs, "samples"))
    rows = tests.scored(
        [StepScores.read(folder / SCORES) for folder in several(inputs, "scores")],
        SCORING_OF[shared["arm"]],
        [read_ratings(folder) for folder in several(inputs, "ratings")],
    )
    write_json(out / ROWS, [row | shared | {"variant": config["kind"]} for row in rows])


def unscored(samples: Samples, scores: StepScores) -> dict[str, Any]:
    """Returns how many solutions are too long to be scored, and the first few; empty if all are scored."""
    rows = np.flatnonzero(scores.unscored)
    if not len(rows):
        return {}
    first = [f"{one['problem_id']} sample {one['sample']}" for one in names_of(samples.take(rows[:FIRST]))]
    return {"unscored": {"count": len(rows), "of": len(scores), "first": first}}


def references(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the reference lines, which do not depend on any student.

    Inputs: samples, labels, ratings (optional), pool_labels and pool_ratings (optional; of training samples).
    With a ``kind`` in the config, the rows carry it, and one row is the share of unfinished solutions.
    """
    tests = EvaluatedSolutions(several(inputs, "samples"))
    correct, ns = tests.correct, tests.ns

    voting = partial(majority, ns=ns, draws=config["majority_draws"], seed=config["seed"])
    rows: list[Row] = [
        random_row(tests.each(random_choice, correct, tests.finished)),
        *tests.per_n("pass_at_n", tests.each(partial(pass_at_n, ns=ns), correct), arm="oracle"),
        *tests.per_n("majority", tests.each(voting, tests.voted, correct), arm="majority"),
    ]
    labels = [StepScores.read(folder / SCORES) for folder in several(inputs, "labels")]
    ratings = [read_ratings(folder) for folder in several(inputs, "ratings")]
    of_labeler = tests.scored(labels, "product", ratings)
    if "pool_ratings" in inputs:
        pool = StepScores.read(one(inputs, "pool_labels") / SCORES)
        truth = read_ratings(one(inputs, "pool_ratings"))
        of_labeler += defined("pool_step_auroc", step_auroc(pool, truth))
        seen = truth.up_to_first(truth.values < 0)
        found = calibration(1.0 - pool.prob.values[seen, 0], truth.values[seen] >= 0, config["bins"])
        of_labeler += [
            {"metric": "calibration", "n": b, "x": float(x), "count": int(count), "value": float(value)}
            for b, (x, value, count) in enumerate(
                zip(found.mean_predicted, found.observed, found.count, strict=True)
            )
            if count
        ]
    rows += [{"arm": "labeler", **row} for row in of_labeler]
    if "kind" in config:
        rows.append({"arm": "random", "metric": "unfinished", "value": float(np.mean(~tests.finished))})
        rows = [row | {"variant": config["kind"]} for row in rows]
    write_json(out / ROWS, rows)
