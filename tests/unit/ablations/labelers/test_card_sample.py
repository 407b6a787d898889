"""The card's code sample, which knows nothing of this project, reads solutions as models here do."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from ablations.data.artifacts import prompt_of
from ablations.labelers.choice import LabelerChoice
from ablations.labelers.labeler import load_labeler
from lightning_modules.encoding import encode
from results.model_card import Card, model_card

CARD = Card(
    name="tiny",
    arm="process supervision",
    supervision="It learned nothing.",
    of_steps=True,
    classes=("negative", "neutral", "positive"),
    data=(),
    training=(),
    records=None,
    cell=None,
    folds=1,
    aurocs={},
    problem='What is "3" + \\ 4\n & <5>?',
    steps=("Déjà 🙂 3 + 4 = 7 'so'", "It's 7."),
    chat_template=False,
    license=None,
    address="train/0",
    revision="0",
)


def sample_of(card, folder, monkeypatch):
    """The namespace in which a card's code sample ran, in the model's folder."""
    (block, *_) = re.findall(r"```python\n(.*?)```", model_card(card), re.DOTALL)
    monkeypatch.chdir(folder)
    found: dict = {}
    exec(block, found)
    return found


@pytest.fixture(scope="module")
def folders(checkpoint, tmp_path_factory) -> dict[str, Path]:
    """The same model with a byte-level tokenizer, and with one that begins texts in a way of its own."""
    metaspace = tmp_path_factory.mktemp("card") / "metaspace"
    shutil.copytree(checkpoint("reward-model"), metaspace)
    AutoTokenizer.from_pretrained(checkpoint("math-shepherd")).save_pretrained(metaspace)
    return {"byte-level": checkpoint("reward-model"), "metaspace": metaspace}


TEXT = st.text(st.sampled_from("3 +=.\n\r\tabки-√🙂é"), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", ["byte-level", "metaspace"])
def test_it_places_steps_as_we_do(kind, folders, monkeypatch):
    sample = sample_of(CARD, folders[kind], monkeypatch)
    tokenizer = AutoTokenizer.from_pretrained(folders[kind])

    @given(TEXT, st.lists(TEXT, min_size=1, max_size=4))
    @settings(max_examples=150, deadline=None)
    def same(problem, steps):
        ids, ends = sample["encode"](problem, steps)
        ours = encode(tokenizer, prompt_of(problem), steps)
        assert ids == ours.ids.tolist() and ends == ours.step_end.tolist()

    same()


@pytest.mark.parametrize("kind", ["byte-level", "metaspace"])
def test_it_scores_as_we_do(kind, folders, monkeypatch, capsys):
    """Three classes, of which neutral counts as right; the labeler's own scores are those of its shards."""
    sample = sample_of(CARD, folders[kind], monkeypatch)
    labeler = load_labeler(LabelerChoice(checkpoint=str(folders[kind])))
    assert labeler.identity.family == "reward-model"
    ours = labeler.label([labeler.encode(CARD.problem, CARD.steps, "here")]).prob.values
    np.testing.assert_allclose(sample["found"], ours[:, 1:].sum(axis=1), atol=1e-5)
    assert (sample["problem"], tuple(sample["steps"])) == (CARD.problem, CARD.steps)
    assert f"solution: {np.prod(sample['found'])}" in capsys.readouterr().out


def test_a_chat_template_is_in_the_sample_and_in_the_text():
    text = model_card(replace(CARD, chat_template=True))
    assert "add_generation_prompt=True), []" in text and "the problem as the user's turn" in text
    assert "from transformers import pipeline" not in text  # it would read the problem without the template
    plain = model_card(CARD)
    assert "apply_chat_template" not in plain and "the problem and a newline" in plain
    assert "neutral step counts as right" in plain
    assert "neutral" not in model_card(replace(CARD, classes=("negative", "positive")))
