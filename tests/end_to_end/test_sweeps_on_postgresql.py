"""A sweep on a real PostgreSQL server that the test starts: two workers, one of them killed at random."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from paths import ROOT
from postgresql import BIN, server
from processes import forked_for

from sweeps.study import PLANNED, Studies, failed, finished, missing, planned, storage_of

ARMS = ("process", "prm_outcome", "final_answer")
TRIALS = 4


pytestmark = pytest.mark.skipif(BIN is None, reason="PostgreSQL's initdb and postgres are not installed")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Of a server of its own."""
    with server(tmp_path_factory.mktemp("postgresql")) as started:
        yield started.url


@pytest.mark.slow
def test_twelve_trials_by_two_workers_one_of_them_killed(url, smoke, tmp_path):
    shutil.copytree(smoke.store, tmp_path / "store")
    words = ["run", "reward_models", "--scale=smoke", f"--trials={TRIALS}", "--workers=2", "--heartbeat=2"]
    places = [f"--storage={url}", f"--store={tmp_path / 'store'}", f"--out={tmp_path / 'out'}"]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "sweeps", *words, *places], cwd=ROOT, stdout=said, stderr=said
        )
    with Studies(name="reward_models-smoke-facts", arms=ARMS, storage=storage_of(url)) as studies:
        _killed_on_the_way(process, studies, tmp_path)


def _killed_on_the_way(process: subprocess.Popen[bytes], studies: Studies, tmp_path: Path) -> None:
    def over() -> int:
        return sum(len(finished(studies.study(arm))) for arm in ARMS)

    lucky = random.Random(int(time.time()))
    after = lucky.randint(2, 3 * TRIALS - 6)  # of a trial or between two, in the middle of the sweep
    while over() < after and process.poll() is None:
        time.sleep(0.3)  # each look asks for all trials
    time.sleep(lucky.random())
    workers = forked_for(process.pid)
    assert len(workers) == 2, (tmp_path / "said").read_text()
    os.kill(lucky.choice(workers), signal.SIGKILL)
    assert process.wait(300) == 0, (tmp_path / "said").read_text()

    tried_again = 0
    for arm in ARMS:
        study = studies.study(arm)
        # none is lost, none doubled
        assert [one.user_attrs[PLANNED] for one in finished(study)] == list(range(TRIALS))
        assert missing(study) == [] and not study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))
        tried_again += len(failed(study))
        counts = Counter(one.user_attrs[PLANNED] for one in study.trials if planned(one))
        assert max(counts.values()) <= 2  # the killed worker's, and once more
    assert tried_again <= 1  # none if it was killed between two trials


def test_a_trial_is_taken_by_one_worker(url):
    """Six asking at once, each on a link of its own."""
    import threading

    def studies() -> Studies:
        return Studies(name="asked", arms=("process",), storage=storage_of(url))

    with studies() as made:
        made.plan(18)
    ran: list[int] = []

    def objective(arm):
        def function(trial: optuna.Trial) -> float:
            ran.append(trial.user_attrs[PLANNED])
            return 0.0

        return function

    def work(number: int) -> None:
        with studies() as made:
            made.work(objective, number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == list(range(18))
