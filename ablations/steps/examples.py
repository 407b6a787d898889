"""The stage that picks test problems, with each arm's scores of their solutions, for people to read."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.artifacts import SCORES, Samples, read_ratings
from ablations.data.ragged import Ragged
from ablations.data.solutions import StepScores
from ablations.engine.step import Context, Inputs, one, several
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from ablations.steps.evaluation_rows import Row
from results.examples import write_examples


def examples(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> None:
    """Writes test problems for the report's browser.

    Inputs, all of one fold: samples, scores (one per arm), labels, ratings (optional).
    """
    samples = Samples.read(one(inputs, "samples"))
    solutions = samples.solutions
    arms: dict[str, StepScores] = {
        arm: StepScores.read(folder / SCORES)
        for arm, folder in zip(config["arms"], several(inputs, "scores"), strict=True)
    }
    arms["labeler"] = StepScores.read(one(inputs, "labels") / SCORES)
    ranked = {arm: SCORINGS[SCORING_OF[arm]](s) for arm, s in arms.items()}
    ratings = read_ratings(one(inputs, "ratings")) if "ratings" in inputs else None
    texts = samples.steps()
    found = []
    for p, problem in enumerate(samples.problems[: config["problems"]]):
        rows = np.flatnonzero(solutions.problem_index == p)
        text_of = {row: tuple(texts[row]) for row in rows}
        count = Counter(text_of.values())
        first = {text_of[row]: int(row) for row in rows[::-1]}
        may_win = {arm: rows[solutions.finished[rows] & ~np.isnan(s[rows])] for arm, s in ranked.items()}
        best = {
            arm: text_of[may_win[arm][int(np.argmax(values[may_win[arm]]))]]
            for arm, values in ranked.items()
            if len(may_win[arm])
        }
        shown = sorted(first, key=lambda text: (text not in best.values(), -count[text], first[text]))
        found.append(
            {
                "problem_id": problem.problem_id,
                "problem": problem.text,
                "answer": problem.answer,
                "solutions": [
                    _example(solutions.row(first[text]), first[text], count[text], arms, ranked, ratings)
                    | {"chosen_by": [arm for arm, chosen in best.items() if chosen == text]}
                    for text in shown[: config["solutions"]]
                ],
            }
        )
    write_examples(out / "examples.json", found)


def _example(
    solution: Any,
    row: int,
    count: int,
    arms: dict[str, StepScores],
    ranked: dict[str, Any],
    ratings: Ragged | None,
) -> Row:
    right = {arm: 1.0 - s.prob.row(row)[:, 0] for arm, s in arms.items()}
    oracle = ratings.row(row) if ratings is not None else None
    return {
        "sample": solution.sample,
        "answer": solution.answer,
        "finished": solution.finished,
        "final_correct": solution.final_correct,
        "count": count,
        "steps": [
            {
                "text": text,
                "oracle": None if oracle is None else int(oracle[i]),
                "scores": {arm: float(np.clip(s[i], 0, 1)) for arm, s in right.items() if not np.isnan(s[i])},
            }
            for i, text in enumerate(solution.steps)
        ],
        "solution_scores": {
            arm: float(np.clip(s[row], -1e9, 1e9)) for arm, s in ranked.items() if not np.isnan(s[row])
        },
    }
