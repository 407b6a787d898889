"""Worlds of facts: many small things to know, each of which some authors misremember.

Every fact is a name with a right value and one popular wrong value, both 1 to 9. A problem is a start value
and a few names; a solution adds their values up modulo 10, one name per line::

    7 bako tilu sefi        start at 7, add the three values
    bako+3=0                the value recalled for bako, and the new total
    so tilu+5=5
    =5                      restates the total: neutral
    sefi+9=4
    #4                      the answer

A line is wrong if its recalled value is. A fact is held wrongly by the same share of authors everywhere: some
facts are *contested*, the others are misremembered rarely. Since wrong values differ from the right ones by a
few distances only, mistakes cancel now and then: right answers with wrong steps.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ablations.world.world import NEGATIVE, NEUTRAL, POSITIVE, Kind, World

SO = "so "
"""Begins some lines of some authors; it means nothing."""
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_PROBLEM = re.compile(r"([0-9])((?: [a-z]+)+)", re.ASCII)
_STEP = re.compile(r"(?:so )?([a-z]+)\+([0-9])=([0-9])", re.ASCII)
_RESTATEMENT = re.compile(r"(?:so )?=([0-9])", re.ASCII)
_ANSWER = re.compile(r"#([0-9])", re.ASCII)
STYLES = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.3), (0.5, 0.3))
"""(share of lines that begin with ``so``, share of steps followed by a restatement) of four equally likely
kinds of author."""
RARE = 0.25
"""Share of the facts, the least frequent ones, that problems of the kind ``rare`` are about."""


@dataclass(frozen=True, kw_only=True)
class Lore:
    """What is to know in a world of K facts."""

    names: tuple[str, ...]
    """[K], all different."""
    right: np.ndarray
    """int64 [K]: 1 to 9."""
    wrong: np.ndarray
    """int64 [K]: 1 to 9, never the right one."""
    share: np.ndarray
    """float64 [K]: share of the authors who hold the wrong value."""
    frequency: np.ndarray
    """float64 [K]: how often problems ask for it; sums to 1."""
    contested: np.ndarray
    """bool [K]."""


@dataclass(frozen=True, kw_only=True)
class FactWorld(World):
    """A world of facts; all of it follows from these numbers."""

    seed: int
    """Seed for names, values, shares and frequencies."""
    facts: int
    """Number of facts, K."""
    zipf: float
    """Exponent of the frequencies: the k-th most frequent fact is asked for in proportion to k ** -zipf."""
    contested: float
    """Share of the facts that are contested."""
    contested_share: tuple[float, float] = (0.1, 0.9)
    """Range of the share of authors who hold a contested fact's wrong value, evenly spread."""
    rare_share: tuple[float, float] = (0.0, 0.02)
    """The same for the other facts."""
    distances: tuple[int, ...] = (3, 7)
    """What wrong values may differ by from the right ones, modulo 10."""
    length: tuple[int, int] = (4, 8)
    """Names of a problem, fewest and most."""
    long_length: tuple[int, int] = (9, 12)
    """Names of a problem of the kind ``long``."""

    @cached_property
    def lore(self) -> Lore:
        """Everything there is to know."""
        rng = np.random.default_rng([self.seed, 2305, 20050])
        syllables = [c + v for c in _CONSONANTS for v in _VOWELS]
        pairs = rng.choice(len(syllables) ** 2, size=self.facts, replace=False)
        names = tuple(syllables[p // len(syllables)] + syllables[p % len(syllables)] for p in pairs)
        frequency = 1 / np.arange(1, self.facts + 1) ** self.zipf
        # Exact counts, so that worlds of one family differ in which facts are contested and not in how many.
        contested = rng.permutation(np.arange(self.facts) < round(self.contested * self.facts))
        share = np.empty(self.facts)
        for held, (low, high) in ((contested, self.contested_share), (~contested, self.rare_share)):
            count = int(held.sum())
            share[held] = rng.permutation(np.linspace(low, high, count))
        right = rng.integers(1, 10, self.facts)
        wrong = np.empty_like(right)
        for k, value in enumerate(right):
            allowed = [w for d in self.distances if (w := (value + d) % 10)]
            wrong[k] = rng.choice(allowed)
        return Lore(
            names=names,
            right=right,
            wrong=wrong,
            share=share,
            frequency=rng.permutation(frequency / frequency.sum()),
            contested=contested,
        )

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.lore.names)}

    @property
    def tokens(self) -> tuple[str, ...]:
        lore = self.lore
        readings = (
            f"{name}+{value}"
            for name, *values in zip(lore.names, lore.right, lore.wrong, strict=True)
            for value in values
        )
        digits = "0123456789"
        marked = (f"{mark}{digit}" for mark in "=#" for digit in digits)
        return ("\n", *digits, *marked, SO, *(f" {name}" for name in lore.names), *readings)

    @property
    def pattern(self) -> str:
        return r"so | [a-z]+|[a-z]+\+[0-9]|[=#]?[0-9]|[\s\S]"

    @property
    def brief(self) -> int:
        return self.length[0]

    def draw_problem(self, rng: np.random.Generator, kind: Kind = "usual") -> str:
        low, high = self.long_length if kind == "long" else self.length
        frequency = self.lore.frequency
        if kind == "rare":
            rare = np.argsort(frequency, kind="stable")[: max(high, round(RARE * self.facts))]
            chosen = rng.choice(rare, size=int(rng.integers(low, high + 1)), replace=False)
        else:
            # The first different ones of a stream of names: a draw without replacement.
            size = int(rng.integers(low, high + 1))
            chosen = np.argsort(rng.exponential(size=self.facts) / frequency, kind="stable")[:size]
        return f"{rng.integers(10)}" + "".join(f" {self.lore.names[k]}" for k in chosen)

    def operations(self, problem: str) -> int:
        return len(self._parse(problem)[1])

    def _parse(self, problem: str) -> tuple[int, list[int]]:
        """Start value and facts of a problem."""
        found = _PROBLEM.fullmatch(problem)
        names = found[2].split() if found else []
        if not found or any(name not in self._place for name in names):
            raise ValueError(
                f"problem: found {problem!r}; allowed: a digit and names of this world, like "
                f"'7 {' '.join(self.lore.names[:3])}'"
            )
        return int(found[1]), [self._place[name] for name in names]

    def answer(self, problem: str) -> str:
        start, facts = self._parse(problem)
        return str((start + int(self.lore.right[facts].sum())) % 10)

    def write_solution(
        self, problem: str, rng: np.random.Generator, *, expert: bool = False
    ) -> tuple[str, ...]:
        total, facts = self._parse(problem)
        lore = self.lore
        so, restate = STYLES[0] if expert else STYLES[int(rng.integers(len(STYLES)))]
        misremembered = rng.random(len(facts)) < (0.0 if expert else lore.share[facts])
        lines = []
        for fact, errs in zip(facts, misremembered, strict=True):
            value = int((lore.wrong if errs else lore.right)[fact])
            total = (total + value) % 10
            lines.append(f"{SO if rng.random() < so else ''}{lore.names[fact]}+{value}={total}")
            if rng.random() < restate:
                lines.append(f"={total}")
        return (*lines, f"#{total}")

    def judge(self, problem: str, steps: Sequence[str]) -> tuple[int, ...]:
        return tuple(rating for rating, _ in self._judged(problem, steps))

    def is_slip(self, problem: str, steps: Sequence[str]) -> bool:
        return any(slips for _, slips in self._judged(problem, steps))

    def _judged(self, problem: str, steps: Sequence[str]) -> list[tuple[int, bool]]:
        """The rating of each line, and whether it is wrong in a way that no author is."""
        total, facts = self._parse(problem)
        done = 0
        found = []
        for line in steps:
            if step := _STEP.fullmatch(line):
                name, value, stated = step[1], int(step[2]), int(step[3])
                fact = self._place.get(name)
                follows = done < len(facts) and fact == facts[done] and (total + value) % 10 == stated
                right = follows and value == self.lore.right[fact]
                popular = follows and value == self.lore.wrong[fact]
                found.append((POSITIVE if right else NEGATIVE, not (right or popular)))
                total = stated
                if fact in facts[done:]:
                    done += facts[done:].index(fact) + 1
            elif restated := _RESTATEMENT.fullmatch(line):
                agrees = int(restated[1]) == total
                found.append((NEUTRAL if agrees else NEGATIVE, not agrees))
                total = int(restated[1])
            elif answer := _ANSWER.fullmatch(line):
                complete = done == len(facts) and int(answer[1]) == total
                found.append((POSITIVE if complete else NEGATIVE, not complete))
            else:
                found.append((NEGATIVE, True))
        return found

    def final_answer(self, steps: Sequence[str]) -> str | None:
        found = _ANSWER.fullmatch(steps[-1]) if steps else None
        return found[1] if found else None

    def is_hard(self, line: str) -> bool:
        """Whether the line recalls a contested fact."""
        step = _STEP.fullmatch(line)
        fact = self._place.get(step[1]) if step else None
        return fact is not None and bool(self.lore.contested[fact])
