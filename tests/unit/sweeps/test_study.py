"""Studies with objectives that cost nothing: as many trials as planned, whatever happens to workers."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from sweeps.spaces import SPACES, Categorical, Range
from sweeps.study import (
    PLANNED,
    SURPLUS,
    Studies,
    failed,
    finished,
    missing,
    sqlite_file,
    sqlite_url,
    storage_of,
)

ARMS = ("process", "final_answer")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'deep' / 'trials.db'}"


def studies(url, **fast):
    return Studies(name="s", arms=ARMS, storage=storage_of(url, **fast))


def numbers(study):
    return [one.user_attrs[PLANNED] for one in finished(study)]


def parabola(arm):
    return lambda trial: -(trial.suggest_float("x", -1, 1) ** 2)


def test_every_arm_gets_what_was_planned_and_no_more(url):
    made = studies(url)
    for total in (3, 3, 5):  # planned again it is the same; more may be planned later
        made.plan(total)
        made.work(parabola)
        for arm in ARMS:
            assert numbers(made.study(arm)) == list(range(total))
            assert all(one.state == TrialState.COMPLETE for one in made.study(arm).trials)


def test_an_objective_that_fails_is_told_and_the_rest_goes_on(url):
    def objective(arm):
        def function(trial):
            if arm == "process" and trial.user_attrs[PLANNED] == 1:
                raise RuntimeError("as told")
            return 0.5

        return function

    made = studies(url)
    made.plan(3)
    made.work(objective)
    assert numbers(made.study("process")) == [0, 2] and numbers(made.study("final_answer")) == [0, 1, 2]
    assert [one.user_attrs[PLANNED] for one in failed(made.study("process"))] == [1]
    assert failed(made.study("final_answer")) == []
    assert [missing(made.study(arm)) for arm in ARMS] == [[1], []]


def test_what_failed_is_planned_again_by_the_same_command(url):
    made = Studies(name="s", arms=("process",), storage=storage_of(url))
    made.plan(3)

    def at_first(trial: optuna.Trial) -> float:
        if trial.user_attrs[PLANNED] == 1 and not failed(made.study("process")):
            raise RuntimeError("no connection")
        return 0.5

    made.work(lambda arm: at_first)
    assert missing(made.study("process")) == [1]
    made.plan(3)
    made.work(lambda arm: at_first)
    assert numbers(made.study("process")) == [0, 1, 2] and missing(made.study("process")) == []


def test_what_two_planned_at_once_is_tried_once(url):
    """As two commands do that begin together: the second one's trials are surplus, whoever takes them."""
    made = Studies(name="s", arms=("process",), storage=storage_of(url))
    made.plan(2)
    for number in range(2):
        made.study("process").enqueue_trial({}, user_attrs={PLANNED: number})
    ran = []

    def objective(trial: optuna.Trial) -> float:
        ran.append(trial.user_attrs[PLANNED])
        return 0.5

    made.work(lambda arm: objective)
    assert ran == [0, 1] and numbers(made.study("process")) == [0, 1]
    assert len(made.study("process").trials) == 4


def test_pruned_trials_are_finished(url):
    def objective(arm):
        def function(trial):
            raise optuna.TrialPruned

        return function

    made = studies(url)
    made.plan(2)
    made.work(objective)
    assert numbers(made.study("process")) == [0, 1] and failed(made.study("process")) == []


def test_several_workers_take_each_trial_once(url):
    """Whoever asks when none waits gets one that is not counted."""
    studies(url).plan(12)
    ran: list[tuple[str, int]] = []

    def objective(arm):
        def function(trial):
            ran.append((arm, trial.user_attrs[PLANNED]))
            time.sleep(0.01)
            return 0.0

        return function

    threads = [threading.Thread(target=studies(url).work, args=(objective, number)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == sorted((arm, number) for arm in ARMS for number in range(12))
    for arm in ARMS:
        study = studies(url).study(arm)
        assert numbers(study) == list(range(12))
        surplus = [one for one in study.trials if PLANNED not in one.user_attrs]
        assert all(one.user_attrs[SURPLUS] and one.state == TrialState.PRUNED for one in surplus)


def _die_in_the_second(url, died):
    def objective(arm):
        def function(trial):
            if trial.user_attrs[PLANNED] == 1 and arm == "process":
                died.set()
                os.kill(os.getpid(), signal.SIGKILL)
            return 0.0

        return function

    studies(url, heartbeat=1).work(objective)


def test_a_killed_workers_trial_is_tried_again_once(url):
    made = studies(url, heartbeat=1)
    made.plan(3)
    context = multiprocessing.get_context("spawn")
    died = context.Event()
    worker = context.Process(target=_die_in_the_second, args=(url, died))
    worker.start()
    worker.join(120)
    assert died.is_set() and worker.exitcode == -signal.SIGKILL
    made.work(lambda arm: lambda trial: 0.0)  # waits until the silence has been long enough
    for arm in ARMS:
        assert numbers(made.study(arm)) == [0, 1, 2]
    assert [one.user_attrs[PLANNED] for one in failed(made.study("process"))] == [1]
    assert missing(made.study("process")) == []  # it was made good


def test_a_trial_whose_worker_died_before_its_first_sign_of_life_is_tried_again(url):
    made = Studies(name="s", arms=("process",), storage=storage_of(url, heartbeat=1))
    made.plan(2)
    with pytest.warns(UserWarning, match="supposed to be used with Study.optimize"):
        made.study("process").ask()  # taken, and never heard of
    made.work(parabola)
    assert numbers(made.study("process")) == [0, 1]
    assert [one.user_attrs[PLANNED] for one in failed(made.study("process"))] == [0]


@pytest.mark.parametrize("url", ["nodb://x", "sqlite:////proc/none/x.db", "postgresql://localhost:1/none"])
def test_a_storage_that_cannot_be_opened(url):
    with pytest.raises(ValueError, match=f"storage: found {url}, which cannot be opened"):
        storage_of(url)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Range(low=1, high=1), "low, high: found 1 and 1; allowed: low below high"),
        (lambda: Range(low=0, high=1, log=True), "low, high: found 0 and 1; allowed"),
        (lambda: Categorical(values=(1,)), r"values: found \[1\]; allowed: two or more, each once"),
        (lambda: Categorical(values=(1, 1)), r"values: found \[1, 1\]; allowed: two or more, each once"),
    ],
)
def test_malformed_spaces(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_spaces_are_of_hyperparameters_that_there_are():
    from dataclasses import fields

    from ablations.experiments.trials import OF_LABELER, Hyperparameters

    names = {field.name for field in fields(Hyperparameters)}
    for space in SPACES.values():
        assert set(space.of_all) <= names - set(OF_LABELER) and set(space.of_labeler) <= set(OF_LABELER)


def test_a_folder_of_any_name_holds_its_own_database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("what?1", "a%3Fb", "c#d e", "{SCHEMA_VERSION}"):
        url = sqlite_url(Path(folder) / "trials.db")
        assert sqlite_file(url) == Path(folder) / "trials.db"
        storage_of(url).engine.dispose()
        assert [path.name for path in Path(folder).iterdir()] == ["trials.db"]
    assert len(list(tmp_path.iterdir())) == 4
    assert sqlite_file("postgresql://localhost/none") is None
