"""Ranges in the types of settings: what they allow, and what the messages say."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from ablations.data.field_types import (
    Count,
    NotNegative,
    PartShare,
    Positive,
    Range,
    Share,
    check_fields,
    limit_of,
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    count: Count = 1
    most: Count | None = None
    rates: tuple[Positive, ...] = (0.5,)
    decay: NotNegative = 0.0
    share: Share = 1.0
    dropout: PartShare = 0.0
    part: Annotated[float, Range(above=0, most=1)] = 1.0
    device: Literal["cpu", "cuda"] = "cpu"
    free: int | str = -1
    flag: Annotated[Count | None, "-f"] = None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "students.count: found 0; allowed: 1 or more"),
        ({"most": 0}, "students.most: found 0; allowed: 1 or more"),
        ({"rates": (0.5, 0.0)}, "students.rates: found (0.5, 0.0); allowed: above 0"),
        ({"decay": -0.1}, "students.decay: found -0.1; allowed: 0 or more"),
        ({"decay": math.inf}, "students.decay: found inf; allowed: 0 or more, and finite"),
        ({"decay": math.nan}, "students.decay: found nan; allowed: 0 or more, and finite"),
        ({"share": 1.01}, "students.share: found 1.01; allowed: 0 to 1"),
        ({"dropout": 1.0}, "students.dropout: found 1.0; allowed: 0 to below 1"),
        ({"part": 0.0}, "students.part: found 0.0; allowed: above 0, to 1"),
        ({"device": "tpu"}, "students.device: found 'tpu'; allowed: cpu, cuda"),
        ({"flag": 0}, "students.flag: found 0; allowed: 1 or more"),
    ],
)
def test_a_value_out_of_range_is_named(wrong, message):
    with pytest.raises(ValueError) as caught:
        check_fields(Settings(**wrong), "students.")
    assert str(caught.value) == message


def test_the_ends_are_allowed():
    check_fields(Settings(most=1, share=0.0, dropout=0.999, part=1e-9, device="cuda", rates=()))


def test_a_type_without_a_limit_allows_all():
    assert [limit_of(kind) for kind in (int, int | str, tuple[str, ...], str | None)] == [None] * 4
