"""Worlds of facts: many small things to know, each of which some authors misremember.

Every fact is a name that stands for a word, and one popular wrong word for it; every word is worth 1 to 9. A
problem is a start value and a few names; a solution adds up what their words are worth, modulo 10, with one
line per name::

    =7 bako tilu sefi       start at 7, add what the three names stand for
    =7 bako luma+3=0        the total so far, the name, the word recalled for it, its worth, the new total
    =0 tilu domi+5=5.
    =5                      restates the total: neutral
    =5 sefi zeka+9=4
    #4                      the answer

A line is wrong if its word is. The same share of authors misremembers a fact everywhere: some facts are
*contested*, the others are rarely misremembered. Because a wrong word's worth differs from the right one's by
one of only a few distances, mistakes sometimes cancel: right answers with wrong steps.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ablations.world.bases import TINY, Pretraining
from ablations.world.world import NEGATIVE, NEUTRAL, POSITIVE, Kind, World

END = "."
"""End of some lines by some authors; it means nothing."""
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_PROBLEM = re.compile(r"=([0-9])((?: [a-z]+)+)", re.ASCII)
_STEP = re.compile(r"=([0-9]) ([a-z]+) ([a-z]+)\+([0-9])=([0-9])\.?", re.ASCII)
_RESTATEMENT = re.compile(r"=([0-9])", re.ASCII)
_ANSWER = re.compile(r"#([0-9])", re.ASCII)
STYLES = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.3), (0.5, 0.3))
"""(share of steps that end with a dot, share of steps followed by a restatement) of four equally likely
kinds of author."""
RARE = 0.25
"""Share of the facts, the least frequent ones, that problems of the kind ``rare`` are about."""


@dataclass(frozen=True, kw_only=True)
class Lore:
    """The K facts of a world."""

    names: tuple[str, ...]
    """[K], all different."""
    right_word: tuple[str, ...]
    """[K]: what each name stands for; no word is a name or stands for two of them."""
    wrong_word: tuple[str, ...]
    """[K]: what some authors take it to stand for."""
    right: np.ndarray
    """int64 [K]: what the right word is worth, 1 to 9."""
    wrong: np.ndarray
    """int64 [K]: what the wrong word is worth, 1 to 9, never the same as the right one."""
    share: np.ndarray
    """float64 [K]: share of the authors who hold the wrong value."""
    frequency: np.ndarray
    """float64 [K]: how often problems ask for it; sums to 1."""
    contested: np.ndarray
    """bool [K]: whether the fact is contested."""


@dataclass(frozen=True, kw_only=True)
class FactWorld(World):
    """A world of facts, determined by these numbers."""

    # A higher rate makes the generator more certain of right answers: fewer wrong solutions, and hardly any
    # right answers with a wrong step.
    finetuning_rate = 1e-4
    pattern = r" [a-z]+|[+=#][0-9]|[\s\S]"

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
    rare_share: tuple[float, float] = (0.0, 0.03)
    """The same for the other facts."""
    distances: tuple[int, ...] = (2, 3, 7, 8)
    """Differences that wrong values may have from the right ones, modulo 10."""
    length: tuple[int, int] = (3, 6)
    """Minimum and maximum number of names in a problem."""
    long_length: tuple[int, int] = (8, 10)
    """The same for problems of the kind ``long``."""

    @cached_property
    def lore(self) -> Lore:
        rng = np.random.default_rng([self.seed, 2305, 20050])
        syllables = [c + v for c in _CONSONANTS for v in _VOWELS]
        pairs = rng.choice(len(syllables) ** 2, size=3 * self.facts, replace=False)
        words = [syllables[p // len(syllables)] + syllables[p % len(syllables)] for p in pairs]
        frequency = 1 / np.arange(1, self.facts + 1) ** self.zipf
        # Exact counts, so that worlds of one family differ in which facts are contested, not in how many.
        contested = rng.permutation(np.arange(self.facts) < round(self.contested * self.facts))
        share = np.empty(self.facts)
        for group, (low, high) in ((contested, self.contested_share), (~contested, self.rare_share)):
            share[group] = rng.permutation(np.linspace(low, high, int(group.sum())))
        right = rng.integers(1, 10, self.facts)
        wrong = np.empty_like(right)
        for k, value in enumerate(right):
            allowed = [w for d in self.distances if (w := (value + d) % 10)]
            wrong[k] = rng.choice(allowed)
        return Lore(
            names=tuple(words[: self.facts]),
            right_word=tuple(words[self.facts : 2 * self.facts]),
            wrong_word=tuple(words[2 * self.facts :]),
            right=right,
            wrong=wrong,
            share=share,
            frequency=rng.permutation(frequency / frequency.sum()),
            contested=contested,
        )

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.lore.names)}

    @cached_property
    def _meaning(self) -> dict[str, tuple[int, bool, int]]:
        """Word -> its fact, whether it is the right word, and what it is worth."""
        lore = self.lore
        sides = ((True, lore.right_word, lore.right.tolist()), (False, lore.wrong_word, lore.wrong.tolist()))
        return {
            word: (fact, is_right, worth)
            for is_right, words, worths in sides
            for fact, (word, worth) in enumerate(zip(words, worths, strict=True))
        }

    @property
    def pretrainings(self) -> Mapping[str, Pretraining]:
        small = Pretraining(preset="shallow", updates=5000, learning_rate=3e-3, mathmix=0.5, seed=self.seed)
        large = replace(small, preset="shallow_large", learning_rate=2e-3)
        return {"tiny": TINY, "small": small, "large": large}

    @property
    def tokens(self) -> tuple[str, ...]:
        marked = (f"{mark}{digit}" for mark in "+=#" for digit in range(10))
        words = (*self.lore.names, *self.lore.right_word, *self.lore.wrong_word)
        return ("\n", *marked, END, *(f" {word}" for word in words))

    @property
    def brief(self) -> int:
        return self.length[0]

    def draw_problem(self, rng: np.random.Generator, kind: Kind = "usual") -> str:
        low, high = self.long_length if kind == "long" else self.length
        if kind == "broad":
            high = self.long_length[1]
        size = int(rng.integers(low, high + 1))
        frequency = self.lore.frequency
        if kind in ("usual", "long"):
            # The first different names in a stream of names: a draw without replacement.
            chosen = np.argsort(rng.exponential(size=self.facts) / frequency, kind="stable")[:size]
        elif kind == "rare":
            rare = np.argsort(frequency, kind="stable")[: max(high, round(RARE * self.facts))]
            chosen = rng.choice(rare, size=size, replace=False)
        else:
            chosen = rng.choice(self.facts, size=size, replace=False)
        return f"={rng.integers(10)}" + "".join(f" {self.lore.names[k]}" for k in chosen)

    def operations(self, problem: str) -> int:
        return len(self._parse(problem)[1])

    def _parse(self, problem: str) -> tuple[int, list[int]]:
        """Parses the start value and facts of a problem."""
        parsed = _PROBLEM.fullmatch(problem)
        names = parsed[2].split() if parsed else []
        if not parsed or any(name not in self._place for name in names):
            raise ValueError(
                f"problem: found {problem!r}; allowed: a total and names of this world, like "
                f"'=7 {' '.join(self.lore.names[:3])}'"
            )
        return int(parsed[1]), [self._place[name] for name in names]

    def answer(self, problem: str) -> str:
        start, facts = self._parse(problem)
        return str((start + int(self.lore.right[facts].sum())) % 10)

    def write_solution(
        self, problem: str, rng: np.random.Generator, *, expert: bool = False
    ) -> tuple[str, ...]:
        total, facts = self._parse(problem)
        lore = self.lore
        dotted, restate = STYLES[0] if expert else STYLES[int(rng.integers(len(STYLES)))]
        misremembered = rng.random(len(facts)) < (0.0 if expert else lore.share[facts])
        lines = []
        for fact, errs in zip(facts, misremembered, strict=True):
            word = (lore.wrong_word if errs else lore.right_word)[fact]
            worth = self._meaning[word][2]
            before, total = total, (total + worth) % 10
            end = END if rng.random() < dotted else ""
            lines.append(f"={before} {lore.names[fact]} {word}+{worth}={total}{end}")
            if rng.random() < restate:
                lines.append(f"={total}")
        return (*lines, f"#{total}")

    def judge(self, problem: str, steps: Sequence[str]) -> tuple[int, ...]:
        return tuple(rating for rating, _ in self._judged(problem, steps))

    def is_slip(self, problem: str, steps: Sequence[str]) -> bool:
        return any(slips for _, slips in self._judged(problem, steps))

    def _judged(self, problem: str, steps: Sequence[str]) -> list[tuple[int, bool]]:
        """Returns each line's rating, and whether it is wrong in a way that no author is."""
        total, facts = self._parse(problem)
        done = 0
        judged = []
        for line in steps:
            if step := _STEP.fullmatch(line):
                before, worth, stated = int(step[1]), int(step[4]), int(step[5])
                fact = self._place.get(step[2], -1)
                of_fact, knows, of_word = self._meaning.get(step[3], (-1, False, -1))
                follows = done < len(facts) and fact == facts[done] and before == total
                written = follows and of_fact == fact and (of_word, stated) == (worth, (total + worth) % 10)
                judged.append((POSITIVE if written and knows else NEGATIVE, not written))
                total = stated
                if fact in facts[done:]:
                    done += facts[done:].index(fact) + 1
            elif restated := _RESTATEMENT.fullmatch(line):
                agrees = int(restated[1]) == total
                judged.append((NEUTRAL if agrees else NEGATIVE, not agrees))
                total = int(restated[1])
            elif answer := _ANSWER.fullmatch(line):
                complete = done == len(facts) and int(answer[1]) == total
                judged.append((POSITIVE if complete else NEGATIVE, not complete))
            else:
                judged.append((NEGATIVE, True))
        return judged

    def final_answer(self, steps: Sequence[str]) -> str | None:
        answer = _ANSWER.fullmatch(steps[-1]) if steps else None
        return answer[1] if answer else None

    def is_hard(self, line: str) -> bool:
        """Returns whether the line recalls a contested fact."""
        step = _STEP.fullmatch(line)
        known = self._meaning.get(step[3]) if step else None
        return known is not None and bool(self.lore.contested[known[0]])
