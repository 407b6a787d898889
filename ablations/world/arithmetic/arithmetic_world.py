"""The arithmetic world: its problems, authors and oracle as a `World`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablations.world.arithmetic.authors import EXPERT, HeldMisconception, draw_author, write_solution
from ablations.world.arithmetic.oracle import STEP, final_answer, judge
from ablations.world.arithmetic.problems import apply, draw_problem, parse_problem
from ablations.world.bases import TINY, Pretraining
from ablations.world.world import NEGATIVE, Kind, World


@dataclass(frozen=True, kw_only=True)
class ArithmeticWorld(World):
    """A world whose authors add, subtract and multiply modulo 100, some of them with misconceptions."""

    finetuning_rate = 1e-3  # with a lower rate, the generator makes slips
    pattern = r"[\s\S]"
    kinds = ("usual", "long")

    misconceptions: tuple[HeldMisconception, ...]

    @property
    def pretrainings(self) -> Mapping[str, Pretraining]:
        return {
            "tiny": TINY,
            "small": Pretraining(preset="small", updates=4000),
            "large": Pretraining(preset="large", updates=4400, batch_tokens=3072, learning_rate=1.2e-3),
        }

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple("0123456789abcdefgh+-*=#:~\n")

    @property
    def brief(self) -> int:
        return 3

    def draw_problem(self, rng: np.random.Generator, kind: Kind = "usual") -> str:
        if kind not in (*self.kinds, "broad"):
            raise ValueError(f"kind: found {kind}; allowed in a world of arithmetic: {', '.join(self.kinds)}")
        low, high = {"usual": (2, 7), "long": (8, 8), "broad": (2, 8)}[kind]
        return draw_problem(rng, operations=(low, high)).text

    def operations(self, problem: str) -> int:
        return len(parse_problem(problem).operations)

    def answer(self, problem: str) -> str:
        return parse_problem(problem).answer

    def write_solution(
        self, problem: str, rng: np.random.Generator, *, expert: bool = False
    ) -> tuple[str, ...]:
        author = EXPERT if expert else draw_author(self.misconceptions, rng)
        return write_solution(parse_problem(problem), author, rng)

    def judge(self, problem: str, steps: Sequence[str]) -> tuple[int, ...]:
        return judge(parse_problem(problem), steps)

    def final_answer(self, steps: Sequence[str]) -> str | None:
        return final_answer(steps)

    def is_hard(self, line: str) -> bool:
        """Returns whether the units of an operation overflow."""
        if not (step := STEP.fullmatch(line)):
            return False
        _, before, _, symbol, operand, _ = step.groups()
        return apply(symbol, int(before) % 10, int(operand)) >= 10

    def is_slip(self, problem: str, steps: Sequence[str]) -> bool:
        rated = zip(steps, self.judge(problem, steps), strict=True)
        return any(rating == NEGATIVE and not self._is_held(line) for line, rating in rated)

    def _is_held(self, line: str) -> bool:
        """Returns whether a line is what a holder of a misconception writes."""
        if not (step := STEP.fullmatch(line)):
            return False
        _, before, _, symbol, operand, after = step.groups()
        return any(
            held.symbol == symbol and held.rule(int(before), int(operand)) == int(after)
            for held in self.misconceptions
        )
