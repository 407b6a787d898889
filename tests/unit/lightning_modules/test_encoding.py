import numpy as np
import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from lightning_modules.encoding import Encoded, Example, encode, encode_all, token_targets

CHARACTERS = ["<s>", *"0123456789+=#\n"]


def char_tokenizer(bos: str | None = "<s>") -> PreTrainedTokenizerFast:
    vocabulary = {character: index for index, character in enumerate(CHARACTERS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<s>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos)


def byte_tokenizer(trim_offsets: bool = False) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["So far 12 eggs are left.\nThat is 2 dollars.\n\n   Then"] * 20, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def test_characters() -> None:
    # <s> 1 + 2 \n | 1 + 2 = 3 \n | # 3 \n : the prompt holds 1 + 4 tokens, the steps 6 and 3.
    found = encode(char_tokenizer(), "1+2\n", ["1+2=3", "#3"])
    assert found.ids.tolist() == [0, 2, 11, 3, 14, 2, 11, 3, 12, 4, 14, 13, 4, 14]
    assert found.ids.dtype == np.int32
    assert found.solution_start == 5
    assert found.step_end.tolist() == [10, 13]
    assert found.cut_steps == 0


def test_without_bos() -> None:
    found = encode(char_tokenizer(bos=None), "1\n", ["2"])
    assert found.ids.tolist() == [2, 14, 3, 14]
    assert (found.solution_start, found.step_end.tolist()) == (2, [3])


def test_without_separator_the_last_character_judges() -> None:
    assert encode(char_tokenizer(), "1\n", ["2", "3"], separator="").step_end.tolist() == [3, 4]


@pytest.mark.parametrize("trim_offsets", [False, True])
@pytest.mark.parametrize(
    ("prompt", "steps"),
    [
        ("So far 12 eggs are left.\n", ["That is 2 dollars.", "Then 7é", "ü"]),
        ("So far", [" 12 eggs", "  Then", "\n\nThen"]),  # tokens would straddle: pieces
        ("So", ["far\n", " \n", "left. \n\n   "]),
    ],
)
def test_bytes_judged_where_the_step_ends(trim_offsets: bool, prompt: str, steps: list[str]) -> None:
    tokenizer = byte_tokenizer(trim_offsets)
    found = encode(tokenizer, prompt, steps)
    assert tokenizer.decode(found.ids[: found.solution_start]) == prompt
    text = prompt
    for step, end in zip(steps, found.step_end, strict=True):
        text += step + "\n"
        assert tokenizer.decode(found.ids[: end + 1]) == text
    assert found.step_end[-1] == len(found.ids) - 1


def test_bytes_in_one_tokenization_where_it_is_sound() -> None:
    tokenizer = byte_tokenizer()
    text = "So far 12 eggs\nare left.\nThat is\n"
    found = encode(tokenizer, "So far 12 eggs\n", ["are left.", "That is"])
    assert found.ids.tolist() == tokenizer(text)["input_ids"]


def test_max_length_keeps_whole_steps() -> None:
    tokenizer = char_tokenizer()
    for length, kept, size in ((14, 2, 14), (13, 1, 11), (11, 1, 11), (10, 0, 5), (3, 0, 3)):
        found = encode(tokenizer, "1+2\n", ["1+2=3", "#3"], max_length=length)
        assert (len(found.step_end), found.cut_steps, len(found.ids)) == (kept, 2 - kept, size)
        assert found.solution_start <= len(found.ids)


def test_many_are_encoded_as_one_by_one() -> None:
    tokenizer = byte_tokenizer()
    prompts = ["So\n", "far", "So\n"]
    steps = [["12", "eggs"], [" are\n"], ["12", "eggs"]]
    together = encode_all(tokenizer, prompts, steps)
    assert together[0] is together[2]
    for prompt, parts, found in zip(prompts, steps, together, strict=True):
        alone = encode(tokenizer, prompt, parts)
        assert found.ids.tolist() == alone.ids.tolist()
        assert found.step_end.tolist() == alone.step_end.tolist()


def test_a_step_without_tokens_is_named() -> None:
    with pytest.raises(ValueError, match="example 1, step 0 is ''"):
        encode_all(char_tokenizer(), ["1\n", "2\n"], [["3"], [""]], separator="")


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="max_length is 0"):
        encode(char_tokenizer(), "1", ["2"], max_length=0)
    with pytest.raises(ValueError, match="has no token"):
        encode(char_tokenizer(bos=None), "", [])
    with pytest.raises(ValueError, match="both set"):
        Example(prompt="1", steps=("2",), step_targets=(1,), solution_target=1)
    with pytest.raises(ValueError, match="2 entries for 1 steps"):
        Example(prompt="1", steps=("2",), step_targets=(1, 0))
    with pytest.raises(ValueError, match="steps is the string"):
        Example(prompt="1", steps="23")  # type: ignore[arg-type]


def test_targets() -> None:
    encoded = encode(char_tokenizer(), "1\n", ["2", "3"])  # <s> 1 \n 2 \n 3 \n
    none = -100
    assert token_targets(encoded, step_target=[1, 0]).tolist() == [none, none, none, none, 1, none, 0]
    assert token_targets(encoded, step_target=[1, none]).tolist() == [none, none, none, none, 1, none, none]
    assert token_targets(encoded, solution_target=1).tolist() == [none, none, none, 1, 1, 1, 1]
    cut = encode(char_tokenizer(), "1\n", ["2", "3"], max_length=6)
    assert token_targets(cut, step_target=[1, 0]).tolist() == [none, none, none, none, 1]
    with pytest.raises(ValueError, match="3 entries for 2 steps"):
        token_targets(cut, step_target=[1, 0, 1])
    with pytest.raises(ValueError, match="exactly one"):
        token_targets(encoded)
    with pytest.raises(ValueError, match="exactly one"):
        token_targets(encoded, step_target=[1, 0], solution_target=1)


@pytest.mark.parametrize(
    "bad", [0.9, 1.0, True, np.bool_(True), float("nan"), 256, -1, 128, "1", None, np.float64(1)]
)
def test_a_target_that_is_no_class_is_refused(bad) -> None:
    with pytest.raises(
        ValueError, match=r"^step_targets\[1\]: found .*; allowed: a whole number from 0 to 127"
    ):
        Example(prompt="p", steps=("a", "b"), step_targets=(1, bad))
    if bad is not None:
        with pytest.raises(ValueError, match="^solution_target: found .*; allowed: a whole number"):
            Example(prompt="p", steps=("a",), solution_target=bad)


def test_whole_numbers_of_any_kind_are_classes() -> None:
    found = Example(prompt="p", steps=("a", "b", "c"), step_targets=np.array([0, -100, 2], dtype=np.int16))  # type: ignore[arg-type]
    assert found.step_targets == (0, -100, 2) and all(type(t) is int for t in found.step_targets)
    assert Example(prompt="p", steps=("a",), solution_target=np.int64(1)).solution_target == 1


TOKENS = Encoded(ids=np.arange(4, dtype=np.int32), solution_start=1, step_end=np.array([2, 3]))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            dict(solution_target=0.7),
            "solution_target: found 0.7; allowed: a whole number from 0 to 2, or -100",
        ),
        (dict(solution_target=3), "solution_target: found 3; allowed"),
        (dict(solution_target=True), "solution_target: found True"),
        (
            dict(solution_target=np.array([0.5, 0.5])),
            r"solution_target: found \[0.5, 0.5\]",
        ),  # of two classes
        (dict(step_target=[0, 256]), r"step_target\[1\]: found 256"),
        (dict(step_target=[0, -1]), r"step_target\[1\]: found -1"),
        (dict(step_target=[0.9, 0.2]), r"step_target\[0\]: found 0.9"),
        (dict(step_target=[0, float("nan")]), r"step_target\[0\]: found 0.0"),
        (dict(step_target=[[0.5, 0.5, 0], [0.5, 0.2, 0]]), r"step_target\[1\]: found \[0.5, 0.2, 0.0\]"),
        (dict(step_target=[[1, 0, 0.0], [np.nan, 1, 0]]), r"step_target\[1\]: found \[nan, 1.0, 0.0\]"),
    ],
)
def test_targets_that_would_be_cut_or_wrap_round_are_refused(target, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        token_targets(TOKENS, num_classes=3, **target)


def test_probabilities_of_classes_are_targets() -> None:
    found = token_targets(TOKENS, step_target=np.array([[0.25, 0.75], [0, 0]]), num_classes=2)
    assert found.tolist() == [[0, 0], [0, 0], [0.25, 0.75], [0, 0]] and found.dtype == np.float32
    found = token_targets(TOKENS, solution_target=np.array([0.25, 0.75]))
    assert found.tolist() == [[0, 0], *[[0.25, 0.75]] * 3]
    assert token_targets(TOKENS, step_target=np.array([127, -100])).tolist() == [-100, -100, 127, -100]
