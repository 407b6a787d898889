"""What needs GPUs: `pytest -m gpu` where there are some."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from ablations.data.json_files import read_json
from ablations.data.models import MODEL
from ablations.steps.train_student import TrainStudent
from results.records import read_records

GPUS = torch.cuda.device_count()
pytestmark = pytest.mark.gpu
one_gpu = pytest.mark.skipif(GPUS < 1, reason="needs a GPU")
two_gpus = pytest.mark.skipif(GPUS < 2, reason="needs two GPUs")
WORDS = ("run", "supervision", "--scale=smoke", "--settings.arms=[process]")


@pytest.fixture
def store(smoke, tmp_path):
    """What the first experiment made; what is trained on a GPU has other keys."""
    return shutil.copytree(smoke.store, tmp_path / "store")


def trained(store: Path, device: str) -> dict[int, dict[str, np.ndarray]]:
    """The weights under process supervision that were trained on a device, by data scale."""
    found = {}
    for manifest in (store / "train").glob("*/manifest.json"):
        config = TrainStudent.defaults() | read_json(manifest)["config"]
        if config["arm"] == "process" and config["device"] == device:
            found[config["data_scale"]] = load_file(manifest.parent / MODEL / "model.safetensors")
    return found


def assert_close(store: Path, atol: float) -> None:
    wanted, found = trained(store, "cpu"), trained(store, "cuda")
    assert set(wanted) == set(found) and len(found) == 2
    for scale, weights in wanted.items():
        for name, value in weights.items():
            np.testing.assert_allclose(found[scale][name], value, atol=atol, rtol=0, err_msg=name)


@one_gpu
@pytest.mark.parametrize(("precision", "atol"), [("32-true", 1e-3), ("bf16-mixed", 2e-2)])
def test_a_gpu_trains_what_a_processor_does(store, python_m, tmp_path, precision, atol):
    """After four updates of at most 2e-3 each."""
    device = ("--settings.device=cuda", f"--precision={precision}")
    python_m("ablations", *WORDS, *device, "--workers=1", f"--store={store}", f"--out={tmp_path / 'out'}")
    assert_close(store, atol)
    frame = read_records(tmp_path / "out" / "records.parquet")
    assert frame[frame["metric"] == "best_of_n"]["value"].between(0, 1).all()


@one_gpu
@pytest.mark.parametrize("setting", ["attention=flex_attention", "compile_layers=true"])
def test_compiled_kernels_train_the_same(store, python_m, tmp_path, setting):
    device = ("--settings.device=cuda", f"--settings.students.{setting}")
    python_m("ablations", *WORDS, *device, "--workers=1", f"--store={store}", f"--out={tmp_path / 'out'}")
    assert_close(store, 1e-3)


@one_gpu
def test_two_workers_share_a_gpu(store, python_m, tmp_path):
    words = (*WORDS, "--settings.device=cuda", "--workers=2")
    python_m("ablations", *words, f"--store={store}", f"--out={tmp_path / 'out'}")
    assert_close(store, 1e-3)


@two_gpus
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_gpus_train_what_a_processor_does(store, python_m, tmp_path, strategy):
    words = (*WORDS, "--settings.device=cuda", "--workers=1")
    spread = ("--devices=2", f"--strategy={strategy}")
    python_m("ablations", *words, *spread, f"--store={store}", f"--out={tmp_path / 'out'}")
    assert_close(store, 1e-3)
