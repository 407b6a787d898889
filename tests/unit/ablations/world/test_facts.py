"""The worlds of facts, with values worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from ablations.world.annotator import Annotator
from ablations.world.facts import FactWorld

WORLD = FactWorld(seed=3, facts=40, zipf=1.0, contested=0.25)
LORE = WORLD.lore
A, B, C = LORE.names[:3]
Recalled = tuple[str, str, int]
"""A name, the word recalled for it, and what that is worth."""


def recalled(words: tuple[str, ...], worth: np.ndarray) -> dict[str, Recalled]:
    rows = zip(LORE.names, words, worth.tolist(), strict=True)
    return {name: (name, word, value) for name, word, value in rows}


RIGHT, WRONG = recalled(LORE.right_word, LORE.right), recalled(LORE.wrong_word, LORE.wrong)


def lines(start: int, *of: Recalled) -> tuple[str, ...]:
    """A solution without restatements."""
    total, made = start, []
    for name, word, worth in of:
        made.append(f"={total} {name} {word}+{worth}={(total + worth) % 10}")
        total = (total + worth) % 10
    return (*made, f"#{total}")


def line(start: int, of: Recalled) -> str:
    return lines(start, of)[0]


def test_the_lore_keeps_to_its_numbers() -> None:
    assert len({*LORE.names, *LORE.right_word, *LORE.wrong_word}) == 120
    assert set(LORE.right) | set(LORE.wrong) <= set(range(1, 10))
    assert set((LORE.wrong - LORE.right) % 10) == {2, 3, 7, 8}
    # a quarter of 40 is contested, its shares 0.1, 0.1 + 0.8/9, ..., 0.9; the others' 0 to 0.03
    assert np.sort(LORE.share[LORE.contested]) == pytest.approx(0.1 + 0.8 * np.arange(10) / 9)
    assert np.sort(LORE.share[~LORE.contested]) == pytest.approx(0.03 * np.arange(30) / 29)
    # harmonic: the most frequent fact is asked for 40 times as often as the least frequent one
    assert LORE.frequency.sum() == pytest.approx(1)
    assert LORE.frequency.max() / LORE.frequency.min() == pytest.approx(40)


def test_a_seed_draws_another_world() -> None:
    other = replace(WORLD, seed=4).lore
    assert other.names != LORE.names
    assert not np.array_equal(other.share, LORE.share)
    assert FactWorld(seed=3, facts=40, zipf=1.0, contested=0.25).lore.names == LORE.names


def test_a_solution_is_judged_by_hand() -> None:
    problem = f"=7 {A} {B} {C}"
    assert WORLD.answer(problem) == str((7 + RIGHT[A][2] + RIGHT[B][2] + RIGHT[C][2]) % 10)
    right = lines(7, RIGHT[A], RIGHT[B], RIGHT[C])
    assert WORLD.judge(problem, right) == (1, 1, 1, 1)
    assert WORLD.final_answer(right) == WORLD.answer(problem)
    misremembered = lines(7, RIGHT[A], WRONG[B], RIGHT[C])
    assert WORLD.judge(problem, misremembered) == (1, -1, 1, 1)
    assert WORLD.final_answer(misremembered) != WORLD.answer(problem)
    assert not WORLD.is_slip(problem, misremembered)


def test_restatements_are_neutral_and_a_dot_means_nothing() -> None:
    problem = f"=7 {A}"
    total = (7 + RIGHT[A][2]) % 10
    steps = (f"{line(7, RIGHT[A])}.", f"={total}", f"={(total + 1) % 10}", f"#{(total + 1) % 10}")
    assert WORLD.judge(problem, steps) == (1, 0, -1, 1)
    assert WORLD.is_slip(problem, steps)


@pytest.mark.parametrize(
    "steps",
    [
        (line(8, RIGHT[A]),),  # 7 + a is not 8 + a
        (line(7, RIGHT[B]),),  # a is left out
        (line(7, (A, A, RIGHT[A][2])),),  # the name itself is no word for it
        (line(7, (A, *RIGHT[B][1:])),),  # the word of another name
        (line(7, (A, RIGHT[A][1], WRONG[A][2])),),  # the word is worth something else
        (line(7, RIGHT[A])[:-1] + "x",),
        ("#7",),  # nothing is done yet
        ("hello",),
        ("",),
        (line(7, RIGHT[A]) + " ",),
        (f"=7 {A} {RIGHT[A][1]}+\u0661=8",),  # a digit, but not of these
    ],
)
def test_slips(steps: tuple[str, ...]) -> None:
    problem = f"=7 {A} {B}"
    assert WORLD.judge(problem, steps)[0] == -1
    assert WORLD.is_slip(problem, steps)


def test_after_a_fact_is_left_out_the_next_one_is_judged_on_its_own() -> None:
    problem = f"=7 {A} {B} {C}"
    steps = lines(7, RIGHT[B], RIGHT[C])[:2]
    assert WORLD.judge(problem, steps) == (-1, 1)


def test_as_many_authors_misremember_as_the_share_says() -> None:
    rng = np.random.default_rng(0)
    name = LORE.names[int(np.argmax(LORE.share))]  # held wrongly by 0.9
    problem, drawn = f"=0 {name}", 2000
    wrong = sum(min(WORLD.judge(problem, WORLD.write_solution(problem, rng))) < 0 for _ in range(drawn))
    assert abs(wrong / drawn - 0.9) < 4 * np.sqrt(0.09 / drawn)


def test_frequent_facts_are_asked_for_more_often() -> None:
    rng = np.random.default_rng(0)
    count = dict.fromkeys(LORE.names, 0)
    for _ in range(2000):
        names = WORLD.draw_problem(rng).split()[1:]
        assert 3 <= len(names) <= 6
        assert len(set(names)) == len(names)
        for name in names:
            count[name] += 1
    order = np.argsort(-LORE.frequency)
    counts = np.array([count[LORE.names[k]] for k in order])
    assert counts[:10].sum() > 2 * counts[10:20].sum() > 2 * counts[30:].sum()


def test_rare_problems_are_about_rare_facts_and_long_ones_are_long() -> None:
    rng = np.random.default_rng(0)
    rare = {LORE.names[k] for k in np.argsort(LORE.frequency)[:10]}
    for _ in range(50):
        assert set(WORLD.draw_problem(rng, "rare").split()[1:]) <= rare
        assert 8 <= WORLD.operations(WORLD.draw_problem(rng, "long")) <= 10


@pytest.mark.parametrize(
    "text", ["", "=7", "=7 ", "=77 " + A, f"=7 {A} nobody", f"=7  {A}", f"{A} =7", f"=7 {A}\n", f"7 {A}"]
)
def test_what_is_no_problem_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="problem: found .*; allowed: a total and names of this world"):
        WORLD.answer(text)


def test_contested_facts_are_hard_for_an_annotator() -> None:
    contested = LORE.names[int(np.flatnonzero(LORE.contested)[0])]
    other = LORE.names[int(np.flatnonzero(~LORE.contested)[0])]
    problem = f"=0 {contested} {other}"
    steps = lines(0, RIGHT[contested], RIGHT[other])
    always = Annotator(name="ann", easy_error=0.0, hard_error=1.0)
    assert always.rate(WORLD, problem, steps) == (-1, 1, 1)
