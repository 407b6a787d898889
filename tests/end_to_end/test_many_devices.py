"""Two processes for one model, through the command line: under torchrun, and in the trials of a sweep."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from defaults import settings_of
from paths import ROOT
from processes import forked_for
from safetensors.numpy import load_file

from ablations.data.models import MODEL
from results.records import read_records

pytestmark = pytest.mark.slow
TOLERANCE = 1e-5
"""Of a weight: two processes add up the same gradients in another order."""


def test_under_torchrun_two_processes_train_what_one_does(smoke, unfinished, python_m, tmp_path):
    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "ablations")
    words = ("run", "supervision", "--scale=smoke", "--settings.arms=[process]", "--devices=2")
    done = python_m(*launcher, *words, f"--store={unfinished}", f"--out={tmp_path / 'out'}")
    assert done.stdout.count("report.html") == 1  # the second process wrote none
    trained = sorted((unfinished / "train").glob("*/manifest.json"))
    assert len(trained) == 2
    for manifest in trained:
        weights = Path("train", manifest.parent.name, MODEL, "model.safetensors")
        found, wanted = load_file(unfinished / weights), load_file(smoke.store / weights)
        assert set(found) == set(wanted)
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, atol=TOLERANCE, rtol=0, err_msg=name)
    one, two = (solved(out / "records.parquet") for out in (smoke.out, tmp_path / "out"))
    assert len(two) > 0 and two == pytest.approx(one)
    assert len(list((tmp_path / "out" / "logs").rglob("events.out.tfevents.*"))) == 2


def solved(records: Path) -> list[float]:
    """Best-of-N of the reward models under process supervision."""
    frame = read_records(records)
    return frame[(frame["arm"] == "process") & (frame["metric"] == "best_of_n")]["value"].tolist()


def sweep_words(store: Path, folder: Path, trials: int) -> list[str]:
    words = ["run", "rates", "--scale=smoke", "--arms=process", f"--trials={trials}", "--workers=1"]
    return [*words, "--devices=2", f"--store={store}", f"--out={folder / 'out'}"]


def test_a_rank_that_is_killed_fails_its_trial_alone(unfinished, tmp_path):
    """The first of two trials is killed in its training: it fails, the second one is finished."""
    sweep = subprocess.Popen(
        [sys.executable, "-m", "sweeps", *sweep_words(unfinished, tmp_path, 2)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.kill(second_rank_of(sweep), signal.SIGKILL)
    _, told = sweep.communicate(timeout=300)
    assert sweep.returncode == 1, told
    assert "trial 0: fail" in told and "trial 1: complete" in told
    assert "rank 1 was ended by SIGKILL" in told
    frame = pd.read_csv(tmp_path / "out" / "trials.csv")
    assert sorted(zip(frame["planned"], frame["state"], strict=True)) == [(0, "FAIL"), (1, "COMPLETE")]


def second_rank_of(sweep: subprocess.Popen[str]) -> int:
    """Its process, when the first training's two ranks have started."""
    end = time.monotonic() + 200
    while time.monotonic() < end and sweep.poll() is None:
        ranks = forked_for(sweep.pid)
        if len(ranks) == 2:
            time.sleep(1)
            return ranks[1]
        time.sleep(0.02)
    raise AssertionError(f"no ranks were seen; exit code {sweep.poll()}")


def test_a_trial_on_two_ranks_is_pruned_by_the_owner(unfinished, tmp_path, monkeypatch):
    """At its first judgment, which the ranks report to the process that alone knows the storage."""
    import optuna

    from ablations.engine.machine import Machine
    from ablations.engine.ranks import Devices
    from ablations.engine.store import Store
    from ablations.experiments.hyperparameters import training_fold
    from sweeps.objective import Objective
    from sweeps.spaces import SPACES
    from sweeps.study import Studies, planned, storage_of

    given = settings_of("hyperparameters", "smoke")
    artifacts = Store(unfinished)
    studies = Studies(name="two", arms=("process",), storage=storage_of(f"sqlite:///{tmp_path / 'p.db'}"))
    studies.plan(1)
    objective = Objective(
        settings=given,
        fold=training_fold(given),
        arm="process",
        space=SPACES["rates"],
        store=artifacts,
        machine=Machine(devices=Devices(devices=2)),
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda self: True)
    with studies:
        studies.work(lambda arm: objective)
        (trial,) = [one for one in studies.study("process").trials if planned(one)]
    assert trial.state == optuna.trial.TrialState.PRUNED and len(trial.intermediate_values) == 1
    assert not list((unfinished / "train").glob("*")) and not list((unfinished / ".scratch").glob("*"))
