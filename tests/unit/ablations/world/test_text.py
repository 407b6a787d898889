import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ablations.world.text import BLOCK, FEW_SHOT_SHARE, Corpus, build_tokenizer
from ablations.world.world import split_of
from ablations.world.worlds import WORLDS
from lightning_modules.encoding import IGNORE

ALPHABET = "0123456789abcdefgh+-*=#:~\n"
WORLD = WORLDS["dropped"]
TOKENIZER = build_tokenizer(WORLD)
BATCH_TOKENS = 1000


def corpus(*, seed: int = 7, world: str = "dropped") -> Corpus:
    return Corpus(WORLDS[world], seed=seed, batch_tokens=BATCH_TOKENS)


@pytest.fixture(scope="module")
def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """The first block of updates."""
    held = corpus()
    return [held.batch(update) for update in range(BLOCK)]


@given(st.text(ALPHABET))
@settings(max_examples=200, deadline=None)
def test_a_token_a_character_and_back(text: str) -> None:
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    assert len(ids) == len(text)
    assert TOKENIZER.decode(ids) == text
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == text


def test_every_character_has_its_own_token() -> None:
    ids = TOKENIZER(ALPHABET)["input_ids"]  # and nothing is added at the ends
    specials = {TOKENIZER.pad_token_id, TOKENIZER.eos_token_id}
    assert len({*ids, *specials}) == len(ALPHABET) + 2 == len(TOKENIZER) - 1  # <unk>
    assert TOKENIZER.bos_token_id is None
    assert TOKENIZER("<eos>")["input_ids"] == [TOKENIZER.eos_token_id]


def test_a_saved_tokenizer_reads_back(tmp_path: Path) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    text = "a+8b-5c*3:47\n~47a+3=50\n=50\n50a+5=55\n#55\n"
    for kind in (AutoTokenizer, PreTrainedTokenizerFast):
        read = kind.from_pretrained(tmp_path)
        assert isinstance(read, PreTrainedTokenizerFast)
        assert read(text + "<eos>")["input_ids"] == TOKENIZER(text + "<eos>")["input_ids"]
        assert read.decode(read(text)["input_ids"]) == text
        assert (read.pad_token_id, read.eos_token_id) == (TOKENIZER.pad_token_id, TOKENIZER.eos_token_id)
        assert len(read) == len(TOKENIZER)


def documents(tokens: np.ndarray, targets: np.ndarray) -> list[list[tuple[str, np.ndarray]]]:
    """Each row's documents: text up to and with ``<eos>``, and its targets."""
    rows = []
    for ids, target in zip(tokens, targets, strict=True):
        filled = np.flatnonzero(ids != TOKENIZER.pad_token_id)
        assert (filled == np.arange(len(filled))).all(), "padded elsewhere than on the right"
        ends = np.flatnonzero(ids == TOKENIZER.eos_token_id) + 1
        assert ends[-1] == len(filled)
        bounds = itertools.pairwise([0, *ends.tolist()])
        rows.append([(str(TOKENIZER.decode(ids[a:b])), target[a:b]) for a, b in bounds])
    return rows


def test_every_document_is_a_problem_of_the_pretraining_split_and_a_solution(
    batches: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    ratings: list[int] = []
    styles: set[str] = set()
    for tokens, targets in batches:
        for row in documents(tokens, targets):
            for text, _ in row:
                question, *steps, end = text.split("\n")
                assert split_of(question) == "pretraining"
                assert end == "<eos>"
                assert WORLD.final_answer(steps) is not None
                ratings += WORLD.judge(question, steps)
                styles |= {"0" if line[0].isdigit() else line[0] for line in steps}
    assert {-1, 0, 1} == set(ratings)
    assert styles == set("0=#~")
    assert 0.03 < np.mean(np.array(ratings) == -1) < 0.4


def test_a_problem_has_no_target_and_all_else_is_its_own(
    batches: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    for tokens, targets in batches:
        assert tokens.dtype == targets.dtype == np.int64
        assert tokens.shape == targets.shape
        assert (targets[tokens == TOKENIZER.pad_token_id] == IGNORE).all()
        for row in documents(tokens, targets):
            for text, target in row:
                prompt = text.index("\n") + 1
                assert (target[:prompt] == IGNORE).all()
                assert target[prompt:].tolist() == TOKENIZER(text[prompt:])["input_ids"]


def test_some_contexts_hold_three_problems(batches: list[tuple[np.ndarray, np.ndarray]]) -> None:
    sizes = [len(row) for batch in batches for row in documents(*batch)]
    assert set(sizes) == {1, 3}
    expected = FEW_SHOT_SHARE * len(sizes)
    assert abs(sizes.count(3) - expected) < 5 * math.sqrt(expected * (1 - FEW_SHOT_SHARE))


def test_batches_keep_to_their_size_and_are_nearly_full(
    batches: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    cells = [tokens.size for tokens, _ in batches]
    assert max(cells) <= BATCH_TOKENS
    filled = sum((tokens != TOKENIZER.pad_token_id).sum() for tokens, _ in batches)
    assert filled > 0.85 * BLOCK * BATCH_TOKENS
    assert len({tokens.tobytes() for tokens, _ in batches}) == BLOCK


def test_an_updates_batch_is_always_the_same(batches: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Whatever was asked for before, as for a run that goes on in the middle of a block."""
    other = corpus()
    later = other.batch(BLOCK + 3)
    for update in (17, 2):
        again = other.batch(update)
        for first, second in zip(batches[update], again, strict=True):
            np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(other.batch(BLOCK + 3)[0], later[0])
    assert not np.array_equal(later[0], batches[3][0])


def test_seed_and_world_change_the_text(batches: list[tuple[np.ndarray, np.ndarray]]) -> None:
    assert not np.array_equal(corpus(seed=8).batch(0)[0], batches[0][0])
    assert not np.array_equal(corpus(world="facts").batch(0)[0], batches[0][0])
