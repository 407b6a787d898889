"""Every family of causal checkpoints as a reward model: read, trained, scored, written and read again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_checkpoints import FAMILIES, write_checkpoint

from lightning_modules import backbones
from lightning_modules.backbones import compile_layers, layers_of, load_classifier, recompute_activations
from lightning_modules.encoding import Encoded, encode_all
from lightning_modules.packing import cost_of
from lightning_modules.positions import verify_positions
from lightning_modules.reward_data import GlobalBatches, RewardData, RewardDataset
from lightning_modules.reward_model import RewardModel
from lightning_modules.row_choice import choose_rows
from lightning_modules.scoring import score
from lightning_modules.tokenization import load_tokenizer
from lightning_modules.training import fit

WINDOWS = ("mistral-window",)
"""Their masks are their own: nothing may be packed or shared."""
PROBLEMS = ["Ann has 12 eggs, buys 30. How many?\n", "Natalia sold 48 clips √ é.\n"]
STEPS = [
    ["12 + 30 = 42", "The answer is 42"],
    ["12 + 30 = 42", "Then 42 + 5 = 47.", "The answer is 47"],
    ["12 + 30 = 43", "The answer is 43"],
    ["12 + 30 = 42"],
]
PROMPTS = [problem for problem in PROBLEMS for _ in STEPS]
SOLUTIONS = STEPS * len(PROBLEMS)
TARGETS = [[1] * len(steps) if "43" not in steps[0] else [0, -100] for steps in SOLUTIONS]
Place = Callable[[str], Path]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The folder of a family's checkpoint, written once; read only, for all tests share it."""
    root = tmp_path_factory.mktemp("families")

    def write(family: str) -> Path:
        folder = root / family
        return folder if folder.is_dir() else write_checkpoint(family, folder)

    return write


def one_by_one(tokenizer: Any, prompt: str, steps: list[str]) -> tuple[list[int], list[int]]:
    """Ids and judged positions of one solution, worked out piece by piece of its text."""
    opening = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    if tokenizer.chat_template:
        opening = []
        prompt = (
            f"<|im_start|>user\n{prompt.removesuffix(chr(10))}<|im_end|>\n<|im_start|>assistant\n"  # ChatML
        )
    pieces = [prompt, *(f"{step}\n" for step in steps)]
    whole = tokenizer("".join(pieces), add_special_tokens=False, return_offsets_mapping=True)
    ends = [end for _, end in whole["offset_mapping"]]
    wanted = np.cumsum([len(piece) for piece in pieces]).tolist()
    if all(place in ends for place in wanted):
        last = [max(token for token, end in enumerate(ends) if end == place) for place in wanted[1:]]
        return opening + whole["input_ids"], [len(opening) + token for token in last]
    ids, positions = list(opening), []
    for piece in pieces:  # a token runs over a line's end
        ids += tokenizer(piece, add_special_tokens=False)["input_ids"]
        positions.append(len(ids) - 1)
    return ids, positions[1:]


def encoded_of(folder: Path) -> list[Encoded]:
    return encode_all(load_tokenizer(folder), PROMPTS, SOLUTIONS)


def dataset(model: Any, encoded: list[Encoded]) -> RewardDataset:
    return RewardDataset.from_encoded(
        encoded, step_targets=TARGETS, cost=cost_of(model), rows=choose_rows(model)
    )


def loaded(data: RewardDataset, batch_size: int = 8) -> RewardData:
    return RewardData(data, batch_size=batch_size, seed=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_positions(family: str, checkpoint: Place) -> None:
    tokenizer = load_tokenizer(checkpoint(family))
    encoded = encode_all(tokenizer, PROMPTS, SOLUTIONS)
    verify_positions(tokenizer, SOLUTIONS, encoded, PROMPTS)
    for prompt, steps, found in zip(PROMPTS, SOLUTIONS, encoded, strict=True):
        ids, positions = one_by_one(tokenizer, prompt, steps)
        assert (found.ids.tolist(), found.step_end.tolist()) == (ids, positions)
    begins = tokenizer.decode(encoded[0].ids[:1])
    assert begins == ("<|im_start|>" if family == "qwen2" else tokenizer.bos_token or "Ann")
    assert tokenizer.pad_token is not None and len(tokenizer) < 460  # its end, where it had none


def test_the_separator_runs_into_the_next_step_of_llama_alone(checkpoint: Place) -> None:
    merges = {}
    for family in ("llama", "gpt2"):
        tokenizer = load_tokenizer(checkpoint(family))
        whole = tokenizer("Then 5\nThen 5\n", add_special_tokens=False)["input_ids"]
        merges[family] = any("\n" in t and t.strip() for t in map(tokenizer.decode, whole))
    assert merges == {"llama": True, "gpt2": False}


@pytest.mark.parametrize("family", FAMILIES)
def test_trained_scored_written_and_read_again(family: str, checkpoint: Place, tmp_path: Path) -> None:
    folder = checkpoint(family)
    encoded = encoded_of(folder)
    model = RewardModel(load_classifier(folder, num_labels=2, seed=0), learning_rate=1e-2, total_updates=12)
    assert not any(m.p for m in model.modules() if isinstance(m, torch.nn.Dropout))
    assert choose_rows(model.backbone) == ("padded" if family in WINDOWS else "trie")
    data = dataset(model.backbone, encoded)
    everything = np.arange(len(data))
    batch = data.batch(everything, data.target_count(everything))
    with torch.no_grad():
        before = float(model.loss_sum(batch)) / batch.target_count
    fit(model, loaded(data), updates=12)
    with torch.no_grad():
        after = float(model.loss_sum(batch)) / batch.target_count
    assert before == pytest.approx(np.log(2), abs=0.1) and after < 0.6 * before

    model.eval()
    for rows in (None, "padded"):
        found = score(model, encoded, rows=rows, max_tokens=128)
        for index, solution in enumerate(encoded):
            with torch.no_grad():
                ids = torch.tensor(solution.ids[None].astype(np.int64))
                alone = model.backbone(input_ids=ids).logits[0].double().softmax(-1).numpy()
            prob = found.prob[found.offsets[index] : found.offsets[index + 1]]
            np.testing.assert_allclose(prob, alone[solution.step_end], atol=1e-5, rtol=0)
            assert found.last[index] == pytest.approx(alone[-1, 1], abs=1e-5)
    assert np.ptp(found.prob[:, 1]) > 0.1  # there is something to tell apart

    model.export(tmp_path, load_tokenizer(folder))
    again = score(RewardModel.from_folder(tmp_path).eval(), encoded_of(tmp_path))
    np.testing.assert_allclose(again.prob, found.prob, atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", ["qwen2", "gpt-neox", "gpt2", "smollm3"])
def test_the_same_gradients_in_parts_and_computed_again(family: str, checkpoint: Place) -> None:
    """Three batches of an update give its gradients, though what is inside the layers is not kept."""
    folder = checkpoint(family)
    model = RewardModel(load_classifier(folder, num_labels=2, seed=0)).train()
    data = dataset(model.backbone, encoded_of(folder))

    def gradients(parts: int) -> dict[str, torch.Tensor]:
        model.zero_grad()
        batches = iter(GlobalBatches(data, batch_size=len(data), seed=1, accumulate=parts))
        for _ in range(parts):
            batch = next(batches)
            (model.loss_sum(batch) / batch.target_count).backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    wanted = gradients(1)
    recompute_activations(model.backbone)
    found = gradients(3)
    assert found.keys() == wanted.keys() and len(found) == len(list(model.parameters()))
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-5, msg=name)


@pytest.mark.parametrize("family", ["qwen2", "gpt2"])
def test_half_precision_weights(family: str, checkpoint: Place, tmp_path: Path) -> None:
    folder = checkpoint(family)
    encoded = encoded_of(folder)
    exact = load_classifier(folder, num_labels=2, seed=0)
    half = load_classifier(folder, num_labels=2, seed=0, dtype="bfloat16")
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    assert choose_rows(half) == "trie"
    model = RewardModel(half, learning_rate=1e-3, total_updates=2)
    np.testing.assert_allclose(score(half, encoded).prob, score(exact, encoded).prob, atol=0.02, rtol=0)
    fit(model, loaded(dataset(half, encoded)), updates=2)
    model.export(tmp_path)
    again = RewardModel.from_folder(tmp_path).eval()
    assert again.backbone.dtype == torch.bfloat16
    assert np.array_equal(score(again, encoded).prob, score(model.eval(), encoded).prob)


def test_accumulated_updates_go_on_where_they_were_killed(checkpoint: Place, tmp_path: Path) -> None:
    folder = checkpoint("qwen2")
    encoded = encoded_of(folder)

    def trained(accumulate: int, state: Path | None = None, stop: float = 2.0) -> dict[str, torch.Tensor]:
        model = RewardModel(load_classifier(folder, num_labels=2, seed=0), total_updates=6)

        def progress(share: float) -> None:
            if share > stop:
                raise InterruptedError

        fit(
            model,
            loaded(dataset(model.backbone, encoded), batch_size=4),
            updates=6,
            accumulate=accumulate,
            checkpoint_folder=state,
            checkpoint_every=1,
            progress=progress,
        )
        return model.state_dict()

    wanted = trained(1)
    with pytest.raises(InterruptedError):
        trained(3, tmp_path, stop=0.4)
    for found in (trained(3), trained(3, tmp_path)):
        for name, tensor in wanted.items():
            torch.testing.assert_close(found[name], tensor, atol=1e-5, rtol=0, msg=name)


@pytest.mark.filterwarnings("ignore")  # of torch about its own code
def test_compiled_layers_train_the_same(checkpoint: Place) -> None:
    encoded = encoded_of(checkpoint("qwen2"))
    weights = []
    for compiled in (False, True):
        model = RewardModel(load_classifier(checkpoint("qwen2"), num_labels=2, seed=0), total_updates=3)
        if compiled:
            compile_layers(model.backbone, "aot_eager")  # the default takes half a minute
            assert all(layer._compiled_call_impl for layer in layers_of(model.backbone))
        fit(model, loaded(dataset(model.backbone, encoded)), updates=3)
        weights.append(model.state_dict())
    assert weights[0].keys() == weights[1].keys() and layers_of(model.backbone)
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, atol=1e-4, rtol=1e-4, msg=name)


def test_attention_that_is_not_installed(checkpoint: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "is_flash_attn_2_available", lambda: False)
    with pytest.raises(ValueError, match="attention: found flash_attention_2, which is not installed"):
        load_classifier(checkpoint("qwen2"), num_labels=2, seed=0, attention="flash_attention_2")
    eager = load_classifier(checkpoint("qwen2"), num_labels=2, seed=0, attention="eager")
    assert eager.config._attn_implementation == "eager" and choose_rows(eager) == "trie"


def test_weights_that_are_missing_are_not_drawn_at_random(checkpoint: Place, tmp_path: Path) -> None:
    shutil.copytree(checkpoint("gpt2"), tmp_path, dirs_exist_ok=True)
    held = load_file(tmp_path / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in held.items() if "h.1.attn" not in name},
        tmp_path / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(ValueError, match="found missing transformer.h.1.attn"):
        load_classifier(tmp_path, num_labels=2, seed=0)
