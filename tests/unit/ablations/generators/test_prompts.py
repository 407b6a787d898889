import pytest
from transformers import AutoTokenizer

from ablations.generators.problem_files import Shot
from ablations.generators.prompts import INSTRUCTION, Prompter

SHOTS = (Shot(problem="1 + 1?", solution="so\n\\boxed{2}"),)


def prompter(folder, chat_template="auto", instruction=None, shots=()):
    return Prompter.of(AutoTokenizer.from_pretrained(folder), chat_template, instruction, shots)


def test_a_chat_template_is_used_where_there_is_one(checkpoint):
    found = prompter(checkpoint("qwen2"), shots=SHOTS)
    text = (
        f"<|im_start|>user\n1 + 1?\n\n{INSTRUCTION}<|im_end|>\n"
        "<|im_start|>assistant\nso\n\\boxed{2}<|im_end|>\n"
        f"<|im_start|>user\n2 + 2?\n\n{INSTRUCTION}<|im_end|>\n<|im_start|>assistant\n"
    )
    prompt = found.prompt("2 + 2?")
    assert prompt.text == text and found.stops == ()
    assert found.tokenizer.decode(prompt.ids) == text
    assert list(prompt.ids).count(found.tokenizer.convert_tokens_to_ids("<|im_start|>")) == 4
    assert found.template == text.replace("2 + 2?", "{problem}")
    silent = prompter(checkpoint("qwen2"), instruction="")
    assert silent.text("2 + 2?") == "<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n"


def test_plain_text(checkpoint):
    """Of a tokenizer without a template, or where it is not wanted."""
    plain = prompter(checkpoint("qwen2"), "never")
    assert plain.text("2 + 2?") == "2 + 2?\n" and plain.stops == ()
    found = prompter(checkpoint("gpt2"), instruction="Solve:", shots=SHOTS)
    assert found.text("2 + 2?") == "Solve:\n\n1 + 1?\nso\n\\boxed{2}\n\n2 + 2?\n"
    assert found.stops == ("\n\n",)
    assert found.tokenizer.decode(found.prompt("2 + 2?").ids) == found.text("2 + 2?")  # GPT-2 has no opening


def test_a_bos_opens_once_and_no_day_is_told(checkpoint):
    for chat_template in ("auto", "never"):
        found = prompter(checkpoint("llama"), chat_template)
        ids = found.prompt("2 + 2?").ids
        assert ids[0] == found.tokenizer.bos_token_id and found.tokenizer.bos_token_id not in ids[1:]
    text = prompter(checkpoint("llama"), instruction="Go.").text("2 + 2?")
    assert text == "<s>On 26 Jul 2024:[user]2 + 2?\n\nGo.[assistant]"


def test_a_tokenizer_that_closes_texts_does_not_close_a_prompt(checkpoint, tmp_path):
    from tokenizers import processors

    tokenizer = AutoTokenizer.from_pretrained(checkpoint("mistral"))
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        special_tokens=[("<s>", tokenizer.bos_token_id), ("</s>", tokenizer.eos_token_id)],
    )
    assert tokenizer("2")["input_ids"][-1] == tokenizer.eos_token_id
    ids = Prompter.of(tokenizer, "auto", None, ()).prompt("2").ids
    assert tokenizer.decode(ids) == "<s>2\n"


def test_a_chat_template_that_raises_is_told(checkpoint):
    found = prompter(checkpoint("qwen2"), shots=SHOTS)
    found.tokenizer.chat_template = (
        "{% if messages|length > 1 %}{{ raise_exception('Only one turn is supported') }}{% endif %}"
    )
    with pytest.raises(
        ValueError,
        match="^chat_template: found that of .*, which rejects the turns user, assistant, user with 'Only "
        "one turn is supported'; allowed: a chat template that accepts them, or --chat-template never$",
    ):
        found.text("2 + 2?")
    found.tokenizer.chat_template = "{{ 1 + 'a' }}"  # Python's own error
    with pytest.raises(ValueError, match="which rejects .*unsupported operand"):
        found.text("2 + 2?")
