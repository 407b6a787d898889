"""Two processes compute what one does: training, whole or split weights, and scores."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import finish, forked
from safetensors.torch import load_file
from together import COUNTS, main

TOLERANCE = 1e-5
"""Of a weight after 8 updates at 1e-2: two processes add up the same gradients in another order."""


def run(processes: int, out: Path, given: Path | None = None) -> Path:
    """Runs the program alone, or in as many processes as SLURM would; what ``given`` holds is used up."""
    out.mkdir()
    environments = [slurm(rank, processes) if processes > 1 else {} for rank in range(processes)]
    finish([forked(_alone, out, given, **more) for more in environments])
    return out


def _alone(out: Path, given: Path | None) -> None:
    torch.set_num_threads(1)
    main(out, given)


def slurm(rank: int, processes: int) -> dict[str, str]:
    """What SLURM tells the processes of a job on one machine."""
    job = {"SLURM_JOB_ID": "4242", "SLURM_JOB_NAME": "train", "SLURM_NODELIST": "127.0.0.1"}
    size = {"SLURM_NTASKS": str(processes), "SLURM_NTASKS_PER_NODE": str(processes), "SLURM_NNODES": "1"}
    place = {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank), "SLURM_NODEID": "0"}
    place |= {"SLURM_STEP_NUM_TASKS": str(processes)}  # as srun says
    return {**job, **size, **place}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return run(1, tmp_path_factory.mktemp("together") / "alone")


@pytest.fixture(scope="module")
def together(alone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    return run(2, folder / "two", shutil.copytree(alone / "left", folder / "given"))


def assert_same(found: Path, wanted: Path) -> None:
    one, other = load_file(found), load_file(wanted)
    assert set(one) == set(other) and len(one) > 10
    for name, tensor in other.items():
        torch.testing.assert_close(one[name], tensor, atol=TOLERANCE, rtol=0, msg=name)


@pytest.mark.parametrize("way", ["ddp", "fsdp", "fsdp fused"])
def test_training_equals_that_of_one_process(alone, together, way):
    assert_same(together / f"{way}.safetensors", alone / "ddp.safetensors")


def test_what_one_process_left_half_done_two_go_on_with(alone, together):
    """In the middle of the second epoch: the order of the solutions is kept."""
    assert_same(together / "resumed.safetensors", alone / "ddp.safetensors")


def test_what_two_processes_left_half_done_one_goes_on_with(alone, together, tmp_path):
    given = shutil.copytree(together / "left", tmp_path / "given")
    assert_same(run(1, tmp_path / "one", given) / "resumed.safetensors", alone / "ddp.safetensors")


def test_split_weights_go_on_from_what_was_left(alone, together):
    assert_same(together / "fsdp resumed.safetensors", alone / "ddp.safetensors")


@pytest.mark.parametrize("count", COUNTS)
def test_scores_are_those_of_one_process(alone, together, count):
    """Every solution exactly once, to the last bit."""
    one, two = np.load(alone / f"{count}.npz"), np.load(together / f"{count}.npz")
    assert (int(one["size"]), int(two["size"])) == (1, 2)
    assert len(one["last"]) == count and (one["last"] > 0).all()
    assert np.array_equal(one["prob"], two["prob"]) and np.array_equal(one["last"], two["last"])
