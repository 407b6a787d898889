"""What every world keeps to."""

import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.commands import cli
from ablations.world.text import build_tokenizer
from ablations.world.world import NEGATIVE, SPLITS, Split, draw_problems, split_of
from ablations.world.worlds import WORLDS, world_of


@pytest.mark.parametrize(
    ("text", "split"),
    [
        # First byte of the SHA-256 of the text, and its last decimal digit: 0-4, 5, 6-7, 8, 9 are the splits.
        ("a+8b-5c*3:47", "pretraining"),  # 01 = 1 -> 1
        ("a-9b*2:05", "pretraining"),  # 5e = 94 -> 4
        ("a+2b+1:00", "test"),  # 95 = 149 -> 9
    ],
)
def test_a_problems_split_is_the_hash_of_its_text(text: str, split: str) -> None:
    assert split_of(text) == split


def test_shares_of_the_splits() -> None:
    rng = np.random.default_rng(0)
    drawn = 3000
    counts = Counter(split_of(WORLDS["dropped"].draw_problem(rng)) for _ in range(drawn))
    # Of 256 bytes, the last digits 0-5 stand for 26 each and 6-9 for 25 each.
    bytes_of: dict[Split, int] = {
        "pretraining": 130,
        "labeler": 26,
        "train": 50,
        "validation": 25,
        "test": 25,
    }
    assert set(counts) == set(bytes_of)
    for split, number in bytes_of.items():
        share = number / 256
        assert abs(counts[split] - share * drawn) < 5 * math.sqrt(drawn * share * (1 - share)), split


@pytest.mark.parametrize("name", WORLDS)
def test_no_problem_is_drawn_twice_or_for_two_splits(name: str) -> None:
    world = WORLDS[name]
    drawn = {split: draw_problems(world, split, 60, seed=0) for split in SPLITS}
    assert len({problem for problems in drawn.values() for problem in problems}) == 60 * len(SPLITS)
    assert all({split_of(p) for p in problems} == {split} for split, problems in drawn.items())
    assert draw_problems(world, "train", 20, seed=0) == drawn["train"][:20]
    assert draw_problems(world, "train", 60, seed=1) != drawn["train"]


@pytest.mark.parametrize("name", WORLDS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_what_the_oracle_says_of_authors(name: str, seed: int) -> None:
    """No author slips; an expert is right; without a wrong step the answer is right."""
    world, rng = WORLDS[name], np.random.default_rng(seed)
    problem = world.draw_problem(rng)
    steps = world.write_solution(problem, rng)
    ratings = world.judge(problem, steps)
    assert not world.is_slip(problem, steps)
    assert len(ratings) == len(steps)
    if min(ratings) > NEGATIVE:
        assert world.final_answer(steps) == world.answer(problem)
    expert = world.write_solution(problem, rng, expert=True)
    assert set(world.judge(problem, expert)) == {1}
    assert world.final_answer(expert) == world.answer(problem)
    for end in range(len(steps)):
        assert world.judge(problem, steps[:end]) == ratings[:end]


@pytest.mark.parametrize("name", WORLDS)
def test_a_tokenizer_reads_its_world_and_back(name: str) -> None:
    world, rng = WORLDS[name], np.random.default_rng(0)
    tokenizer = build_tokenizer(world)
    assert len(tokenizer) == len(world.tokens) + 3 == len(set(world.tokens)) + 3
    for token in world.tokens:
        assert re.match(world.pattern, token)[0] == token  # type: ignore[index]
    for _ in range(50):
        problem = world.draw_problem(rng)
        text = "".join(f"{line}\n" for line in (problem, *world.write_solution(problem, rng)))
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.unk_token_id not in ids


@pytest.mark.parametrize("name", WORLDS)
def test_kinds_of_problems(name: str) -> None:
    world, rng = WORLDS[name], np.random.default_rng(0)
    usual = {world.operations(world.draw_problem(rng)) for _ in range(200)}
    long = {world.operations(world.draw_problem(rng, "long")) for _ in range(50)}
    assert max(usual) < min(long)


def test_an_unknown_world_is_refused() -> None:
    with pytest.raises(ValueError, match="world: found 'flat'; allowed: facts, other_facts, dropped"):
        world_of("flat")


def test_no_base_is_made_of_an_unknown_world(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["world", "pretrain", "--world=flat"]) == 2
    assert "world: found 'flat'; allowed: facts, other_facts, dropped" in capsys.readouterr().err
