"""Samples in tokens are kept for the next task, as long as nothing that decides them has changed."""

import os

import pytest

from ablations.data.artifacts import SOLUTIONS, Samples
from ablations.steps import encoded_samples
from ablations.steps.encoded_samples import encode_samples
from ablations.world.bases import shipped_base
from lightning_modules.encoding import encode_all
from lightning_modules.tokenization import load_tokenizer


@pytest.fixture
def folder(smoke):
    return next(path.parent for path in sorted((smoke.store / "samples").glob("*/manifest.json")))


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    monkeypatch.setattr(encoded_samples, "_cache", type(encoded_samples._cache)())


def test_the_same_samples_are_encoded_once(folder):
    """Also by another object of the same tokenizer, as every task loads its own."""
    first, again = (load_tokenizer(shipped_base("facts", "small")) for _ in range(2))
    found = encode_samples(folder, first, None)
    samples = Samples.read(folder)
    wanted = encode_all(first, samples.prompts(), samples.steps())
    assert [one.ids.tolist() for one in found] == [one.ids.tolist() for one in wanted]
    assert encode_samples(folder, again, None) is found


def test_what_decides_them_is_looked_at(folder, tmp_path):
    tokenizer, other = (load_tokenizer(shipped_base("facts", "small")) for _ in range(2))
    found = encode_samples(folder, tokenizer, None)
    shorter = encode_samples(folder, tokenizer, 12)
    assert max(map(len, shorter)) <= 12 < max(map(len, found))
    other.bos_token = "\n"
    assert len(encode_samples(folder, other, None)[0]) == len(found[0]) + 1
    Samples.read(folder).write(tmp_path)
    mine = encode_samples(tmp_path, tokenizer, None)
    os.utime(tmp_path / SOLUTIONS, ns=(1, 1))  # written anew
    assert encode_samples(tmp_path, tokenizer, None) is not mine


def test_large_sets_are_not_kept(folder, monkeypatch):
    monkeypatch.setattr(encoded_samples, "MOST_TOKENS", 10)
    tokenizer = load_tokenizer(shipped_base("facts", "small"))
    assert encode_samples(folder, tokenizer, None) is not encode_samples(folder, tokenizer, None)
    assert not encoded_samples._cache
