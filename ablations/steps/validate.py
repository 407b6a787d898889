"""The stage that evaluates a reward model on validation problems, for hyperparameter sweeps."""

from functools import partial
from pathlib import Path
from typing import Any

from ablations.data.artifacts import CHOSEN, ROWS, SCORES, write_json
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, one
from ablations.evaluation.best_of_n import best_of_n
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.steps.evaluation_rows import EvaluatedSolutions
from ablations.steps.training_facts import course, facts_of, labelled, told


def validated(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes the rows of best-of-N: that of the kept checkpoint, and its course over the updates.

    Inputs: train, scores and samples (both of validation problems), choice (optional).

    The rows are written once for each (variant, level) in ``shown``, because the center of a sweep lies on
    the curve of every hyperparameter.
    """
    tests = EvaluatedSolutions((one(inputs, "samples"),))
    scores = StepScores.read(one(inputs, "scores") / SCORES)
    score = SCORINGS[SCORING_OF[config["arm"]]](scores)
    n = min(config["validation_n"], tests.smallest)
    value_P = tests.each(partial(best_of_n, ns=[n]), score, tests.correct, tests.finished)[:, 0]
    fact = facts_of(one(inputs, "train"))
    rows = [
        {
            "metric": "kept_best_of_n",
            "n": n,
            "value": float(value_P.mean()),
            "problem_values": value_P.tolist(),
            "single_draw": tests.single(n),
        },
        *({"metric": "validation_best_of_n", "n": update, "value": value} for update, value in course(fact)),
    ]
    shared = {
        "arm": config["arm"],
        "acquisition": "uniform",
        "data_scale": config["data_scale"],
        "seed": config["seed"],
        "solutions_hash": fact["solutions_hash"],
        "distinct_solutions": fact["distinct_solutions"],
    } | labelled(config["arm"], [fact])
    write_json(
        out / ROWS,
        [
            row | shared | {"variant": variant, "level": level}
            for variant, level in config["shown"]
            for row in rows
        ],
    )
    batch_size = config["hyperparameters"]["batch_size"]
    effort = {"passed_over": passed_over(fact["updates"], fact["solutions"], batch_size)}
    # Facts of the training override the config: the threshold may have been chosen, or not needed.
    choice = one(inputs, "choice") if "choice" in inputs else None
    write_json(out / CHOSEN, [config["hyperparameters"] | told(fact, choice) | effort])


def passed_over(updates: int, solutions: int, batch_size: int) -> int:
    """Counts the solutions that updates learn from, once per pass; a pass's last batch holds the rest."""
    passes, further = divmod(updates, -(-solutions // batch_size))
    return passes * solutions + further * batch_size
