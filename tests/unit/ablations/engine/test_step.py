"""Steps: their keys, what a worker gets of them, and their order."""

import hashlib
import pickle
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_steps import Text

from ablations.engine.costs.work import Lengths, Texts, Work
from ablations.engine.experiment import Plan
from ablations.engine.step import RESERVED, Context, Made, Step, apart, canonical, content_key, ordered

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float = 0.1
    sizes: tuple[int, ...] = field(default_factory=lambda: (1, 2))
    path: str = apart("")


@dataclass(frozen=True, kw_only=True, eq=False)
class Draw(Step[Text], name="draw"):
    n: Any

    def run(self, context):
        return Text(str(self.n))


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit(Step[Text], name="fit", version=2, spreads=True):
    a: Any = None
    b: Any = 0
    """Fields of any type."""
    inner: Inner = Inner()
    x: Step[Text] | None = None
    y: Step[Text] | None = None
    several: tuple[Step[Text], ...] = ()
    path: str = apart("")
    device: str = "cpu"

    def run(self, context):
        return Text(" ".join(one.text for one in context.read_all(self.several)))


WORK = Work(role="student", kind="training", tokens=5, context=10)
LENGTHS = Lengths(tokens=20, prompt=5, sharing=0.5, until_error=0.75, trained_row=30, scored_row=40)
ONE, TWO = Draw(n=1), Draw(n=2)


def hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def test_key_is_the_hash_that_its_definition_says():
    first = Draw(n=4)
    assert first.key == hashed('["draw",1,{"n":4},{}]')
    assert first.address == f"draw/{first.key}"
    second = Fit(b=1, a=[1.5, None], several=(first,), inner=Inner(rate=0.5), y=Draw(n="é"))
    config = r'{"a":[1.5,null],"b":1,"inner":{"rate":0.5}}'
    y = hashed(r'["draw",1,{"n":"\u00e9"},{}]')
    inputs = f'{{"several":["draw/{first.key}"],"y":"draw/{y}"}}'
    assert second.key == hashed(f'["fit",2,{config},{inputs}]')


def test_tokens_are_those_of_all_work():
    assert ONE.tokens is None
    assert Fit(work=(WORK, WORK)).tokens == 10


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"b": (1, 2)}, {"b": [1, 2]}),
        ({"b": {"c": 1, "d": 2}}, {"b": {"d": 2, "c": 1}}),
        ({"b": Inner(rate=0.5)}, {"b": {"rate": 0.5}}),
        ({"x": ONE}, {"x": Draw(n=1)}),
        # what has its default, in a step and in what it holds
        ({}, {"a": None, "b": 0, "inner": Inner(rate=0.1, sizes=(1, 2)), "x": None, "several": ()}),
        ({"inner": Inner(rate=0.5)}, {"inner": Inner(rate=0.5, sizes=(1, 2))}),
        # what is for people, estimates or one machine
        ({}, {"label": "x", "weight": 2.0, "work": (WORK,), "path": "/home"}),
        ({"inner": Inner(rate=0.5)}, {"inner": Inner(rate=0.5, path="/home")}),
        ({}, {"inner": Inner(path="/home")}),
        ({"b": (Inner(),)}, {"b": (Inner(path="/home"),)}),
        ({}, {"texts": Texts(lengths=LENGTHS, problems=3, samples=16)}),
    ],
)
def test_equal_keys(fields, same):
    left, right = Fit(**fields), Fit(**same)
    assert left == right and left.key == right.key and len({left, right}) == 1
    assert (left.config, left.inputs) == (right.config, right.inputs)


BASE = {"a": 1, "b": {"c": 1}, "x": ONE, "y": TWO, "several": (ONE, TWO)}


@pytest.mark.parametrize(
    "change",
    [
        {"a": 2},
        {"a": None},
        {"a": "1"},
        {"a": True},
        {"a": 1.5},
        {"b": {"c": 1, "d": None}},
        {"b": {"d": 1}},
        {"a": {"c": 1}, "b": 1},
        {"inner": Inner(rate=0.5)},
        {"inner": Inner(sizes=(2, 1))},
        {"device": "cuda"},
        {"x": None},
        {"x": TWO, "y": ONE},
        {"x": None, "y": None},
        {"y": Draw(n=3)},
        {"several": (TWO, ONE)},
        {"several": (ONE,)},
        {"several": ()},
    ],
)
def test_key_changes_with_all_that_decides_the_result(change):
    assert Fit(**{**BASE, **change}).key != Fit(**BASE).key
    assert Fit(**{**BASE, **change}) != Fit(**BASE)


def test_one_input_a_tuple_of_one_and_an_address_are_not_the_same():
    assert len({Draw(n=n).key for n in (ONE, (ONE,), ONE.address, (ONE.address,), None)}) == 5


def step_class(name, version, default=0):

    @dataclass(frozen=True, kw_only=True, eq=False)
    class Other(Step[Text], name=name, version=version):
        n: int = default
        new: str | None = None

        def run(self, context):
            raise AssertionError

    return Other


def test_name_and_version_count_and_the_class_does_not():
    keys = {step_class(name, version)(n=4).key for name in ("draw", "fat") for version in (1, 2)}
    assert len(keys) == 4
    same = step_class("draw", 1)(n=4)  # a new optional field changes no old key
    assert same == Draw(n=4) and same.key in keys
    assert step_class("draw", 1, default=4)() != same  # hence a changed default needs a new version
    assert ONE != "draw" and ONE != None  # noqa: E711


@given(json_values, json_values)
def test_equal_keys_only_for_equal_configs(left, right):
    same = repr(sort(left)) == repr(sort(right))
    keys = [content_key("s", 1, canonical(value), {}) for value in (left, right)]
    assert (keys[0] == keys[1]) == same == (Draw(n=left) == Draw(n=right))


def sort(value):
    if isinstance(value, dict):
        return {name: sort(value[name]) for name in sorted(value)}
    return [sort(one) for one in value] if isinstance(value, list) else value


@given(json_values)
def test_canonical_leaves_plain_json_as_it_is(value):
    assert canonical(value) == value


def test_canonical_opens_dataclasses_and_leaves_out_their_defaults_and_what_is_apart():
    value = {"inner": Inner(path="x"), "other": Inner(rate=0.5, sizes=()), "list": (1, (Inner(rate=2),))}
    assert canonical(value) == {"inner": {}, "other": {"rate": 0.5, "sizes": []}, "list": [1, [{"rate": 2}]]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": float("nan")}, "draw.n.a: found nan; allowed: a finite number"),
        (float("-inf"), "draw.n: found -inf; allowed: a finite number"),
        ([1, {2}], r"draw.n\[1\]: found \{2\}, a set; allowed: None, bool, int"),
        ({"a": {1: 2}}, "draw.n.a: found the key 1; allowed: strings"),
        (Inner(sizes=(1, b"2")), r"draw.n.sizes\[1\]: found b'2', a bytes"),
        ([ONE], r"draw.n\[0\]: found Draw\(.*, a Draw"),  # steps are fields themselves, or in tuples
        ({"a": ONE}, r"draw.n.a: found Draw\(.*, a Draw"),
        (Inner, "draw.n: found <class .*Inner'>, a type"),
    ],
)
def test_what_a_field_cannot_hold(value, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        _ = Draw(n=value).key
    with pytest.raises(ValueError, match=f"^{message}"):
        canonical(value, "draw.n")


@pytest.mark.parametrize("name", ["Draw", "", "1draw", "draw-it", "draw it", "dräw", "draw\n", *RESERVED])
def test_names_that_cannot_be_folders(name):
    with pytest.raises(ValueError, match=r"^name: found .*; allowed: lower-case letters, digits and under"):
        step_class(name, 1)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_weights_that_cannot_be(weight):
    with pytest.raises(ValueError, match=rf"^weight: found {weight} for draw; allowed: above 0, and finite$"):
        Draw(n=1, weight=weight)


def test_what_a_class_says_of_its_steps():
    assert (Draw.name, Draw.version, Draw.spreads, Draw.runs_model) == ("draw", 1, False, False)
    assert (Fit.name, Fit.version, Fit.spreads, Fit.runs_model) == ("fit", 2, True, True)
    assert Draw.produces is Text and ONE.artifact is Text
    assert (ONE.label, Draw(n=1, label="one").label) == ("draw", "one")
    assert (ONE.device, ONE.attention, Fit(device="cuda").device) == ("cpu", "sdpa", "cuda")
    defaults = {"a": None, "b": 0, "inner": Inner(), "x": None, "y": None, "several": (), "device": "cpu"}
    assert Fit.defaults() == defaults and Draw.defaults() == {}
    assert Draw(n=1).config == {"n": 1} and Fit().config == {}


def test_a_step_that_is_replaced_has_its_own_key():
    fit = Fit(a=1, x=ONE)
    assert replace(fit, a=2).key == Fit(a=2, x=ONE).key != fit.key


def test_a_step_without_what_comes_before_it():
    """All that a worker gets: it does not grow with the steps before, and has the same key."""
    long = Fit(several=tuple(Draw(n="long" * 1000 + str(n)) for n in range(100)))
    fit = Fit(a=1, x=long, several=(ONE, long), path="/home", label="a fit", weight=2.0, work=(WORK,))
    sent = pickle.dumps(fit.detached())
    assert len(sent) < 2000 < 400_000 < len(pickle.dumps(fit))
    alone = pickle.loads(sent)
    assert type(alone) is Fit and alone == fit
    assert (alone.key, alone.config, alone.inputs) == (fit.key, fit.config, fit.inputs)
    assert alone.parents == fit.parents and alone.detached() == fit
    assert all(type(one) is Made and one.artifact is Text for one in alone.parents)
    for name in ("a", "path", "label", "weight", "work"):
        assert getattr(alone, name) == getattr(fit, name)
    assert fit.x is long and fit.several == (ONE, long)  # it is as it was


def test_a_reference_is_read_and_never_run(tmp_path):
    made = Made(at=ONE.address, kind=Text)
    assert (made.key, made.address, made.artifact) == (ONE.key, ONE.address, Text)
    assert made == ONE and ordered([Fit(x=made)]) == [made, Fit(x=ONE)] and made.detached() == made
    context = Context(root=tmp_path, scratch=tmp_path)
    context.folder(made).mkdir(parents=True)
    Text("one").write(tmp_path / ONE.address)
    assert context.read(made) == context.read(ONE) == Text("one")
    assert Fit(several=(made, ONE)).run(context) == Text("one one")
    with pytest.raises(AssertionError, match=f"{ONE.address} is a reference"):
        made.run(context)


def test_ordered_puts_inputs_first_and_merges_duplicates():
    one, same, other = Draw(n=1), Draw(n=1), Draw(n=2)
    fit = Fit(a=1, x=one)
    refit = Fit(a=2, x=same, several=(other, fit))
    assert refit.parents == (same, other, fit)
    assert ordered([refit, other]) == [one, other, fit, refit]
    assert Plan(targets=(fit,), records=refit).tasks == [one, fit, other, refit]


def test_ordered_takes_long_chains():
    step = Draw(n=0)
    for n in range(3000):  # deeper than Python recurses
        step = Fit(a=n, x=step)
        assert len(step.key) == 24
    assert len(ordered([step])) == 3001
    assert pickle.loads(pickle.dumps(step.detached())) == step
