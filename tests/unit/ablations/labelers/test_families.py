"""Each family's positions and probabilities against a reference that takes one solution at a time.

The references follow the families' definitions in words, with plain transformers; they share no code with
what they check.
"""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    LlamaConfig,
    LlamaModel,
    MistralConfig,
    MistralModel,
    Qwen2Config,
    Qwen2Model,
)

from ablations.labelers.choice import LabelerChoice
from ablations.labelers.families import FAMILIES
from ablations.labelers.labeler import load_labeler
from lightning_modules.encoding import Encoded

PROBLEMS = ["Natalia sold 48 clips and then half + 1. How many?\nIn all?", "What is 数学 + √2 🙂?"]
SOLUTIONS = [
    (0, ["48 + 24 = 72.", "So 72 - 0 = 72."]),
    (0, ["48 + 24 = 72.", "So 72 - 0 = 72.", "The answer is 72"]),
    (0, ["48 + 24 = 72.", "Two lines\nin one step", "+", "-"]),
    (1, ["√2 ≈ 1,414 – déjà vu 🙂", "数学 + - 3"]),
    (0, ["48 + 24 = 72.", "So 72 - 0 = 72."]),  # the first one again
    (1, ["x"]),
]
CASES = {kind: kind for kind in FAMILIES} | {
    "reasoneval-llama": "reasoneval",
    "two-classes": "sequence-classification",
    "qwen-reward-model": "sequence-classification",
}
SHARED = {kind: kind != "math-shepherd" for kind in CASES}


def softmax(logits):
    return torch.softmax(logits.double(), dim=-1).numpy()


def read_head(folder):
    return load_file(folder / "model-00002-of-00002.safetensors")


def read_decoder(folder, kind, config):
    """A decoder by hand: its tensors without the prefix that they have in the file."""
    decoder = kind(config.from_dict(json.loads((folder / "config.json").read_text()))).eval()
    tensors = load_file(folder / "model-00001-of-00002.safetensors")
    decoder.load_state_dict({name.removeprefix("model."): tensor for name, tensor in tensors.items()})
    return decoder


def by_trl(folder, tokenizer, problem, steps):
    ids = [tokenizer.bos_token_id] + tokenizer.encode(problem, add_special_tokens=False)
    judged = []
    for step in steps:
        ids += tokenizer.encode(step, add_special_tokens=False)
        ids += tokenizer.encode("\n", add_special_tokens=False)
        judged.append(len(ids) - 1)
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    return ids, judged, softmax(model(torch.tensor([ids])).logits[0, judged])


def by_qwen(folder, tokenizer, problem, steps):
    system = "Please reason step by step, and put your final answer within \\boxed{}."
    text = (
        f"<|im_start|>system\n{system}<|im_end|>\n"
        f"<|im_start|>user\n{problem}<|im_end|>\n"
        f"<|im_start|>assistant\n{'<extra_0>'.join(steps)}<extra_0><|im_end|>\n"
    )
    ids = tokenizer(text)["input_ids"]
    judged = [i for i, token in enumerate(ids) if tokenizer.convert_ids_to_tokens(token) == "<extra_0>"]
    hidden = read_decoder(folder, Qwen2Model, Qwen2Config)(torch.tensor([ids])).last_hidden_state[0, judged]
    head = read_head(folder)
    inner = torch.relu(hidden @ head["score.0.weight"].T + head["score.0.bias"])
    return ids, judged, softmax(inner @ head["score.2.weight"].T + head["score.2.bias"])


def by_skywork(folder, tokenizer, problem, steps):
    ids = tokenizer.encode("<|bos|>" + problem + "\n")
    (newline,) = tokenizer.encode("\n")
    judged = []
    for step in steps:
        for line in step.split("\n"):
            ids = ids + tokenizer.encode(line) + [newline]
        judged.append(len(ids) - 1)
    hidden = read_decoder(folder, Qwen2Model, Qwen2Config)(torch.tensor([ids])).last_hidden_state[0, judged]
    head = read_head(folder)
    value = (hidden @ head["v_head.summary.weight"].T + head["v_head.summary.bias"])[:, 0]
    right = torch.sigmoid(value.double()).numpy()
    return ids, judged, np.stack([1 - right, right], axis=1)


def by_reasoneval(folder, tokenizer, problem, steps, decoder=(MistralModel, MistralConfig)):
    start = f"Question:\n{problem}\nAnswer:\nLet's think step by step.\n"
    ids, judged = tokenizer(start)["input_ids"], []  # with BOS
    for step in steps:
        between = tokenizer(f"<pad>{step}", add_special_tokens=False)["input_ids"]
        ids += between[1:]
        judged.append(len(ids) - 1)
    hidden = read_decoder(folder, *decoder)(torch.tensor([ids])).last_hidden_state[0, judged]
    head = read_head(folder)
    logits = hidden @ head["score_head.weight"].T + head.get("score_head.bias", torch.zeros(3))
    return ids, judged, softmax(logits)


def by_reasoneval_llama(folder, tokenizer, problem, steps):
    return by_reasoneval(folder, tokenizer, problem, steps, (LlamaModel, LlamaConfig))


def by_rlhflow(folder, tokenizer, problem, steps):
    """Turn by turn, as the original does: each step in a conversation that ends with it."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    words = [tokenizer.convert_tokens_to_ids("-"), tokenizer.convert_tokens_to_ids("+")]
    turns, judged, prob = [], [], []
    for step in steps:
        turns.append({"role": "user", "content": step if turns else problem + " " + step})
        turns.append({"role": "assistant", "content": "+"})
        ids = tokenizer.apply_chat_template(turns, return_dict=False, date_string="26 Jul 2024")
        assert tokenizer.convert_ids_to_tokens(ids[-2:]) == ["+", "<|eot|>"]
        judged.append(len(ids) - 3)
        prob.append(softmax(model(torch.tensor([ids])).logits[0, -3, words]))
    return ids, judged, np.array(prob)


def by_math_shepherd(folder, tokenizer, problem, steps):
    ids = tokenizer.encode(f"{problem} " + "".join(f"{step} ки\n" for step in steps))
    judged = [i for i, token in enumerate(tokenizer.convert_ids_to_tokens(ids)) if token == "▁ки"]
    words = [tokenizer.convert_tokens_to_ids("▁-"), tokenizer.convert_tokens_to_ids("▁+")]
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    return ids, judged, softmax(model(torch.tensor([ids])).logits[0, judged][:, words])


def by_reward_model(folder, tokenizer, problem, steps):
    """Character by character, as byte-level tokens go: a step's last token holds its newline."""
    text = f"{problem}\n" + "".join(f"{step}\n" for step in steps)
    batch = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    ends = np.cumsum([len(problem) + 1, *(len(step) + 1 for step in steps)])[1:]
    judged = [max(i for i, (_, end) in enumerate(batch["offset_mapping"]) if end == at) + 1 for at in ends]
    ids = [tokenizer.bos_token_id, *batch["input_ids"]]
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    return ids, judged, softmax(model(torch.tensor([ids])).logits[0, judged])


def by_sequence_classifier(folder, tokenizer, problem, steps):
    """As its class scores it, by transformers: at the last token."""
    ids = [tokenizer.bos_token_id, *tokenizer(problem + "\n" + "\n".join(steps))["input_ids"]]
    value = AutoModelForSequenceClassification.from_pretrained(folder).eval()(torch.tensor([ids])).logits
    right = torch.sigmoid(value[0].double()).numpy()
    return ids, [len(ids) - 1], np.stack([1 - right, right], axis=1)


def in_a_conversation(tokenizer, problem, steps):
    solution = "\n".join(steps)
    text = f"<|im_start|>user\n{problem}<|im_end|>\n<|im_start|>assistant\n{solution}<|im_end|>\n"
    return tokenizer(text)["input_ids"]


def by_two_classes(folder, tokenizer, problem, steps):
    ids = in_a_conversation(tokenizer, problem, steps)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    return ids, [len(ids) - 1], softmax(model(torch.tensor([ids])).logits)


def by_qwen_reward_model(folder, tokenizer, problem, steps):
    ids = in_a_conversation(tokenizer, problem, steps)
    hidden = read_decoder(folder, Qwen2Model, Qwen2Config)(torch.tensor([ids])).last_hidden_state[0, -1:]
    head = read_head(folder)
    inner = torch.relu(hidden @ head["score.0.weight"].T + head["score.0.bias"])
    value = inner @ head["score.2.weight"].T + head["score.2.bias"]
    right = torch.sigmoid(value[:, 0].double()).numpy()
    return ids, [len(ids) - 1], np.stack([1 - right, right], axis=1)


REFERENCES = {
    "token-classification": by_trl,
    "qwen-prm": by_qwen,
    "skywork": by_skywork,
    "reasoneval": by_reasoneval,
    "reasoneval-llama": by_reasoneval_llama,
    "rlhflow": by_rlhflow,
    "math-shepherd": by_math_shepherd,
    "reward-model": by_reward_model,
    "sequence-classification": by_sequence_classifier,
    "two-classes": by_two_classes,
    "qwen-reward-model": by_qwen_reward_model,
}


def load(folder, kind, **more):
    """A labeler; what a checkpoint does not tell by itself is named."""
    told = CASES[kind] not in ("rlhflow", "math-shepherd")
    return load_labeler(LabelerChoice(checkpoint=str(folder), family=None if told else CASES[kind], **more))


@pytest.mark.parametrize("kind", CASES)
@torch.no_grad()
def test_scores_are_those_of_one_solution_at_a_time(kind, checkpoint):
    folder = checkpoint(kind)
    labeler = load(folder, kind)
    assert labeler.identity.family == CASES[kind]
    assert labeler.rows == (
        "trie" if SHARED[kind] else "padded"
    )  # a sliding window is not honoured by a mask of ours
    encoded = [labeler.encode(PROBLEMS[p], steps, "here") for p, steps in SOLUTIONS]
    wanted = []
    for solution, (p, steps) in zip(encoded, SOLUTIONS, strict=True):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids, judged, prob = REFERENCES[kind](folder, tokenizer, PROBLEMS[p], steps)
        assert solution.ids.tolist() == ids
        assert solution.step_end.tolist() == judged
        wanted.append(prob)
    assert np.ptp(np.concatenate(wanted)[:, 0]) > 0.01  # else all positions would pass
    for rows in {"padded", labeler.rows}:
        for max_tokens in (150, 8192):
            one = type(labeler)(**{**vars(labeler), "rows": rows})
            found = one.label(encoded, max_tokens=max_tokens)
            np.testing.assert_allclose(found.prob.values, np.concatenate(wanted), atol=1e-5)
            assert found.prob.lengths.tolist() == [len(prob) for prob in wanted]
            right = [
                prob[-1, 1] if prob.shape[1] == 2 else prob[-1, 1] + prob[-1, 2] for prob in wanted
            ]  # neutral is right
            np.testing.assert_allclose(found.last, right, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("qwen-prm", "a <extra_0> b", "found 3 separators for 2 steps"),
        ("math-shepherd", "a ки b", "found 3 separators for 2 steps"),
        ("reasoneval", "a <pad> b", "found 4 separators for 3 steps"),  # one stands after the problem
    ],
)
def test_a_text_that_holds_the_separator_is_named(kind, text, message, checkpoint):
    labeler = load(checkpoint(kind), kind)
    with pytest.raises(ValueError) as caught:
        labeler.encode(PROBLEMS[0], ["x", text], "problem p, sample 3")
    assert str(caught.value).startswith(f"problem p, sample 3: {message}")


@pytest.mark.parametrize("positions", [[3], [4, 3], [3, 3], [3, 9], [-1, 3]])
def test_positions_are_checked(positions, checkpoint, monkeypatch):
    """Whatever a family says: one per step, rising, among the tokens."""
    labeler = load(checkpoint("skywork"), "skywork")
    found = Encoded(ids=np.arange(9), solution_start=0, step_end=np.array(positions))
    family = dataclasses.replace(FAMILIES["skywork"], encode=lambda *_: found)
    monkeypatch.setitem(FAMILIES, "skywork", family)
    with pytest.raises(ValueError, match=r"p 1: found judged positions .* for 2 steps; .* one per step"):
        labeler.encode("a", ["b", "c"], "p 1")


def test_the_separator_of_token_classification_can_be_chosen(checkpoint):
    labeler = load(checkpoint("token-classification"), "token-classification", separator="\n\n+")
    found = labeler.encode("a", ["b", "c"], "here")
    text = labeler.tokenizer.decode(found.ids[: found.step_end[0] + 1])
    assert text == "<s>ab\n\n+"
    assert labeler.identity.separator == "\n\n+"
    with pytest.raises(ValueError, match="separator: found ' ' for skywork"):
        load(checkpoint("skywork"), "skywork", separator=" ")


def test_a_template_that_answers_elsewhere_is_refused(checkpoint, tmp_path):
    folder = tmp_path / "rlhflow"
    shutil.copytree(checkpoint("rlhflow"), folder)
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}<|start|>{{ m.content }}<|eot|>{% endfor %}"
        "{% if add_generation_prompt %}<|start|>think:{% endif %}"
    )
    with pytest.raises(ValueError, match="here: found .* where an answer should be|here: found no token"):
        load(folder, "rlhflow").encode("a", ["b"], "here")
