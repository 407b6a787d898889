"""Completions without a step."""

from pathlib import Path

import pytest

from ablations.generators.completions import Stops
from ablations.generators.drawing import draw_all
from ablations.generators.prompts import Prompt
from ablations.generators.setup import Sampling, Setup
from lightning_modules.sampling import Completion

PROMPTS = [Prompt(text="a", ids=(1,)), Prompt(text="b", ids=(2,))]


class Told:
    """An engine whose completions are given by prompt and number; others have one step."""

    def __init__(self, without):
        self.without, self.asked = without, []

    def draw(self, prompts, wanted, progress):
        self.asked.append(list(wanted))
        progress(1.0)
        return [
            Completion(text=" \n" if one in self.without else f"{one}", finished=True, tokens=1)
            for one in wanted
        ]


def setup(samples, temperature=1.0):
    return Setup(
        folder=Path(),
        dtype="float32",
        trust_remote_code=False,
        positions=None,
        end_tokens=(0,),
        stops=Stops(),
        sampling=Sampling(samples=samples, temperature=temperature),
    )


def test_others_are_drawn_in_place_of_empty_ones():
    engine, shares = Told({(0, 1), (0, 2), (0, 3), (1, 0)}), []
    found = draw_all(engine, PROMPTS, setup(3), shares.append)
    # problem 0 misses two: 3 and 4 are drawn, 3 is empty again, so 5; problem 1 misses one: 3
    assert engine.asked[1:] == [[(0, 3), (0, 4), (1, 3)], [(0, 5)]]
    assert [completion.text.strip() for completion in found[0]] == ["(0, 0)", "", "", "", "(0, 4)", "(0, 5)"]
    assert [completion.text.strip() for completion in found[1]] == ["", "(1, 1)", "(1, 2)", "(1, 3)"]
    assert shares == [1.0]


def test_as_many_more_as_were_asked_for_and_no_more():
    engine = Told({(0, number) for number in range(99)})
    found = draw_all(engine, PROMPTS, setup(3), lambda share: None)
    assert [len(completions) for completions in found] == [6, 3]
    assert engine.asked[1:] == [[(0, 3), (0, 4), (0, 5)]]


def test_nothing_is_drawn_anew_without_chance():
    engine = Told({(0, 0)})
    found = draw_all(engine, PROMPTS, setup(1, temperature=0.0), lambda share: None)
    assert [len(completions) for completions in found] == [1, 1] and len(engine.asked) == 1


def test_bad_settings():
    for name in ("samples", "max_new_tokens", "max_batch", "devices"):
        with pytest.raises(ValueError, match=f"{name}: found 0; allowed: 1 or more"):
            Sampling(**{"samples": 1, name: 0})
    with pytest.raises(ValueError, match="seed: found -1"):
        Sampling(samples=1, seed=-1)
    for temperature in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="temperature: found"):
            Sampling(samples=1, temperature=temperature)
    for min_p in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="min_p: found"):
            Sampling(samples=1, min_p=min_p)
    with pytest.raises(ValueError, match="device: found cpu with engine vllm; allowed: cuda"):
        Sampling(samples=1, engine="vllm")
    with pytest.raises(ValueError, match="engine: found 'llama.cpp'; allowed: transformers, vllm"):
        Sampling(samples=1, engine="llama.cpp")
