"""The step that picks test problems, with each arm's scores of their solutions, for people to read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablations.data.artifacts import EXAMPLES, Ratings, Samples
from ablations.data.step_scores import StepScores
from ablations.engine.step import Context, Step
from ablations.evaluation.scoring_rules import SCORING_OF, SCORINGS
from results.examples import write_examples

Example = Mapping[str, Any]
"""A problem, or one of its solutions, as `results.examples` describes it."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Problems with some of their solutions, as `results.examples` writes them."""

    problems: Sequence[Example]

    def write(self, folder: Path) -> None:
        write_examples(folder / EXAMPLES, self.problems)

    @classmethod
    def read(cls, folder: Path) -> "Examples":
        """Raises an AssertionError: no step reads them."""
        raise AssertionError(f"the examples in {folder} are read by results.examples")


@dataclass(frozen=True, kw_only=True, eq=False)
class PickExamples(Step[Examples], name="examples"):
    """Picks test problems of one fold for the report's browser."""

    samples: Step[Samples]
    """The test samples."""
    arms: tuple[str, ...]
    scores: tuple[Step[StepScores], ...]
    """Scores of the samples, one per arm."""
    labels: Step[StepScores]
    """The labeler's scores of them."""
    ratings: Step[Ratings] | None = None
    """The oracle's ratings of them, if there is one."""
    problems: int
    """Number of problems."""
    solutions: int
    """Maximum solutions per problem."""

    def run(self, context: Context) -> Examples:
        samples = context.read(self.samples)
        solutions = samples.solutions
        arms = dict(zip(self.arms, context.read_all(self.scores), strict=True))
        arms["labeler"] = context.read(self.labels)
        ranked = {arm: SCORINGS[SCORING_OF[arm]](s) for arm, s in arms.items()}
        ratings = None if self.ratings is None else context.read(self.ratings)
        texts = samples.steps()
        found = []
        for p, problem in enumerate(samples.problems[: self.problems]):
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
                        {
                            **_example(
                                solutions.row(first[text]), first[text], count[text], arms, ranked, ratings
                            ),
                            "chosen_by": [arm for arm, chosen in best.items() if chosen == text],
                        }
                        for text in shown[: self.solutions]
                    ],
                }
            )
        return Examples(problems=found)


def _example(
    solution: Any,
    row: int,
    count: int,
    arms: dict[str, StepScores],
    ranked: dict[str, np.ndarray],
    ratings: Ratings | None,
) -> Example:
    right = {arm: 1.0 - s.prob.row(row)[:, 0] for arm, s in arms.items()}
    oracle = ratings.steps.row(row) if ratings is not None else None
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
