import json

import pytest
from given import given, run
from transformers import AutoTokenizer

from ablations.data.artifacts import Samples
from ablations.data.solutions import Problem, Solution, Solutions
from ablations.engine.user_file import UserFile
from ablations.steps.scratch_base import MakeScratchBase, train_tokenizer
from lightning_modules.backbones import load_causal


def test_the_tokenizer_gives_back_the_text_and_never_merges_over_a_line():
    text = "Ann has 12 eggs.\nThen 12 more é.\n\n"
    tokenizer = train_tokenizer(iter([text] * 50), 300)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text and len(ids) < len(text.encode())
    tokens = tokenizer.convert_ids_to_tokens(ids)
    assert all(token == "Ċ" for token in tokens if "Ċ" in token) and tokens.count("Ċ") == 3
    assert len(tokenizer) <= 300 and tokenizer.pad_token_id == 0 and tokenizer.eos_token_id == 1


@pytest.mark.parametrize("with_text", [True, False])
def test_a_base_from_scratch(tmp_path, with_text):
    """Its tokenizer has merged what occurs most: in the samples, and in the text where there is one."""
    solution = Solution(
        problem_id="p", sample=0, steps=("1+1=2", "so 2"), answer="2", finished=True, final_correct=True
    )
    samples = Samples(
        problems=[Problem(problem_id="p", text="1+1?", answer="2")],
        solutions=Solutions.from_rows([solution]),
    )
    text = tmp_path / "text.jsonl"
    text.write_text(json.dumps({"question": "zebra zebra", "answer": "zebra"}) + "\n")
    base = MakeScratchBase(
        samples=given(tmp_path, "samples", samples),
        text=(UserFile.of(text, "text"),) if with_text else (),
        preset="tiny",
        vocabulary=280,
    )
    out = tmp_path / given(tmp_path, "out", run(base, tmp_path)).address
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    assert ("zebra" in tokenizer.get_vocab()) == with_text
    assert load_causal(out / "model").config.vocab_size == len(tokenizer) <= 280
