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
    """Scores of the test samples, one per arm."""
    labels: Step[StepScores]
    """The labeler's scores of the test samples."""
    ratings: Step[Ratings] | None = None
    """The oracle's ratings of the test samples, if there is an oracle."""
    problems: int
    """Number of problems."""
    solutions: int
    """Maximum solutions per problem."""

    def run(self, context: Context) -> Examples:
        samples = context.read(self.samples)
        solutions = samples.solutions
        by_arm = dict(zip(self.arms, context.read_all(self.scores), strict=True))
        by_arm["labeler"] = context.read(self.labels)
        score = {arm: SCORINGS[SCORING_OF[arm]](scores) for arm, scores in by_arm.items()}
        ratings = None if self.ratings is None else context.read(self.ratings)
        texts = samples.steps()

        def describe(row: int, count: int) -> dict[str, Any]:
            solution = solutions.row(row)
            right = {arm: 1.0 - scores.prob.row(row)[:, 0] for arm, scores in by_arm.items()}
            oracle = None if ratings is None else ratings.steps.row(row)
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
                        "scores": {
                            arm: float(np.clip(s[i], 0, 1)) for arm, s in right.items() if not np.isnan(s[i])
                        },
                    }
                    for i, text in enumerate(solution.steps)
                ],
                "solution_scores": {
                    arm: float(np.clip(s[row], -1e9, 1e9)) for arm, s in score.items() if not np.isnan(s[row])
                },
            }

        problems = []
        for p, problem in enumerate(samples.problems[: self.problems]):
            rows = np.flatnonzero(solutions.problem_index == p)
            text_of = {row: tuple(texts[row]) for row in rows}
            count = Counter(text_of.values())
            first = {text_of[row]: int(row) for row in rows[::-1]}
            best = {}
            for arm, s in score.items():
                eligible = rows[solutions.finished[rows] & ~np.isnan(s[rows])]
                if len(eligible):
                    best[arm] = text_of[eligible[int(np.argmax(s[eligible]))]]
            shown = sorted(first, key=lambda text: (text not in best.values(), -count[text], first[text]))
            examples = []
            for text in shown[: self.solutions]:
                chosen_by = [arm for arm, chosen in best.items() if chosen == text]
                examples.append(describe(first[text], count[text]) | {"chosen_by": chosen_by})
            problems.append(
                {
                    "problem_id": problem.problem_id,
                    "problem": problem.text,
                    "answer": problem.answer,
                    "solutions": examples,
                }
            )
        return Examples(problems=problems)
