import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.engine.costs.work import Work
from ablations.engine.experiment import Plan
from ablations.engine.step import Task, canonical, content_key, load_stages, one, ordered, several

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def draw(**config):
    return Task(stage="draw", version=1, config=config)


def test_key_is_the_hash_that_its_definition_says():
    first = draw(n=4)
    assert first.key == hashlib.sha256(b'["draw",1,{"n":4},{}]').hexdigest()[:24]
    second = Task(stage="fit", version=2, config={"b": 1, "a": [1.5, None]}, inputs={"data": (first,)})
    text = '["fit",2,{"a":[1.5,null],"b":1},{"data":["draw/' + first.key + '"]}]'
    assert second.key == hashlib.sha256(text.encode()).hexdigest()[:24]


WORK = Work(role="student", kind="training", tokens=5, context=10)


def test_tokens_are_those_of_all_work():
    assert draw(n=1).tokens is None
    assert Task(stage="fit", version=1, work=(WORK, WORK)).tokens == 10


def test_key_ignores_order_and_all_that_is_for_people_or_machines():
    one = Task(stage="fit", version=1, config={"a": 1, "b": (1, 2)}, label="x", weight=2.0, work=(WORK,))
    two = Task(stage="fit", version=1, config={"b": [1, 2], "a": 1}, local={"device": "cuda"})
    assert one == two and len({one, two}) == 1


base = {"stage": "fit", "version": 1, "config": {"a": 1}, "inputs": {"x": draw(n=1), "y": draw(n=2)}}


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "fat"},
        {"version": 2},
        {"config": {"a": 2}},
        {"config": {"a": 1, "b": None}},
        {"config": {"a": "1"}},
        {"config": {"a": True}},
        {"inputs": {"x": draw(n=1)}},
        {"inputs": {"x": draw(n=2), "y": draw(n=1)}},
        {"inputs": {"x": (draw(n=1),), "y": draw(n=2)}},
        {"inputs": {"x": draw(n=1), "z": draw(n=2)}},
        {"inputs": {"x": draw(n=1), "y": draw(n=3)}},
    ],
)
def test_key_changes_with_all_that_decides_the_result(change):
    assert Task(**{**base, **change}).key != Task(**base).key


def test_key_depends_on_the_order_of_several_inputs():
    pair = draw(n=1), draw(n=2)
    keys = {Task(stage="fit", version=1, inputs={"x": several}).key for several in (pair, pair[::-1])}
    assert len(keys) == 2


@given(json_values, json_values)
def test_equal_keys_only_for_equal_configs(left, right):
    keys = [content_key("s", 1, canonical(value), {}) for value in (left, right)]
    assert (keys[0] == keys[1]) == (repr(sort(left)) == repr(sort(right)))


def sort(value):
    if isinstance(value, dict):
        return {name: sort(value[name]) for name in sorted(value)}
    return [sort(one) for one in value] if isinstance(value, list) else value


@given(json_values)
def test_canonical_leaves_plain_json_as_it_is(value):
    assert canonical(value) == value


def test_canonical_opens_dataclasses():
    @dataclass
    class Inner:
        rate: float = 0.1

    assert canonical({"inner": Inner(), "list": (1, (2,))}) == {"inner": {"rate": 0.1}, "list": [1, [2]]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"config": {"a": float("nan")}}, "config of draw.a: nan is not allowed"),
        ({"config": {"a": [1, {2}]}}, r"config of draw.a\[1\]: \{2\} is a set"),
        ({"config": {"a": {1: 2}}}, "config of draw.a: the key 1 is not allowed"),
        ({"stage": "Draw"}, "stage: 'Draw' is not allowed"),
        ({"stage": "timings"}, "stage: 'timings' is not allowed"),
        ({"weight": 0.0}, "weight: 0.0 is not allowed for draw"),
        ({"inputs": {"x": "draw/1"}}, "inputs.x: 'draw/1' is not allowed"),
    ],
)
def test_bad_tasks_are_refused_by_name(fields, message):
    with pytest.raises(ValueError, match=message):
        Task(**{"stage": "draw", "version": 1, **fields})


def test_ordered_puts_inputs_first_and_merges_duplicates():
    one, same, other = draw(n=1), draw(n=1), draw(n=2)
    fit = Task(stage="fit", version=1, config={"m": 1}, inputs={"data": one})
    refit = Task(stage="fit", version=1, config={"m": 2}, inputs={"data": same, "more": (other, fit)})
    assert ordered([refit, other]) == [one, other, fit, refit]
    assert Plan(targets=(fit,), records=refit).tasks == [one, fit, other, refit]


def test_ordered_takes_long_chains():
    task = draw(n=0)
    for n in range(3000):  # deeper than Python recurses
        task = Task(stage="fit", version=1, config={"n": n}, inputs={"before": task})
        assert len(task.key) == 24
    assert len(ordered([task])) == 3001


def test_load_stages_checks_names_and_versions(tmp_path, monkeypatch):
    (tmp_path / "table_for_load.py").write_text("STAGES = {'draw': type('S', (), {'version': 3})}")
    monkeypatch.syspath_prepend(tmp_path)
    path = "table_for_load:STAGES"
    assert load_stages(path, [Task(stage="draw", version=3)])["draw"].version == 3
    with pytest.raises(
        ValueError, match="version: 1 of stage 'draw' is not allowed; in table_for_load:STAGES it is 3"
    ):
        load_stages(path, [draw(n=1)])
    with pytest.raises(ValueError, match="stage: 'fit' is not in table_for_load:STAGES; allowed are draw"):
        load_stages(path, [Task(stage="fit", version=1)])


def test_inputs_by_how_many_artifacts_they_are():
    a, b = Path("a"), Path("b")
    inputs = {"alone": a, "both": (a, b)}
    assert one(inputs, "alone") == a
    assert several(inputs, "both") == (a, b)
    assert several(inputs, "alone") == (a,) and several(inputs, "absent") == ()
    for name in ("both", "absent"):
        with pytest.raises(AssertionError, match=f"input {name}: found .*; allowed: one artifact"):
            one(inputs, name)
