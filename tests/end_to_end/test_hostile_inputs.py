"""Hostile inputs to commands that need no model; ``make hostile`` tries all, system faults included."""

import tempfile
from pathlib import Path

import pytest
from hostile import commands, rows
from hostile.inputs import Input, fault
from hostile.running import run
from hypothesis import given, settings
from hypothesis import strategies as st

FILES = [one for name in rows.SAMPLES for one in rows.files(name)]
SHAPES = [*commands.odd_pools(), *commands.words()]


def tried(one: Input) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = fault(run(one, Path(folder)), one.check)
    assert found is None, f"{one.kind} | {one.name} | {found}"


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(rows.fuzzed()))
def test_another_value_in_one_field(field):
    tried(rows.one_field(*field))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(list(commands.pools())))
def test_another_value_in_a_pool(one):
    tried(one)


@pytest.mark.parametrize("one", FILES, ids=lambda one: one.name)
def test_files_as_they_are_found(one):
    tried(one)


@pytest.mark.parametrize("one", SHAPES, ids=lambda one: one.name)
def test_odd_pools_and_words(one):
    tried(one)
