"""Ratings of chosen solutions, by hand."""

import numpy as np
import pytest

from ablations.data.annotations import Annotations

PART = Annotations(rows=np.array([4, 1]), ratings=[[1, 0, -1, None], [1]])
OTHER = Annotations(rows=np.array([2, 0]), ratings=[[-1, None], [0, 1]])


def test_counts_by_hand():
    """Rated 1, 0, -1 and 1: four steps, of which 1, 0 and 1 are right or neutral."""
    assert (len(PART), PART.rated_steps, PART.right_steps) == (2, 4, 3)
    assert (len(OTHER), OTHER.rated_steps, OTHER.right_steps) == (2, 3, 2)


def test_several_stand_in_the_order_of_the_samples():
    both = Annotations.join([PART, OTHER])
    assert both.rows.tolist() == [0, 1, 2, 4]
    assert both.ratings == [[0, 1], [1], [-1, None], [1, 0, -1, None]]
    assert len(Annotations.join([])) == 0


def test_written_and_read_again(tmp_path):
    for found in (PART, Annotations.join([])):
        found.write(tmp_path)
        again = Annotations.read(tmp_path)
        assert again.rows.tolist() == found.rows.tolist() and again.ratings == found.ratings


@pytest.mark.parametrize(
    ("rows", "ratings", "message"),
    [
        ([1, 1], [[1], [1]], "rows: found row 1 rated twice; allowed: each once"),
        ([1, 2], [[1]], "ratings: found 1 solutions; allowed: 2"),
        ([1], [[2]], "ratings of row 1: found 2; allowed: 1, 0, -1 or null"),
    ],
)
def test_what_is_not_allowed(rows, ratings, message):
    with pytest.raises(ValueError, match=message):
        Annotations(rows=np.array(rows), ratings=ratings)


def test_one_solution_is_not_rated_by_two():
    with pytest.raises(ValueError, match="rows: found row 1 rated twice"):
        Annotations.join([PART, Annotations(rows=np.array([1]), ratings=[[0]])])
