from pathlib import Path

import pytest
from tiny_checkpoints import CHATML, tokenizer_of
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lightning_modules.encoding import Encoded, encode, encode_all
from lightning_modules.positions import verify_positions
from lightning_modules.tokenization import DATE, has_chat_template, load_tokenizer, opening

WITH_BOS = "{{ bos_token }}[{{ messages[0].content }}]"
OF_A_DAY = "{{ strftime_now('%d %B %Y') }}{% for m in messages %} {{ m.content }}{% endfor %} ->"
STEPS = [["12 + 30 = 42", "Then 42 + 5 = 47.", " The answer", "", "ünï 3"]]


def saved(folder: Path, family: str, template: str | None = None) -> Path:
    tokenizer = tokenizer_of(family)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


def test_a_chat_template_opens_once(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(saved(tmp_path, "gpt2", CHATML))
    assert opening(tokenizer, "12\n") == ("<|im_start|>user\n12<|im_end|>\n<|im_start|>assistant\n", [])
    found = encode(tokenizer, "12\n", ["30"])
    text = tokenizer.decode(found.ids)
    assert text == "<|im_start|>user\n12<|im_end|>\n<|im_start|>assistant\n30\n"
    assert (found.ids == tokenizer.convert_tokens_to_ids("<|im_start|>")).sum() == 2  # as tokens of their own
    assert tokenizer.decode(found.ids[: found.solution_start]).endswith("assistant\n")


def test_no_bos_is_doubled(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(saved(tmp_path, "llama", WITH_BOS))
    ids = encode(tokenizer, "12\n", ["30"]).ids
    assert ids[0] == tokenizer.bos_token_id and (ids == tokenizer.bos_token_id).sum() == 1


def test_without_its_template_a_problem_is_plain_text_for_good(tmp_path: Path) -> None:
    plain = load_tokenizer(saved(tmp_path / "a", "gpt2", CHATML), chat_template=False)
    assert not has_chat_template(plain) and opening(plain, "12\n") == ("12\n", [plain.bos_token_id])
    plain.save_pretrained(tmp_path / "b")
    assert not has_chat_template(load_tokenizer(tmp_path / "b"))  # so whoever scores reads as in training


def test_no_day_goes_into_a_prompt(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(saved(tmp_path / "a", "gpt2", OF_A_DAY))
    assert opening(tokenizer, "12\n")[0] == f"{DATE} 12 ->"
    tokenizer.save_pretrained(tmp_path / "b")
    again = load_tokenizer(tmp_path / "b")
    assert again.chat_template == tokenizer.chat_template


def test_of_several_templates_the_default(tmp_path: Path) -> None:
    tokenizer = tokenizer_of("gpt2")
    tokenizer.chat_template = {"default": CHATML, "tools": WITH_BOS}
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path).chat_template == CHATML


def test_the_end_pads_where_nothing_does(tmp_path: Path) -> None:
    size = len(tokenizer_of("llama"))
    assert tokenizer_of("llama").pad_token is None
    found = load_tokenizer(saved(tmp_path, "llama"))
    assert (found.pad_token, len(found)) == ("</s>", size)


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen2"])
def test_positions_are_read_back(family: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(saved(tmp_path, family))
    (found,) = encode_all(tokenizer, ["Ann has 12\n"], STEPS)
    verify_positions(tokenizer, STEPS, [found], ["p sample 3"])
    cut = encode(tokenizer, "Ann has 12\n", STEPS[0], max_length=int(found.step_end[1]) + 2)
    assert cut.cut_steps == 3
    verify_positions(tokenizer, STEPS, [cut], ["p sample 3"])
    for step in range(4):  # one token too early, at any step
        ends = found.step_end.copy()
        ends[step] -= 1
        if ends[step] < ends[step - 1]:
            continue
        wrong = Encoded(ids=found.ids, solution_start=found.solution_start, step_end=ends)
        with pytest.raises(ValueError, match=f"found step {step} of p sample 3, .*read back from its tokens"):
            verify_positions(tokenizer, STEPS, [wrong], ["p sample 3"])


def test_the_separator_is_part_of_what_is_judged(tmp_path: Path) -> None:
    """The last token of the text instead of the separator's: what is usually mistaken."""
    tokenizer = load_tokenizer(saved(tmp_path, "gpt2"))
    found = encode(tokenizer, "Ann\n", ["12"])
    wrong = Encoded(ids=found.ids, solution_start=found.solution_start, step_end=found.step_end - 1)
    with pytest.raises(ValueError, match=r"found step 0 of x, '12\\n', read back from its tokens as '12'"):
        verify_positions(tokenizer, [["12"]], [wrong], ["x"])


def test_unknown_characters_pass_and_lost_ones_do_not() -> None:
    def words(**unknown: str) -> PreTrainedTokenizerFast:
        """Words that begin with their space, without a way to write what they do not know."""
        backend = Tokenizer(models.BPE(**unknown))
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        backend.decoder = decoders.Metaspace(prepend_scheme="first")
        trainer = trainers.BpeTrainer(
            vocab_size=60, special_tokens=list(unknown.values()), show_progress=False
        )
        backend.train_from_iterator(["Ann has 12\n"], trainer)
        return PreTrainedTokenizerFast(tokenizer_object=backend, **unknown)

    steps = [["Ann √ 12", "has"]]
    known, lossy = words(unk_token="<unk>"), words()
    found = encode_all(known, ["12\n"], steps)
    verify_positions(known, steps, found, ["x"])
    with pytest.raises(ValueError, match="found step 0 of x, 'Ann √ 12"):
        verify_positions(lossy, steps, encode_all(lossy, ["12\n"], steps), ["x"])
