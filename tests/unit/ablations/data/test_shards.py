"""Shards of whole problems."""

import pytest

from ablations.data.shards import shards_of


@pytest.mark.parametrize(
    ("problems", "size", "expected"),
    [
        ("", 2, []),
        ("a", 2, ["a"]),
        ("aab", 2, ["aa", "b"]),
        ("aab", 3, ["aab"]),
        ("abcc", 3, ["ab", "cc"]),  # ab and cc are 4
        ("aaabb", 2, ["aaa", "bb"]),  # a problem is never divided
        ("abab", 1, ["a", "b", "a", "b"]),
    ],
)
def test_by_hand(problems, size, expected):
    assert [problems[part] for part in shards_of(problems, size)] == expected
